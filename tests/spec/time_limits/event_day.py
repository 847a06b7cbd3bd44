"""On which day an event lies, when databases and people disagree about midnight."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from lifecycle.timelimits import local_day
from spec.chapter import Chapter, cases


def day(moment: str, zone: str) -> str:
    return local_day(datetime.fromisoformat(moment), ZoneInfo(zone)).isoformat()


CHAPTERS = (
    Chapter(
        title="The day of the event",
        text=(
            "An event counts on the calendar day of the policy's time zone, whatever zone its timestamp "
            "is written in. A timestamp without a zone is refused, because its day cannot be known."
        ),
        given=("moment", "zone"),
        gives="local day",
        ask=day,
        cases=cases(
            (
                "2026-01-15T21:59:59+00:00",
                "Europe/Tallinn",
                "2026-01-15",
                "In winter Tallinn is two hours ahead: 23:59:59 of the fifteenth.",
            ),
            (
                "2026-01-15T22:00:00+00:00",
                "Europe/Tallinn",
                "2026-01-16",
                "One second later the sixteenth begins there, though UTC still writes the fifteenth.",
            ),
            (
                "2026-07-15T20:59:59+00:00",
                "Europe/Tallinn",
                "2026-07-15",
                "In summer it is three hours ahead, so the day ends at 21:00 UTC.",
            ),
            (
                "2026-07-15T21:00:00+00:00",
                "Europe/Tallinn",
                "2026-07-16",
                "The same wall-clock midnight, an hour earlier in UTC than in winter.",
            ),
            (
                "2026-01-15T23:59:59+02:00",
                "Europe/Tallinn",
                "2026-01-15",
                "Written with its own offset the moment is the same, and so is its day.",
            ),
            (
                "2026-01-16T00:30:00+09:00",
                "America/Los_Angeles",
                "2026-01-15",
                "A visit logged in Tokyo after midnight falls on the day before in California.",
            ),
            (
                "2026-03-29T00:59:59+00:00",
                "Europe/Tallinn",
                "2026-03-29",
                "The last second before clocks go forward belongs to the same day as the first after it.",
            ),
            (
                "2024-02-29T12:00:00+00:00",
                "Europe/Tallinn",
                "2024-02-29",
                "A leap day is a day like any other.",
            ),
        ),
    ),
)
