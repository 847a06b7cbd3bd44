"""Receipts: what was done for a request, in a document that proves itself without the database.

The body says what, when, under which policy, and what stays until when; it names nobody. Its digest stands in the
ledger, and the receipt carries the proof of that entry, so that the ledger's public key is all that checking it needs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError

from lifecycle.errors import UsageError
from lifecycle.ledger.proofs import ProofVerdict, verify_proof
from lifecycle.ledger.prove import prove
from lifecycle.requests.register import get
from lifecycle.requests.tables import request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.keys import PublicKey
    from lifecycle.plan import Kept
    from lifecycle.policy.model import Policy
    from lifecycle.requests.register import Request

FORMAT = "lifecycle receipt 1"
_DONE = sa.text("""
    SELECT collection, action, sum(row_count)::bigint AS rows
    FROM lifecycle.plan JOIN lifecycle.journal USING (plan_id)
    WHERE plan.request_id = :request
    GROUP BY collection, action ORDER BY collection, action
""")
_PLANS = sa.text("""
    SELECT digest, policy_version FROM lifecycle.plan
    WHERE request_id = :request AND state = 'executed' ORDER BY plan_id
""")
_TOLD = sa.text("""
    SELECT recipient, count(*) AS notices FROM lifecycle.outbox
    WHERE request = :request GROUP BY recipient ORDER BY recipient
""")


def body(
    connection: Connection, found: Request, policy: Policy, kept: Iterable[Kept], *, as_of: datetime
) -> dict[str, Any]:
    """What a receipt says of a request that ends now.

    Args:
        connection: sees what the plans of the request did.
        found: the request.
        policy: in force.
        kept: what stays, and why.
        as_of: now.
    """
    bound = {"request": found.request_id}
    return {
        "request": str(found.request_id),
        "kind": found.kind.value,
        "received_at": found.received_at.isoformat(),
        "answered_at": as_of.isoformat(),
        "policy": policy.policy.name,
        "policy_version": policy.version,
        "controller": policy.controller.name,
        "authority": policy.authority.name,
        "verified_how": found.verified_how,
        "plans": [row.digest for row in connection.execute(_PLANS, bound)],
        "done": [
            {"collection": row.collection, "action": row.action, "rows": row.rows}
            for row in connection.execute(_DONE, bound)
        ],
        "recipients": [
            {"recipient": row.recipient, "notices": row.notices} for row in connection.execute(_TOLD, bound)
        ],
        "kept": [
            {
                "collection": one.collection,
                "reason": one.reason,
                "source": one.source,
                "until": one.until.isoformat() if one.until else None,
                "rows": one.rows,
            }
            for one in kept
        ],
    }


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 over a receipt's body as canonical JSON: keys sorted, no blanks, UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def issue(connection: Connection, request_id: UUID) -> dict[str, Any]:
    """The receipt of a request that has ended.

    Raises:
        UsageError: there is no such request, it is open still, or the ledger was not signed since it ended.
    """
    found = get(connection, request_id)
    content, sequence = connection.execute(
        sa.select(request.c.receipt, request.c.entry_sequence).where(request.c.request_id == request_id)
    ).one()
    if found.is_open or content is None or sequence is None:
        raise UsageError(
            "there is a receipt when it has ended",
            place=f"request {request_id}",
            next_step="see lifecycle request show",
        )
    return {"format": FORMAT, "body": content, "proof": prove(connection, int(sequence)).to_json()}


@dataclass(frozen=True, kw_only=True)
class ReceiptVerdict:
    """What a receipt is worth.

    Attributes:
        holds: the ledger has what it says.
        reason: why, or why not, in one sentence.
        proof: the verdict on the ledger's entry.
    """

    holds: bool
    reason: str
    proof: ProofVerdict

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {"holds": self.holds, "reason": self.reason, "proof": self.proof.to_json()}


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["lifecycle receipt 1"]
    body: dict[str, Any]
    proof: dict[str, Any]


def verify_receipt(document: Mapping[str, Any], trusted: Iterable[PublicKey]) -> ReceiptVerdict:
    """Check a receipt. Needs no database and no network.

    Args:
        document: what :func:`issue` gave.
        trusted: the ledger's public keys, received from its owner by another way than the receipt.

    Raises:
        UsageError: the document is no receipt at all.
    """
    try:
        parsed = _Document.model_validate(document)
    except ValidationError:
        raise UsageError(
            "This is not a receipt.",
            next_step="Give the JSON as lifecycle request receipt wrote it, unchanged.",
        ) from None
    proof = verify_proof(parsed.proof, trusted)
    if not proof.holds or proof.entry is None:
        return ReceiptVerdict(holds=False, reason=proof.reason, proof=proof)
    if proof.entry.body.get("digest") != digest_of(parsed.body):
        reason = "The ledger has another digest for this request: what the receipt says was changed."
        return ReceiptVerdict(holds=False, reason=reason, proof=proof)
    return ReceiptVerdict(
        holds=True, reason=f"The receipt says what the ledger has of it. {proof.reason}", proof=proof
    )
