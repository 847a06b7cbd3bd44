"""Partitions of a time-partitioned collection: which of them are old enough to go as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import PolicyError
from lifecycle.holds.cover import Cover
from lifecycle.planning.clocks import ClockSql
from lifecycle.store.relations import NamedType, relation
from lifecycle.timelimits import first_instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.policy.rulebook import Clock, Rulebook

_PARTITIONS = sa.text("""
    -- Direct partitions with their bounds as instants; a missing bound (MINVALUE, DEFAULT, infinity) is null. The
    -- row count is the statistics', which costs the same whatever the partition holds. Where they know of no row and
    -- of no page (after a restore or a crash), it is the most rows that the pages there are can hold: the guard then
    -- asks rather than lets pass. A row with a column takes 36 bytes: pointer 4, header 24, a value 8 with its padding.
    SELECT format('%I.%I', namespace.nspname, child.relname) AS name,
           CASE WHEN isfinite(bounds.lower_bound) THEN bounds.lower_bound END AS lower_bound,
           CASE WHEN isfinite(bounds.upper_bound) THEN bounds.upper_bound END AS upper_bound,
           (SELECT coalesce(sum(CASE WHEN told.rows = 0 AND leaf.relpages = 0 THEN pg_relation_size(leaf.oid) / 36
                                     ELSE told.rows END), 0)::bigint
            FROM pg_partition_tree(child.oid) AS tree JOIN pg_class AS leaf ON leaf.oid = tree.relid
            CROSS JOIN LATERAL (
                SELECT greatest(leaf.reltuples, pg_stat_get_live_tuples(leaf.oid), 0) AS rows
            ) AS told
            WHERE tree.isleaf) AS row_estimate
    FROM pg_inherits AS link
    JOIN pg_class AS child ON child.oid = link.inhrelid
    JOIN pg_namespace AS namespace ON namespace.oid = child.relnamespace
    CROSS JOIN LATERAL (
        SELECT substring(pg_get_expr(child.relpartbound, child.oid) FROM 'FROM \\(''([^'']+)''\\)') AS lower_text,
               substring(pg_get_expr(child.relpartbound, child.oid) FROM 'TO \\(''([^'']+)''\\)$') AS upper_text
    ) AS texts
    CROSS JOIN LATERAL (
        SELECT CASE WHEN :has_zone THEN lower_text::timestamptz
                    ELSE lower_text::timestamp AT TIME ZONE :zone END AS lower_bound,
               CASE WHEN :has_zone THEN upper_text::timestamptz
                    ELSE upper_text::timestamp AT TIME ZONE :zone END AS upper_bound
    ) AS bounds
    WHERE link.inhparent = CAST(:parent AS regclass)
    ORDER BY upper_bound NULLS LAST, name
""")


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One partition: ``lower`` inclusive, ``upper`` exclusive, None where open."""

    name: str
    lower: datetime | None
    upper: datetime | None
    row_estimate: int


def partitions(connection: Connection, collection: str, kind: str, zone: ZoneInfo) -> list[Partition]:
    """The partitions of ``collection``, oldest first.

    Args:
        connection: with time zone UTC and ISO dates, as :func:`lifecycle.store.engine.connect` sets them.
        collection: ``schema.table``.
        kind: type of the partitioning column.
        zone: in which bounds without a zone (``date``, ``timestamp``) are meant.
    """
    schema, table = collection.split(".", 1)
    quote = connection.dialect.identifier_preparer.quote_identifier
    rows = connection.execute(
        _PARTITIONS,
        {
            "parent": f"{quote(schema)}.{quote(table)}",
            "has_zone": kind == "timestamp with time zone",
            "zone": str(zone),
        },
    )
    return [
        Partition(name=row.name, lower=row.lower_bound, upper=row.upper_bound, row_estimate=row.row_estimate)
        for row in rows
    ]


@dataclass(frozen=True, kw_only=True)
class Droppable:
    """What is due of a partitioned collection: whole partitions, and a selection of rows in others."""

    whole: tuple[Partition, ...]
    rest: Select[Any] | None


def droppable(
    connection: Connection,
    rulebook: Rulebook,
    clock: Clock,
    collection: str,
    last_event_day: date,
    as_of: datetime,
) -> Droppable:
    """Split what is due into partitions that go as a whole and rows that go one by one.

    Rows go one by one where their partition also holds younger ones, where it has no bounds, and where a hold
    covers any row of the collection or a duty may keep some.

    Raises:
        PolicyError: the collection is not partitioned by the column that starts its clock.
        CheckFailed: a hold names what is not there any more.
    """
    table = rulebook.live[collection]
    if table.partition_column is None or table.partition_column != clock.anchor.column:
        raise PolicyError(
            f"{collection} is not partitioned by {clock.anchor.column}, so no partition can be dropped",
            place=collection,
            next_step="use action: delete, or partition the table by range of that column",
        )
    kind = table.columns[table.partition_column].type
    end = first_instant(last_event_day + timedelta(days=1), rulebook.policy.zone)
    found = partitions(connection, collection, kind, clock.anchor.time_zone or rulebook.policy.zone)
    old = tuple(part for part in found if part.upper is not None and part.upper <= end)
    others = [part for part in found if part not in old and not (part.lower and part.lower >= end)]
    row = relation(rulebook.live, collection, "due_row")
    keys = [row.c[name] for name, _ in rulebook.key(collection)]
    sql = ClockSql(rulebook, clock)
    due = sql.due(row, keys, last_event_day)
    cover = Cover(connection, rulebook, as_of)
    cover.require_nothing_lost()
    may_be_kept = any(collection in duty.clocks for duty in rulebook.statutory.values())
    if may_be_kept or cover.has_any_row(connection, collection):
        return Droppable(whole=(), rest=due)
    if not others:
        return Droppable(whole=old, rest=None)
    lowest = [part.lower for part in others if part.lower is not None]
    if len(lowest) == len(others):
        return Droppable(
            whole=old, rest=due.where(row.c[table.partition_column] >= sql.moment(min(lowest), kind))
        )
    return Droppable(whole=old, rest=due.where(_is_outside(row, old)))


def _is_outside(row: FromClause, parts: Iterable[Partition]) -> ColumnElement[bool]:
    """Whether a row is in none of the partitions, nor in one of theirs."""
    names = sa.cast([part.name for part in parts], sa.ARRAY(sa.Text))
    part = sa.func.unnest(names).table_valued("name", name="part").render_derived()
    of_part = sa.func.pg_partition_tree(sa.cast(part.c.name, NamedType("regclass")))
    inside = of_part.table_valued("relid", name="inside").lateral()
    home: ColumnElement[Any] = sa.literal_column(f"{row.description}.tableoid")
    return home.not_in(sa.select(inside.c.relid).select_from(part.join(inside, sa.true())))
