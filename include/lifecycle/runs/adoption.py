"""Under which policy a run decides: entered in the ledger when it is the first to do so (P1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.ledger.book import append

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.policy.load import PolicyVersion

_ADOPTED = sa.text("""
    INSERT INTO lifecycle.policy_adopted (version, digest, as_of) VALUES (:version, :digest, :as_of)
    ON CONFLICT DO NOTHING
    RETURNING version
""")


def adopt(connection: Connection, version: PolicyVersion, *, as_of: datetime) -> bool:
    """Enter in the ledger that runs decide by this policy from now on; False where that is known.

    The entry holds the digest of the file, so that an auditor can tell whether the policy that is shown later
    is the one that was executed. A file that was edited under the same date is another policy, entered again.

    Args:
        connection: in the caller's transaction.
        version: in force at ``as_of``.
        as_of: the moment of the run.
    """
    adopted = {"version": version.policy.policy.last_updated, "digest": version.file.digest}
    if connection.scalar(_ADOPTED, {**adopted, "as_of": as_of}) is None:
        return False
    body = {"policy_version": adopted["version"], "digest": adopted["digest"]}
    append(connection, "policy_adopted", body, as_of=as_of)
    return True
