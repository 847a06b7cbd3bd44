"""The register of requests."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation import people
from simulation.moments import Period, day_of, last_day

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from simulation.history import Ask, Hold
    from simulation.people import Identity
    from simulation.tables import Key, Name

ANSWER_WITHIN = Period(months=1)
ANSWER_WITHIN_EXTENDED = Period(months=3)
WEIGHED = "service_improvement"
ENDABLE = {
    "objection": ("website_operation", "marketing", WEIGHED),
    "withdrawal": ("website_operation", "marketing"),
}
"""Purposes that a request ends, by kind; an objection to one of them is weighed by an operator first."""
Todo = tuple["Name", str]
"""A row that is left, and what is to be done to it: ``delete``, ``empty`` or ``mask``."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A copy that waits to be fetched: rows that are the subject's, and others' that concern or mention it."""

    own: frozenset[Name]
    others: frozenset[Name]
    expires_at: datetime


@dataclass(kw_only=True)
class Asked:
    """One request.

    Attributes:
        kind: what is asked for.
        subjects: what names the subject, in one spelling.
        corrections: what is to be corrected, and what is right.
        purposes: that are to end.
        decision: of an operator, whether an objection counts that is weighed.
        visitors: what was found besides, and whether it counts: ``found``, ``confirmed``, ``shared``, ``declined``.
        package: that waits to be fetched.
        is_withdrawn: whether a restore took it away: the backup had it, and nobody knows whether it was fetched since.
        state: ``received``, ``verified``, ``done`` or ``refused``.
        left: rows that had to stay, and what is done to them when nothing keeps them any more.
    """

    kind: str
    subjects: frozenset[Identity]
    rows: frozenset[Name]
    tenant: Key | None
    corrections: frozenset[tuple[str, str]]
    purposes: frozenset[str]
    received_at: datetime
    due_on: date
    is_extended: bool = False
    state: str = "received"
    visitors: dict[Key, str] = field(default_factory=dict)
    left: set[Todo] = field(default_factory=set)
    decision: str | None = None
    package: Package | None = None
    is_withdrawn: bool = False
    done_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for an answer."""
        return self.state in {"received", "verified"}

    @property
    def is_copied(self) -> bool:
        """Whether it was answered with a copy, or could have been."""
        return self.state == "done" and self.kind in {"access", "portability"}

    @property
    def says(self) -> tuple[object, ...]:
        """What makes another request the same."""
        return self.kind, self.subjects, self.rows, self.tenant, self.corrections, self.purposes

    @property
    def known(self) -> frozenset[Identity]:
        """All that names the subject."""
        counting = (key for key, source in self.visitors.items() if source in {"found", "confirmed"})
        return self.subjects | {("visitor_id", key) for key in counting}


@dataclass(kw_only=True)
class Desk:
    """Every request that was taken, by number."""

    requests: dict[int, Asked] = field(default_factory=dict)

    def take(self, event: Ask) -> bool:
        """Take a request; one that is open already and says the same is that request."""
        asked = self.read(event)
        is_nobodys = not (asked.subjects or asked.rows)
        if event.request in self.requests or is_nobodys or self.same(asked) is not None:
            return False
        self.requests[event.request] = asked
        return True

    def read(self, event: Ask) -> Asked:
        """What a request says, in one spelling."""
        subjects = frozenset(
            (kind, value if kind == "visitor_id" else people.read(kind, str(value)))
            for kind, value in event.subjects
        )
        return Asked(
            kind=event.kind,
            subjects=subjects,
            rows=frozenset(event.rows),
            tenant=event.tenant,
            corrections=frozenset(event.corrections),
            purposes=frozenset(event.purposes or ENDABLE.get(event.kind, ())),
            received_at=event.at,
            due_on=last_day(day_of(event.at), ANSWER_WITHIN),
        )

    def same(self, asked: Asked) -> int | None:
        """The open request that says the same."""
        alike = (number for number, one in self.requests.items() if one.is_open and one.says == asked.says)
        return next(alike, None)

    def overdue(self, today: date) -> set[int]:
        """Requests that should have been answered before today."""
        return {number for number, one in self.requests.items() if one.is_open and one.due_on < today}

    def copy(self) -> Desk:
        """As it is now."""
        return deepcopy(self)


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What a person has to do again after a restore.

    Attributes:
        holds: to be placed again, on rows that are there.
        ended: to be released again.
        moved: whose end is to be moved again.
        lost: all that were placed since and count still, by kind; rows that they named may be lost as well.
        answers: requests of which the answer changed something that stands nowhere else, by kind.
    """

    holds: Mapping[int, Hold] = field(default_factory=dict)
    ended: frozenset[int] = frozenset()
    moved: Mapping[int, Hold] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
