"""What the page does with the register, as ``lifecycle_intake``: one transaction for each call."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from lifecycle.errors import UsageError
from lifecycle.holds.targets import UnseenTarget
from lifecycle.identity.names import NAME
from lifecycle.requests import register
from lifecycle.requests.candidates import answer_for, told_candidates
from lifecycle.requests.naming import subject_by
from lifecycle.requests.procedures import procedure_of
from lifecycle.requests.receipt import issue
from lifecycle.runs.company import Company
from lifecycle.settings import Settings
from lifecycle.store.failures import describe
from lifecycle.store.roles import Role
from lifecycle.timelimits import local_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.holds.targets import Subject, Target
    from lifecycle.intake.given import Asked
    from lifecycle.policy.model import RequestKind
    from lifecycle.requests.naming import NamedSubject


@dataclass(frozen=True, kw_only=True)
class Office:
    """The register at one moment, in one transaction, on behalf of one operator."""

    company: Company
    connection: Connection
    operator: str
    at: datetime

    @classmethod
    @contextmanager
    def open(cls, operator: str, at: datetime) -> Iterator[Office]:
        """The office of the company that the environment names.

        Raises:
            StoreError: what the database complains of.
        """
        company = Company.open(Settings.from_environment(), role=Role.INTAKE)
        try:
            with company.engine.begin() as connection:
                yield cls(company=company, connection=connection, operator=operator, at=at)
        except DBAPIError as error:
            failure = describe(error, place="lifecycle")
        else:
            return
        finally:
            company.engine.dispose()
        raise failure

    def listing(self, *, is_closed_too: bool) -> list[dict[str, Any]]:
        """Requests, those due first in front."""
        today = local_day(self.at, self.company.version(self.at).policy.zone)
        found = register.listing(self.connection, is_closed_too=is_closed_too)
        return [{**one.to_json(), "is_overdue": one.is_overdue(today)} for one in found]

    def show(self, request_id: UUID) -> dict[str, Any]:
        """A request, what became of it, and what only an operator can say."""
        found = register.get(self.connection, request_id)
        waiting = told_candidates(self.connection, request_id) if found.is_open else ()
        return {
            **found.to_json(),
            "events": register.events(self.connection, request_id),
            "candidates": [one.to_json() for one in waiting],
        }

    def take(self, asked: Asked) -> UUID:
        """Take a request; one that is open already and says the same is that request."""
        named: list[Subject | NamedSubject | Target] = [
            *(subject_by(one.kind, one.value.get_secret_value()) for one in asked.subjects),
            *map(UnseenTarget.parse, asked.rows),
        ]
        return register.open_request(
            self.connection,
            self.company.rulebook(self.at),
            self.company.keys,
            named,
            kind=asked.kind,
            opened_by=self.operator,
            as_of=self.at,
            tenant=UnseenTarget.parse(asked.organisation) if asked.organisation else None,
        )

    def verify(self, request_id: UUID, how: str) -> None:
        """Record that whoever asks may ask."""
        register.verify(self.connection, request_id, verified_by=self.operator, how=how, as_of=self.at)

    def answer(self, request_id: UUID, candidate: int, *, is_subjects: bool) -> None:
        """Record whose an identity is."""
        answer_for(
            self.connection,
            request_id,
            candidate,
            is_subjects=is_subjects,
            by=self.operator,
            as_of=self.at,
        )

    def extend(self, request_id: UUID, reason: str) -> None:
        """Take longer for an answer."""
        register.extend(
            self.connection,
            self.company.rulebook(self.at),
            request_id,
            reason=reason,
            extended_by=self.operator,
            as_of=self.at,
        )

    def ask_refusal(self, request_id: UUID, reason: str) -> None:
        """Refuse a request; a run carries it out."""
        register.ask_refusal(
            self.connection, request_id, reason=reason, asked_by=self.operator, as_of=self.at
        )

    def kind_of(self, request_id: UUID) -> RequestKind:
        """What a request asks for."""
        return register.get(self.connection, request_id).kind

    def require_startable(self, request_id: UUID) -> None:
        """The request can be answered by a run.

        Raises:
            UsageError: it is closed, not verified, or of a kind that nothing answers.
        """
        found = register.get(self.connection, request_id)
        if found.state in {register.State.RECEIVED, register.State.DONE, register.State.REFUSED}:
            raise UsageError(
                f"it is {found.state}, and cannot be started",
                place=f"request {request_id}",
                next_step="verify it first" if found.is_open else "see its receipt",
            )
        procedure_of(found.kind)

    def receipt(self, request_id: UUID) -> dict[str, Any]:
        """The receipt of a request that has ended."""
        return issue(self.connection, request_id)

    def kinds(self) -> dict[str, list[str]]:
        """What may be asked for, and by what a subject may be named."""
        policy = self.company.version(self.at).policy
        return {
            "requests": [kind.value for kind in policy.rights],
            "identities": [*sorted(self.company.datamap.identity_kinds), *([NAME] if policy.names else [])],
        }
