"""Before anything is deleted: the stored plan is what its digest says, and makes sense.

Everything is counted from the keys that the plan holds, so the cost follows what is due. Only what the plan
would still do counts: batches that are done or were deferred are no longer asked about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from lifecycle.holds.cover import Cover
from lifecycle.plan import WHEREVER_HELD, WHEREVER_RESTRICTED, Action
from lifecycle.planning.clocks import ClockSql
from lifecycle.planning.items import plan_item, planned_rows
from lifecycle.quality.suite import Checked, Count, validate
from lifecycle.store.engine import reading
from lifecycle.store.prepared import prepared
from lifecycle.store.relations import relation
from lifecycle.timelimits import first_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Select, TextClause

    from lifecycle.plan import Item, Plan
    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.items import StoredPlan
    from lifecycle.policy.rulebook import Rulebook

_UNLIKE_DOCUMENT = sa.text("""
    -- Items that stand in only one of the two: the document that the digest is over, and the stored items.
    WITH listed AS (
        SELECT jsonb_array_elements(document -> 'items') AS item FROM lifecycle.plan WHERE plan_id = :plan_id
    ), stored AS (
        SELECT jsonb_build_object(
            'batch', batch, 'position', position, 'collection', collection, 'action', action, 'rows', row_count,
            'sha256', sha256, 'columns', columns, 'edge', edge, 'partition', partition, 'is_root', is_root
        ) AS item
        FROM lifecycle.plan_item WHERE plan_id = :plan_id
    )
    SELECT (SELECT count(*) FROM (TABLE listed EXCEPT ALL TABLE stored) AS unstored)
         + (SELECT count(*) FROM (TABLE stored EXCEPT ALL TABLE listed) AS unlisted)
""")
_UNLIKE_KEYS = sa.text("""
    -- Items still to be done whose keys are not as many, or not the same, as the plan says.
    SELECT count(*) FROM lifecycle.plan_item AS item JOIN lifecycle.plan_batch AS batch USING (plan_id, batch)
    WHERE plan_id = :plan_id AND batch.state = 'pending' AND item.action NOT IN ('drop_partition', 'destroy')
      AND (item.keys IS NULL
           OR cardinality(item.keys[1]::text[]) <> item.row_count
           OR encode(sha256(convert_to(array_to_string(item.keys, E'\\n'), 'UTF8')), 'hex') <> item.sha256)
""")
_PENDING = sa.text("SELECT batch FROM lifecycle.plan_batch WHERE plan_id = :plan_id AND state = 'pending'")
_YOUNG_PARTITIONS = sa.text("""
    SELECT count(*) FROM lifecycle.plan_item
    WHERE plan_id = :plan_id AND action = 'drop_partition' AND upper_bound > :end
