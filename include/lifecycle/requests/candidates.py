"""Identities that stand on rows of the subject and of others: an operator says whose they are, seeing only counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.requests.closure import rows_with
from lifecycle.requests.register import events, note, require_name
from lifecycle.requests.subject import Source, open_whom
from lifecycle.requests.tables import request_identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Rulebook


FOUND = "candidate_found"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An identity that may be the subject's.

    Attributes:
        number: by which an operator answers for it.
        rows: how many rows have it, by collection.
    """

    number: int
    kind: str
    rows: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """As JSON, without the identity."""
        return {"candidate": self.number, "kind": self.kind, "rows": dict(self.rows)}


def candidates(
    connection: Connection, rulebook: Rulebook, request_id: UUID, keys: KeyProvider
) -> tuple[Candidate, ...]:
    """Those of a request that nobody has answered for."""
    waiting = connection.execute(
        sa.select(request_identity.c.position, request_identity.c.kind)
        .where(
            request_identity.c.request_id == request_id,
            request_identity.c.source == Source.CANDIDATE.value,
            request_identity.c.sealed.is_not(None),
        )
        .order_by(request_identity.c.position)
    ).all()
    whom = open_whom(connection, rulebook, request_id, keys, sources=(Source.CANDIDATE,))
    alone = replace(whom, subjects=())
    return tuple(
        Candidate(number=one.position, kind=one.kind, rows=rows_with(connection, rulebook, alone, subject))
        for one, subject in zip(waiting, whom.subjects, strict=True)
    )


def tell_candidates(
    connection: Connection, rulebook: Rulebook, request_id: UUID, keys: KeyProvider, *, as_of: datetime
) -> None:
    """Keep of each candidate, once, on how many rows it stands: for whoever may not look it up."""
    told = {event["candidate"] for event in events(connection, request_id) if event["what"] == FOUND}
    for one in candidates(connection, rulebook, request_id, keys):
        if one.number not in told:
            note(connection, request_id, FOUND, as_of=as_of, **one.to_json())


def told_candidates(connection: Connection, request_id: UUID) -> tuple[Candidate, ...]:
    """Those that nobody has answered for, with the rows that they stood on when they were found.

    Unlike :func:`candidates` it opens nothing and looks at no row of the company.
    """
    waiting = set(
        connection.scalars(
            sa.select(request_identity.c.position).where(
                request_identity.c.request_id == request_id,
                request_identity.c.source == Source.CANDIDATE.value,
            )
        )
    )
    return tuple(
        Candidate(number=event["candidate"], kind=event["kind"], rows=event["rows"])
        for event in events(connection, request_id)
        if event["what"] == FOUND and event["candidate"] in waiting
    )


def answer_for(
    connection: Connection, request_id: UUID, number: int, *, is_subjects: bool, by: str, as_of: datetime
) -> None:
    """Say whether a candidate is the subject's; it counts from the next plan on.

    Raises:
        UsageError: no such candidate waits, or nobody says so.
    """
    require_name(by)
    answer = Source.CONFIRMED if is_subjects else Source.DECLINED
    answered = connection.execute(
        sa.update(request_identity)
        .values(source=answer.value)
        .where(
            request_identity.c.request_id == request_id,
            request_identity.c.position == number,
            request_identity.c.source == Source.CANDIDATE.value,
        )
    )
    if not answered.rowcount:
        raise UsageError(
            "no such candidate waits for an answer",
            place=f"request {request_id} candidate {number}",
            next_step="see lifecycle request show",
        )
    note(connection, request_id, f"candidate_{answer.value}", by_whom=by, as_of=as_of, candidate=number)
