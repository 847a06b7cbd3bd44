"""What the page does with the register, as ``lifecycle_intake``: one transaction for each call."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from lifecycle.errors import UsageError
from lifecycle.holds.targets import UnseenTarget
from lifecycle.identity.names import NAME
from lifecycle.policy.notice import notice
from lifecycle.policy.stopping import ENDING, endable
from lifecycle.requests import lifting, packages, register, weighing
from lifecycle.requests.asked import Asked as AskedBesides
from lifecycle.requests.candidates import answer_for, told_candidates
from lifecycle.requests.corrections import Correction, correctable, corrected
from lifecycle.requests.naming import subject_by
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
    from lifecycle.requests.purposes import Decision


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
        package = packages.find(self.connection, request_id)
        return {
            **found.to_json(),
            "events": register.events(self.connection, request_id),
            "package": package.to_json() if package else None,
            "candidates": [one.to_json() for one in waiting],
            "waits_to_be_weighed": list(
                weighing.waiting(self.connection, self.company.version(self.at).policy, request_id)
            ),
            "is_restricted": lifting.is_restricted(self.connection, request_id),
        }

    def take(self, asked: Asked) -> UUID:
        """Take a request; one that is open already and says the same is that request."""
        named: list[Subject | NamedSubject | Target] = [
            *(subject_by(one.kind, one.value.get_secret_value()) for one in asked.subjects),
            *map(UnseenTarget.parse, asked.rows),
        ]
        rulebook = self.company.rulebook(self.at)
        return register.open_request(
            self.connection,
            rulebook,
            self.company.keys,
            named,
            kind=asked.kind,
            opened_by=self.operator,
            as_of=self.at,
            tenant=UnseenTarget.parse(asked.organisation) if asked.organisation else None,
            asked=AskedBesides(
                corrections=tuple(
                    Correction(
                        what=corrected(rulebook, one.what), named=one.what, value=one.to.get_secret_value()
                    )
                    for one in asked.corrections
                ),
                purposes=asked.purposes,
            ),
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

    def weigh(self, request_id: UUID, decision: Decision) -> None:
        """Decide whether an objection counts that is weighed."""
        policy = self.company.version(self.at).policy
        weighing.weigh(
            self.connection, policy, request_id, decision=decision, by=self.operator, as_of=self.at
        )

    def ask_lifting(self, request_id: UUID, informed_by: str) -> None:
        """Lift a restriction; a run does so."""
        lifting.ask_lifting(
            self.connection, request_id, informed_by=informed_by, asked_by=self.operator, as_of=self.at
        )

    def kind_of(self, request_id: UUID) -> RequestKind:
        """What a request asks for."""
        return register.get(self.connection, request_id).kind

    def require_startable(self, request_id: UUID) -> None:
        """The request can be answered by a run.

        Raises:
            UsageError: it is closed, or not verified.
        """
        found = register.get(self.connection, request_id)
        if found.state in {register.State.RECEIVED, register.State.DONE, register.State.REFUSED}:
            raise UsageError(
                f"it is {found.state}, and cannot be started",
                place=f"request {request_id}",
                next_step="verify it first" if found.is_open else "see its receipt",
            )

    def receipt(self, request_id: UUID) -> dict[str, Any]:
        """The receipt of a request that has ended."""
        return issue(self.connection, request_id)

    def fetch_package(self, request_id: UUID) -> bytes:
        """The encrypted archive that was put together for a request; once."""
        return packages.fetch(self.connection, request_id, self.company.keys, by=self.operator, as_of=self.at)

    def show_passphrase(self, request_id: UUID) -> str:
        """What opens it; once."""
        return packages.show_passphrase(
            self.connection, request_id, self.company.keys, by=self.operator, as_of=self.at
        )

    def notice(self) -> dict[str, Any]:
        """What everybody is told of what is processed."""
        return notice(self.company.version(self.at).policy, self.company.datamap)

    def kinds(self) -> dict[str, list[str]]:
        """What may be asked for, and by what a subject may be named."""
        policy = self.company.version(self.at).policy
        return {
            "requests": [kind.value for kind in policy.rights],
            "identities": [*sorted(self.company.datamap.identity_kinds), *([NAME] if policy.names else [])],
            "purposes": self._endable(),
            "correctable": correctable(self.company.rulebook(self.at)),
        }

    def _endable(self) -> list[str]:
        """The purposes that any kind of request can end."""
        policy = self.company.version(self.at).policy
        return list(dict.fromkeys(name for kind in ENDING for name in endable(policy, kind)))
