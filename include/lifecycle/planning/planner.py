"""Makes the plans of rules: from a rule and a date to a frozen, stored, digested plan."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from lifecycle.errors import UsageError
from lifecycle.planning.collect import leave_all_used
from lifecycle.planning.grounds import PassedLimit
from lifecycle.planning.items import StoredPlan, find_open
from lifecycle.planning.part import Part
from lifecycle.planning.partitions import droppable
from lifecycle.planning.writer import About, PlanWriter
from lifecycle.timelimits import latest_due_day, latest_over_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from sqlalchemy import Connection, Engine

    from lifecycle.plan import Plan
    from lifecycle.planning.partitions import Partition
    from lifecycle.policy.rulebook import ResolvedRule, Rulebook

BATCH_ROWS = 50_000
"""Rows that one batch changes, on average: large enough to be set-based, small enough to lock briefly."""


class Planner:
    """Makes the plan of one rule at one date, on one connection, inside one transaction.

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
        self.whole: list[tuple[str, Partition]] = []
        self.part: Part | None = None
        if last_event_day is not None:
            ground = PassedLimit(rulebook, self.rule.clocks, last_event_day)
            self.part = Part(connection, rulebook, self.rule.scope, ground, as_of=as_of)
            self._find(self.part, last_event_day)

    def writer(self) -> PlanWriter:
        """Puts the plan together."""
        about = About(
            rule=self.rule.name,
            commitments=self.rule.rule.commitments,
            last_event_day=self.last_event_day,
            measured=tuple(self.rule.clocks),
        )
        parts = (self.part,) if self.part else ()
        return PlanWriter(self.connection, self.rulebook, about, parts, as_of=self.as_of, whole=self.whole)

    def unkept(self) -> dict[str, int]:
        """What nothing keeps, by collection the rule applies to: its own rows, and partitions as one each."""
        whole = Counter(collection for collection, _ in self.whole)
        return {name: whole[name] + (self.part.unkept(name) if self.part else 0) for name in self.rule.clocks}

    def _find(self, part: Part, last_event_day: date) -> None:
        if self.rule.rule.action != "drop_partition":
            part.find()
            return
        for collection, clock in self.rule.clocks.items():
            found = droppable(self.connection, self.rulebook, clock, collection, last_event_day, self.as_of)
            self.whole += [(collection, partition) for partition in found.whole]
            if found.rest is not None:
                for rows in part.works.with_rows({collection: found.rest}).values():
                    part.works.add_roots(collection, rows)
        leave_all_used(part.works, self.rule.clocks)
        part.mark_kept()


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
        writer = planner.writer()
        plan = writer.plan(batch_rows)
        plan_id = None if plan.is_empty else writer.store(plan)
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


def ground_of(rulebook: Rulebook, plan: Plan) -> PassedLimit:
    """Why the rows of a rule's stored plan are due.

    Raises:
        UsageError: it is no rule's plan.
    """
    if plan.request is not None:
        raise UsageError(
            "this is the plan of a subject's request, which knows whom it is about",
            place=f"plan {plan.digest}",
            next_step=f"look at it: lifecycle request plan {plan.request}; then lifecycle request run {plan.request}",
        )
    if plan.rule not in rulebook.rules:
        raise UsageError(
            "this plan destroys documents of archives",
            place=f"plan {plan.digest}",
            next_step=f"carry it out with: lifecycle apply {plan.digest}",
        )
    if plan.last_event_day is None:
        raise AssertionError("nothing is planned where nothing can be due")
    return PassedLimit(rulebook, rulebook.rules[plan.rule].clocks, plan.last_event_day)


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
