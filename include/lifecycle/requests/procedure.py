"""What differs between kinds of requests; everything else is done in one way, by :mod:`lifecycle.requests.steps`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.execute.door import Before, Handler
    from lifecycle.identity.mentions import Masking
    from lifecycle.plan import Action, Kept
    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.writer import PlanWriter
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request at one moment.

    Attributes:
        rulebook: of the policy in force at ``as_of``.
        whom: whom it is about, opened; nobody where the request has ended.
        as_of: the moment of the run.
    """

    company: Company
    request_id: UUID
    rulebook: Rulebook
    whom: Whom
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class Handling:
    """What the door is given to carry out a plan of a request.

    Attributes:
        mask: whose mentions are replaced.
        before: called in the transaction of each batch, before anything is done.
        handlers: how rows are dealt with, by the actions that only requests know.
    """

    mask: Masking | None = None
    before: Before | None = None
    handlers: Mapping[Action, Handler] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What an answer comes to.

    Attributes:
        kept: rows that are not dealt with as was asked, why, and until when.
        told: what the receipt says besides; words, counts, dates and digests.
    """

    kept: tuple[Kept, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)


class Found(Protocol):
    """What is found of one request, on one connection, inside one transaction."""

    def writer(self, request_id: UUID) -> PlanWriter:
        """Puts the plan together."""


class Procedure(Protocol):
    """How one kind of request is answered.

    Attributes:
        looks_at_rows: whether rows are looked for at all; where none are, neither is what else the subject is known by.
    """

    looks_at_rows: ClassVar[bool]

    def find(self, connection: Connection, case: Case) -> Found:
        """What it is to be done to; the transaction sees one state of the database."""

    def ground(self, case: Case) -> Ground:
        """Why rows of its plan are due."""

    def handling(self, case: Case) -> Handling:
        """What the door needs for its plan."""

    def settle(self, connection: Connection, case: Case, *, answered_at: datetime) -> Settled:
        """Look whether everything was done, and say what the receipt tells.

        Raises:
            CheckFailed: something was not; the request stays open and is planned again.
        """
