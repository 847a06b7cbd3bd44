"""Which run deletes."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from lifecycle.timelimits import Period, is_due, latest_due_day
from spec.chapter import Chapter, cases

TALLINN = ZoneInfo("Europe/Tallinn")


def due(event: str, keep: str, lead: str, interval: str, run: str) -> str:
    answer = is_due(
        date.fromisoformat(event),
        Period.parse(keep),
        lead_days=int(lead),
        as_of=datetime.fromisoformat(run),
        interval_days=int(interval),
        zone=TALLINN,
    )
    return "due" if answer else "not yet"


def latest(keep: str, lead: str, interval: str, run: str) -> str:
    day = latest_due_day(
        Period.parse(keep),
        lead_days=int(lead),
        as_of=datetime.fromisoformat(run),
        interval_days=int(interval),
        zone=TALLINN,
    )
    return day.isoformat() if day else "none"


CHAPTERS = (
    Chapter(
        title="Due",
        text=(
            "A row is due at a run when the next scheduled run would come at the limit minus the lead, or "
            "after it. So the last run that keeps the lead deletes it: never late, and never earlier than "
            "the lead and one interval. Lead and interval are days of the policy's time zone, here "
            "Europe/Tallinn."
        ),
        given=("event", "keep", "lead (days)", "run every (days)", "run at"),
        gives="answer",
        ask=due,
        cases=cases(
            (
                "2026-01-01",
                "P30D",
                "0",
                "1",
                "2026-01-30T03:00:00+02:00",
                "not yet",
                "Tomorrow's run, at 03:00 of the last day, is still in time.",
            ),
            (
                "2026-01-01",
                "P30D",
                "0",
                "1",
                "2026-01-31T03:00:00+02:00",
                "due",
                "The next run would come three hours after the limit.",
            ),
            (
                "2026-01-01",
                "P30D",
                "0",
                "1",
                "2026-01-31T00:00:00+02:00",
                "due",
                "The next run would come exactly at the limit, and at the limit it is late.",
            ),
            (
                "2026-01-01",
                "P30D",
                "0",
                "1",
                "2026-01-30T23:59:59+02:00",
                "not yet",
                "The next run comes one second before the limit.",
            ),
            (
                "2026-01-01",
                "P30D",
                "0",
                "1",
                "2026-02-01T03:00:00+02:00",
                "due",
                "A run that was missed does not make the row less due: it is late, and goes now.",
            ),
            (
                "2026-01-01",
                "P30D",
                "2",
                "1",
                "2026-01-28T03:00:00+02:00",
                "not yet",
                "With two days of lead the limit is treated as if it were the 30th at midnight.",
            ),
            (
                "2026-01-01",
                "P30D",
                "2",
                "1",
                "2026-01-29T03:00:00+02:00",
                "due",
                "Two runs may fail now, on the 30th and the 31st, and the third still comes in time.",
            ),
            (
                "2026-01-01",
                "P30D",
                "0",
                "7",
                "2026-01-25T03:00:00+02:00",
                "due",
                "Run weekly, the next run is on the first of February: too late.",
            ),
            (
                "2026-01-01",
                "P30D",
                "0",
                "7",
                "2026-01-24T03:00:00+02:00",
                "not yet",
                "Run weekly on Saturdays, the next run is on the last day.",
            ),
            (
                "2025-06-30",
                "P12M",
                "7",
                "1",
                "2026-06-22T03:00:00+03:00",
                "not yet",
                "A contract ended on 30 June; the persons go a week before a year is over, not earlier.",
            ),
            (
                "2025-06-30",
                "P12M",
                "7",
                "1",
                "2026-06-23T03:00:00+03:00",
                "due",
                "The run that leaves a full week before the limit at the end of 30 June.",
            ),
            (
                "2024-02-29",
                "P12M",
                "0",
                "1",
                "2025-02-28T03:00:00+02:00",
                "due",
                "A contract that ended on a leap day: February ends on the 28th, and so does the period.",
            ),
            (
                "2026-01-01",
                "P30D",
                "0",
                "1",
                "2026-01-30T22:30:00+00:00",
                "due",
                "22:30 UTC is half past midnight in Tallinn: the last day has begun there.",
            ),
            (
                "2026-02-27",
                "P30D",
                "0",
                "1",
                "2026-03-28T03:30:00+02:00",
                "not yet",
                "Clocks go forward over tomorrow's 03:30; the run comes at 04:30, still on the last day.",
            ),
            (
                "2026-02-26",
                "P30D",
                "0",
                "1",
                "2026-03-28T23:30:00+02:00",
                "due",
                "The next run at the same wall time is only 23 hours away, and late.",
            ),
            (
                "2026-09-25",
                "P30D",
                "0",
                "1",
                "2026-10-24T23:30:00+03:00",
                "not yet",
                "The last day has 25 hours and the next run at 23:30 lies within it.",
            ),
            (
                "2026-03-01",
                "P1D",
                "0",
                "1",
                "2026-03-01T03:00:00+02:00",
                "not yet",
                "The shortest period: tomorrow is the last day, and tomorrow's run deletes.",
            ),
            (
                "9999-12-31",
                "P30D",
                "7",
                "1",
                "2026-03-01T03:00:00+02:00",
                "not yet",
                'A date that stands for "open" never falls due.',
            ),
        ),
    ),
    Chapter(
        title="The latest event day that is due",
        text=(
            "The same question asked the other way round, as the database is asked it: everything whose "
            "event lies on this day or before it is due at this run, and nothing else."
        ),
        given=("keep", "lead (days)", "run every (days)", "run at"),
        gives="latest due event day",
        ask=latest,
        cases=cases(
            (
                "P30D",
                "0",
                "1",
                "2026-01-31T03:00:00+02:00",
                "2026-01-01",
                "The inverse of the first table's second row.",
            ),
            (
                "P30D",
                "2",
                "1",
                "2026-01-29T03:00:00+02:00",
                "2026-01-01",
                "Two days of lead, two days sooner.",
            ),
            (
                "P30D",
                "0",
                "7",
                "2026-01-25T03:00:00+02:00",
                "2026-01-01",
                "Weekly runs take a week's events together.",
            ),
            (
                "P1M",
                "0",
                "1",
                "2026-02-27T03:00:00+02:00",
                "2026-01-27",
                "Tomorrow is still in time for what happened on the 28th and later.",
            ),
            (
                "P1M",
                "0",
                "1",
                "2026-02-28T03:00:00+02:00",
                "2026-01-31",
                "28, 29, 30 and 31 January all end with February, so four days fall due at once.",
            ),
            (
                "P1M",
                "0",
                "1",
                "2026-03-01T03:00:00+02:00",
                "2026-02-01",
                "The day after, one event day follows as on any other day.",
            ),
            (
                "P1M",
                "0",
                "1",
                "2026-03-28T03:00:00+03:00",
                "2026-02-28",
                "February's last day ends on 28 March.",
            ),
            (
                "P1M",
                "0",
                "1",
                "2026-03-30T03:00:00+03:00",
                "2026-02-28",
                "No event can have happened on a 30th of February: nothing new falls due.",
            ),
            (
                "P12M",
                "0",
                "1",
                "2025-02-28T03:00:00+02:00",
                "2024-02-29",
                "28 and 29 February 2024 fall due together.",
            ),
            (
                "P10Y",
                "0",
                "1",
                "2036-12-31T03:00:00+02:00",
                "2026-12-31",
                "Ten years after the books were closed.",
            ),
            (
                "P200Y",
                "0",
                "1",
                "0150-01-01T03:00:00+02:00",
                "none",
                "No date is so old that it could be due.",
            ),
        ),
    ),
)
