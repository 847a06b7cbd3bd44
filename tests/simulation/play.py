"""Plays a history twice, on the database through the engine and in the model, and compares after every run."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial, singledispatchmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch
from uuid import UUID

import psycopg
import sqlalchemy
from ruamel.yaml import YAML

from lifecycle.datamap.load import load_datamap
from lifecycle.holds.register import Kind, Target, extend, place, release
from lifecycle.keys.keyring import FileKeyring
from lifecycle.ledger.verification import verify
from lifecycle.planning.planner import make_plan
from lifecycle.policy.load import read_policy
from lifecycle.retention import steps
from lifecycle.retention.company import Company
from lifecycle.retention.sweep import sweep
from lifecycle.store.roles import Role
from simulation import model
from simulation.broken import Broken
from simulation.database import Application, partition_images
from simulation.history import Add, Amend, Change, Event, Extend, Place, Release, Run
from simulation.moments import day_of
from simulation.policy import first_policy, in_force
from simulation.tables import UUID_COLUMNS
from simulation.watch import Watch
from simulation.world import PARTITIONED, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from lifecycle.datamap.model import DataMap
    from lifecycle.policy.load import PolicyVersion
    from lifecycle.retention.sweep import Swept
    from simulation.policy import Policy
    from simulation.watch import Snapshot
    from support.databases import Database

INCLUDE = Path(__file__).parents[2] / "include"
POLICY = INCLUDE / "policies" / "2025-02-19" / "policy.yaml"
OPERATOR = "operator"


@contextmanager
def playing(database: Database) -> Iterator[Player]:
    """A player on a database that has the company's tables."""
    with tempfile.TemporaryDirectory() as folder:
        player = Player(database, Path(folder))
        try:
            yield player
        finally:
            player.close()


