"""What is known about one row when it is decided about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime

    from lifecycle.timelimits import Period


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A hold or restriction that covers the row; it counts until its end, unless it was released.

    Attributes:
        until: the first moment at which it no longer counts.
    """

    name: str
    kind: Literal["hold", "restriction"]
    until: datetime
    is_released: bool = False


@dataclass(frozen=True, kw_only=True)
class Duty:
    """A statutory duty to keep the row.

    Attributes:
        event_day: the day from which it is counted; None where that day is not known (yet), so that the duty
            has no end.
        needless: personal columns of the row that this duty does not need.
    """

    name: str
    keep: Period
    event_day: date | None
    needless: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A retention rule that applies to the row.

    Attributes:
        event_day: the day from which it is counted; None while its clock does not run.
        lead_days: how much earlier than its limit it is kept.
        redacts: the columns that it empties; () where it deletes the row.
        goes_along: whether the row goes because the rows it belongs to go by this rule.
    """

    name: str
    keep: Period
    event_day: date | None
    lead_days: int = 0
    redacts: tuple[str, ...] = ()
    goes_along: bool = False


@dataclass(frozen=True, kw_only=True)
class Need:
    """A row that stays and cannot do without this one.

    Attributes:
        name: the collection of the row that stays.
        until: the last day on which it is known to stay; None where no end is known.
        in_use: it is not due itself and uses this row, which for that reason is not due either.
    """

    name: str
    until: date | None = None
    in_use: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that bears on one row; of equals, the one that comes first is named first."""

    holds: tuple[Hold, ...] = ()
    duties: tuple[Duty, ...] = ()
    promises: tuple[Promise, ...] = ()
    needs: tuple[Need, ...] = ()
