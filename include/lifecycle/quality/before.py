"""Before anything is decided: the database is as the map describes it, and the evidence is fresh."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import PolicyError
from lifecycle.policy.checks.types import is_compatible
from lifecycle.quality.suite import Checked, Count, Names, validate
from lifecycle.store.engine import reading
from lifecycle.store.grants import hidden
from lifecycle.store.inspect import inspect
from lifecycle.store.relations import relation
from lifecycle.timelimits import latest_over_day, local_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, tzinfo

    from sqlalchemy import ColumnElement, Connection, Engine

    from lifecycle.datamap.live import LiveSchema
    from lifecycle.datamap.model import DataMap
    from lifecycle.policy.model import Freshness
    from lifecycle.policy.rulebook import Clock, Rulebook


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the database has of the mapped schemas.

    Attributes:
        hiding: mapped tables of which row level security may hide rows from the engine.
    """

    live: LiveSchema
    hiding: tuple[str, ...]

    @classmethod
    def of(cls, engine: Engine, datamap: DataMap) -> Seen:
        """As it is now."""
        with reading(engine) as connection:
            hiding = hidden(connection) & datamap.collections.keys()
            return cls(live=inspect(connection, datamap.schemas), hiding=tuple(sorted(hiding)))


def check_schema(seen: Seen, datamap: DataMap) -> Checked:
    """Every mapped table has exactly the columns of the map, of its types, every mapped schema exactly its tables.

    A new column or table may hold personal data that nobody classified, so that nothing would ever delete it; a
    column of another type may hold something else than it did; rows that row level security hides would be kept for
    ever, and no check would see them.

    Raises:
        CheckFailed: names each column and table that is missing, not in the map or of another type, and each table
            that hides rows.
    """
    live = {name: table for name, table in seen.live.items() if table.kind == "table"}
    tables = [
        Names(
            name=f"tables of {schema}",
            found=frozenset(_inside(schema, live)),
            expected=frozenset(_inside(schema, datamap.collections)),
        )
        for schema in sorted(datamap.schemas)
    ]
    columns = [
        Names(
            name=f"columns of {name}",
            found=frozenset(live[name].columns),
            expected=frozenset(collection.columns),
        )
        for name, collection in datamap.collections.items()
        if name in live
    ]
    return validate(
        "schema",
        [*tables, *columns, _retyped(live, datamap), _hiding(seen.hiding)],
        place=", ".join(sorted(datamap.schemas)),
        next_step="describe in the data map what is new or changed, with data categories; see lifecycle check and"
        " lifecycle init",
    )


def check_freshness(engine: Engine, rulebook: Rulebook, rule: str, *, as_of: datetime) -> Checked:
    """The evidence that a rule stands on is no older than the policy's ``freshness`` allows.

    Evidence that stopped arriving looks like contracts that were never renewed. A collection without any row
    fails where the rule has rows to decide on: an empty table of contracts says nothing about customers who are
    there. Collections that the rule does not ask are not looked at.

    Raises:
        CheckFailed: names each collection that is stale or empty.
        PolicyError: a column named in ``freshness`` does not exist or is no date.
    """
    stated = rulebook.policy.freshness
    asked = [name for name in stated if name in _evidence(rulebook, rule)]
    with reading(engine) as connection:
        counts = [_age(connection, rulebook, rule, name, stated[name], as_of) for name in asked]
    return validate(
        "freshness",
        counts,
        place=rule,
        next_step="find out why nothing new arrives, before anything is deleted because of it",
    )


def _retyped(live: LiveSchema, datamap: DataMap) -> Count:
    """Columns that are of another type than the map says."""
    retyped = [
        f"{name}.{column.name} is {found.type}, described as {column.data_type}"
        for name, collection in datamap.collections.items()
        for column in collection.columns.values()
        if name in live and (found := live[name].columns.get(column.name))
        if column.data_type and not is_compatible(column.data_type, found.type)
    ]
    named = f" ({'; '.join(retyped)})" if retyped else ""
    return Count(name=f"columns of another type than described{named}", value=len(retyped))


