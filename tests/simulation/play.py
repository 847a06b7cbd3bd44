"""Plays a history twice, on the database through the engine and in the model, and compares after every run."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager
from functools import partial, singledispatchmethod
from pathlib import Path
from typing import TYPE_CHECKING

from simulation import compare, model, notices
from simulation.books import compare as compare_books
from simulation.books.happen import keep_books
from simulation.books.keeper import Keeper
from simulation.broken import Broken
from simulation.database import Application
from simulation.databases import Backups
from simulation.desk import Desk
from simulation.engine import Engine, Equipment, published
from simulation.history import (
    Add,
    Aggregate,
    Amend,
    Answer,
    Ask,
    Asking,
    BackUp,
    Change,
    Event,
    Expire,
    Extend,
    Fetch,
    Keeping,
    Lift,
    LookAfter,
    Place,
    Release,
    Restore,
    Run,
    SeeTo,
)
from simulation.moments import day_of
from simulation.policy import first_policy, is_of_old
from simulation.releases import compare as compare_releases
from simulation.releases.builder import Builder
from simulation.releases.happen import aggregate
from simulation.requests.happen import can_ask, happen
from simulation.requests.purposes import FIRST_RECORD, RECORDS, WAITS
from simulation.requests.rectification import CLASHES
from simulation.watch.answers import watch_answer
from simulation.watch.books import watch_expiry
from simulation.watch.copies import Copies
from simulation.watch.watch import Before, Watch
from simulation.world import PARTITIONED, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from simulation.requests.asked import Package
    from support.databases import Database

AT_THE_END = "at the end"
"""The kind of a failure that shows only when all is over."""


@contextmanager
def playing(database: Database, equipment: Equipment | None = None) -> Iterator[Player]:
    """A player on a database that has the company's tables."""
    with tempfile.TemporaryDirectory() as folder:
        player = Player(database, Path(folder), equipment or Equipment())
        try:
            yield player
        finally:
            player.close()
            player.backups.drop()


