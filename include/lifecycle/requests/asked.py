"""What a request asks for besides its kind: what is corrected, which purposes end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.policy.model import RequestKind
from lifecycle.requests.corrections import (
    Correction,
    checked,
    fingerprints_of,
    keep_corrections,
    require_none,
)
from lifecycle.requests.purposes import checked_purposes, keep_purposes, purposes_of
from lifecycle.requests.tables import request_correction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.holds.targets import Target
    from lifecycle.identity.forms import Identifier
    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What else a request says.

    Attributes:
        corrections: of a rectification.
        purposes: of an objection or a withdrawal; none for all that it can end.
    """

    corrections: tuple[Correction, ...] = ()
    purposes: tuple[str, ...] = ()

    def found(
        self,
        connection: Connection,
        rulebook: Rulebook,
        kind: RequestKind,
        named: Sequence[Identifier | Target],
    ) -> Asked:
        """The same, if such a request may say it, with all purposes where none is given.

        Raises:
            UsageError: it does not belong to its kind, or cannot be.
        """
        purposes = checked_purposes(rulebook.policy, kind, self.purposes)
        if kind is not RequestKind.RECTIFICATION:
            require_none(self.corrections, kind)
            return replace(self, purposes=purposes)
        return replace(
            self, purposes=purposes, corrections=checked(connection, rulebook, self.corrections, named)
        )

    def keep(self, connection: Connection, request_id: UUID, keys: KeyProvider) -> None:
        """Store it with the request; values sealed."""
        keep_corrections(connection, request_id, self.corrections, keys)
        keep_purposes(connection, request_id, self.purposes)

    def is_asked_by(self, connection: Connection, request_id: UUID, keys: KeyProvider) -> bool:
        """Whether a request says exactly this."""
        marks = connection.scalars(
            sa.select(request_correction.c.fingerprint).where(request_correction.c.request_id == request_id)
        )
        ends = {one.purpose for one in purposes_of(connection, request_id)}
        return set(marks) == set(fingerprints_of(self.corrections, keys)) and ends == set(self.purposes)


NOTHING_MORE = Asked()
