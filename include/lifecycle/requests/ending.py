"""The end of a request: its receipt is written, the ledger gets an entry, and whom it was about is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb

from lifecycle.ledger.book import append
from lifecycle.operators import require_name
from lifecycle.requests.corrections import forget_corrections
from lifecycle.requests.packages import destroy
from lifecycle.requests.receipt import body, digest_of
from lifecycle.requests.register import State, get, move, note, require_word
from lifecycle.requests.subject import forget, known_by
from lifecycle.requests.tables import request
from lifecycle.store.prepared import Prepared, bound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.model import Policy
    from lifecycle.requests.procedure import Settled
    from lifecycle.requests.register import Request


def finish(
    connection: Connection,
    policy: Policy,
    found: Request,
    settled: Settled,
    keys: KeyProvider,
    *,
    as_of: datetime,
) -> None:
    """End a request that was answered.

    Args:
        connection: in the caller's transaction.
        policy: in force.
        found: the request.
        settled: what the answer comes to.
        keys: take the fingerprints.
        as_of: now.

    Raises:
        UsageError: it is not so far that it may end.
    """
    request_id, kept = found.request_id, settled.kept
    content = {**body(connection, found, policy, kept, as_of=as_of), **settled.told}
    known = known_by(connection, request_id, keys)
    move(connection, request_id, State.DONE, closed_at=as_of, receipt=Jsonb(content))
    forget(connection, request_id)
    forget_corrections(connection, request_id)
    note(connection, request_id, "done", as_of=as_of)
    entry = {
        "request": request_id,
        "rule": found.kind.value,
        "digest": digest_of(content),
        "subjects": known,
        **({"collection": found.tenant} if found.tenant else {}),
        "kept": [
            {
                "collection": one.collection,
                "reason": one.reason,
                "rows": one.rows,
                **({"until": one.until} if one.until else {}),
            }
            for one in kept
        ],
    }
    _enter(connection, request_id, "request_done", entry, as_of=as_of)


def refuse(
    connection: Connection, policy: Policy, request_id: UUID, *, reason: str, refused_by: str, as_of: datetime
) -> None:
    """Refuse a request, for a reason that the subject is told.

    Raises:
        UsageError: no such request is open, nobody refuses it, or the reason is no word.
    """
    require_name(refused_by)
    require_word(reason, "reason")
    found = get(connection, request_id)
    content = {**body(connection, found, policy, (), as_of=as_of), "refused_because": reason}
    move(
        connection, request_id, State.REFUSED, refusal_reason=reason, closed_at=as_of, receipt=Jsonb(content)
    )
    forget(connection, request_id)
    forget_corrections(connection, request_id)
    destroy(connection, request_id, as_of=as_of)
    note(connection, request_id, "refused", by_whom=refused_by, as_of=as_of, reason=reason)
    entry = {
        "request": request_id,
        "rule": found.kind.value,
        "digest": digest_of(content),
        "reason": reason,
    }
    _enter(connection, request_id, "request_refused", entry, as_of=as_of)


def _enter(
    connection: Connection, request_id: UUID, kind: str, body: Mapping[str, Any], *, as_of: datetime
) -> None:
    """Add the entry that closes a request, and remember where it stands: the receipt proves it."""
    entered = append(connection, kind, body, as_of=as_of)
    _ENTERED.run(connection, {"request": request_id, "sequence": entered.sequence})


_ENTERED = Prepared(
    sa.update(request)
    .values(entry_sequence=bound("sequence", sa.BigInteger))
    .where(request.c.request_id == bound("request", sa.Uuid))
)
