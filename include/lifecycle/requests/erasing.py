"""Erasure as a procedure: what names the subject goes, and is looked for once more without the plan (GDPR Art. 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sqlalchemy.dialects import postgresql

from lifecycle.errors import CheckFailed
from lifecycle.holds.stops import forget_stopped
from lifecycle.identity.mentions import Mentions
from lifecycle.requests.books import together, told_books
from lifecycle.requests.erasure import Erasure, of_subject
from lifecycle.requests.ground import NamesSubject
from lifecycle.requests.mentions import known_by_fingerprint
from lifecycle.requests.procedure import Handling, Settled
from lifecycle.requests.residue import residue
from lifecycle.requests.subject import known_by
from lifecycle.requests.tables import suppression
from lifecycle.requests.telling import Telling
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.identity.mentions import Masking
    from lifecycle.requests.procedure import Case


class ErasureProcedure:
    """How a request for erasure is answered."""

    looks_at_rows: ClassVar[bool] = True

    def find(self, connection: Connection, case: Case) -> Erasure:
        """Rows that name the subject, those that belong to them, and texts that mention the subject."""
        return of_subject(connection, case.rulebook, case.whom, as_of=case.as_of)

    def ground(self, case: Case) -> NamesSubject:
        """They name the subject."""
        return NamesSubject(case.rulebook, case.whom)

    def handling(self, case: Case) -> Handling:
        """The subject is masked in texts; recipients are told of what goes."""
        telling = Telling(
            rulebook=case.rulebook,
            keys=case.company.keys,
            request_id=case.request_id,
            subjects=case.whom.subjects,
            as_of=case.as_of,
        )
        return Handling(mask=self._mask(case), before=telling)

    def _mask(self, case: Case) -> Masking:
        """Finds the subject in texts: by its identities, or when the request is closed by their fingerprints."""
        if case.whom.subjects or case.whom.rows:
            return Mentions(identifiers=case.whom.written)
        with reading(case.company.engine) as connection:
            return known_by_fingerprint(connection, case.rulebook, case.request_id, case.company.keys)

    def settle(self, connection: Connection, case: Case, *, answered_at: datetime) -> Settled:
        """Look for the subject without the plan; remember what stays for a while, and whom nothing brings back.

        Raises:
            CheckFailed: rows are left that name the subject and that nothing keeps.
        """
        erasure = self.find(connection, case)
        _require_nothing_left(case.request_id, erasure.unkept())
        erasure.keep_remainder(case.request_id)
        _require_nothing_left(case.request_id, residue(connection, case.rulebook, case.whom, case.request_id))
        known = known_by(connection, case.request_id, case.company.keys)
        _suppress(connection, case, known, answered_at)
        if case.whom.tenant is None:  # the register of stops knows whoever was erased by fingerprint alone
            forget_stopped(connection, known)
        books = told_books(connection, case.request_id)
        return Settled(kept=together((*erasure.kept(), *books)))


def _suppress(connection: Connection, case: Case, known: list[str], erased_at: datetime) -> None:
    """Know the subject again by fingerprint."""
    erased = {
        "request_id": case.request_id,
        "erased_at": erased_at,
        "tenant": case.whom.tenant.collection if case.whom.tenant else None,
    }
    rows = [{"fingerprint": one, **erased} for one in known]
    if rows:  # a name alone knows nobody again
        connection.execute(postgresql.insert(suppression).on_conflict_do_nothing(), rows)


def _require_nothing_left(request_id: UUID, left: Mapping[str, int]) -> None:
    if left:
        rows = ", ".join(f"{count} of {name}" for name, count in left.items())
        raise CheckFailed(
            f"rows that name the subject are left: {rows}",
            place=f"request {request_id}",
            next_step="it stays open; plan it again: lifecycle request plan",
        )
