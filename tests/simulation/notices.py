"""Which deletions are noticed and announced when, from the words of the policy (A9).

When a customer's last contract has ended, the next run takes notice, as long as there are persons to delete, and
plans their day. So many days ahead of it the deletion is announced, once each. A contract that lives again, an end
that turns out to be on another day, and an amended period make the notice void; when no person is left, it is done.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from simulation.model import Clocks
from simulation.moments import day_of, last_day
from simulation.policy import in_force
from simulation.world import Notice

if TYPE_CHECKING:
    from datetime import datetime

    from simulation.policy import Promise
    from simulation.tables import Key
    from simulation.world import World

RULE = "persons_after_contract"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a run did to the notices.

    Attributes:
        announced: how many deletions, by planned day and days ahead.
    """

    added: int
    cancelled: int
    done: int
    announced: Counter[tuple[date, int]] = field(default_factory=Counter)


def take_notice(world: World, as_of: datetime) -> Taken:
    """Bring the notices up to date; a run for a past day leaves those of later runs alone."""
    promise = in_force(world.policies, as_of).promises[RULE]
    started = _started(world, day_of(as_of))
    with_persons = {row["customer_id"] for row in world.rows["app.person"].values()}
    earlier = {key: one for key, one in world.notices.items() if one.noticed_at <= as_of}
    done = earlier.keys() - with_persons
    void = {
        key
        for key in earlier.keys() - done
        if key not in started or not _still_tells(earlier[key], started[key], promise)
    }
    for key in done | void:
        del world.notices[key]
    added = started.keys() - world.notices.keys()
    for key in added:
        world.notices[key] = _notice(started[key], promise, as_of)
    return Taken(
        added=len(added),
        cancelled=len(void),
        done=len(done),
        announced=_announce(world, promise, day_of(as_of)),
    )


def _started(world: World, today: date) -> dict[Key, date]:
    """Customers with persons whose contracts are over, and since when."""
    clocks, found = Clocks(world), {}
    for key in {row["customer_id"] for row in world.rows["app.person"].values()}:
        started = clocks.started(("app.customer", key))
        if started is not None and started <= today:
            found[key] = started
    return found


def _notice(event_day: date, promise: Promise, noticed_at: datetime) -> Notice:
    """A notice; where it comes too late the deletion is planned for the same day."""
    last = last_day(event_day, promise.keep)
    planned_on = max(last - timedelta(days=promise.lead_days), day_of(noticed_at))
    return Notice(event_day=event_day, last_day=last, planned_on=planned_on, noticed_at=noticed_at)


def _still_tells(notice: Notice, event_day: date, promise: Promise) -> bool:
    """Whether the same would be noticed under the policy of today."""
    return replace(notice, announced=()) == _notice(event_day, promise, notice.noticed_at)


def _announce(world: World, promise: Promise, today: date) -> Counter[tuple[date, int]]:
    """What is near enough by now and was not announced yet; of several leads at once only the last is told."""
    told: Counter[tuple[date, int]] = Counter()
    for key, notice in world.notices.items():
        near = {days for days in promise.announce if notice.planned_on - timedelta(days=days) <= today}
        if new := near - set(notice.announced):
            announced = (*notice.announced, *sorted(new, reverse=True))
            world.notices[key] = replace(notice, announced=announced)
            told[notice.planned_on, min(new)] += 1
    return told