def _hiding(tables: tuple[str, ...]) -> Count:
    """Tables that hide rows from the engine."""
    named = f" ({', '.join(tables)})" if tables else ""
    return Count(
        name=f"tables whose rows row level security may hide from the engine{named}", value=len(tables)
    )


def _inside(schema: str, names: Any) -> Iterator[str]:
    return (name for name in names if name.split(".", 1)[0] == schema)


def _evidence(rulebook: Rulebook, rule: str) -> set[str]:
    """Collections that decide about a rule's rows: where its clocks and the duties to keep take their dates."""
    resolved = rulebook.rules[rule]
    duties = [
        duty.clocks[name]
        for duty in rulebook.statutory.values()
        for name in resolved.scope.closure
        if name in duty.clocks
    ]
    found = set(resolved.clocks)
    for clock in (*resolved.clocks.values(), *duties):
        found |= _asked_by(clock)
    return found


def _asked_by(clock: Clock) -> set[str]:
    edges = (*clock.path, *clock.reverse_path, *clock.evidence)
    return {clock.anchor.on, *(edge.holder for edge in edges), *(edge.target for edge in edges)}


def _age(
    connection: Connection, rulebook: Rulebook, rule: str, name: str, freshness: Freshness, as_of: datetime
) -> Count:
    """Whole days since the newest value, and how many there may be."""
    zone = rulebook.policy.zone
    table = rulebook.live.get(name)
    if table is None or freshness.column not in table.columns:
        raise _unusable(name, f"there is no column {name}.{freshness.column}")
    kind = table.columns[freshness.column].type
    row = relation(rulebook.live, name, "evidence")
    now = _now(kind, as_of, freshness.time_zone, zone)
    if now is None:
        raise _unusable(name, f"{name}.{freshness.column} is {kind}, no date in a known time zone")
    latest = sa.func.max(row.c[freshness.column])
    # A value of the future counts as now, so that infinity needs no special case.
    newest = connection.scalar(sa.select(sa.case((latest > now, now), else_=latest)))
    if newest is None:
        return Count(
            name=f"{name} is empty; collections with rows that are decided by it",
            value=sum(
                _has_rows(connection, rulebook, collection) for collection in rulebook.rules[rule].clocks
            ),
        )
    day = newest if kind == "date" else local_day(_aware(newest, freshness.time_zone), zone)
    over = latest_over_day(freshness.within, as_of=as_of, zone=zone)
    today = local_day(as_of, zone)
    most = None if over is None else (today - over).days - 1
    return Count(name=f"days since the newest {name}.{freshness.column}", value=(today - day).days, most=most)


def _now(kind: str, as_of: datetime, written_in: tzinfo | None, zone: tzinfo) -> ColumnElement[Any] | None:
    """``as_of`` as a value of the column's type; None where the type does not tell a moment."""
    if kind == "date":
        return sa.literal(as_of.astimezone(zone).date(), sa.Date)
    if kind == "timestamp with time zone":
        return sa.literal(as_of, sa.DateTime(timezone=True))
    if kind == "timestamp without time zone" and written_in is not None:
        return sa.literal(as_of.astimezone(written_in).replace(tzinfo=None), sa.DateTime(timezone=False))
    return None


def _aware(moment: datetime, written_in: tzinfo | None) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=written_in or UTC)


def _has_rows(connection: Connection, rulebook: Rulebook, collection: str) -> bool:
    row = relation(rulebook.live, collection, "some")
    return bool(connection.scalar(sa.select(sa.exists(sa.select(sa.literal(1)).select_from(row)))))


def _unusable(name: str, message: str) -> PolicyError:
    return PolicyError(
        message,
        place=f"freshness.{name}",
        next_step="name a date or timestamptz column; for a timestamp add the time_zone it is written in",
    )