class Player:
    """One history on its way.

    Attributes:
        world: the company as it should be.
        counts: what happened, to see that a simulation simulates something.
    """

    def __init__(self, database: Database, folder: Path, equipment: Equipment) -> None:
        self.world = World(policies=[first_policy(published())])
        self.watch = Watch(world=self.world)
        self.counts: Counter[str] = Counter()
        self._last: Event | None = None
        self.application = Application(database.url.replace("+psycopg", ""))
        self.engine = Engine(database, folder, self.world.policies[0], equipment)
        self.desk = Desk(self.engine)
        self.keeper = Keeper(self.engine)
        self.builder = Builder(self.engine)
        self.backups = Backups(database)
        self.copies = Copies()

    def close(self) -> None:
        """Disconnect."""
        self.application.close()
        self.engine.close()

    def play(self, events: Iterable[Event]) -> None:
        """Let events happen, one after another.

        Raises:
            Broken: a run did not do what it should.
        """
        for event in events:
            self._last = event
            if isinstance(event, Run):
                self._run(event)
            elif isinstance(event, Asking):
                self._ask(event)
            elif isinstance(event, Keeping):
                self._keep_books(event)
            elif isinstance(event, Aggregate):
                self._aggregate(event)
            else:
                self._happen(event)

    def finish(self) -> None:
        """Run once more, for whatever happened since the last run, and ask for the engine's own verdict.

        Raises:
            Broken: the run did not do what it should, the last promise is not kept, or the ledger does not verify.
        """
        if self._last is None:
            return
        self._run(Run(at=self._last.at, as_of=self._last.at))
        for event in (Expire(at=self._last.at), LookAfter(at=self._last.at)):
            self._keep_books(event)
        with _failures_told("the engine's own verdict", kind=AT_THE_END):
            self.engine.finish(self._last.at)

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
        self.engine.place(event, self.world.rows)

    @_do.register
    def _(self, event: Extend) -> None:
        self.engine.extend(event)

    @_do.register
    def _(self, event: Release) -> None:
        self.engine.release(event)

    @_do.register
    def _(self, event: Amend) -> None:
        self.engine.publish(event.policy)

    # --- the archive

    def _keep_books(self, event: Keeping) -> None:
        """See to the archive, on both sides, and compare."""
        self.application.flush()
        before = dict(self.world.written)
        self.counts += keep_books(event, self.world)
        with _failures_told(f"that {event} as of {event.at}"):
            if isinstance(event, LookAfter):
                compare_books.whole(self.keeper.look_after(event), event)
            else:
                self.keeper.do(event)
            compare_books.archive(self.keeper, self.world, event)
            if isinstance(event, Expire):
                compare_books.nothing_older(self.keeper.remains(), self.world, event)
                watch_expiry(event, before, self.world)

    # --- releases

    def _aggregate(self, event: Aggregate) -> None:
        """Release statistics, on both sides, and compare; then ask what is promised of them."""
        self.application.flush()
        for _ in range(1 + event.is_repeated):
            self.watch.releases.aggregated(event)
            made = aggregate(self.world, event)
            with _failures_told(f"that {event} as of {event.at}"):
                said = self.builder.aggregate(event)
                compare_releases.aggregated(said, made, event)
                compare_releases.whose(self.builder, said, made, event)
                compare_releases.register(self.builder, self.world, event)
                if event.is_checked:
                    compare_releases.checked(self.builder, self.world, event)
                self.watch.releases.tables(self.builder.released(), event)
                self.watch.releases.ledger(self.builder.ledger(), event)
                self.watch.releases.workplace(self.builder.at_work(), is_dead=made.is_dead, event=event)
            self.counts += made.met

    # --- what data subjects ask for

    def _ask(self, event: Asking) -> None:
        """Let happen what concerns requests, on both sides, and compare."""
        self.application.flush()
        if isinstance(event, Ask) and self._is_repeated(event):
            return
        before = Before.of(self.world, event.at)
        package = self._package(event)
        happened = happen(event, self.world)
        if happened is None:
            return
        self.counts += happened
        with _failures_told(str(event)):
            if isinstance(event, BackUp):
                self._back_up(event)
            elif isinstance(event, Restore):
                self._restore(event)
            elif isinstance(event, Fetch):
                self._fetch(event, package if happened["fetched"] else None)
            elif isinstance(event, Answer) and (happened[CLASHES] or happened[WAITS]):
                self.desk.answer_in_vain(event)
            else:
                self.desk.do(event)
        self._compare(event, before)
        if isinstance(event, Restore):
            self.watch.forget()
        watch_answer(event, before, self.world)
        if isinstance(event, Answer):
            self.copies.answered(event, before, self.world)

    def _compare(self, event: Asking, before: Before) -> None:
        """Compare what may be otherwise since."""
        if isinstance(event, Answer | SeeTo | Restore):
            self._renumber(before)
            compare.rows(self.application.everything(), self.world, event)
            left_out = {purpose: self.desk.left_out(purpose, event.at) for purpose in self._ended(event)}
            compare.stops(left_out, self.world, event)
        if self._is_about_cover(event):
            said = self.desk.covered(event.at), self.desk.restricted(event.at)
            compare.cover(*said, self.world, event)
        if isinstance(event, SeeTo):
            compare.overdue(self.desk.overdue(event.at), self.world, event)

    def _package(self, event: Asking) -> Package | None:
        """What waits to be fetched."""
        asked = self.world.desk.requests.get(event.request) if isinstance(event, Fetch) else None
        return asked.package if asked else None

    def _fetch(self, event: Fetch, package: Package | None) -> None:
        """Fetch a package, and look what is in it."""
        fetched = self.desk.fetch(event)
        compare.package(fetched, package, event)
        if fetched:
            self.copies.fetched(event, fetched.own, fetched.text)

    def _renumber(self, before: Before) -> None:
        """Records that an answer has written get the keys that the model gave them."""
        for table, whose, when, _ in RECORDS.values():
            for key, row in self.world.rows[table].items():
                if key >= FIRST_RECORD and key not in before.rows[table]:
                    self.application.renumber(table, key, {whose: row[whose], when: row[when]})
        self.application.flush()

    def _is_about_cover(self, event: Asking) -> bool:
        """Whether holds and restrictions may cover something else now, or somebody else."""
        if isinstance(event, Answer):
            return self.world.desk.requests[event.request].kind in {"restriction", "rectification"}
        return isinstance(event, Lift | Restore)

    def _ended(self, event: Asking) -> set[str]:
        """Purposes that are over for somebody, of which it is worth while to look whether they are."""
        is_about_them = isinstance(event, SeeTo | Restore) or (
            isinstance(event, Answer) and bool(self.world.desk.requests[event.request].purposes)
        )
        return {purpose for _, purpose in self.world.stops} if is_about_them else set()

    def _is_repeated(self, event: Ask) -> bool:
        """Whether a request is open that says the same; it is that request then."""
        asked = self.world.desk.read(event)
        same = self.world.desk.same(asked) if can_ask(event, self.world) else None
        if same is None or event.request in self.world.desk.requests:
            return False
        with _failures_told(str(event)):
            given = self.desk.ask(event)
        if given != self.desk.numbers[same]:
            raise Broken("told", f"{event}, although request {same} says the same and is open")
        self.counts["asked twice"] += 1
        return True

    def _back_up(self, event: BackUp) -> None:
        self.desk.sign(event.at)
        with self._disconnected():
            self.backups.make(event.backup)

    def _restore(self, event: Restore) -> None:
        """Restore, place again what was lost, replay, release again what was released, erase what that kept."""
        backup = self.world.backups[event.backup]
        self.desk.sign(event.at)
        with self._disconnected():
            self.backups.restore(event.backup)
        self.keeper.restored()
        self.desk.put_back(event.at)
        missing = self.world.missing
        compare.to_do(self.desk.to_do(backup.at, event.at), missing, event)
        for number, hold in missing.holds.items():
            targets = tuple(sorted(hold.targets, key=str))
            placed = Place(
                at=event.at,
                hold=number,
                kind=hold.kind,
                until=hold.until,
                targets=targets,
                subjects=tuple(sorted(hold.subjects, key=str)),
            )
            self.engine.place(placed, self.world.restored)
        for number, hold in missing.moved.items():
            self.engine.extend(Extend(at=event.at, hold=number, until=hold.until))
        self.desk.replay(backup.at, event.at)
        for number in missing.ended:
            self._end_again(number, event.at)
        self.desk.resume(event.at)

    def _end_again(self, number: int, moment: datetime) -> None:
        """Release a hold again, or have it lifted by its request; what is over ends by itself."""
        hold = self.world.holds[number]
        if hold.request is None:
            self.engine.release(Release(at=moment, hold=number))
        elif hold.until > moment:
            self.desk.do(Lift(at=moment, request=hold.request))

    @contextmanager
    def _disconnected(self) -> Iterator[None]:
        """Nobody uses the database meanwhile."""
        self.close()
        yield
        self.application.connect()

    # --- runs

    def _run(self, run: Run) -> None:
        self.application.flush()
        if is_of_old(self.world.policies, run):
            with _failures_told(f"the run as of {run.as_of}, by a policy that was amended since,"):
                self.engine.refuse(run)
            return
        with _failures_told(f"the beginning of the run as of {run.as_of}"):
            self.engine.begin(run)
        self._take_notice(run)
        before = self.watch.before(run.as_of)
        for rule in self.engine.rules(run.as_of):
            self._keep(run, rule, before)
        if run.is_checked:
            self._take_notice(run)
        compare.rows(self.application.everything(), self.world, run)
        rows = ((table, key) for table, rows in before.rows.items() for key in rows)
        self.watch.after(run, before, {name for name in rows if name not in self.world.images})
        self._count(run)

    def _take_notice(self, run: Run) -> None:
        with _failures_told(f"taking notice as of {run.as_of}"):
            noticed = self.engine.take_notice(notices.RULE, run.as_of)
        compare.notices(noticed, notices.take_notice(self.world, run.as_of), run)

    def _keep(self, run: Run, rule: str, before: Before) -> None:
        with _failures_told(f"{rule} as of {run.as_of}"):
            told = self.engine.keep(run, rule, partial(self._interfere, run, rule, before))
        self.world.forget_ended(run.as_of)
        if told is None:
            return
        expected = model.sweep(self.world, rule, run.as_of)
        if rule not in run.meanwhile:
            compare.told(told, expected, self.world, run)
        if run.is_repeated:
            with _failures_told(f"{rule} as of {run.as_of}, run again"):
                compare.nothing(self.engine.keep_again(run, rule))
        self.counts += expected.counts(rule)

    def _interfere(self, run: Run, rule: str, before: Before) -> None:
        """Let happen what happens while a rule is carried out."""
        for event in run.meanwhile.get(rule, ()):
            self._happen(event)
            before.follow(event, self.world)
        self.application.flush()

    def _count(self, run: Run) -> None:
        self.counts["Run"] += 1
        self.counts["run with all checks"] += run.is_checked
        self.counts["run killed and started again"] += run.killed_after is not None
        self.counts["batches deferred"] += self.engine.deferred
        self.engine.deferred = 0


@contextmanager
def _failures_told(what: str, kind: str = "failed") -> Iterator[None]:
    try:
        yield
    except Broken:
        raise
    except Exception as error:
        complaint = f"{type(error).__name__} {error}"
        raise Broken(kind, f"{what} failed: {complaint}", error=complaint) from error
