"""Whether the limit has passed."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from lifecycle.timelimits import Period, is_over
from spec.chapter import Chapter, cases

TALLINN = ZoneInfo("Europe/Tallinn")


def over(event: str, keep: str, as_of: str) -> str:
    moment = datetime.fromisoformat(as_of)
    answer = is_over(date.fromisoformat(event), Period.parse(keep), as_of=moment, zone=TALLINN)
    return "over" if answer else "running"


CHAPTERS = (
    Chapter(
        title="Over",
        text=(
            "The limit has passed. For a promise to delete this means late; for a duty to keep it means "
            "that the duty has ended and the row may go. Lead plays no part: a law's minimum is not "
            "shortened."
        ),
        given=("event", "keep", "as of"),
        gives="answer",
        ask=over,
        cases=cases(
            (
                "2026-01-01",
                "P30D",
                "2026-01-31T23:59:59.999999+02:00",
                "running",
                "The last microsecond of the last day still belongs to the period.",
            ),
            (
                "2026-01-01",
                "P30D",
                "2026-02-01T00:00:00+02:00",
                "over",
                "The limit itself is outside the period.",
            ),
            (
                "2026-01-01",
                "P30D",
                "2026-01-31T22:00:00+00:00",
                "over",
                "The same instant, written in UTC.",
            ),
            (
                "2016-12-31",
                "P10Y",
                "2026-12-31T12:00:00+02:00",
                "running",
                "Books closed at the end of 2016 are kept through the last day of 2026 (A7).",
            ),
            ("2016-12-31", "P10Y", "2027-01-01T00:00:00+02:00", "over", "And no day longer."),
            (
                "2026-09-25",
                "P30D",
                "2026-10-25T23:59:59+02:00",
                "running",
                "The twenty-fifth hour of the day on which clocks go back is part of it.",
            ),
            (
                "9999-12-31",
                "P1D",
                "9999-12-31T12:00:00+00:00",
                "running",
                "What ends after the calendar is not over inside it.",
            ),
        ),
    ),
)
