"""Makes plans: from a rule and a date to a frozen, stored, digested plan."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lifecycle.errors import UsageError
from lifecycle.plan import Action, Kept, Plan
from lifecycle.planning.batches import settle
from lifecycle.planning.changes import deletions, holds_something, redactions
from lifecycle.planning.clocks import ClockSql
from lifecycle.planning.collect import collect, leave_all_used
from lifecycle.planning.items import ItemWriter, StoredPlan, count_plans, find_open, store_plan
from lifecycle.planning.keep import mark_kept
from lifecycle.planning.partitions import droppable
from lifecycle.planning.reliance import Reliance
from lifecycle.planning.workset import WorkSet
from lifecycle.timelimits import latest_due_day, latest_over_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from sqlalchemy import Connection, Engine

    from lifecycle.planning.changes import Change
    from lifecycle.planning.partitions import Partition
    from lifecycle.policy.rulebook import ResolvedRule, Rulebook

BATCH_ROWS = 50_000
"""Rows that one batch changes, on average: large enough to be set-based, small enough to lock briefly."""

_STORED = sa.text("""
    -- Rows of a table as the statistics estimate them, its partitions included. Where two of them differ the lower one
    -- counts: a share of rows that are long gone would pass the guard.
    SELECT coalesce(sum(least(nullif(greatest(class.reltuples, 0), 0),
                              nullif(pg_stat_get_live_tuples(class.oid), 0))), 0)::bigint
    FROM pg_class AS class
    WHERE class.relkind = 'r'
      AND (class.oid = CAST(:table AS regclass)
           OR class.oid IN (SELECT tree.relid FROM pg_partition_tree(CAST(:table AS regclass)) AS tree))
