"""Drives the engine: the calls that a company's operators and DAGs make, and nothing else of the package."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch
from uuid import UUID

import psycopg
import sqlalchemy
from ruamel.yaml import YAML

from lifecycle.datamap.load import load_datamap
from lifecycle.errors import ApprovalRequired, PlanOutdated, PolicyAmended
from lifecycle.holds import register
from lifecycle.holds.targets import Subject
from lifecycle.keys.keyring import FileKeyring
from lifecycle.ledger.copy import LedgerCopy
from lifecycle.ledger.verification import verify
from lifecycle.planning.planner import make_plan
from lifecycle.policy.load import read_policy
from lifecycle.retention import steps
from lifecycle.retention.notices import take_notice
from lifecycle.retention.sweep import finish, sweep
from lifecycle.runs import agreement, plans, signing
from lifecycle.runs.company import Company, ReleasePlaces
from lifecycle.store.roles import Role
from simulation.broken import Broken
from simulation.releases.promised import ONCE_MORE, RELEASES
from simulation.tables import UUID_COLUMNS, moment_text
from simulation.world import PARTITIONED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    from lifecycle.datamap.model import DataMap
    from lifecycle.plan import Plan
    from lifecycle.policy.load import PolicyVersion
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.retention.notices import Noticed
    from lifecycle.runs.planned import Planned
    from simulation.history import Extend, Place, Release, Run
    from simulation.policy import Policy
    from simulation.tables import Key, Row
    from support.databases import Database

INCLUDE = Path(__file__).parents[2] / "include"
POLICY = INCLUDE / "policies" / "2025-02-19" / "policy.yaml"
OPERATOR = "operator"
MOST_LIKELY = 1e-5
"""That a number is shown which should not be: the most that a policy may allow, so that more is shown."""
STATEMENTS = 5_000
"""Statements that are kept compiled, and prepared: more than there are, so that none is made twice."""


class Killed(BaseException):
    """The process dies; nothing in the engine may catch it."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a run of a rule says of itself.

    Attributes:
        plan: the first that it made.
        deleted: rows by table.
        left: batches that wait for the next run.
    """

    plan: Plan
    deleted: Counter[str]
    left: int


class Equipment:
    """What the histories of one seed share, since making it takes longer than a short history.

    Compiled statements, policies that were read, and rulebooks: a seed has the same versions of the policy in
    each of its histories, and every database the same schema.
    """

    def __init__(self) -> None:
        self.versions: dict[date, PolicyVersion] = {}
        self.rulebooks: dict[str, Rulebook] = {}
        self.address = ""
        self.connections = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=self._connect, query_cache_size=STATEMENTS
        )

    def version(self, policy: Policy) -> PolicyVersion:
        """A version of the policy, as a company publishes it."""
        if policy.since not in self.versions:
            self.versions[policy.since] = _read(policy)
        return self.versions[policy.since]

    def _connect(self) -> psycopg.Connection:
        """As the engine's role; the connection is kept, since a run asks for dozens."""
        settings = f"-c role={Role.ENGINE.value} -c timezone=UTC -c lock_timeout=5000"
        connection = psycopg.connect(self.address, options=settings)
        connection.prepared_max = STATEMENTS
        return connection


