"""When a promise ends: time limits as Regulation (EEC, Euratom) No 1182/71, Article 3 computes them.

The day of the event is not counted (Art. 3(1)). A period in days ends when its last day ends; in months or
years, when the day with the same number ends, and where that month has no such day, when its last day ends
(Art. 3(2)). Days are days of the policy's time zone. Retention is a maximum, so nothing here is stretched to
the next working day (Art. 3(4) would, to the disadvantage of the person whose data is kept).

Only dates, zones and whole calendar units live here: no database, no clock, no policy. Each question
comes as a predicate on one event (:func:`is_due`, :func:`is_over`) and as its exact inverse, the greatest
event day for which the predicate holds (:func:`latest_due_day`, :func:`latest_over_day`). The inverse is what
the database is asked: one date compared with an indexed column finds the rows without visiting the others.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LONGEST_YEARS = 200

_MONTHS_A_YEAR = 12
_DAYS_A_WEEK = 7
_ENDS_OF_FEBRUARY = ((2, 28), (2, 29))
# The Gregorian calendar repeats itself after this many years, months and days.
_CYCLE_YEARS = 400
_CYCLE_MONTHS = _CYCLE_YEARS * _MONTHS_A_YEAR
_CYCLE_DAYS = 146_097

_DURATION = re.compile(
    r"P(?:(?P<weeks>[0-9]{1,6})W|(?:(?P<years>[0-9]{1,6})Y)?(?:(?P<months>[0-9]{1,6})M)?(?:(?P<days>[0-9]{1,6})D)?)"
)
_YEAR_END = re.compile(r"(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_PERIOD_EXAMPLES = (
    "write an ISO 8601 duration of whole calendar units, such as P30D, P2W, P12M, P3Y or P1Y2M3D"
)
_MONTHS_TO_ANSWER = range(1, 4)


@dataclass(frozen=True, kw_only=True, order=False)
class Period:
    """An ISO 8601 duration of calendar units: more than nothing, at most 200 years.

    Periods have no order: a month is neither longer nor shorter than thirty days until it is counted from an
    event.

    Attributes:
        months: calendar months, years folded in.
        days: calendar days, weeks folded in; counted after the months.

    Raises:
        UsageError: if a unit is negative or not a whole number, or the period is empty or absurdly long.
    """

    months: int = 0
    days: int = 0

    def __post_init__(self) -> None:
        for units in (self.months, self.days):
            if type(units) is not int or units < 0:
                raise UsageError(
                    f"a period of {self.months!r} months and {self.days!r} days is not one",
                    next_step="give whole numbers, none below zero",
                )
        if not self.months and not self.days:
            raise UsageError("the period is empty, nothing could be kept for it", next_step=_PERIOD_EXAMPLES)
        if self.months * _CYCLE_DAYS + self.days * _CYCLE_MONTHS > (
            LONGEST_YEARS * _MONTHS_A_YEAR * _CYCLE_DAYS
        ):
            raise UsageError(
                f"the period is longer than {LONGEST_YEARS} years, which no law asks for",
                next_step="check the number and its unit, for example P10Y for ten years",
            )

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read an ISO 8601 duration of years, months and days, or of weeks alone.

        Args:
            text: for example ``P30D``, ``P2W``, ``P12M``, ``P3Y``, ``P1Y2M3D``.

        Raises:
            UsageError: if it is none, or has a time of day, a sign, no length or more than 200 years.
        """
        found = _DURATION.fullmatch(text) if isinstance(text, str) else None
        units = {unit: int(count) for unit, count in found.groupdict("0").items()} if found else {}
        if found is None or found.end() == 1:
            raise UsageError(f"{_quoted(text)} is not a period of calendar days", next_step=_PERIOD_EXAMPLES)
        return cls(
            months=units["years"] * _MONTHS_A_YEAR + units["months"],
            days=units["weeks"] * _DAYS_A_WEEK + units["days"],
        )

    def __str__(self) -> str:
        years, months = divmod(self.months, _MONTHS_A_YEAR)
        units = ((years, "Y"), (months, "M"), (self.days, "D"))
        return "P" + "".join(f"{count}{unit}" for count, unit in units if count)


