"""A request is closed when nothing of it is left to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from sqlalchemy import Connection

_DEFERRED = sa.text("""
    -- Why batches of the request's last plan could not be carried out.
    SELECT DISTINCT batch.reason
    FROM lifecycle.plan_batch AS batch
    WHERE batch.state = 'deferred' AND batch.reason IS NOT NULL AND batch.plan_id = (
        SELECT max(plan_id) FROM lifecycle.plan WHERE request_id = :request
    )
    ORDER BY batch.reason
""")


def require_nothing_left(
    connection: Connection, request_id: UUID, left: Mapping[str, int], what: str
) -> None:
    """Refuse to close a request of which something is left.

    Args:
        connection: sees the plans of the request.
        request_id: its number.
        left: rows by collection.
        what: they still do, in words.

    Raises:
        CheckFailed: names the rows in counts, and what the database had against it.
    """
    if not left:
        return
    rows = ", ".join(f"{count} of {name}" for name, count in left.items())
    reasons = "; ".join(connection.scalars(_DEFERRED, {"request": request_id}))
    raise CheckFailed(
        f"these rows still {what}: {rows}" + (f"; {reasons}" if reasons else ""),
        place=f"request {request_id}",
        next_step="it stays open: look at what keeps it, then plan it again, or refuse it with a reason",
    )
