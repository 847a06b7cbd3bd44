"""What the company's releases promise, from the words of the policy.

Two things are otherwise than published, so that a company this small meets all that a large one does: the budget is
larger, so that there is less noise and something is shown; and periods become late sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ONCE_MORE = 2_000
"""How many times larger than published the budget is."""
LOOKS_BACK = timedelta(days=60)
"""How far whoever enters what is late looks back."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a table is divided by, and what of one contributor counts.

    Attributes:
        most: in one cell, by number.
    """

    by: tuple[str, ...]
    cells: int
    most: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Feed:
    """For whom a release is made; what a draw takes of the budget, and how much there is."""

    name: str
    takes: Fraction
    of_period: Fraction
    of_30_days: Fraction
    of_365_days: Fraction


@dataclass(frozen=True, kw_only=True)
class Promised:
    """A release.

    Attributes:
        events: table that is counted.
        days: of a period; those of seven begin on Monday.
        within: days after its end in which a period is released.
        contributor: whom noise hides.
    """

    name: str
    purpose: str
    events: str
    days: int
    within: int
    contributor: str
    tables: Mapping[str, Table]
    feeds: tuple[Feed, ...]

    def first_day(self, day: date) -> date:
        """The first day of the period that a day is in."""
        return day - timedelta(days=day.weekday()) if self.days > 1 else day

    def last_day(self, first: date) -> date:
        """The last day of a period."""
        return first + timedelta(days=self.days - 1)

    def over(self, today: date) -> Iterator[date]:
        """First days of the periods that are over, latest first."""
        first = self.first_day(today) - timedelta(days=self.days)
        while True:
            yield first
            first -= timedelta(days=self.days)

    def is_in_time(self, first: date, today: date) -> bool:
        """Whether a period that is over may still be released."""
        return today <= self.last_day(first) + timedelta(days=self.within)


def _feed(name: str, takes: str, of_period: str, of_30_days: str, of_365_days: str) -> Feed:
    amounts = (ONCE_MORE * Fraction(one) for one in (takes, of_period, of_30_days, of_365_days))
    return Feed(
        name=name,
        takes=next(amounts),
        of_period=next(amounts),
        of_30_days=next(amounts),
        of_365_days=next(amounts),
    )


def _visits(by: tuple[str, ...], cells: int, events: int) -> Table:
    return Table(by=by, cells=cells, most={"events": events, "seconds": 600})


def _usage(by: tuple[str, ...], cells: int) -> Table:
    return Table(by=by, cells=cells, most={"persons": 10, "events": 50})


RELEASES = {
    one.name: one
    for one in (
        Promised(
            name="website_visits",
            purpose="website_operation",
            events="website.page_view",
            days=1,
            within=3,
            contributor="subject",
            tables={
                "visits_by_country": _visits(("country",), 1, 20),
                "visits_by_country_and_device": _visits(("country", "device"), 1, 20),
                "visits_by_page": _visits(("page",), 4, 5),
                "visits_by_country_and_page": _visits(("country", "page"), 4, 5),
            },
            feeds=(
                _feed("internal", "0.03", "0.06", "0.99", "11.5"),
                _feed("commercial", "0.015", "0.03", "0.5", "5.8"),
            ),
        ),
        Promised(
            name="application_usage",
            purpose="service_improvement",
            events="app.activity",
            days=7,
            within=7,
            contributor="organisation",
            tables={
                "usage_by_seniority": _usage(("seniority",), 3),
                "usage_by_job_family": _usage(("job_family",), 3),
                "usage_by_country": _usage(("country",), 2),
            },
            feeds=(
                _feed("internal", "0.1", "0.2", "0.8", "6"),
                _feed("commercial", "0.05", "0.1", "0.4", "3"),
            ),
        ),
    )
}
"""By name, in the order of the policy."""