def last_day(event_day: date, keep: Period) -> date:
    """The last local day on which the data may still exist (1182/71 Art. 3(1), (2)).

    Months are counted before days, as PostgreSQL's ``date + interval`` does. A day after the year 9999 is
    given as 9999-12-31, which is as good as never.
    """
    return _as_date(_last_ordinal(event_day, keep))


def limit(event_day: date, keep: Period, zone: ZoneInfo) -> datetime:
    """The instant at which the last day ends, in UTC: data that still exists then is late.

    It is the first instant of the following local day. Past the year 9999 it is the last instant there is.
    """
    following = _last_ordinal(event_day, keep) + 1
    if following > date.max.toordinal():
        return datetime.max.replace(tzinfo=UTC)
    return first_instant(date.fromordinal(following), zone)


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC; also where clocks skip midnight or strike it twice.

    Where midnight is struck twice it is the first of the two, so that a limit is never late. A local day that
    was left out altogether begins with the day after it.

    Raises:
        UsageError: if the instant lies outside the years 1 to 9999 in UTC.
    """
    _require_date(day)
    midnight = datetime.combine(day, time.min, tzinfo=zone)
    try:
        instant = midnight.astimezone(UTC)
        exists = instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None)
    except OverflowError:
        raise _outside_calendar() from None
    return instant if exists else _first_instant_after_gap(midnight, zone)


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day of a moment in a zone.

    Raises:
        UsageError: if the moment is naive.
    """
    return _local(moment, zone).date()


def is_due(
    event_day: date, keep: Period, *, lead_days: int, as_of: datetime, interval_days: int, zone: ZoneInfo
) -> bool:
    """Whether the run at `as_of` is the last one that still keeps the lead.

    It is when the next scheduled run, `interval_days` local calendar days later at the same wall time, would
    come at the limit minus `lead_days` or after it. A run that deletes what is due is therefore never late
    and never earlier than the lead and one interval before the limit.

    Args:
        event_day: local day of the event; not counted itself.
        keep: how long the data may be kept.
        lead_days: local calendar days by which deletion comes before the limit, 0 or more.
        as_of: moment of this run, aware.
        interval_days: local calendar days between scheduled runs, 1 or more.
        zone: the policy's time zone.

    Raises:
        UsageError: for a naive moment, a negative lead, or an interval below one day.
    """
    deadline = _latest_last_ordinal_due(lead_days, as_of, interval_days, zone)
    return _last_ordinal(event_day, keep) <= deadline


def latest_due_day(
    keep: Period, *, lead_days: int, as_of: datetime, interval_days: int, zone: ZoneInfo
) -> date | None:
    """The greatest event day that is due at `as_of`; every earlier day is due too.

    The exact inverse of :func:`is_due`: ``is_due(day, …)`` holds if and only if ``day <= latest_due_day(…)``.

    Returns:
        The day, or None where not even 0001-01-01 is due.

    Raises:
        UsageError: as :func:`is_due`.
    """
    return _latest_event_day(keep, _latest_last_ordinal_due(lead_days, as_of, interval_days, zone))


def planned_day(event_day: date, keep: Period, *, lead_days: int, interval_days: int) -> date:
    """The local day of the first run at which it is due, where runs come every `interval_days`.

    Raises:
        UsageError: for a negative lead, or an interval below one day.
    """
    _require_at_least(0, lead_days, "lead")
    _require_at_least(1, interval_days, "interval between runs")
    return _as_date(max(_last_ordinal(event_day, keep) - lead_days - interval_days + 1, 1))


