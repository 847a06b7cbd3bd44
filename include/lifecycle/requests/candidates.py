"""Identities that stand on rows of the subject and of others: an operator says whose they are, seeing only counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.identity.names import PersonName
from lifecycle.operators import require_name
from lifecycle.requests.closure import rows_with
from lifecycle.requests.naming import rows_of_name
from lifecycle.requests.register import events, note
from lifecycle.requests.subject import Row, Source, open_each, open_whom
from lifecycle.requests.tables import request_identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.identity.forms import Identifier
    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom


FOUND = "candidate_found"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An identity that may be the subject's, or a row that has none.

    Attributes:
        number: by which an operator answers for it.
        kind: of identity; the collection of the row.
        rows: how many rows have it, by collection.
        named: how many of these have the name by which the request names its subject.
    """

    number: int
    kind: str
    rows: Mapping[str, int]
    named: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON, without the identity."""
        named = {"named": dict(self.named)} if self.named else {}
        return {"candidate": self.number, "kind": self.kind, "rows": dict(self.rows), **named}


def candidates(
    connection: Connection, rulebook: Rulebook, request_id: UUID, keys: KeyProvider
) -> tuple[Candidate, ...]:
    """Those of a request that nobody has answered for."""
    waiting = open_each(connection, rulebook, request_id, keys, sources=(Source.CANDIDATE,))
    about = open_whom(connection, rulebook, request_id, keys, sources=(Source.NAMED,))
    return tuple(
        _counted(connection, rulebook, number, replace(about, names=()), one, about.names)
        for number, one in waiting.items()
        if not isinstance(one, PersonName)
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
        Candidate(
            number=event["candidate"],
            kind=event["kind"],
            rows=event["rows"],
            named=event.get("named", {}),
        )
        for event in events(connection, request_id)
        if event["what"] == FOUND and event["candidate"] in waiting
    )


def _counted(
    connection: Connection,
    rulebook: Rulebook,
    number: int,
    about: Whom,
    one: Identifier | Row,
    names: tuple[PersonName, ...],
) -> Candidate:
    if isinstance(one, Row):
        kind, alone = one.collection, replace(about, rows=(one,))
    else:
        kind, alone = one.kind, replace(about, subjects=(one,))
    return Candidate(
        number=number,
        kind=kind,
        rows=rows_with(connection, rulebook, alone),
        named=rows_of_name(connection, rulebook, alone, names),
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