""")
_INTEGERS: sa.types.TypeEngine[Any] = sa.ARRAY(sa.Integer)
_DELETED = plan_item.c.action == Action.DELETE.value
_WHEREVER_HELD = sorted(action.value for action in WHEREVER_HELD)
_WHEREVER_RESTRICTED = sorted(action.value for action in WHEREVER_RESTRICTED)


def check_plan(
    engine: Engine, rulebook: Rulebook, stored: StoredPlan, digest: str, ground: Ground
) -> Checked:
    """A stored plan holds what its digest says, only rows that are due, none that is held or still running.

    Args:
        engine: connects as the engine role.
        rulebook: of the policy version the plan names.
        stored: the plan as it was found under ``digest``.
        ground: why its rows are due.
        digest: what a person approves.

    Raises:
        CheckFailed: names what is wrong, with counts.
        PlanOutdated: nothing is wrong but that rows have changed since.
    """
    with reading(engine) as connection:
        counts = list(_Measures(connection, rulebook, stored, digest, ground).all())
    return validate(
        "plan",
        counts,
        place=f"plan {digest}",
        next_step="nothing was deleted and the plan is abandoned; look at what changed, then plan anew",
    )


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """A count of rows that should be 0.

    Attributes:
        name: what is counted; two of the same name are asked for by the same statement.
        rows: selects them.
        value: what their number says.
        bound: what is bound for it alone.
    """

    name: str
    rows: Callable[[], Select[Any]]
    value: Callable[[int], int] = int
    bound: Mapping[str, Any] = field(default_factory=dict)
    is_of_rows: bool = True


class _Measures:
    """Counts of what is wrong with one plan; every one should be 0."""

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        stored: StoredPlan,
        digest: str,
        ground: Ground,
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.plan: Plan = stored.plan
        self.digest = digest
        self.plan_id = stored.plan_id
        self.ground = ground
        is_of_rule = self.plan.request is None and self.plan.rule in rulebook.rules
        self.clocks = rulebook.rules[self.plan.rule].clocks if is_of_rule else {}
        pending = set(connection.scalars(_PENDING, {"plan_id": stored.plan_id}))
        self.items = [item for item in self.plan.items if item.batch in pending]
        self.collections = tuple(dict.fromkeys(item.collection for item in self.items))
        self.batches = sorted({item.batch for item in self.items})

    def all(self) -> Iterator[Count]:
        """Every measure that applies to the plan."""
        yield from self._unlike_its_digest()
        yield from self._measured([one for name in self.collections for one in self._of(name)])
        yield from self._young_partitions()
        cover = Cover(self.connection, self.rulebook, self.plan.as_of)
        yield from (self._held(cover, collection) for collection in self.collections if collection in cover)

    def _of(self, collection: str) -> Iterator[_Measure]:
        yield from self._beyond_bounds(collection)
        yield from self._live_evidence(collection)
        roots = [item for item in self.items if item.is_root and item.action is not Action.DESTROY]
        if any(item.collection == collection for item in roots):
            yield self._not_due(collection)
        if collection in self.clocks:
            yield from self._stopped(collection)

    def _measured(self, measures: list[_Measure]) -> list[Count]:
        """The rows of each are counted by one statement."""
        if not measures:
            return []
        key = ("measures", self.plan.rule, self.ground.signature, tuple(one.name for one in measures))
        made = prepared(self.rulebook, key, lambda: _counted(one.rows() for one in measures))
        values: dict[str, Any] = {**self.ground.bound, "plan_id": self.plan_id, "batches": self.batches}
        for one in measures:
            values |= one.bound
        (found,) = made.rows(self.connection, values) if made else ((),)
        return [
            Count(name=one.name, value=one.value(rows), is_of_rows=one.is_of_rows)
            for one, rows in zip(measures, found, strict=True)
        ]

    def _unlike_its_digest(self) -> Iterator[Count]:
        yield Count(
            name="plans that differ from the digest they are filed under",
            value=int(self.plan.digest != self.digest),
        )
        yield Count(name="items that differ from the plan's document", value=self._number(_UNLIKE_DOCUMENT))
        yield Count(name="items whose keys differ from what was counted", value=self._number(_UNLIKE_KEYS))

    def _beyond_bounds(self, collection: str) -> Iterator[_Measure]:
        """No row goes twice, and no more rows go than there are."""
        planned = sum(item.rows for item in self._items(collection, Action.DELETE))
        if not planned:
            return
        yield _Measure(
            name=f"rows of {collection} planned twice",
            rows=lambda: sa.select(*self._planned(collection, _DELETED).c).distinct(),
            value=lambda rows: planned - rows,
            is_of_rows=False,
        )
        parameter = f"planned_{list(self.rulebook.datamap.collections).index(collection)}"
        yield _Measure(
            name=f"rows of {collection} planned beyond those it has",
            rows=lambda: (
                sa.select(sa.literal(1))
                .select_from(relation(self.rulebook.live, collection, "there"))
                .limit(sa.bindparam(parameter, planned, sa.BigInteger))
            ),
            value=lambda rows: planned - rows,
            bound={parameter: planned},
        )

    def _live_evidence(self, collection: str) -> Iterator[_Measure]:
        """No row that keeps a clock from running goes along: no live contract."""
        clocks = [
            clock
            for clock in self.clocks.values()
            if clock.anchor.runs_only_if_none and clock.evidence[0].holder == collection
        ]
        for clock in clocks[:1]:
            yield _Measure(
                name=f"live rows of {collection} in the plan",
                rows=partial(self._where, collection, ClockSql(self.rulebook, clock).stops, _DELETED),
            )

    def _not_due(self, collection: str) -> _Measure:
        """What goes by itself is due."""
        return _Measure(
            name=f"planned rows of {collection} that are not due",
            rows=lambda: self._where(
                collection,
                lambda row: self.ground.is_due(collection, row).is_not(sa.true()),
                plan_item.c.is_root,
                plan_item.c.action != Action.MASK.value,
            ),
        )

    def _stopped(self, collection: str) -> Iterator[_Measure]:
        """Nothing stops the clock of what goes by itself."""
        clock = self.clocks[collection]
        if clock.anchor.runs_only_if_none:
            is_stopped = ClockSql(self.rulebook, clock).is_stopped
            yield _Measure(
                name=f"planned rows of {collection} whose clock is stopped",
                rows=partial(self._where, collection, is_stopped, plan_item.c.is_root),
            )

    def _young_partitions(self) -> Iterator[Count]:
        last = self.plan.last_event_day
        if last is not None and any(item.action is Action.DROP_PARTITION for item in self.items):
            end = first_instant(last + timedelta(days=1), self.rulebook.policy.zone)
            yield Count(
                name="planned partitions with rows that are not due",
                value=self._number(_YOUNG_PARTITIONS, end=end),
            )

    def _held(self, cover: Cover, collection: str) -> Count:
        """Rows that a hold or restriction covers; a partition is covered where any row of its collection is."""
        others = plan_item.c.action.not_in([*_WHEREVER_HELD, *_WHEREVER_RESTRICTED])
        planned = self._planned(collection, others)
        value = self._rows(sa.select(*planned.c).where(cover.covers(collection, planned)))
        if any(item.action in WHEREVER_RESTRICTED for item in self.items):
            kept = self._planned(collection, plan_item.c.action.in_(_WHEREVER_RESTRICTED))
            value += self._rows(sa.select(*kept.c).where(cover.covers(collection, kept, kind="hold")))
        if self._items(collection, Action.DROP_PARTITION):
            value += int(cover.has_any_row(self.connection, collection))
        return Count(
            name=f"planned rows of {collection} that are held or restricted", value=value, is_of_rows=True
        )

    def _items(self, collection: str, action: Action) -> list[Item]:
        return [item for item in self.items if item.collection == collection and item.action is action]

    def _planned(self, collection: str, *conditions: ColumnElement[bool]) -> FromClause:
        """Keys of the collection's rows that the plan would still change."""
        return planned_rows(
            self.rulebook,
            collection,
            plan_item.c.plan_id == sa.bindparam("plan_id", self.plan_id, sa.BigInteger),
            plan_item.c.batch == sa.any_(Grouping(sa.bindparam("batches", self.batches, _INTEGERS))),
            *conditions,
        )

    def _where(
        self,
        collection: str,
        condition: Callable[[FromClause], ColumnElement[bool]],
        *items: ColumnElement[bool],
    ) -> Select[Any]:
        """Rows of chosen items that are there and meet a condition."""
        planned = self._planned(collection, *items)
        row = relation(self.rulebook.live, collection, "planned_row")
        same = [row.c[name] == planned.c[name] for name, _ in self.rulebook.key(collection)]
        joined = row.join(planned, sa.and_(*same))
        return sa.select(sa.literal(1)).select_from(joined).where(condition(row))

    def _rows(self, selection: Select[Any]) -> int:
        return int(self.connection.scalar(sa.select(sa.func.count()).select_from(selection.subquery())) or 0)

    def _number(self, query: TextClause, **bound: Any) -> int:
        return int(self.connection.scalar(query, {"plan_id": self.plan_id, **bound}) or 0)


def _counted(selections: Iterable[Select[Any]]) -> Select[Any]:
    """How many rows each has, in one row."""
    counts = (sa.select(sa.func.count()).select_from(one.subquery()).scalar_subquery() for one in selections)
    return sa.select(*(one.label(f"count_{number}") for number, one in enumerate(counts)))
