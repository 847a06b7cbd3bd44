"""The end of the financial year, from which the keeping of books is counted."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from lifecycle import timelimits
from lifecycle.timelimits import Period
from spec.chapter import Chapter, cases


def year_end(day: str, year_ends: str) -> str:
    return timelimits.financial_year_end(date.fromisoformat(day), year_ends).isoformat()


def kept_until(day: str, year_ends: str, keep: str) -> str:
    closed = timelimits.financial_year_end(date.fromisoformat(day), year_ends)
    return timelimits.limit(closed, Period.parse(keep), ZoneInfo("Europe/Tallinn")).isoformat()


CHAPTERS = (
    Chapter(
        title="The end of the financial year",
        text=(
            "Accounting documents are kept from the end of the financial year that holds them. The policy "
            "says on which day the company's year ends."
        ),
        given=("document of", "year ends"),
        gives="books closed",
        ask=year_end,
        cases=cases(
            ("2026-05-14", "12-31", "2026-12-31", "The calendar year is the usual financial year."),
            ("2026-12-31", "12-31", "2026-12-31", "The last day belongs to the year it ends."),
            ("2026-01-01", "12-31", "2026-12-31", "The first day has the whole year before it."),
            ("2026-06-30", "06-30", "2026-06-30", "A year that ends in June holds its last day."),
            ("2026-07-01", "06-30", "2027-06-30", "The day after opens the next year."),
            ("2026-01-15", "02-28", "2026-02-28", "A year that ends with February."),
            ("2024-02-29", "02-28", "2024-02-29", "It ends with February in leap years too, on the 29th."),
            ("2024-02-28", "02-29", "2024-02-29", "Written either way, February's last day is meant."),
            ("2026-02-28", "02-29", "2026-02-28", "And in other years that is the 28th."),
            ("2025-01-01", "02-27", "2025-02-27", "Any other day of February is taken at its word."),
            ("2026-03-01", "02-29", "2027-02-28", "March opens the next year."),
            ("9999-12-31", "06-30", "9999-12-31", "A year that ends after the calendar ends with it."),
        ),
    ),
    Chapter(
        title="Keeping the books",
        text="Ten years from the end of the financial year (A7): kept until then, gone after.",
        given=("document of", "year ends", "keep"),
        gives="kept until",
        ask=kept_until,
        cases=cases(
            (
                "2026-01-01",
                "12-31",
                "P10Y",
                "2036-12-31T22:00:00+00:00",
                "A document of New Year's Day is kept for nearly eleven years.",
            ),
            (
                "2026-12-31",
                "12-31",
                "P10Y",
                "2036-12-31T22:00:00+00:00",
                "One of New Year's Eve for ten years and no more: both go together.",
            ),
            (
                "2024-02-29",
                "02-29",
                "P10Y",
                "2034-02-28T22:00:00+00:00",
                "A year closed on a leap day: ten years on, February has no 29.",
            ),
        ),
    ),
)
