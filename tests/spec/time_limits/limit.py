"""The instant at which the last day ends."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from lifecycle import timelimits
from lifecycle.timelimits import Period
from spec.chapter import Chapter, cases


def limit(event: str, keep: str, zone: str) -> str:
    return timelimits.limit(date.fromisoformat(event), Period.parse(keep), ZoneInfo(zone)).isoformat()


CHAPTERS = (
    Chapter(
        title="The limit",
        text=(
            "The limit is the first instant after the last day: what still exists then is late. Days end "
            "where the policy's time zone ends them, also where clocks change."
        ),
        given=("event", "keep", "zone"),
        gives="limit",
        ask=limit,
        cases=cases(
            (
                "2026-01-01",
                "P30D",
                "Europe/Tallinn",
                "2026-01-31T22:00:00+00:00",
                "The thirty-first of January ends at 22:00 UTC, two hours before UTC's own midnight.",
            ),
            (
                "2026-01-01",
                "P30D",
                "UTC",
                "2026-02-01T00:00:00+00:00",
                "The same promise under a policy that counts in UTC.",
            ),
            (
                "2026-01-01",
                "P30D",
                "Pacific/Kiritimati",
                "2026-01-31T10:00:00+00:00",
                "Fourteen hours ahead of UTC the day ends first of all.",
            ),
            (
                "2026-01-01",
                "P30D",
                "Asia/Kolkata",
                "2026-01-31T18:30:00+00:00",
                "Offsets need not be whole hours.",
            ),
            (
                "2026-02-26",
                "P30D",
                "Europe/Tallinn",
                "2026-03-28T22:00:00+00:00",
                "The last day is the one before clocks go forward; midnight is still winter time.",
            ),
            (
                "2026-02-27",
                "P30D",
                "Europe/Tallinn",
                "2026-03-29T21:00:00+00:00",
                "The last day has 23 hours; thirty times 24 hours would end an hour late.",
            ),
            (
                "2026-09-24",
                "P30D",
                "Europe/Tallinn",
                "2026-10-24T21:00:00+00:00",
                "The day before clocks go back ends in summer time.",
            ),
            (
                "2026-09-25",
                "P30D",
                "Europe/Tallinn",
                "2026-10-25T22:00:00+00:00",
                "The last day has 25 hours, and the data may exist in every one of them.",
            ),
            (
                "2024-02-29",
                "P12M",
                "Europe/Tallinn",
                "2025-02-28T22:00:00+00:00",
                "A contract that ended on a leap day: its persons are gone when February 2025 ends (A9).",
            ),
            (
                "2018-10-04",
                "P30D",
                "America/Sao_Paulo",
                "2018-11-04T03:00:00+00:00",
                "Clocks went from 23:59:59 to 01:00 that night, so the day began at one.",
            ),
            (
                "2018-01-18",
                "P30D",
                "America/Sao_Paulo",
                "2018-02-18T03:00:00+00:00",
                "Clocks went back from midnight to 23:00: that hour came twice, both on the last day.",
            ),
            (
                "2006-09-28",
                "P30D",
                "America/St_Johns",
                "2006-10-29T02:30:00+00:00",
                "Clocks went back at 00:01, so midnight came twice: the first of the two is the limit.",
            ),
            (
                "1919-02-28",
                "P30D",
                "America/Toronto",
                "1919-03-31T04:30:00+00:00",
                "Clocks went from 23:30 to 00:30: the day began after a midnight that never was.",
            ),
            (
                "2011-11-29",
                "P30D",
                "Pacific/Apia",
                "2011-12-30T10:00:00+00:00",
                "Samoa left out the thirtieth of December: it would have begun where the thirty-first did.",
            ),
            (
                "9999-12-31",
                "P3Y",
                "Europe/Tallinn",
                "9999-12-31T23:59:59.999999+00:00",
                'A date that stands for "open" has the last instant there is as its limit.',
            ),
        ),
    ),
)
