"""Lets statistics be released in the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from simulation.moments import day_of
from simulation.releases.counted import Counted, counted
from simulation.releases.promised import LOOKS_BACK, RELEASES
from simulation.releases.register import KNOWN

if TYPE_CHECKING:
    from datetime import date, datetime

    from simulation.history import Aggregate
    from simulation.releases.promised import Promised
    from simulation.releases.register import Period
    from simulation.tables import Snapshot
    from simulation.world import World

STEPS = ("extract", "count", "reserve", "draw", "publish")
"""After each of them the process may die."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """What came of one period.

    Attributes:
        is_refused: whether a budget was spent.
    """

    period: Period
    counted: Counted
    is_refused: bool


@dataclass(kw_only=True)
class Made:
    """What came of a run.

    Attributes:
        late: periods that were entered as lost.
        open: periods that were to be released.
        built: those that were.
        is_dead: whether the process died.
    """

    late: list[Period] = field(default_factory=list)
    open: list[Period] = field(default_factory=list)
    built: list[Built] = field(default_factory=list)
    is_dead: bool = False
    met: Counter[str] = field(default_factory=Counter)


def aggregate(world: World, event: Aggregate) -> Made:
    """Enter as lost what is late, and release what is over and still may be."""
    made, today = Made(met=Counter({"statistics are released": 1})), day_of(event.at)
    for promised in RELEASES.values():
        made.late += [(promised.name, first) for first in _enter_late(world, promised, today)]
    for period, late in _seen_late(world, today).items():
        world.register.late[period] = max(world.register.late.get(period, 0), late)
    made.open = [
        (promised.name, first)
        for promised in RELEASES.values()
        for first in open_periods(world, promised, today)
    ]
    for name, first in made.open:
        promised = RELEASES[name]
        if not made.is_dead:
            made.met["a period on its last day"] += not promised.is_in_time(first, today + timedelta(days=1))
            _build(world, promised, first, event, made)
    made.met["a period is lost"] += len(made.late)
    made.met["a draw that a restore took away"] += any(
        one.state == "forgotten" for one in world.register.draws
    )
    made.met["a late event after a release"] += len(late_events(world, today))
    return made


def _changes_met(now: Counted, before: Counted | None) -> Counter[str]:
    """What became otherwise since a period was counted and not released to everybody."""
    events = before.events.keys() if before else set()
    return Counter(
        {
            "an objection between two tries": bool(events & now.ended),
            "an erasure between two tries": bool(events - now.events.keys() - now.ended),
        }
    )


def gone_unreleased(before: Snapshot, world: World, moment: datetime) -> Counter[str]:
    """Events that are gone since, for another reason than their time, although their period may still be released."""
    found: Counter[str] = Counter()
    for promised in RELEASES.values():
        gone = before[promised.events].keys() - world.rows[promised.events].keys()
        firsts = {promised.first_day(day_of(before[promised.events][key]["occurred_at"])) for key in gone}
        found["an erasure between event and release"] += any(
            promised.is_in_time(first, day_of(moment)) and not world.register.is_done(promised, first)
            for first in firsts
        )
    return +found


def late_events(world: World, today: date) -> dict[Period, int]:
    """How many more events released periods have, or had when a run looked, than when they were counted."""
    register, seen = world.register, _seen_late(world, today)
    found = {period: max(register.late.get(period, 0), seen.get(period, 0)) for period in register.counted}
    return {period: late for period, late in found.items() if late}


def _seen_late(world: World, today: date) -> dict[Period, int]:
    """How many more events periods have by now that were released not long ago."""
    found = {}
    for (name, first), events in world.register.counted.items():
        promised = RELEASES[name]
        if world.register.is_known((name, first)) and promised.last_day(first) >= today - LOOKS_BACK:
            rows = world.rows[promised.events].values()
            there = sum(promised.first_day(day_of(row["occurred_at"])) == first for row in rows)
            found[name, first] = max(0, there - events)
    return found


def open_periods(world: World, promised: Promised, today: date) -> list[date]:
    """Periods that are over, may still be released, and are not; oldest first."""
    in_time = list(takewhile(lambda first: promised.is_in_time(first, today), promised.over(today)))
    return [first for first in reversed(in_time) if not world.register.is_done(promised, first)]


def _enter_late(world: World, promised: Promised, today: date) -> list[date]:
    """Periods from the first that is known on, that nobody released in time, are lost."""
    known = world.register.first_known(promised.name)
    if known is None:
        return []
    begins = max(known, today - LOOKS_BACK)
    over = list(takewhile(lambda first: first >= begins, promised.over(today)))
    late = [
        first
        for first in reversed(over)
        if not promised.is_in_time(first, today) and not world.register.is_done(promised, first)
    ]
    for first in late:
        world.register.lose(promised, first)
    return late


def _build(world: World, promised: Promised, first: date, event: Aggregate, made: Made) -> None:
    """Release one period, as far as the process lives."""
    register, period = world.register, (promised.name, first)
    dies = event.dies_after
    missing = [feed for feed in promised.feeds if not register.of(period, feed.name, *KNOWN)]
    found = counted(world, promised, first, event.at)
    made.met += found.met + _changes_met(found, register.tried.get(period))
    if period not in register.counted or not register.is_known(period):
        register.counted[period] = found.all
    register.tried[period] = found
    is_refused = False
    if dies in {"extract", "count"}:
        missing, made.is_dead = [], True
    for feed in missing:
        made.met["a draw was cut short"] += register.burn(period, feed.name)
        if not register.reserve(promised, feed, first):
            is_refused = True
            continue
        if dies == "reserve":
            made.is_dead = True
            break
        register.release(period, feed.name)
        if dies in {"draw", "publish"}:
            made.is_dead = True
            break
    made.met["a budget is spent"] += is_refused
    if made.is_dead:
        made.met[f"dies after {dies}"] += 1
    made.built.append(Built(period=period, counted=found, is_refused=is_refused))
