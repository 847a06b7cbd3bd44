"""What is released at once: a day, or a week that begins on Monday, of the policy's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from lifecycle.errors import UsageError
from lifecycle.policy.release_form import Every
from lifecycle.timelimits import first_instant, local_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from lifecycle.policy.releases import ResolvedRelease


DAYS_A_WEEK = 7


@dataclass(frozen=True, kw_only=True)
class Span:
    """A period of a release.

    Attributes:
        first: its first day, by which it is named.
        last: its last day.
        begins: the instant at which it begins.
        ends: the first instant after it.
    """

    first: date
    last: date
    begins: datetime
    ends: datetime


def span_of(release: ResolvedRelease, first: date, zone: ZoneInfo) -> Span:
    """The period that begins on a day.

    Raises:
        UsageError: none of the release begins on that day.
    """
    if release.release.every is Every.WEEK and first.weekday() != 0:
        raise UsageError(
            f"{first} is no Monday, and {release.name} is released by the week",
            place=release.name,
            next_step=f"give {first - timedelta(days=first.weekday())}",
        )
    return _span(first, release.days, zone)


def closed_spans(release: ResolvedRelease, as_of: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """The periods that are over and may still be released, oldest first."""
    today = local_day(as_of, zone)
    earliest = today - timedelta(days=release.release.within + release.days - 1)
    back = earliest.weekday() if release.release.every is Every.WEEK else 0
    first = earliest - timedelta(days=back)
    while first + timedelta(days=release.days) <= today:
        if is_in_time(release, first, today):
            yield _span(first, release.days, zone)
        first += timedelta(days=release.days)


def spans_since(release: ResolvedRelease, day: date, zone: ZoneInfo) -> Iterator[Span]:
    """The periods that begin on a day or later, without end."""
    if release.release.every is Every.WEEK:
        day += timedelta(days=-day.weekday() % DAYS_A_WEEK)
    while True:
        yield _span(day, release.days, zone)
        day += timedelta(days=release.days)


def is_in_time(release: ResolvedRelease, first: date, today: date) -> bool:
    """Whether the period that begins on ``first`` may still be released today."""
    last = first + timedelta(days=release.days - 1)
    return last < today <= last + timedelta(days=release.release.within)


def _span(first: date, days: int, zone: ZoneInfo) -> Span:
    last = first + timedelta(days=days - 1)
    return Span(
        first=first,
        last=last,
        begins=first_instant(first, zone),
        ends=first_instant(last + timedelta(days=1), zone),
    )
