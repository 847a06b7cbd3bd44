"""The register of requests."""

from __future__ import annotations

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
Todo = tuple["Name", str]
"""A row that is left, and what is to be done to it: ``delete``, ``empty`` or ``mask``."""


@dataclass(kw_only=True)
class Asked:
    """One request.

    Attributes:
        subjects: what names the subject, in one spelling.
        visitors: what was found besides, and whether it counts: ``found``, ``confirmed``, ``shared``, ``declined``.
        state: ``received``, ``verified``, ``done`` or ``refused``.
        left: rows that had to stay, and what is done to them when nothing keeps them any more.
    """

    subjects: frozenset[Identity]
    rows: frozenset[Name]
    tenant: Key | None
    received_at: datetime
    due_on: date
    is_extended: bool = False
    state: str = "received"
    visitors: dict[Key, str] = field(default_factory=dict)
    left: set[Todo] = field(default_factory=set)
    done_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for an answer."""
        return self.state in {"received", "verified"}

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
            subjects=subjects,
            rows=frozenset(event.rows),
            tenant=event.tenant,
            received_at=event.at,
            due_on=last_day(day_of(event.at), ANSWER_WITHIN),
        )

    def same(self, asked: Asked) -> int | None:
        """The open request that says the same."""
        wanted = asked.subjects, asked.rows, asked.tenant
        open_ones = (number for number, one in self.requests.items() if one.is_open)
        return next(
            (
                number
                for number in open_ones
                if (
                    self.requests[number].subjects,
                    self.requests[number].rows,
                    self.requests[number].tenant,
                )
                == wanted
            ),
            None,
        )

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
    """

    holds: Mapping[int, Hold] = field(default_factory=dict)
    ended: frozenset[int] = frozenset()
    moved: Mapping[int, Hold] = field(default_factory=dict)