def is_over(event_day: date, keep: Period, *, as_of: datetime, zone: ZoneInfo) -> bool:
    """Whether the limit has passed: statutory keeping has ended, or what had to be gone is overdue.

    Raises:
        UsageError: if `as_of` is naive.
    """
    return _last_ordinal(event_day, keep) < _day_begun(as_of, zone)


def latest_over_day(keep: Period, *, as_of: datetime, zone: ZoneInfo) -> date | None:
    """The greatest event day whose limit has passed at `as_of`: the exact inverse of :func:`is_over`.

    Returns:
        The day, or None where not even the limit of 0001-01-01 has passed.
    """
    return _latest_event_day(keep, _day_begun(as_of, zone) - 1)


def financial_year_end(day: date, year_ends: str) -> date:
    """The last day of the financial year that holds `day`.

    Args:
        day: for example the day on which an invoice was issued.
        year_ends: month and day as ``MM-DD``. ``02-28`` and ``02-29`` both mean the last day of February.

    Raises:
        UsageError: if `year_ends` is not a day of the year.
    """
    _require_date(day)
    month, number = _parse_year_end(year_ends)
    end = _year_end_ordinal(day.year, month, number)
    if end < day.toordinal():
        end = _year_end_ordinal(day.year + 1, month, number)
    return _as_date(end)


def answer_deadline(received: datetime, zone: ZoneInfo, *, months: int = 1) -> datetime:
    """The instant by which a subject's request must be answered, in UTC (GDPR Art. 12(3)).

    Args:
        received: moment of receipt, aware; its local day is not counted.
        zone: the policy's time zone.
        months: one, or up to three where the extension was announced inside the first month.

    Raises:
        UsageError: for a naive moment or other months.
    """
    if months not in _MONTHS_TO_ANSWER:
        raise UsageError(
            f"an answer is due after one month, or three when extended, not {months!r} (GDPR Art. 12(3))",
            next_step="use 1, or up to 3 once the subject was told of the extension",
        )
    return limit(local_day(received, zone), Period(months=months), zone)


# --- days as ordinals: date.toordinal(), continued past the years that a date can hold


def _ordinal(year: int, month: int, day: int) -> int:
    cycles, rest = divmod(year - 1, _CYCLE_YEARS)
    return date(rest + 1, month, day).toordinal() + cycles * _CYCLE_DAYS


def _year_month_day(ordinal: int) -> tuple[int, int, int]:
    cycles, rest = divmod(ordinal - 1, _CYCLE_DAYS)
    day = date.fromordinal(rest + 1)
    return day.year + cycles * _CYCLE_YEARS, day.month, day.day


def _days_in_month(year: int, month: int) -> int:
    return monthrange((year - 1) % _CYCLE_YEARS + 1, month)[1]


def _shift_month(year: int, month: int, months: int) -> tuple[int, int]:
    year, zero_based_month = divmod(year * _MONTHS_A_YEAR + month - 1 + months, _MONTHS_A_YEAR)
    return year, zero_based_month + 1


def _as_date(ordinal: int) -> date:
    return date.fromordinal(min(ordinal, date.max.toordinal()))


def _last_ordinal(event_day: date, keep: Period) -> int:
    _require_date(event_day)
    year, month = _shift_month(event_day.year, event_day.month, keep.months)
    return _ordinal(year, month, min(event_day.day, _days_in_month(year, month))) + keep.days


def _latest_event_day(keep: Period, last_ordinal: int) -> date | None:
    """The greatest event day whose last day is `last_ordinal` or earlier.

    Several events share a last day where a long month is cut to a short one, so the last day of a month leads
    back to the last day of the event's month, whatever its number.
    """
    year, month, day = _year_month_day(last_ordinal - keep.days)
    is_month_end = day == _days_in_month(year, month)
    year, month = _shift_month(year, month, -keep.months)
    month_end = _days_in_month(year, month)
    ordinal = _ordinal(year, month, month_end if is_month_end else min(day, month_end))
    return _as_date(ordinal) if ordinal >= date.min.toordinal() else None


