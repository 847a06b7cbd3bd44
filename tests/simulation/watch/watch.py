"""Watches the company from run to run, and complains."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.books.written import INVOICE
from simulation.broken import Broken
from simulation.history import Add, Change
from simulation.moments import day_of
from simulation.policy import RUN_EVERY_DAYS, in_force
from simulation.watch.books import Law
from simulation.watch.cover import Cover, active, owners
from simulation.watch.limits import Limits, days_before
from simulation.watch.releases import Releases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from simulation.history import Event, Run
    from simulation.policy import Policy, Promise
    from simulation.tables import Key, Name, Snapshot
    from simulation.watch.cover import Named
    from simulation.world import Notice, World


@dataclass(frozen=True, kw_only=True)
class Before:
    """The company as it was when a run began; rows that were changed while it went on are as they became.

    Attributes:
        holds: and restrictions that counted, and what they named.
        notices: by customer, after the run took notice.
        left: rows of whoever was erased that had to stay, by then the subject's or part of it.
        when_gone: the rows as they were, of those that were gone when something changed while the run went on.
    """

    rows: Snapshot
    holds: Mapping[int, Named]
    notices: Mapping[Key, Notice]
    left: frozenset[Name]
    when_gone: dict[Name, Snapshot] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, as_of: datetime) -> Before:
        """The company as it is now."""
        return cls(
            rows={table: dict(rows) for table, rows in world.rows.items()},
            holds=active(world, as_of),
            notices=dict(world.notices),
            left=frozenset(name for one in world.desk.requests.values() for name, _ in one.left),
        )

    def follow(self, event: Event, world: World) -> None:
        """The application does something while the run goes on; what is gone by then went by what was so before."""
        so_far = {table: dict(rows) for table, rows in self.rows.items()}
        for table, rows in so_far.items():
            for key in rows.keys() - world.rows[table].keys():
                self.when_gone.setdefault((table, key), so_far)
        if isinstance(event, Add | Change) and (row := world.find((event.table, event.key))):
            self.rows[event.table][event.key] = row


@dataclass(frozen=True, kw_only=True)
class _Left:
    """What the last run of a rule left behind.

    Attributes:
        limits: the moment before which each of its rows must be gone.
        excused: rows that were past their limit, for a reason.
    """

    as_of: datetime
    policy: Policy
    limits: dict[Name, datetime]
    excused: set[Name]


@dataclass(kw_only=True)
class Watch:
    """Watches the company from run to run.

    Attributes:
        releases: watches what is released.
        last_run: the latest moment that a run stood for.
        counts: runs, rows that are gone, rows kept past their limit, rows late because no run came for days.
    """

    world: World
    last_run: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)
    releases: Releases = field(init=False)
    _left: dict[str, _Left] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.releases = Releases(world=self.world, counts=self.counts)

    def before(self, as_of: datetime) -> Before:
        """Ask before a run: did a row outlive its limit though runs came in time?

        Raises:
            Broken: late.
        """
        policy = in_force(self.world.policies, as_of)
        limits = Limits(self.world.rows)
        late = []
        for rule, left in self._left.items():
            promise = policy.promises[rule]
            gap = (day_of(as_of) - day_of(left.as_of)).days
            if policy is not left.policy:  # they go with the first run after
                continue
            for name, limit in _limited(limits, promise):
                if limit > as_of or left.limits.get(name) != limit or name in left.excused:
                    continue
                if gap > promise.lead_days + RUN_EVERY_DAYS:
                    self.counts["late for want of runs"] += 1
                else:
                    late.append(f"{_told(name)} was to be gone by {limit} and is there at {as_of}")
        _raise("late", late)
        return Before.of(self.world, as_of)

    def forget(self) -> None:
        """A backup was restored: rows are back that were gone, until the next run."""
        self._left.clear()

    def after(self, run: Run, before: Before, gone: set[Name]) -> None:
        """Ask after a run: is all gone that had to be, with its lead, and nothing that had not?

        Raises:
            Broken: early, unannounced, late or expired unreleased.
        """
        self._nothing_early(run.as_of, before, gone)
        self.releases.after(run, before, gone, in_force(self.world.policies, run.as_of))
        self._nothing_unannounced(run, before, gone)
        self._nothing_late(run, before)
        self.counts["runs"] += 1
        self.counts["rows gone"] += len(gone)

    def _nothing_early(self, as_of: datetime, before: Before, gone: Iterable[Name]) -> None:
        """What is gone had come to its limit, or something that it was part of had; and nobody held it."""
        promises = {one.table: one for one in in_force(self.world.policies, as_of).promises.values()}
        now = active(self.world, as_of)  # those released or placed while the run went on do not count
        cover = Cover(before.rows, {number: before.holds[number] for number in before.holds.keys() & now})
        early = []
        for name in gone:
            if cover.covers(name):
                early.append(f"{_told(name)} was held and is gone at {as_of}")
            rows = before.when_gone.get(name, before.rows)
            if complaint := Law(self.world, rows, as_of).complaint(name):
                early.append(f"{_told(name)} is gone at {as_of}; {complaint}")
            if not any(_may_go(Limits(rows), promises, part, as_of) for part in owners(rows, name)):
                early.append(f"{_told(name)} is gone at {as_of}, and nothing it was part of was due")
        _raise("early", early)

    def _nothing_unannounced(self, run: Run, before: Before, gone: Iterable[Name]) -> None:
        """That a person goes was noticed and announced, and the day that was told has come."""
        announce = set(in_force(self.world.policies, run.as_of).promises["persons_after_contract"].announce)
        unannounced = []
        for table, key in gone:
            if table != "app.person":
                continue
            notice = before.notices.get(before.rows[table][key]["customer_id"])
            if notice is None or notice.planned_on > day_of(run.at):
                unannounced.append(
                    f"{_told((table, key))} is gone at {run.as_of}, against its notice {notice}"
                )
            elif notice.planned_on <= day_of(run.as_of) and not announce <= set(notice.announced):
                unannounced.append(
                    f"{_told((table, key))} is gone at {run.as_of}, and announced was {notice}"
                )
        _raise("unannounced", unannounced)

    def _nothing_late(self, run: Run, before: Before) -> None:
        """What is near its limit is gone, or somebody keeps it."""
        as_of, policy = run.as_of, in_force(self.world.policies, run.as_of)
        cover = Cover(self.world.rows, {**before.holds, **active(self.world, as_of)})
        limits, law, late = Limits(self.world.rows), Law(self.world, self.world.rows, as_of), []
        for rule, promise in policy.promises.items():
            left = dict(_limited(limits, promise))
            near = {name for name, limit in left.items() if _planned(limit, promise) <= as_of}
            excused = {
                (table, key)
                for table, key in near
                if cover.excuses((table, key)) or (table == INVOICE and law.keeps(key))
            }
            if rule in run.unanswered:
                self._excuse(rule, excused)
                continue
            late += [
                f"{_told(name)} was to be gone by {left[name]} and survived {as_of}"
                for name in sorted(near - excused)
            ]
            self.counts["kept past the limit"] += len(excused)
            if self.last_run is None or as_of >= self.last_run:
                self._left[rule] = _Left(as_of=as_of, policy=policy, limits=left, excused=excused)
        _raise("late", late)
        self.last_run = max(as_of, self.last_run or as_of)

    def _excuse(self, rule: str, names: set[Name]) -> None:
        """Rows that would have stayed, had anybody approved the plan of a rule."""
        if rule in self._left:
            self._left[rule].excused.update(names)


def _raise(kind: str, complaints: list[str]) -> None:
    if complaints:
        count = len(complaints)
        early, late = (0, count) if kind == "late" else (count, 0)
        raise Broken(kind, "; ".join(complaints), late=late, early=early)


def _limited(limits: Limits, promise: Promise) -> Iterator[tuple[Name, datetime]]:
    """Rows that are there and have a limit of their own."""
    for key in limits.rows[promise.table]:
        limit = limits.of(promise, key)
        if limit is not None:
            yield (promise.table, key), limit


def _may_go(limits: Limits, promises: dict[str, Promise], name: Name, as_of: datetime) -> bool:
    """Whether the row's own limit is near enough."""
    promise = promises.get(name[0])
    limit = limits.of(promise, name[1]) if promise else None
    return promise is not None and limit is not None and _planned(limit, promise) <= as_of


def _planned(limit: datetime, promise: Promise) -> datetime:
    """From when on a run takes a row: the last scheduled run that keeps the lead."""
    return days_before(limit, promise.lead_days + RUN_EVERY_DAYS)


def _told(name: Name) -> str:
    return f"{name[0]} {name[1]}"
