"""What every part of a policy file is made of: the base of its parts, and the types of single values."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from lifecycle.errors import UsageError
from lifecycle.timelimits import Period, financial_year_end


def _period(value: object) -> Period:
    try:
        return value if isinstance(value, Period) else Period.parse(value)  # type: ignore[arg-type]  # parse refuses what is no text
    except UsageError as error:
        raise ValueError(f"{error.message}; {error.next_step}") from None


def _days(value: object) -> int:
    """A lead or interval: whole days, because it is counted back from a day's end."""
    if value == "P0D":
        return 0
    period = _period(value)
    if period.months:
        raise ValueError("is counted in days; write P7D or P2W, not months or years")
    return period.days


def _day(value: object) -> date:
    """A calendar day: YAML's own date, or the same in quotes; never a number or a time."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = None
    if not isinstance(day, date) or isinstance(day, datetime):
        raise ValueError("is a day, such as 2025-02-19")  # noqa: TRY004 - pydantic reports a ValueError
    return day


def _zone(value: object) -> ZoneInfo:
    try:
        return value if isinstance(value, ZoneInfo) else ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of the database is an OSError
        raise ValueError("is not a time zone of the IANA database, such as Europe/Tallinn") from None


def _year_end(value: str) -> str:
    try:
        financial_year_end(date(2000, 1, 1), value)
    except UsageError as error:
        raise ValueError(f"{error.message}; {error.next_step}") from None
    return value


def _collection(value: str) -> str:
    if value.count(".") != 1 or not all(value.split(".")):
        raise ValueError("names a collection as schema.table")
    return value


def _column(value: str) -> str:
    if value.count(".") != 2 or not all(value.split(".")):  # noqa: PLR2004 - schema, table, column
        raise ValueError("names a column as schema.table.column")
    return value


Keep = Annotated[Period, BeforeValidator(_period)]
Days = Annotated[int, BeforeValidator(_days)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
YearEnd = Annotated[str, AfterValidator(_year_end)]
Day = Annotated[date, BeforeValidator(_day)]
Text = Annotated[str, Field(min_length=1)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
"""A name that the policy itself gives: of a rule, an anchor, a commitment."""
ArchiveName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
"""A name that folders and keys have, too."""
CollectionName = Annotated[str, AfterValidator(_collection)]
"""``schema.table``"""
ColumnName = Annotated[str, AfterValidator(_column)]
"""``schema.table.column``"""
Column = Text
"""A column of a collection that is named beside it."""
Scalar = StrictBool | StrictInt | float | str | None
"""What a column can be given: a truth, a number, a text, or nothing."""
Redaction = Annotated[
    dict[Literal["redact"], Annotated[tuple[Column, ...], Field(min_length=1)]], Field(min_length=1)
]
"""``redact: [columns]``, at least one."""


class Form(BaseModel):
    """Base of every part: nothing unknown is accepted, nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
