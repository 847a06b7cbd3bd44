"""Events whose time is not when they came: late ones are counted and never added, those of the future wait.

An event belongs to the period that its own time lies in; when a row came nobody writes down. One that turns up in a
period of which something was released is late, whether it was sent late or its clock was slow: what was released stays
as it is. One whose time has not come, by a clock that is fast, counts in its period when that is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lifecycle.analytics import draws, periods
from lifecycle.analytics.events import number_of_events
from lifecycle.analytics.inspecting import FURTHEST_BACK
from lifecycle.analytics.releasing import release_of
from lifecycle.planning.planner import one_state
from lifecycle.timelimits import first_instant, local_day

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Connection

    from lifecycle.analytics.periods import CountedPeriod
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class Late:
    """Events of a release that did not come in time: exact numbers, for operators only.

    Attributes:
        by_day: how many came after their period was counted, by its first day: at least so many, since what is
            deleted of a period hides as many.
        ahead: how many there are whose time has not come.
    """

    release: str
    by_day: dict[date, int]
    ahead: int

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        late = [{"first_day": day.isoformat(), "events": events} for day, events in self.by_day.items()]
        return {"release": self.release, "late": late, "ahead": self.ahead}


def late_events(company: Company, name: str, *, as_of: datetime) -> Late:
    """How many events released periods have that they were not released with: those seen now, and those seen before."""
    release, rulebook = release_of(company, name, as_of=as_of), company.rulebook(as_of)
    with one_state(company.engine) as connection:
        seen = _seen(connection, company, name, as_of)
        known = {one.first_day: one.late for one in periods.counted(connection, name)}
        ahead = number_of_events(connection, rulebook, release, as_of)
    found = {day: max(late, seen.get(day, 0)) for day, late in known.items()}
    return Late(release=name, by_day={day: late for day, late in found.items() if late}, ahead=ahead)


def record_late_events(company: Company, name: str, *, as_of: datetime) -> int:
    """Enter how many events came late, before they are gone; says at how many periods it looked, and nothing exact."""
    with one_state(company.engine) as connection:
        seen = _seen(connection, company, name, as_of)
    with company.engine.begin() as connection:
        periods.enter_late(connection, name, {day: late for day, late in seen.items() if late})
    return len(seen)


def _seen(connection: Connection, company: Company, name: str, as_of: datetime) -> dict[date, int]:
    """By first day, how many more events there are now than were counted, of periods that are released and not old."""
    release, rulebook = release_of(company, name, as_of=as_of), company.rulebook(as_of)
    zone = rulebook.policy.zone
    oldest = local_day(as_of, zone) - FURTHEST_BACK
    released = {one.first_day for one in draws.draws(connection, name) if one.is_known}

    def more(period: CountedPeriod) -> int:
        begins = first_instant(period.first_day, zone)
        ends = first_instant(period.last_day + timedelta(days=1), zone)
        return max(0, number_of_events(connection, rulebook, release, begins, ends) - period.events)

    return {
        one.first_day: more(one)
        for one in periods.counted(connection, name)
        if one.first_day in released and one.last_day >= oldest
    }
