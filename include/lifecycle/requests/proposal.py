"""What an operator is shown before approving: the plan of a request in counts, what stays, and what it means (A10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.requests.candidates import told_candidates
from lifecycle.requests.purposes import purposes_of
from lifecycle.requests.register import get
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.requests.candidates import Candidate
    from lifecycle.requests.register import Request
    from lifecycle.requests.steps import Planned
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A plan of a request, as somebody may approve it.

    Attributes:
        purposes: what becomes of each that it is to end.
        candidates: those that nobody has answered for; left out of the plan.
        consequence: what an answer means for whoever asks, as the policy says.
    """

    planned: Planned
    request: Request
    purposes: Mapping[str, str]
    candidates: tuple[Candidate, ...]
    consequence: str | None

    @property
    def digest(self) -> str | None:
        """Of the plan; None where nothing is to be done."""
        return self.planned.digest

    def to_json(self) -> dict[str, Any]:
        """Digest, counts, reasons and names; no keys, no personal data."""
        return {
            **self.planned.to_json(),
            "kind": self.request.kind.value,
            "due_on": self.request.due_on.isoformat(),
            "tenant": self.request.tenant,
            "corrects": list(self.request.corrects),
            "purposes": dict(self.purposes),
            "candidates": [one.to_json() for one in self.candidates],
            "consequence": self.consequence,
        }


def describe(company: Company, request_id: UUID, planned: Planned) -> Proposal:
    """Put together what an operator has to know of a plan; nothing of the company's rows is looked at.

    Raises:
        UsageError: there is no such request.
    """
    with reading(company.engine) as connection:
        found = get(connection, request_id)
        purposes = _decided(connection, request_id)
        waiting = told_candidates(connection, request_id)
    right = company.version(planned.plan.as_of).policy.rights[found.kind]
    return Proposal(
        planned=planned,
        request=found,
        purposes=purposes,
        candidates=waiting,
        consequence=right.consequence,
    )


def _decided(connection: Connection, request_id: UUID) -> dict[str, str]:
    found = purposes_of(connection, request_id)
    return {one.purpose: one.decision.value if one.decision else "stop" for one in found}
