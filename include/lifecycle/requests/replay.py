"""After a restore from a backup: every erasure that the backup does not know is done again (G1, R7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.ledger.book import append, restore
from lifecycle.ledger.entries import Entry
from lifecycle.policy.model import RequestKind
from lifecycle.requests.register import State, note, require_name
from lifecycle.requests.returning import Returning
from lifecycle.requests.steps import resume, unfinished
from lifecycle.requests.subject import forget
from lifecycle.requests.tables import request, suppression

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.runs.company import Company

_ERASURES = sa.text("""
    SELECT as_of, body FROM lifecycle.ledger
    WHERE kind = 'request_done' AND body ->> 'rule' = 'erasure' AND as_of >= :since
    ORDER BY sequence
""")
_LOST = sa.text("""
    -- What stands nowhere else than where it was lost: targets of holds, values of corrections, who objected.
    SELECT lost AS kind, count(*) AS entries
    FROM lifecycle.ledger, LATERAL (SELECT CASE kind WHEN 'request_done' THEN body ->> 'rule' ELSE kind END AS lost)
    WHERE lost IN ('hold_placed', 'restriction_placed', 'rectification', 'objection', 'withdrawal')
        AND sequence >= :first
    GROUP BY lost ORDER BY lost
""")


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a replay did.

    Attributes:
        entries: of the ledger that were put back.
        requests: erasures that were looked at.
        rows: rows of erased subjects that were found, and were erased as far as nothing keeps them.
        to_do: holds, restrictions, corrections, objections and withdrawals that the backup does not know: whom and
            what they were about stands nowhere else, and a person has to see to them again.
    """

    entries: int
    requests: int
    rows: int
    to_do: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "entries": self.entries,
            "requests": self.requests,
            "rows": self.rows,
            "to_do": dict(self.to_do),
        }


def replay(company: Company, *, since: datetime, replayed_by: str, as_of: datetime) -> Replayed:
    """Put the ledger's lost entries back, and erase again whom was erased since the backup. Safe to repeat.

    Args:
        company: opened, without asking whether its ledger is complete.
        since: when the backup was made, or any earlier moment.
        replayed_by: who approves what is erased again; each plan stays among those rows.
        as_of: now.

    Raises:
        PromiseBroken: the ledger and its copy have different entries at one place.
        LifecycleError: a plan could not be carried out; run again, it goes on.
    """
    require_name(replayed_by)
    with company.engine.begin() as connection:
        lost = company.ledger_copy.missing(connection) if company.ledger_copy else []
        entries = restore(connection, lost)
    with company.engine.begin() as connection:
        erasures = connection.execute(_ERASURES, {"since": since}).all()
        for erasure in erasures:
            _know_again(connection, erasure.body, erasure.as_of)
        rulebook = company.rulebook(as_of)
        roots = (*rulebook.erasure.deletion.roots, *rulebook.erasure.redaction.roots)
        flagged = Returning(connection, rulebook, company.keys).flag(roots)
        for request_id, rows in flagged.items():
            note(connection, request_id, "replayed", as_of=as_of, by_whom=replayed_by, rows=rows)
        waiting = unfinished(connection)
    for request_id in waiting:
        resume(company, request_id, as_of=as_of, approved_by=replayed_by)
    with company.engine.begin() as connection:
        rows = sum(flagged.values())
        done = append(connection, "erasures_replayed", {"starts": since, "rows": rows}, as_of=as_of)
        first = done.sequence if not lost else _first_of(lost)
        to_do = {row.kind: row.entries for row in connection.execute(_LOST, {"first": first})}
    return Replayed(entries=entries, requests=len(erasures), rows=rows, to_do=to_do)


def _know_again(connection: Connection, body: dict[str, Any], done_at: datetime) -> None:
    """A request that the backup does not know, or knows as open, is done; whom it was about is known by fingerprint."""
    placeholder = {
        "request_id": body["request"],
        "kind": RequestKind.ERASURE.value,
        "state": State.DONE.value,
        "received_at": done_at,
        "opened_by": "replay",
        "due_on": done_at.date(),
        "verified_by": "replay",
        "verified_how": "replay",
        "closed_at": done_at,
    }
    connection.execute(postgresql.insert(request).values(placeholder).on_conflict_do_nothing())
    connection.execute(
        sa.update(request)
        .values(
            state=State.DONE.value,
            closed_at=done_at,
            verified_by=sa.func.coalesce(request.c.verified_by, "replay"),
            verified_how=sa.func.coalesce(request.c.verified_how, "replay"),
        )
        .where(request.c.request_id == body["request"], request.c.closed_at.is_(None))
    )
    forget(connection, body["request"])
    known = [
        {"fingerprint": fingerprint, "request_id": body["request"], "erased_at": done_at}
        for fingerprint in body["subjects"]
    ]
    if known:
        connection.execute(postgresql.insert(suppression).on_conflict_do_nothing(), known)


def _first_of(lost: list[bytes]) -> int:
    return Entry.from_payload(lost[0]).sequence
