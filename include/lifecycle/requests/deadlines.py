"""How much time is left for an answer: who is told, and when (GDPR Art. 12(3))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.errors import PromiseBroken
from lifecycle.requests.register import events, listing, note
from lifecycle.timelimits import local_day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

DAYS_BEFORE = (3, 10)
"""Days before the last one on which it is told that an answer is due; the nearest first."""
TOLD = "due_soon"


@dataclass(frozen=True, kw_only=True)
class NearEnd:
    """A request that has to be answered soon, or a restriction that ends soon and of which its subject is told before.

    Attributes:
        days_left: until its last day; 0 on that day, negative when it is over.
        what: ``answer`` or ``restriction``.
    """

    request_id: UUID
    due_on: date
    days_left: int
    what: str = "answer"

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "request": str(self.request_id),
            "due_on": self.due_on.isoformat(),
            "days_left": self.days_left,
            "what": self.what,
        }


def near_ends(connection: Connection, zone: ZoneInfo, *, as_of: datetime) -> tuple[NearEnd, ...]:
    """Open requests of which it has to be told now that they are due soon; each once for every limit it passes."""
    today = local_day(as_of, zone)
    found = []
    for one in listing(connection):
        left = (one.due_on - today).days
        if is_to_be_told(connection, one.request_id, one.due_on, left, as_of=as_of):
            found.append(NearEnd(request_id=one.request_id, due_on=one.due_on, days_left=left))
    return tuple(found)


def is_to_be_told(
    connection: Connection, request_id: UUID, due_on: date, left: int, *, as_of: datetime
) -> bool:
    """Whether it has to be told now that so many days are left; then it is kept that it was."""
    passed = next((days for days in DAYS_BEFORE if left <= days), None)
    if passed is None or _is_told(connection, request_id, due_on, passed):
        return False
    note(connection, request_id, TOLD, as_of=as_of, due_on=due_on.isoformat(), days=passed)
    return True


def overdue(connection: Connection, zone: ZoneInfo, *, as_of: datetime) -> tuple[UUID, ...]:
    """Requests that should have been answered."""
    today = local_day(as_of, zone)
    return tuple(one.request_id for one in listing(connection) if one.is_overdue(today))


def require_none_overdue(late: Iterable[UUID]) -> None:
    """Every request was answered in time.

    Raises:
        PromiseBroken: names those that should have been.
    """
    if names := ", ".join(map(str, late)):
        raise PromiseBroken(
            f"these should have been answered: {names}",
            place="requests",
            next_step="answer them: start them on the page of requests, or refuse with a reason",
        )


def _is_told(connection: Connection, request_id: UUID, due_on: date, days: int) -> bool:
    """Whether it was told, for this last day, when so many days or fewer were left."""
    return any(
        event["what"] == TOLD and event["due_on"] == due_on.isoformat() and event["days"] <= days
        for event in events(connection, request_id)
    )