class Engine:
    """The company as the engine has it.

    Args:
        database: with the company's tables.
        folder: for keys.
        policy: the first version.
        equipment: used by one engine at a time.
    """

    def __init__(self, database: Database, folder: Path, policy: Policy, equipment: Equipment) -> None:
        self.equipment = equipment
        self.equipment.address = database.url.replace("+psycopg", "")
        self.connections = equipment.connections
        self.holds: dict[int, UUID] = {}
        self.deferred = 0
        self.archive = folder / "archive"
        self.company = Company(
            engine=self.connections,
            policies=(equipment.version(policy),),
            datamap=_datamap(),
            keys=FileKeyring(folder / "keys"),
            ledger_copy=LedgerCopy(folder / "copy"),
            archive_urls=(str(self.archive),),
            releases=ReleasePlaces(files=folder / "releases", pseudonymised=folder / "pseudonymised"),
            _rulebooks=equipment.rulebooks,
        )

    def close(self) -> None:
        """Disconnect."""
        self.connections.dispose()

    # --- operators

    def publish(self, policy: Policy) -> None:
        """Another version of the policy counts."""
        published = (*self.company.policies, self.equipment.version(policy))
        self.company = replace(self.company, policies=published)

    def place(self, event: Place, rows: dict[str, dict[Key, Row]]) -> None:
        """Place a hold or restriction; one that a restore took away gets another number."""
        targets = [
            *(target(table, key, rows[table]) for table, key in event.targets),
            *(subject(kind, value) for kind, value in event.subjects),
        ]
        with self.connections.begin() as connection:
            self.holds[event.hold] = register.place(
                connection,
                self.company.rulebook(event.at),
                targets,
                kind=cast("register.Kind", event.kind),
                reason="dispute",
                placed_by=OPERATOR,
                until=event.until,
                as_of=event.at,
            )

    def extend(self, event: Extend) -> None:
        """Move the end of a hold."""
        with self.connections.begin() as connection:
            register.extend(
                connection,
                self.holds[event.hold],
                until=event.until,
                extended_by=OPERATOR,
                keys=self.company.keys,
                as_of=event.at,
            )

    def release(self, event: Release) -> None:
        """Release a hold."""
        with self.connections.begin() as connection:
            register.release(connection, self.holds[event.hold], released_by=OPERATOR, as_of=event.at)

    # --- runs

    def refuse(self, run: Run) -> None:
        """A run for a day of a policy that was amended since does nothing.

        Raises:
            Broken: it would have done something.
        """
        try:
            self.company.require_in_force(run.as_of, now=run.at)
        except PolicyAmended:
            return
        raise Broken("refused", f"the run as of {run.as_of} would go by a policy that was amended since")

    def begin(self, run: Run) -> None:
        """What a DAG does before it looks at its rules."""
        self.company.require_in_force(run.as_of, now=run.at)
        if run.is_checked:
            agreement.check_before(self.company, as_of=run.at)

    def rules(self, as_of: datetime) -> Iterator[str]:
        """The rules in force, in the order of the policy."""
        return iter(self.company.rulebook(as_of).rules)

    def take_notice(self, rule: str, as_of: datetime) -> Noticed:
        """Take notice of deletions that come."""
        return take_notice(self.company, rule, as_of=as_of)

    def keep(self, run: Run, rule: str, interfere: Callable[[], None]) -> Told | None:
        """Keep a promise; None where nobody approves the plan.

        Args:
            run: says how.
            rule: names the promise.
            interfere: called between plan and execution, and changes rows; the run then goes step by step.
        """
        is_plain = not run.is_checked and run.killed_after is None and rule not in run.unanswered
        with _batches_of(run.batch_rows):
            if is_plain and rule not in run.meanwhile:
                return self._sweep(run, rule)
            return self._step_by_step(run, rule, interfere)

    def keep_again(self, run: Run, rule: str) -> Told:
        """Run a rule again for the same moment."""
        with _batches_of(run.batch_rows):
            return self._sweep(run, rule)

    def finish(self, as_of: datetime) -> None:
        """Ask for the engine's own verdict: nothing overdue, and a ledger that verifies.

        Raises:
            CheckFailed: something is overdue.
            AssertionError: the ledger does not verify.
        """
        for rule in self.rules(as_of):
            steps.check_kept(self.company, rule, as_of=as_of)
        signing.sign_ledger(self.company, as_of=as_of)
        with self.connections.connect() as connection:
            verdict = verify(connection, self.company.keys.public_keys())
        if not verdict.sound:
            raise AssertionError(f"the ledger does not verify: {verdict.to_json()}")

    def _sweep(self, run: Run, rule: str) -> Told:
        """As the command line does it."""
        swept = sweep(self.company, rule, as_of=run.as_of, approved_by=OPERATOR, checks=False)
        deleted = {table: rows for (table, what), rows in swept.rows.items() if what == "deleted"}
        return Told(plan=swept.first.plan, deleted=Counter(deleted), left=swept.left)

    def _step_by_step(self, run: Run, rule: str, interfere: Callable[[], None]) -> Told | None:
        """As a DAG does it, task by task."""
        if run.is_checked:
            steps.check_evidence(self.company, rule, as_of=run.as_of)
        before = self._deleted(run, rule)
        planned = steps.plan(self.company, rule, as_of=run.as_of)
        interfere()
        if rule in run.unanswered:
            return None
        if planned.digest is not None:
            self._execute(run, planned, planned.digest)
        left = self._finish(run, rule)
        return Told(plan=planned.plan, deleted=self._deleted(run, rule) - before, left=left)

    def _deleted(self, run: Run, rule: str) -> Counter[str]:
        """Rows that runs of this moment have deleted so far: there may be several."""
        done = steps.done(self.company, rule, as_of=run.as_of)
        return Counter({one["collection"]: one["rows"] for one in done if one["action"] == "delete"})

    def _finish(self, run: Run, rule: str) -> int:
        """Do what had changed meanwhile, and approve it where the DAG would ask; how many batches are left."""
        if run.is_checked:
            with suppress(ApprovalRequired):
                return int(finish(self.company, rule, as_of=run.as_of)["left"])
        return self._sweep(run, rule).left

    def _execute(self, run: Run, planned: Planned, digest: str) -> None:
        if run.is_checked and self._is_outdated(digest):
            return
        if planned.excesses:
            plans.approve_plan(self.company, digest, approved_by=OPERATOR, as_of=run.as_of)
        if run.killed_after is not None:
            self._die(digest, run.killed_after)
            again = steps.plan(self.company, planned.plan.rule, as_of=run.as_of)
            if again.digest != digest:
                raise Broken("killed", f"{planned.plan.rule} was planned anew when it was started again")
        self.deferred += len(plans.carry_out(self.company, digest).deferred)
        if run.is_checked:
            plans.check_after(self.company, digest)
        else:
            plans.end_unchecked(self.company, digest)

    def _is_outdated(self, digest: str) -> bool:
        """Whether what happened meanwhile is found by the check of the plan, so that another is made."""
        try:
            plans.check_plan(self.company, digest)
        except PlanOutdated:
            return True
        return False

    def _die(self, digest: str, batches: int) -> None:
        """Carry out so many batches, and die."""

        def kill(ended: int, _all: int) -> None:
            if ended >= batches:
                raise Killed

        try:
            if batches:
                plans.carry_out(self.company, digest, progress=kill)
        except Killed:
            pass


