"""By when a subject is answered."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from lifecycle.timelimits import answer_deadline
from spec.chapter import Chapter, cases


def deadline(received: str, months: str) -> str:
    moment = datetime.fromisoformat(received)
    return answer_deadline(moment, ZoneInfo("Europe/Tallinn"), months=int(months)).isoformat()


CHAPTERS = (
    Chapter(
        title="Answering a subject",
        text=(
            "Within one month of receipt, or three in all where the subject was told of the extension "
            "inside the first (GDPR Art. 12(3)). The day of receipt is not counted. A deadline on a "
            "holiday could be moved to the next working day by Art. 3(4); it is not, because an early "
            "answer harms nobody."
        ),
        given=("received", "months"),
        gives="answered before",
        ask=deadline,
        cases=cases(
            (
                "2026-03-10T09:00:00+02:00",
                "1",
                "2026-04-10T21:00:00+00:00",
                "Until the tenth of April ends, in summer time by then.",
            ),
            (
                "2026-01-31T09:00:00+02:00",
                "1",
                "2026-02-28T22:00:00+00:00",
                "February has no 31, so it ends with the month.",
            ),
            (
                "2026-01-30T23:30:00+00:00",
                "1",
                "2026-02-28T22:00:00+00:00",
                "Received at half past one in the night of the 31st in Tallinn: not a day is lost by UTC.",
            ),
            (
                "2026-03-10T09:00:00+02:00",
                "3",
                "2026-06-10T21:00:00+00:00",
                "Extended by two months, counted from receipt and not from the notice.",
            ),
            (
                "2025-11-25T15:00:00+02:00",
                "1",
                "2025-12-25T22:00:00+00:00",
                "Christmas Day stays the last day: no waiting for the next working day.",
            ),
        ),
    ),
)
