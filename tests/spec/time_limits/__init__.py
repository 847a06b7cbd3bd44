"""Time limits as data tables, in the order in which a reader meets the questions."""

from __future__ import annotations

from spec.time_limits import answering, due, event_day, financial_year, last_day, limit, over, periods

TITLE = "Time limits"

OPENING = """\
How long "30 days" or "12 months" is, to the second. The rules are those of Regulation (EEC, Euratom)
No 1182/71, Article 3, read for a promise to delete: a maximum, so never stretched to the next working day.
`include/lifecycle/timelimits.py` answers; every row below is a test that it answers so.
This page is written from those tests (`python -m spec.write`), not by hand."""

CHAPTERS = (
    *periods.CHAPTERS,
    *event_day.CHAPTERS,
    *last_day.CHAPTERS,
    *limit.CHAPTERS,
    *due.CHAPTERS,
    *over.CHAPTERS,
    *financial_year.CHAPTERS,
    *answering.CHAPTERS,
)
