"""The last day on which data may still exist."""

from __future__ import annotations

from datetime import date

from lifecycle import timelimits
from lifecycle.timelimits import Period
from spec.chapter import Chapter, cases

GIVEN = ("event", "keep")
GIVES = "last day"


def last_day(event: str, keep: str) -> str:
    return timelimits.last_day(date.fromisoformat(event), Period.parse(keep)).isoformat()


CHAPTERS = (
    Chapter(
        title="Periods in days",
        text=(
            "The day of the event is not counted (Art. 3(1)); the period ends when its last day ends "
            "(Art. 3(2)(b))."
        ),
        given=GIVEN,
        gives=GIVES,
        ask=last_day,
        cases=cases(
            (
                "2026-01-01",
                "P30D",
                "2026-01-31",
                "The second of January is day 1, the thirty-first is day 30.",
            ),
            ("2026-01-15", "P30D", "2026-02-14", "Days run on across the end of a month."),
            ("2026-02-10", "P30D", "2026-03-12", "A February of 28 days lends fewer days to the count."),
            ("2024-02-10", "P30D", "2024-03-11", "The leap day is one of the thirty."),
            (
                "2024-02-29",
                "P30D",
                "2024-03-30",
                "An event on the leap day itself counts from the first of March.",
            ),
            ("2026-01-01", "P1D", "2026-01-02", "One day is one full day after the event."),
            (
                "2025-12-31",
                "P1D",
                "2026-01-01",
                "New Year's Day, a holiday, is not skipped: the period is a maximum.",
            ),
            (
                "2026-03-01",
                "P2W",
                "2026-03-15",
                "Two weeks end on the same day of the week: a Sunday, and no later.",
            ),
            (
                "2026-03-01",
                "P365D",
                "2027-03-01",
                "365 days reach the same date where no leap day lies between.",
            ),
            ("2027-03-01", "P365D", "2028-02-29", "With a leap day between they fall a day short of a year."),
        ),
    ),
    Chapter(
        title="Periods in months and years",
        text=(
            "They end when the day with the number of the event's day ends, and where that month has no "
            "such day, when its last day ends (Art. 3(2)(c))."
        ),
        given=GIVEN,
        gives=GIVES,
        ask=last_day,
        cases=cases(
            ("2026-05-14", "P12M", "2027-05-14", "The same number, a year on."),
            (
                "2026-05-14",
                "P1M",
                "2026-06-14",
                "The same number, a month on, although May is longer than June.",
            ),
            ("2026-01-31", "P1M", "2026-02-28", "February has no 31, so its last day it is."),
            ("2024-01-31", "P1M", "2024-02-29", "In a leap year February's last day is the 29th."),
            ("2026-01-29", "P1M", "2026-02-28", "Three events of three days share this last day."),
            ("2026-01-28", "P1M", "2026-02-28", "The 28th has its own number in every month."),
            (
                "2026-02-28",
                "P1M",
                "2026-03-28",
                "The last day of a month does not stick to the end: its number counts.",
            ),
            ("2026-08-31", "P1M", "2026-09-30", "September has 30 days."),
            ("2026-12-31", "P2M", "2027-02-28", "Across the year into a short month."),
            (
                "2024-02-29",
                "P12M",
                "2025-02-28",
                "A contract that ended on a leap day: the next February has no 29.",
            ),
            ("2024-02-29", "P3Y", "2027-02-28", "Three years on there is no 29 either."),
            ("2024-02-29", "P4Y", "2028-02-29", "Four years on there is."),
            ("2096-02-29", "P4Y", "2100-02-28", "2100 is no leap year, so even four years on may be cut."),
            ("2025-02-28", "P3Y", "2028-02-28", "Landing in a leap year does not add a day: 28 is 28."),
            ("2026-06-30", "P3Y", "2029-06-30", "Contract end and three years (A6)."),
            (
                "2026-12-31",
                "P10Y",
                "2036-12-31",
                "Books closed at the end of 2026 and kept for ten years (A7).",
            ),
            ("1899-12-31", "P200Y", "2099-12-31", "The longest period."),
        ),
    ),
    Chapter(
        title="Months and days together",
        text=(
            "Months are counted first and cut to the month's end where needed, then days are added: the "
            "order in which PostgreSQL adds an interval to a date."
        ),
        given=GIVEN,
        gives=GIVES,
        ask=last_day,
        cases=cases(
            ("2026-01-31", "P1M1D", "2026-03-01", "First the 28th of February, then one day."),
            ("2024-01-31", "P1M1D", "2024-03-01", "First the 29th of February, then one day."),
            ("2026-01-30", "P1M1D", "2026-03-01", "The 30th is cut to the 28th as well."),
            ("2026-01-31", "P1Y2M3D", "2027-04-03", "The 31st of March 2027 exists; three days on is April."),
            (
                "2023-12-31",
                "P2M30D",
                "2024-03-30",
                "The leap day is where the months end and the days begin.",
            ),
        ),
    ),
    Chapter(
        title="The end of the calendar",
        text=(
            'Applications write 9999-12-31 for "open". Such a date is computed with like any other, and a '
            "last day that no calendar holds is given as 9999-12-31: never."
        ),
        given=GIVEN,
        gives=GIVES,
        ask=last_day,
        cases=cases(
            ("9999-12-31", "P1D", "9999-12-31", "The day after does not exist."),
            ("9999-12-31", "P3Y", "9999-12-31", "An open contract's three years never end."),
            ("9998-12-31", "P1Y", "9999-12-31", "The last period that ends inside the calendar."),
            ("0001-01-01", "P30D", "0001-01-31", "The first day there is."),
        ),
    ),
)
