"""What time limits refuse, and the edges of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from lifecycle.errors import UsageError
from lifecycle.timelimits import (
    Period,
    answer_deadline,
    financial_year_end,
    first_instant,
    is_due,
    is_over,
    last_day,
    latest_due_day,
    latest_over_day,
    limit,
    local_day,
)

TALLINN = ZoneInfo("Europe/Tallinn")
MONTH = Period(months=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)


@pytest.mark.parametrize(
    "question",
    [
        lambda: local_day(NAIVE, TALLINN),
        lambda: answer_deadline(NAIVE, TALLINN),
        lambda: is_over(date(2026, 1, 1), MONTH, as_of=NAIVE, zone=TALLINN),
        lambda: latest_over_day(MONTH, as_of=NAIVE, zone=TALLINN),
        lambda: is_due(date(2026, 1, 1), MONTH, lead_days=0, as_of=NAIVE, interval_days=1, zone=TALLINN),
        lambda: latest_due_day(MONTH, lead_days=0, as_of=NAIVE, interval_days=1, zone=TALLINN),
    ],
)
def test_a_naive_moment_is_refused_and_shown_how_to_write_one(question):
    with pytest.raises(UsageError, match=r"2026-03-01T12:00:00 has no time zone") as refused:
        question()
    assert "+00:00" in refused.value.next_step


@pytest.mark.parametrize(
    "question",
    [
        lambda: last_day(NOON, MONTH),
        lambda: limit(NOON, MONTH, TALLINN),
        lambda: first_instant(NOON, TALLINN),
        lambda: is_over(NOON, MONTH, as_of=NOON, zone=TALLINN),
        lambda: financial_year_end(NOON, "12-31"),
        lambda: last_day("2026-03-01", MONTH),
    ],
)
def test_a_moment_is_not_taken_for_a_day_because_its_day_depends_on_the_zone(question):
    with pytest.raises(UsageError, match="a local day was expected") as refused:
        question()
    assert "local_day" in refused.value.next_step


@pytest.mark.parametrize(("lead", "interval"), [(-1, 1), (0, 0), (0, -1), (1.5, 1), (True, 1), (0, None)])
def test_a_lead_below_nothing_and_an_interval_below_a_day_are_refused(lead, interval):
    with pytest.raises(UsageError, match="not a whole number of days from"):
        latest_due_day(MONTH, lead_days=lead, as_of=NOON, interval_days=interval, zone=TALLINN)


@pytest.mark.parametrize(
    "units", [{}, {"months": -1}, {"days": -1}, {"months": 2, "days": -1}, {"days": 1.0}, {"months": True}]
)
def test_a_period_is_whole_positive_and_not_empty_however_it_is_made(units):
    with pytest.raises(UsageError):
        Period(**units)


def test_periods_have_no_order():
    with pytest.raises(TypeError):
        sorted([Period(days=30), Period(months=1)])


@pytest.mark.parametrize("written", [30, None, 30.0, True, ["P30D"]])
def test_a_period_that_yaml_read_as_something_else_is_refused(written):
    with pytest.raises(UsageError, match="is not a period of calendar days"):
        Period.parse(written)


def test_an_endless_text_is_refused_without_repeating_it():
    with pytest.raises(UsageError) as refused:
        Period.parse("P" + "9" * 100_000 + "D")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "year_ends",
    ["", "12", "12-32", "00-10", "13-01", "04-31", "02-30", "1-31", "31-12", "12-31\n", 1231, None],
)
def test_a_year_cannot_end_on_a_day_that_does_not_exist(year_ends):
    with pytest.raises(UsageError, match="not the last day of a financial year"):
        financial_year_end(date(2026, 1, 1), year_ends)


@pytest.mark.parametrize("months", [0, 4, -1, 1.5])
def test_an_answer_takes_one_month_or_up_to_three(months):
    with pytest.raises(UsageError, match=r"12\(3\)"):
        answer_deadline(NOON, TALLINN, months=months)


def test_a_moment_whose_local_day_no_calendar_holds_is_refused():
    with pytest.raises(UsageError, match="outside the years 1 to 9999"):
        local_day(datetime.max.replace(tzinfo=UTC), TALLINN)
    with pytest.raises(UsageError, match="outside the years 1 to 9999"):
        first_instant(date.min, TALLINN)


def test_the_last_run_of_the_calendar_can_still_be_asked():
    last_run = datetime(9999, 12, 31, 20, tzinfo=UTC)
    due = {"lead_days": 0, "as_of": last_run, "interval_days": 31, "zone": TALLINN}
    assert latest_due_day(Period(days=1), **due) == date.max
    assert is_due(date.max, Period(days=30), **due)
    assert not is_due(date.max, Period(days=31), **due)
    assert not is_over(date.max, Period(days=1), as_of=last_run, zone=TALLINN)


def test_nothing_is_due_or_over_before_the_calendar_began():
    first_run = datetime(1, 1, 3, tzinfo=UTC)
    assert (
        latest_due_day(Period(months=1), lead_days=0, as_of=first_run, interval_days=1, zone=TALLINN) is None
    )
    assert latest_over_day(Period(days=2), as_of=first_run, zone=TALLINN) is None
    assert latest_over_day(Period(days=1), as_of=first_run, zone=TALLINN) == date.min


def test_a_moment_may_be_written_in_any_zone():
    tokyo = timezone(timedelta(hours=9))
    assert is_over(
        date(2026, 1, 1), Period(days=30), as_of=datetime(2026, 2, 1, 7, tzinfo=tokyo), zone=TALLINN
    )
    assert not is_over(
        date(2026, 1, 1), Period(days=30), as_of=datetime(2026, 2, 1, 6, 59, tzinfo=tokyo), zone=TALLINN
    )
