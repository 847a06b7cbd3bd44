"""What holds for every event, period, run and zone, and not only for those somebody thought of."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lifecycle.errors import UsageError
from lifecycle.timelimits import (
    Period,
    financial_year_end,
    first_instant,
    is_due,
    is_over,
    last_day,
    latest_due_day,
    latest_over_day,
    limit,
    local_day,
    planned_day,
)

ONE_DAY = timedelta(days=1)

# Zones that change their clocks in the small hours or not at all, and zones whose history has every oddity:
# midnights skipped or struck twice, a day left out, a day lived twice.
PLAIN_ZONES = ("Europe/Tallinn", "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
ODD_ZONES = ("America/Sao_Paulo", "America/St_Johns", "America/Toronto", "Pacific/Apia", "America/Sitka")

plain_zones = st.sampled_from(PLAIN_ZONES).map(ZoneInfo)
zones = st.sampled_from(PLAIN_ZONES + ODD_ZONES).map(ZoneInfo)
periods = st.builds(
    lambda months, days: Period(months=months, days=days or int(not months)),
    st.integers(0, 240) | st.sampled_from([1, 12, 36, 120]),
    st.integers(0, 1000) | st.sampled_from([0, 30]),
)
# Month ends and leap days are where the rules bite, so they come up often.
month_ends = st.builds(
    lambda year, month, back: date(year, month, 1) - timedelta(days=back),
    st.integers(1860, 2060),
    st.integers(1, 12),
    st.integers(1, 4),
)
days = st.dates(date(1860, 1, 1), date(2060, 12, 31)) | month_ends
any_days = st.dates() | st.sampled_from([date.min, date.max])
moments = st.integers(-3_471_292_800, 2_871_763_199).map(lambda second: datetime.fromtimestamp(second, UTC))
any_moments = st.integers(3, date.max.toordinal() - 2).map(
    lambda day: datetime.combine(date.fromordinal(day), time(12), UTC)
)
leads = st.integers(0, 30)
intervals = st.integers(1, 31)


def asked(moment, zone):
    """What a run asks: as :func:`is_due` takes it, without the event."""
    return st.fixed_dictionaries(
        {"keep": periods, "lead_days": leads, "as_of": moment, "interval_days": intervals, "zone": zone}
    )


def daily_run(moment: str, zone: str) -> dict[str, object]:
    """A run whose next one falls into an hour that is struck twice, or never."""
    as_of = datetime.fromisoformat(moment)
    keep = Period(days=30)
    return {"keep": keep, "lead_days": 0, "as_of": as_of, "interval_days": 1, "zone": ZoneInfo(zone)}


def next_run(as_of: datetime, interval_days: int, zone: ZoneInfo) -> datetime:
    """The same wall time some days later; where it is struck twice, the later."""
    wall = as_of.astimezone(zone).replace(tzinfo=None) + interval_days * ONE_DAY
    return max(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


@given(days, periods)
def test_the_last_day_is_the_date_a_second_library_computes(event, keep):
    assert last_day(event, keep) == event + relativedelta(months=keep.months) + keep.days * ONE_DAY


@given(days, periods)
def test_the_last_day_is_after_the_event_because_that_day_is_not_counted(event, keep):
    assert last_day(event, keep) > event


@given(any_days, any_days, periods)
def test_an_earlier_event_never_has_a_later_limit(one, other, keep):
    earlier, later = sorted((one, other))
    assert last_day(earlier, keep) <= last_day(later, keep)


@given(days, periods, zones)
def test_the_limit_is_the_first_instant_after_the_last_day(event, keep, zone):
    end = limit(event, keep, zone)
    assert end == first_instant(last_day(event, keep) + ONE_DAY, zone)
    assert local_day(end - timedelta(microseconds=1), zone) <= last_day(event, keep)


@given(st.dates(date(1860, 1, 1), date(2060, 1, 1)), st.sampled_from(ODD_ZONES + PLAIN_ZONES).map(ZoneInfo))
@example(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
@example(date(1919, 3, 31), ZoneInfo("America/Toronto"))
@example(date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
@example(date(2006, 10, 29), ZoneInfo("America/St_Johns"))
def test_a_day_begins_where_the_calendar_first_shows_it(day, zone):
    instant = first_instant(day, zone)
    assert local_day(instant, zone) >= day
    assert local_day(instant - timedelta(microseconds=1), zone) < day


@given(days, asked(moments, zones), st.times(), st.integers(0, 40))
def test_the_run_that_first_finds_a_row_due_comes_before_the_lead(event, run, wall, back):
    """Never late: a schedule that began in time removes the row before the limit, and before its lead."""
    zone, interval = run["zone"], run["interval_days"]
    end = first_instant(last_day(event, run["keep"]) + (1 - run["lead_days"]) * ONE_DAY, zone)
    first_day = local_day(end, zone) - (interval + 1 + back) * ONE_DAY
    schedule = [
        datetime.combine(first_day + count * interval * ONE_DAY, wall, zone).astimezone(UTC)
        for count in range(back + 4)
    ]
    assert schedule[0] < end <= schedule[-1]
    deletes = next(moment for moment in schedule if is_due(event, **{**run, "as_of": moment}))
    assert deletes < end


@given(asked(moments, plain_zones))
def test_nothing_is_due_earlier_than_the_lead_and_one_interval(run):
    early = (run["lead_days"] + run["interval_days"]) * ONE_DAY
    assert local_day(run["as_of"], run["zone"]) > last_day(latest_due_day(**run), run["keep"]) - early


@given(asked(moments, zones), st.integers(-3, 3))
@example(daily_run("2006-10-28T02:00:00+00:00", "America/St_Johns"), 0)
@example(daily_run("2018-11-03T03:30:00+00:00", "America/Sao_Paulo"), 0)
def test_due_means_that_the_next_run_would_miss_the_lead(run, near):
    event = latest_due_day(**run) + near * ONE_DAY
    end = first_instant(last_day(event, run["keep"]) + (1 - run["lead_days"]) * ONE_DAY, run["zone"])
    assert is_due(event, **run) == (next_run(run["as_of"], run["interval_days"], run["zone"]) >= end)


@given(asked(moments, plain_zones), moments)
def test_what_is_due_stays_due(run, other):
    earlier, later = sorted((run["as_of"], other))
    assert latest_due_day(**{**run, "as_of": earlier}) <= latest_due_day(**{**run, "as_of": later})


@given(any_days, asked(moments | any_moments, plain_zones))
def test_the_latest_due_day_is_the_exact_inverse_for_any_event(event, run):
    """One date, compared with a column, selects the rows that are due and no others."""
    latest = latest_due_day(**run)
    assert is_due(event, **run) == (latest is not None and event <= latest)


@given(asked(moments, zones), st.integers(-3, 3))
def test_the_latest_due_day_is_the_exact_inverse_next_to_its_edge(run, near):
    assert is_due(latest_due_day(**run) + near * ONE_DAY, **run) == (near <= 0)


@given(event=days, keep=periods, as_of=moments, zone=zones)
@example(
    event=date(2006, 9, 28),
    keep=Period(days=30),
    as_of=datetime(2006, 10, 29, 2, 45, tzinfo=UTC),  # the clock went back across midnight: 23:15 again
    zone=ZoneInfo("America/St_Johns"),
)
def test_over_means_that_the_limit_is_reached(event, keep, as_of, zone):
    assert is_over(event, keep, as_of=as_of, zone=zone) == (as_of >= limit(event, keep, zone))


@given(event=days, keep=periods, zone=zones)
def test_the_period_is_over_at_its_limit_and_not_a_microsecond_before(event, keep, zone):
    end = limit(event, keep, zone)
    assert is_over(event, keep, as_of=end, zone=zone)
    assert not is_over(event, keep, as_of=end - timedelta(microseconds=1), zone=zone)


@given(keep=periods, as_of=moments, zone=zones, near=st.integers(-3, 3))
def test_the_latest_over_day_is_the_exact_inverse_next_to_its_edge(keep, as_of, zone, near):
    event = latest_over_day(keep, as_of=as_of, zone=zone) + near * ONE_DAY
    assert is_over(event, keep, as_of=as_of, zone=zone) == (near <= 0)


@given(event=any_days, keep=periods, as_of=any_moments)
def test_the_latest_over_day_is_the_exact_inverse_for_any_event(event, keep, as_of):
    latest = latest_over_day(keep, as_of=as_of, zone=ZoneInfo("UTC"))
    over = is_over(event, keep, as_of=as_of, zone=ZoneInfo("UTC"))
    assert over == (latest is not None and event <= latest)


@given(day=days, month=st.integers(1, 12), number=st.integers(1, 31))
@example(day=date(2002, 1, 1), month=2, number=27)
def test_financial_years_follow_each_other_without_a_gap(day, month, number):
    assume(number <= (date(2024, month % 12 + 1, 1) - ONE_DAY).day)
    year_ends = f"{month:02}-{number:02}"
    closed = [financial_year_end(day, year_ends)]
    closed += [financial_year_end(closed[0] + ONE_DAY, year_ends)]
    closed += [financial_year_end(closed[1] + ONE_DAY, year_ends)]
    assert day <= closed[0] <= day + 366 * ONE_DAY
    assert all(timedelta(365) <= later - earlier <= timedelta(366) for earlier, later in pairwise(closed))
    assert all(financial_year_end(end, year_ends) == end for end in closed)


@given(periods)
def test_a_period_reads_back_as_it_was_written(period):
    assert Period.parse(str(period)) == period


@given(st.text() | st.from_regex(r"\AP?[0-9YMWDT.,-]{0,12}\Z"))
def test_any_text_is_a_period_or_refused_with_a_next_step(text):
    try:
        says = str(Period.parse(text))
    except UsageError as error:
        says = error.next_step
    assert "P" in says


@given(moments.map(lambda moment: moment.replace(tzinfo=None)), days, periods)
def test_a_naive_moment_is_refused_wherever_one_is_taken(naive, event, keep):
    zone = ZoneInfo("Europe/Tallinn")
    asked = (
        lambda: local_day(naive, zone),
        lambda: is_over(event, keep, as_of=naive, zone=zone),
        lambda: latest_over_day(keep, as_of=naive, zone=zone),
        lambda: is_due(event, keep, lead_days=0, as_of=naive, interval_days=1, zone=zone),
        lambda: latest_due_day(keep, lead_days=0, as_of=naive, interval_days=1, zone=zone),
    )
    assert all(_refused(question) for question in asked)


def _refused(question) -> bool:
    try:
        question()
    except UsageError as error:
        return "no time zone" in error.message
    return False


def test_a_wall_time_is_what_a_schedule_repeats():
    """The oracle of this file: across a clock change the wall time stays and the distance does not."""
    before = datetime.combine(date(2026, 3, 28), time(12), ZoneInfo("Europe/Tallinn"))
    assert next_run(before, 1, ZoneInfo("Europe/Tallinn")) - before == timedelta(hours=23)


@given(days, periods, leads, intervals, plain_zones)
def test_the_planned_day_is_the_first_whose_run_finds_it_due(event, keep, lead_days, interval_days, zone):
    day = planned_day(event, keep, lead_days=lead_days, interval_days=interval_days)
    asked_at = {"lead_days": lead_days, "interval_days": interval_days, "zone": zone}

    def is_due_on(that: date) -> bool:
        return is_due(event, keep, as_of=datetime.combine(that, time(3), tzinfo=zone), **asked_at)

    assert is_due_on(day)
    assert not is_due_on(day - ONE_DAY)