""")


class Planner:
    """Finds what one rule reaches at one date, on one connection, inside one transaction.

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        rule: its name.
        as_of: the moment of the run.
        last_event_day: the greatest day of an event that counts; None where none does.

    Raises:
        UsageError: no such rule.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        rule: str,
        *,
        as_of: datetime,
        last_event_day: date | None,
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.rule: ResolvedRule = required_rule(rulebook, rule)
        self.as_of = as_of
        self.last_event_day = last_event_day
        self.works = WorkSet(connection, rulebook, self.rule)
        self.whole: list[tuple[str, Partition]] = []
        self.reliance: Reliance | None = None
        if last_event_day is not None:
            self._find()

    def plan(self, batch_rows: int) -> Plan:
        """Write the items of batches of about ``batch_rows`` rows; the plan is not stored yet."""
        items = ItemWriter(self.connection)
        for collection, partition in self.whole:
            items.add_partition(collection, partition)
        if any(self.works):
            self._write_changes(items, self._roots_per_batch(batch_rows))
        written = items.read()
        return Plan(
            rule=self.rule.name,
            commitments=self.rule.rule.commitments,
            policy_version=self.rulebook.policy.version,
            policy_digest=self.rulebook.digest,
            as_of=self.as_of,
            interval_days=self.rulebook.policy.policy.run_every,
            last_event_day=self.last_event_day,
            items=written,
            kept=self._kept(),
            relies=self.reliance.read() if self.reliance else (),
            stored={name: self._stored(name) for name in self.rule.clocks} if written else {},
            attempt=1 + count_plans(self.connection, self.rule.name, self.as_of) if written else 1,
        )

    def store(self, plan: Plan) -> int:
        """Store the plan that was just made; returns its number."""
        plan_id = store_plan(self.connection, plan)
        if self.reliance:
            self.reliance.store(plan_id)
        return plan_id

    def unkept(self) -> dict[str, int]:
        """What nothing keeps, by collection the rule applies to: its own rows, and partitions as one each."""
        whole = Counter(collection for collection, _ in self.whole)
        return {name: whole[name] + self._unkept_rows(name) for name in self.rule.clocks}

    def _find(self) -> None:
        action = self.rule.rule.action
        if action == "delete":
            for strand in self.rule.strands:
                due = {name: self._due(name) for name in strand.collections if name in self.rule.clocks}
                collect(self.works, strand, due)
        elif action == "drop_partition":
            self._collect_partitions()
        else:
            for collection in self.rule.clocks:
                self.works.add_roots(collection, self._due(collection))
        if any(self.works):
            mark_kept(self.works, self.rule, self._last_event_day, self.as_of)

    def _collect_partitions(self) -> None:
        for collection, clock in self.rule.clocks.items():
            found = droppable(
                self.connection, self.rulebook, clock, collection, self._last_event_day, self.as_of
            )
            self.whole += [(collection, partition) for partition in found.whole]
            if found.rest is not None:
                self.works.add_roots(collection, found.rest)
        leave_all_used(self.works, self.rule.clocks)

    def _write_changes(self, items: ItemWriter, roots_per_batch: int) -> None:
        was_settled = not self.rule.redacts and settle(self.works, self.rule)
        written = [change for change in self._changes(roots_per_batch) if items.add(change, roots_per_batch)]
        along = [change for change in written if not change.is_root and change.action is not Action.CUT]
        if along:
            self.reliance = Reliance(self.works, self.rule, roots_per_batch, along, was_settled=was_settled)

    def _changes(self, roots_per_batch: int) -> Iterator[Change]:
        if not self.rule.redacts:
            yield from deletions(self.works, self.rule, roots_per_batch)
            return
        for work in self.works:
            yield from redactions(self.works, work.collection, self.rule.redacts)

    def _unkept_rows(self, collection: str) -> int:
        if collection not in self.works:
            return 0
        work = self.works[collection]
        query = sa.select(sa.func.count()).where(work.table.c.is_root, work.table.c.kept.is_(None))
        if self.rule.redacts:  # a row that was emptied is due for ever, and done
            row = work.row("unkept")
            query = query.where(
                work.is_row(row), holds_something(self.rulebook, collection, row, self.rule.redacts)
            )
        return int(self.connection.scalar(query.select_from(work.table)) or 0)

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

    def _roots_per_batch(self, batch_rows: int) -> int:
        """How many ordinals make a batch, so that it changes about ``batch_rows`` rows."""
        counts = [sa.select(sa.func.count().label("rows")).select_from(work.table) for work in self.works]
        total = self.connection.scalar(sa.select(sa.func.sum(sa.union_all(*counts).subquery().c.rows)))
        roots = self.works.highest_ordinal()
        return max(1, batch_rows * roots // max(int(total or 0), 1))

    def _kept(self) -> tuple[Kept, ...]:
        found: list[Kept] = []
        for work in self.works:
            if work.collection not in self.works.kept:
                continue
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
    promise = required_rule(rulebook, rule).rule
    last_event_day = latest_due_day(
        promise.keep,
        lead_days=promise.lead,
        as_of=as_of,
        interval_days=rulebook.policy.policy.run_every,
        zone=rulebook.policy.zone,
    )
    try:
        return _planned(engine, rulebook, rule, as_of, last_event_day, batch_rows)
    except IntegrityError:  # another run has stored the same plan at this moment: it is found now
        return _planned(engine, rulebook, rule, as_of, last_event_day, batch_rows)


def _planned(
    engine: Engine,
    rulebook: Rulebook,
    rule: str,
    as_of: datetime,
    last_event_day: date | None,
    batch_rows: int,
) -> StoredPlan:
    with one_state(engine) as connection:
        open_plan = find_open(connection, rule, as_of)
        if open_plan is not None:
            return open_plan
        planner = Planner(connection, rulebook, rule, as_of=as_of, last_event_day=last_event_day)
        plan = planner.plan(batch_rows)
        plan_id = None if plan.is_empty else planner.store(plan)
        return StoredPlan(plan_id=plan_id, plan=plan)


def overdue(engine: Engine, rulebook: Rulebook, rule: str, *, as_of: datetime) -> dict[str, int]:
    """Rows (and whole partitions) whose limit has passed at ``as_of`` and that nothing keeps, by collection.

    Only the rows that are due by themselves count; what belongs to them goes with them.

    Raises:
        UsageError: no such rule; ``as_of`` is naive.
    """
    keep = required_rule(rulebook, rule).rule.keep
    last_event_day = latest_over_day(keep, as_of=as_of, zone=rulebook.policy.zone)
    with one_state(engine) as connection:
        return Planner(connection, rulebook, rule, as_of=as_of, last_event_day=last_event_day).unkept()


def required_rule(rulebook: Rulebook, rule: str) -> ResolvedRule:
    """The rule of that name.

    Raises:
        UsageError: there is none.
    """
    if rule not in rulebook.rules:
        raise UsageError(
            f"the policy of {rulebook.policy.version} has no rule {rule}",
            place="rule",
            next_step=f"choose one of {', '.join(rulebook.rules)}",
        )
    return rulebook.rules[rule]


@contextmanager
def one_state(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database from its first statement to its last.

    It does without merge joins: to join a few keys to a large table, PostgreSQL would at times read the table's
    index up to the highest of them, believing that to be little, and planning would cost what is stored.
    """
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
    ):
        connection.exec_driver_sql("SET LOCAL enable_mergejoin = off")
        yield connection