class Player:
    """One history on its way.

    Attributes:
        world: the company as it should be.
        counts: what happened, to see that a simulation simulates something.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self.world = World(policies=[first_policy(_published())])
        self.watch = Watch(world=self.world)
        self.counts: Counter[str] = Counter()
        self.folder = folder
        self.application = Application(database.url.replace("+psycopg", ""))
        self.engine = _keeping_connections(database)
        self.holds: dict[int, UUID] = {}
        self.company = Company(
            engine=self.engine,
            policies=(self._version(self.world.policies[0]),),
            datamap=_datamap(),
            keys=FileKeyring(folder / "keys"),
        )

    def close(self) -> None:
        """Disconnect."""
        self.application.close()
        self.engine.dispose()

    def play(self, events: Iterable[Event]) -> None:
        """Let events happen, one after another.

        Raises:
            Broken: a run did not do what it should.
        """
        for event in events:
            if isinstance(event, Run):
                self._run(event)
            else:
                self._happen(event)

    def finish(self) -> None:
        """Ask at the end: is the last promise kept by the engine's own check, and does the ledger verify?

        Raises:
            Broken: no.
        """
        as_of = self.watch.last_run
        if as_of is None:
            return
        with _failures_told("the check of what is overdue"):
            for rule in self.company.rulebook(as_of).rules:
                steps.check_kept(self.company, rule, as_of=as_of)
        steps.sign_ledger(self.company, as_of=as_of)
        with self.engine.connect() as connection:
            verdict = verify(connection, self.company.keys.public_keys())
        if not verdict.sound:
            raise Broken("ledger", f"the ledger does not verify: {verdict.to_json()}")

    # --- what happens to the company

    def _happen(self, event: Event) -> None:
        if self.world.apply(event):
            self.counts[type(event).__name__] += 1
            self._do(event)

    @singledispatchmethod
    def _do(self, event: Event) -> None:
        raise TypeError(event)

    @_do.register
    def _(self, event: Add) -> None:
        if event.table in PARTITIONED:
            self.application.create_day(day_of(event.row["occurred_at"]))
        self.application.add(event.table, event.key, event.row)

    @_do.register
    def _(self, event: Change) -> None:
        self.application.change(event.table, event.key, event.to)

    @_do.register
    def _(self, event: Place) -> None:
        self.application.flush()
        with self.engine.begin() as connection:
            self.holds[event.hold] = place(
                connection,
                self.company.rulebook(event.at),
                [self._target(table, key) for table, key in event.targets],
                kind=cast("Kind", event.kind),
                reason="dispute",
                placed_by=OPERATOR,
                until=event.until,
                as_of=event.at,
            )

    @_do.register
    def _(self, event: Extend) -> None:
        with self.engine.begin() as connection:
            extend(connection, self.holds[event.hold], until=event.until, as_of=event.at)

    @_do.register
    def _(self, event: Release) -> None:
        with self.engine.begin() as connection:
            release(connection, self.holds[event.hold], released_by=OPERATOR, as_of=event.at)

    @_do.register
    def _(self, event: Amend) -> None:
        published = (*self.company.policies, self._version(event.policy))
        self.company = replace(self.company, policies=published)

    def _target(self, table: str, key: int | None) -> Target:
        if key is None:
            return Target(collection=table)
        row = self.world.rows[table][key]
        text = str(UUID(int=key)) if (table, "id") in UUID_COLUMNS else str(key)
        if table in PARTITIONED:
            return Target(
                collection=table, key=(row["occurred_at"].isoformat(" ").replace("+00:00", "+00"), text)
            )
        return Target(collection=table, key=(text,))

    def _version(self, policy: Policy) -> PolicyVersion:
        """The published policy file, with the periods and leads of a version."""
        document = YAML().load(POLICY)
        document["policy"]["last_updated"] = policy.since
        for rule, promise in policy.promises.items():
            document["rules"][rule] |= {"keep": str(promise.keep), "lead": f"P{promise.lead_days}D"}
        document["statutory"]["books"]["keep"] = str(policy.books)
        path = self.folder / f"{policy.since}.yaml"
        YAML().dump(document, path)
        return read_policy(path)

    # --- runs

    def _run(self, run: Run) -> None:
        self.application.flush()
        self.watch.before(run.as_of)
        before = {table: dict(rows) for table, rows in self.world.rows.items()}
        with patch.object(steps, "make_plan", partial(make_plan, batch_rows=run.batch_rows)):
            for rule in self.company.rulebook(run.as_of).rules:
                self._run_rule(run, rule, before)
        self._compare_rows(run)
        gone = {(table, key) for table, rows in before.items() for key in rows} - self.world.images.keys()
        self.watch.after(run.as_of, before, gone)
        self.counts["Run"] += 1

    def _run_rule(self, run: Run, rule: str, before: Snapshot) -> None:
        meanwhile = run.meanwhile.get(rule, ())
        if meanwhile:
            self._interfere(run, rule, meanwhile, before)
        swept = self._sweep(run, rule)
        expected = model.sweep(self.world, rule, run.as_of)
        if not meanwhile:
            self._compare_told(run, swept, expected)
        if run.repeated:
            again = self._sweep(run, rule)
            if again.first.digest is not None or again.rows:
                raise Broken("repeated", f"{rule} did something when it was run again: {again.to_json()}")
        self.counts += expected.counts(rule)

    def _sweep(self, run: Run, rule: str) -> Swept:
        with _failures_told(f"{rule} as of {run.as_of}"):
            return sweep(self.company, rule, as_of=run.as_of, approved_by=OPERATOR, checks=False)

    def _interfere(self, run: Run, rule: str, meanwhile: Iterable[Event], before: Snapshot) -> None:
        """Plan, let the application change rows, and carry out what was planned."""
        with _failures_told(f"planning {rule} as of {run.as_of}"):
            planned = steps.plan(self.company, rule, as_of=run.as_of)
        for event in meanwhile:
            self._happen(event)
            if isinstance(event, Add | Change) and (row := self.world.find((event.table, event.key))):
                before[event.table][event.key] = row
        self.application.flush()
        if planned.digest is None:
            return
        with _failures_told(f"carrying out {rule} as of {run.as_of}"):
            if planned.excesses:
                steps.approve_plan(self.company, planned.digest, approved_by=OPERATOR, as_of=run.as_of)
            outcome = steps.carry_out(self.company, planned.digest)
            steps.end_unchecked(self.company, planned.digest)
        self.counts["batches deferred"] += len(outcome.deferred)

    # --- comparisons

    def _compare_rows(self, run: Run) -> None:
        there = self.application.everything()
        expected = set(self.world.images.values()) | partition_images(self.world.days)
        if there != expected:
            raise Broken(
                "rows",
                f"after the run as of {run.as_of} the database and the model differ;"
                f" only in the database: {_some(there - expected)}; only in the model: {_some(expected - there)}",
            )

    def _compare_told(self, run: Run, swept: Swept, expected: model.Result) -> None:
        """What a sweep says of itself: policy version, what was kept and until when, how many rows went."""
        plan = swept.first.plan
        since = in_force(self.world.policies, run.as_of).since.isoformat()
        kept: model.Kept = Counter()
        for one in plan.kept:
            kept[one.collection, one.reason, None if one.reason == "needed" else one.until] += one.rows
        went = Counter(table for table, _ in expected.gone if table not in PARTITIONED)
        deleted = {
            table: rows
            for (table, what), rows in swept.rows.items()
            if what == "deleted" and table not in PARTITIONED
        }
        told = (plan.policy_version, dict(kept), deleted, swept.left)
        wanted = (since, dict(expected.kept), dict(went), 0)
        if told != wanted:
            raise Broken("told", f"{swept.rule} as of {run.as_of} told {told}; the model says {wanted}")


@contextmanager
def _failures_told(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Broken("failed", f"{what} failed: {type(error).__name__} {error}") from error


def _some(images: Iterable[Any]) -> str:
    told = sorted(" ".join(part for part in image if part) for image in images)
    more = f" and {len(told) - 8} more" if len(told) > 8 else ""
    return ("; ".join(told[:8]) or "nothing") + more


@cache
def _datamap() -> DataMap:
    return load_datamap(INCLUDE / "datamap")


@cache
def _published() -> date:
    return cast("date", YAML().load(POLICY)["policy"]["last_updated"])


def _keeping_connections(database: Database) -> sqlalchemy.Engine:
    """The engine's role on connections that are kept: a run opens dozens."""
    url = database.url.replace("+psycopg", "")
    settings = f"-c role={Role.ENGINE.value} -c timezone=UTC -c lock_timeout=5000"
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, options=settings),
        query_cache_size=5_000,
    )
