"""Makes plans: from a rule and a date to a frozen, stored, digested plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.plan import Kept, Plan
from lifecycle.planning.batches import settle
from lifecycle.planning.changes import Change, deletions, redactions
from lifecycle.planning.clocks import ClockSql
from lifecycle.planning.collect import collect, leave_used, mark_in_use
from lifecycle.planning.items import ItemWriter, StoredPlan, find_open, store_plan
from lifecycle.planning.keep import mark_kept
from lifecycle.planning.partitions import droppable
from lifecycle.planning.workset import WorkSet
from lifecycle.timelimits import latest_due_day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy import Connection, Engine

    from lifecycle.policy.rulebook import ResolvedRule, Rulebook

BATCH_ROWS = 50_000
"""Rows that one batch changes, on average: large enough to be set-based, small enough to lock briefly."""

_STORED = sa.text("""
    -- Rows of a table as the statistics estimate them, its partitions included.
    SELECT coalesce(sum(greatest(class.reltuples, pg_stat_get_live_tuples(class.oid), 0)), 0)::bigint
    FROM pg_class AS class
    WHERE class.relkind = 'r'
      AND (class.oid = CAST(:table AS regclass)
           OR class.oid IN (SELECT tree.relid FROM pg_partition_tree(CAST(:table AS regclass)) AS tree))
""")


class Planner:
    """Plans one rule at one date, on one connection, inside one transaction."""

    def __init__(
        self, connection: Connection, rulebook: Rulebook, rule: str, *, as_of: datetime, batch_rows: int
    ) -> None:
        if rule not in rulebook.rules:
            raise UsageError(
                f"the policy of {rulebook.policy.version} has no rule {rule}",
                place="rule",
                next_step=f"choose one of {', '.join(rulebook.rules)}",
            )
        self.connection = connection
        self.rulebook = rulebook
        self.rule: ResolvedRule = rulebook.rules[rule]
        self.as_of = as_of
        self.batch_rows = batch_rows
        self.interval_days = rulebook.policy.policy.run_every
        self.last_event_day = latest_due_day(
            self.rule.rule.keep,
            lead_days=self.rule.rule.lead,
            as_of=as_of,
            interval_days=self.interval_days,
            zone=rulebook.policy.zone,
        )
        self.works = WorkSet(connection, rulebook, self.rule.closure)
        self.items = ItemWriter(connection)

    def plan(self) -> Plan:
        """Find what is due, mark what stays, write the items; the plan is not stored yet."""
        action = self.rule.rule.action
        if self.last_event_day is not None:
            if action == "drop_partition":
                self._drop()
            elif action == "delete":
                self._delete()
            else:
                self._redact()
        return Plan(
            rule=self.rule.name,
            commitments=self.rule.rule.commitments,
            policy_version=self.rulebook.policy.version,
            as_of=self.as_of,
            interval_days=self.interval_days,
            last_event_day=self.last_event_day,
            items=self.items.read(),
            kept=self._kept(),
            stored={name: self._stored(name) for name in self.rule.clocks},
        )

    def _delete(self) -> None:
        for strand in self.rule.strands:
            due = {name: self._due(name) for name in strand.collections if name in self.rule.clocks}
            collect(self.works, strand, due)
        self._settle()

    def _redact(self) -> None:
        for collection in self.rule.clocks:
            self.works.add_roots(collection, self._due(collection))
        mark_kept(self.works, self.rule, self._last_event_day, self.as_of)
        roots = self._roots_per_batch()
        for collection in self.rule.clocks:
            self._write(redactions(self.works, collection, self.rule.redacts), roots)

    def _drop(self) -> None:
        for collection, clock in self.rule.clocks.items():
            found = droppable(
                self.connection, self.rulebook, clock, collection, self._last_event_day, self.as_of
            )
            for partition in found.whole:
                self.items.add_partition(collection, partition)
            if found.rest is not None:
                self.works.add_roots(collection, found.rest)
        while sum(mark_in_use(self.works, collection) for collection in self.rule.clocks):
            pass
        for collection in self.rule.clocks:
            leave_used(self.works, collection)
        self._settle()

    def _settle(self) -> None:
        """Mark what stays, and write what is done to the rest."""
        mark_kept(self.works, self.rule, self._last_event_day, self.as_of)
        if self.works.highest_ordinal():
            settle(self.works, self.rule)
            self._write(deletions(self.works, self.rule, roots := self._roots_per_batch()), roots)

    @property
    def _last_event_day(self) -> date:
        if self.last_event_day is None:
            raise AssertionError("asked only where something can be due")
        return self.last_event_day

    def _due(self, collection: str) -> sa.Select[Any]:
        work = self.works[collection]
        row = work.row("due_row")
        sql = ClockSql(self.rulebook, self.rule.clocks[collection])
        return sql.due(row, work.row_keys(row), self._last_event_day)

    def _roots_per_batch(self) -> int:
        """How many ordinals make a batch, so that it changes about ``batch_rows`` rows."""
        counts = [
            sa.select(sa.func.count().label("rows")).select_from(work.table)
            for work in self.works.works.values()
        ]
        total = self.connection.scalar(sa.select(sa.func.sum(sa.union_all(*counts).subquery().c.rows)))
        roots = self.works.highest_ordinal()
        return max(1, self.batch_rows * roots // max(int(total or 0), 1))

    def _write(self, changes: Iterable[Change], roots_per_batch: int) -> None:
        for change in changes:
            self.items.add(change, roots_per_batch)

    def _kept(self) -> tuple[Kept, ...]:
        found: list[Kept] = []
        for work in self.works.works.values():
            table = work.table
            rows = self.connection.execute(
                sa.select(table.c.kept, table.c.source, table.c.until, sa.func.count().label("rows"))
                .where(table.c.kept.is_not(None))
                .group_by(table.c.kept, table.c.source, table.c.until)
                .order_by(table.c.kept, table.c.source, table.c.until)
            )
            found += [
                Kept(
                    collection=work.collection,
                    reason=row.kept,
                    source=row.source,
                    until=row.until,
                    rows=row.rows,
                )
                for row in rows
            ]
        return tuple(found)

    def _stored(self, collection: str) -> int:
        quote = self.connection.dialect.identifier_preparer.quote_identifier
        name = ".".join(quote(part) for part in collection.split(".", 1))
        return int(self.connection.scalar(_STORED, {"table": name}) or 0)


def make_plan(
    engine: Engine, rulebook: Rulebook, rule: str, *, as_of: datetime, batch_rows: int = BATCH_ROWS
) -> StoredPlan:
    """Plan ``rule`` as of a moment and store the plan, unless it does nothing.

    A plan of the same rule and moment that has not ended is returned as it is, so that what was approved or
    begun is what is carried out.

    Raises:
        UsageError: no such rule; ``as_of`` is naive.
    """
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
    ):
        open_plan = find_open(connection, rule, as_of)
        if open_plan is not None:
            return open_plan
        planner = Planner(connection, rulebook, rule, as_of=as_of, batch_rows=batch_rows)
        plan = planner.plan()
        plan_id = None if plan.is_empty else store_plan(connection, plan)
        return StoredPlan(plan_id=plan_id, plan=plan)