def _year_end_ordinal(year: int, month: int, day: int) -> int:
    is_end_of_february = (month, day) in _ENDS_OF_FEBRUARY
    return _ordinal(year, month, _days_in_month(year, month) if is_end_of_february else day)


# --- moments, zones and the next run


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise UsageError(
            f"the moment {moment.isoformat()} has no time zone, so its day is not known",
            next_step="give it one, for example 2026-03-01T03:00:00+00:00",
        )
    try:
        return moment.astimezone(zone)
    except OverflowError:
        raise _outside_calendar() from None


def _day_begun(moment: datetime, zone: ZoneInfo) -> int:
    """Ordinal of the latest local day that has begun by `moment`.

    This is the moment's own day, except in the hour after clocks went back across midnight: there the next
    day had begun already, and its first instant counts.
    """
    today = local_day(moment, zone).toordinal()
    if today >= date.max.toordinal():
        return today
    return today + (first_instant(date.fromordinal(today + 1), zone) <= moment)


def _latest_last_ordinal_due(lead_days: int, as_of: datetime, interval_days: int, zone: ZoneInfo) -> int:
    """The latest last day that is due: its limit minus the lead comes no later than the next run."""
    _require_at_least(0, lead_days, "lead")
    _require_at_least(1, interval_days, "interval between runs")
    return _next_run_day(as_of, interval_days, zone) + lead_days - 1


def _next_run_day(as_of: datetime, interval_days: int, zone: ZoneInfo) -> int:
    """Ordinal of the local day begun at the next run; where its wall time is struck twice, at the later."""
    local = _local(as_of, zone)
    day = local.toordinal() + interval_days
    if day >= date.max.toordinal():
        return day
    wall = datetime.combine(date.fromordinal(day), local.time(), tzinfo=zone)
    return max(_day_begun(wall.replace(fold=fold).astimezone(UTC), zone) for fold in (0, 1))


def _first_instant_after_gap(midnight: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks jumped over `midnight`.

    Read with the offset after the jump a skipped time lies before it, and read with the offset before the
    jump it lies at or after it: the jump is the first whole second between them that is on the new side.
    """
    before = midnight.replace(fold=1).astimezone(UTC)
    after = midnight.astimezone(UTC)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if local_day(middle, zone) < midnight.date():
            before = middle
        else:
            after = middle
    return after


# --- what may be asked


def _parse_year_end(year_ends: str) -> tuple[int, int]:
    found = _YEAR_END.fullmatch(year_ends) if isinstance(year_ends, str) else None
    month, day = (int(found["month"]), int(found["day"])) if found else (0, 0)
    # A leap year, so that 02-29 is a day of the year.
    if not 1 <= month <= _MONTHS_A_YEAR or not 1 <= day <= _days_in_month(_CYCLE_YEARS, month):
        raise UsageError(
            f"{_quoted(year_ends)} is not the last day of a financial year",
            next_step='write month and day in quotes, for example "12-31", "06-30" or "02-28"',
        )
    return month, day


def _require_date(day: date) -> None:
    if isinstance(day, datetime) or not isinstance(day, date):
        raise UsageError(
            f"a local day was expected, not a {type(day).__name__}",
            next_step="turn a moment into its day with local_day(moment, zone)",
        )


def _require_at_least(least: int, days: int, what: str) -> None:
    if type(days) is not int or days < least:
        raise UsageError(
            f"the {what} is {days!r}, not a whole number of days from {least} on",
            next_step=f"give {least} or more days",
        )


def _outside_calendar() -> UsageError:
    return UsageError(
        "the moment lies outside the years 1 to 9999",
        next_step="check the date; a far future such as 9999-12-31 is no date to count from",
    )


def _quoted(value: object) -> str:
    """`value` as an error may show it: settings, never long, never over several lines."""
    shown = repr(value)
    longest = 40
    return shown if len(shown) <= longest else shown[:longest] + "…"
