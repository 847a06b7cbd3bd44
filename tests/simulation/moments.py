"""Days and moments of the company, and periods counted in the model's own way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

TALLINN = ZoneInfo("Europe/Tallinn")


@dataclass(frozen=True, kw_only=True)
class Period:
    """Whole months, then whole days."""

    months: int = 0
    days: int = 0

    def __str__(self) -> str:
        parts = ((self.months, "M"), (self.days, "D"))
        return "P" + "".join(f"{count}{unit}" for count, unit in parts if count)


@lru_cache(maxsize=100_000)
def last_day(event_day: date, keep: Period) -> date:
    """The last day of a period that an event starts; a month without the day ends it on its own last day."""
    return event_day + relativedelta(months=keep.months) + relativedelta(days=keep.days)


@lru_cache(maxsize=100_000)
def day_of(moment: datetime) -> date:
    """The day in Tallinn."""
    return moment.astimezone(TALLINN).date()


def at(day: date, clock: time = time.min) -> datetime:
    """A wall time in Tallinn, in UTC."""
    return datetime.combine(day, clock, tzinfo=TALLINN).astimezone(UTC)