def published() -> date:
    """The day of the policy that the company has published."""
    return cast("date", _document()["policy"]["last_updated"])


def _read(policy: Policy) -> PolicyVersion:
    """The published policy file, with the periods and leads of a version, and little noise."""
    document = deepcopy(_document())
    document["policy"]["last_updated"] = policy.since
    for rule, promise in policy.promises.items():
        document["rules"][rule] |= {"keep": str(promise.keep), "lead": f"P{promise.lead_days}D"}
    document["statutory"]["books"]["keep"] = str(policy.books)
    for name, promised in RELEASES.items():
        document["releases"][name]["within"] = f"P{promised.within}D"
        for feed in document["releases"][name]["feeds"].values():
            feed["rho"] *= ONCE_MORE
            feed["delta"] = MOST_LIKELY
            feed["budget"] = {days: ONCE_MORE * most for days, most in feed["budget"].items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{policy.since}.yaml"
        YAML().dump(document, path)
        return read_policy(path)


def target(table: str, key: Key | None, rows: dict[Key, Row]) -> register.Target:
    """What names a row, or a whole table, to the engine."""
    if key is None:
        return register.Target(collection=table)
    text = str(UUID(int=key)) if (table, "id") in UUID_COLUMNS else str(key)
    if table in PARTITIONED:
        return register.Target(collection=table, key=(moment_text(rows[key]["occurred_at"]), text))
    return register.Target(collection=table, key=(text,))


def subject(kind: str, value: str | int) -> Subject:
    """What names a subject to the engine."""
    return Subject(identity=kind, value=str(UUID(int=int(value))) if kind == "visitor_id" else str(value))


def _batches_of(rows: int) -> AbstractContextManager[object]:
    return patch.object(steps, "make_plan", partial(make_plan, batch_rows=rows))


@cache
def _datamap() -> DataMap:
    return load_datamap(INCLUDE / "datamap")


@cache
def _document() -> Any:
    return YAML().load(POLICY)
