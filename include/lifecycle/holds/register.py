"""Placing, extending, releasing, listing and showing holds and restrictions.

Each change is an entry of the ledger, written in the same transaction. Placing waits for the deletions that
are under way at this moment, so that afterwards a row is either covered or was gone before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.holds.cover import Cover
from lifecycle.holds.subjects import forget
from lifecycle.holds.tables import LOCK, hold, hold_row, hold_subject, is_active, is_known
from lifecycle.holds.targets import Target
from lifecycle.identity.forms import Identifier
from lifecycle.ledger.book import append
from lifecycle.operators import require_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.holds.targets import Subject
    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Rulebook

Kind = Literal["hold", "restriction"]
PLACED = {"hold": "hold_placed", "restriction": "restriction_placed"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
PATIENCE = "10min"
"""How long placing a hold waits for the batches that are being deleted; a batch takes seconds."""
RELEASED = {"hold": "hold_released", "restriction": "restriction_lifted"}


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A hold or restriction as it stands in the register.

    Attributes:
        collections: of the rows that it names by key, and those that it names whole.
        identities: by which kinds of identity it names subjects.
        request: of a subject, that it follows from; None where an operator placed it.
    """

    hold_id: UUID
    kind: Kind
    reason: str
    placed_by: str
    placed_at: datetime
    until: datetime
    released_at: datetime | None
    collections: tuple[str, ...]
    identities: tuple[str, ...]
    request: UUID | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What it names, in words, without keys and identities."""
        return (*self.collections, *(f"a subject by {identity}" for identity in self.identities))

    def to_json(self) -> dict[str, Any]:
        """Without the keys of the rows and the identities of the subjects it names."""
        return {
            "hold": str(self.hold_id),
            "kind": self.kind,
            "reason": self.reason,
            "placed_by": self.placed_by,
            "placed_at": self.placed_at.isoformat(),
            "until": self.until.isoformat(),
            "released_at": self.released_at.isoformat() if self.released_at else None,
            "collections": list(self.collections),
            "identities": list(self.identities),
            "request": str(self.request) if self.request else None,
        }


@dataclass(frozen=True, kw_only=True)
class NamedRow:
    """A row, or a whole collection, that a hold names.

    Attributes:
        key: as text, column by column; empty for the whole collection, None where it was forgotten.
    """

    collection: str
    key: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class NamedSubject:
    """A subject that a hold names: by which kind of identity, and whether it was forgotten."""

    identity: str
    is_forgotten: bool


@dataclass(frozen=True, kw_only=True)
class Named:
    """A hold and each thing that it names; a key may be a person's own number, so it is for operators' eyes."""

    hold: Hold
    rows: tuple[NamedRow, ...]
    subjects: tuple[NamedSubject, ...]

    def to_json(self) -> dict[str, Any]:
        """With the keys of rows, and without the identities of subjects."""
        return {
            **self.hold.to_json(),
            "rows": [
                {"collection": one.collection, "key": None if one.key is None else list(one.key)}
                for one in self.rows
            ],
            "subjects": [{"identity": one.identity, "forgotten": one.is_forgotten} for one in self.subjects],
        }


def place(
    connection: Connection,
    rulebook: Rulebook,
    targets: Iterable[Target | Subject],
    *,
    kind: Kind,
    reason: str,
    placed_by: str,
    until: datetime,
    as_of: datetime,
) -> UUID:
    """Place a hold or restriction on rows, collections or subjects, and on all that belongs to them.

    A subject need not be known: whatever names it is covered from the moment it arrives.

    Args:
        connection: as the engine, in the caller's transaction.
        rulebook: knows the collections and their keys.
        targets: at least one.
        kind: ``hold`` or ``restriction``.
        reason: one word, such as ``litigation`` or the number of a case; it goes into the ledger.
        placed_by: who places it.
        until: when it ends unless extended; after ``as_of``.
        as_of: now.

    Raises:
        UsageError: no target, an unknown collection or kind of identity, a key that no row has, an identifier that is
            none, an end that has passed, a reason that is no word, nobody who places it.
    """
    targets = tuple(targets)
    if not targets:
        raise UsageError(
            "a hold names at least one row, collection or subject",
            next_step="for example schema.table:42, or --subject email",
        )
    _require_words(reason, placed_by)
    if until <= as_of:
        raise UsageError("the hold would have ended already", place="until", next_step="give a later moment")
    _wait_for_deletions(connection)
    named = tuple(dict.fromkeys(target.found(connection, rulebook) for target in targets))
    hold_id = connection.scalar(
        sa.insert(hold)
        .values(kind=kind, reason=reason, placed_by=placed_by, placed_at=as_of, until=until)
        .returning(hold.c.hold_id)
    )
    _name(connection, UUID(str(hold_id)), named)
    body = {kind: hold_id, "scope": _scope(named), "reason": reason, "until": until}
    append(connection, PLACED[kind], body, as_of=as_of)
    return UUID(str(hold_id))


def release(
    connection: Connection,
    hold_id: UUID,
    *,
    released_by: str,
    as_of: datetime,
    request: UUID | None = None,
) -> Hold:
    """Release a hold: what fell due meanwhile is deleted by the next run, and whom it named is forgotten.

    Args:
        connection: as the engine, in the caller's transaction.
        hold_id: its number.
        released_by: who does.
        as_of: now.
        request: of the subject that it follows from; None where an operator placed it.

    Raises:
        UsageError: there is none of this number, it was released before, nobody releases it, or it follows from
            a request of a subject, who has to be told first.
    """
    require_name(released_by)
    found = connection.execute(
        sa.update(hold)
        .values(released_at=as_of, released_by=released_by)
        .where(hold.c.hold_id == hold_id, hold.c.released_at.is_(None))
        .returning(hold.c.kind, hold.c.reason, hold.c.request_id)
    ).one_or_none()
    if found is None:
        raise UsageError("no such hold is in force", place=str(hold_id), next_step="see lifecycle hold list")
    if found.request_id != request:
        raise UsageError(
            "a subject asked for it, and is told before it is lifted",
            place=str(hold_id),
            next_step=f"tell the subject, then: lifecycle request lift {found.request_id}",
        )
    forget(connection, hold.c.hold_id == hold_id)
    append(connection, RELEASED[found.kind], {found.kind: hold_id, "reason": found.reason}, as_of=as_of)
    return next(one for one in listing(connection, as_of=as_of, all_of_them=True) if one.hold_id == hold_id)


def extend(
    connection: Connection,
    hold_id: UUID,
    *,
    until: datetime,
    extended_by: str,
    keys: KeyProvider,
    as_of: datetime,
) -> datetime:
    """Move the end of a hold that is known still; waits, as placing does, for the deletions that are under way.

    One that has ended is known until the next run forgets it: a database that was restored from a backup has the end
    that it had then. The ledger names who moved it, by fingerprint: an end may be moved more than once.

    Returns:
        The end that it had.

    Raises:
        UsageError: there is none, it was released or forgotten, the new end has passed, or nobody moves it.
    """
    require_name(extended_by)
    if until <= as_of:
        raise UsageError("the hold would have ended already", place="until", next_step="give a later moment")
    _wait_for_deletions(connection)
    found = connection.execute(
        sa.select(hold.c.kind, hold.c.reason, hold.c.until)
        .where(hold.c.hold_id == hold_id, hold.c.released_at.is_(None), is_known())
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise UsageError("no such hold is in force", place=str(hold_id), next_step="see lifecycle hold list")
    connection.execute(sa.update(hold).values(until=until).where(hold.c.hold_id == hold_id))
    body = {
        found.kind: hold_id,
        "scope": "extension",
        "reason": found.reason,
        "until": until,
        "approved_by": keys.fingerprint("operator", extended_by),
    }
    append(connection, PLACED[found.kind], body, as_of=as_of)
    before: datetime = found.until
    return before


def listing(connection: Connection, *, as_of: datetime, all_of_them: bool = False) -> tuple[Hold, ...]:
    """The holds in force at ``as_of``, those that end first in front; all of them on request."""
    collections = (
        sa.select(sa.func.array_agg(sa.distinct(hold_row.c.collection)))
        .where(hold_row.c.hold_id == hold.c.hold_id)
        .scalar_subquery()
    )
    identities = (
        sa.select(sa.func.array_agg(sa.distinct(hold_subject.c.identity)))
        .where(hold_subject.c.hold_id == hold.c.hold_id)
        .scalar_subquery()
    )
    named = collections.label("collections"), identities.label("identities")
    query = sa.select(hold, *named).order_by(hold.c.until, hold.c.hold_id)
    rows = connection.execute(query if all_of_them else query.where(is_active(as_of)))
    return tuple(
        Hold(
            hold_id=UUID(str(row.hold_id)),
            kind=row.kind,
            reason=row.reason,
            placed_by=row.placed_by,
            placed_at=row.placed_at,
            until=row.until,
            released_at=row.released_at,
            collections=tuple(sorted(row.collections or ())),
            identities=tuple(sorted(row.identities or ())),
            request=row.request_id,
        )
        for row in rows
    )


def show(connection: Connection, hold_id: UUID, *, as_of: datetime) -> Named:
    """A hold, in force or not, and each row, collection and subject that it names.

    Raises:
        UsageError: there is none of this number.
    """
    every = listing(connection, as_of=as_of, all_of_them=True)
    found = next((one for one in every if one.hold_id == hold_id), None)
    if found is None:
        raise UsageError(
            "there is no such hold", place=str(hold_id), next_step="see lifecycle hold list --all"
        )
    rows = connection.execute(
        sa.select(hold_row.c.collection, hold_row.c.key)
        .where(hold_row.c.hold_id == hold_id)
        .order_by(hold_row.c.collection, hold_row.c.key)
    )
    subjects = connection.execute(
        sa.select(hold_subject.c.identity, hold_subject.c.spellings.is_(None).label("is_forgotten"))
        .where(hold_subject.c.hold_id == hold_id)
        .order_by(hold_subject.c.position)
    )
    return Named(
        hold=found,
        rows=tuple(
            NamedRow(collection=row.collection, key=None if row.key is None else tuple(row.key))
            for row in rows
        ),
        subjects=tuple(
            NamedSubject(identity=row.identity, is_forgotten=row.is_forgotten) for row in subjects
        ),
    )


def tie(connection: Connection, hold_id: UUID, request_id: UUID) -> None:
    """Say which request of a subject a restriction follows from."""
    connection.execute(sa.update(hold).values(request_id=request_id).where(hold.c.hold_id == hold_id))


def of_request(connection: Connection, request_id: UUID, *, as_of: datetime) -> Hold | None:
    """The restriction that a request asked for, while it is in force."""
    found = (one for one in listing(connection, as_of=as_of) if one.request == request_id)
    return next(found, None)


def covered_counts(
    connection: Connection, rulebook: Rulebook, hold_id: UUID, *, as_of: datetime
) -> dict[str, int]:
    """How many rows of each collection a hold or restriction covers."""
    found = {}
    cover = Cover(connection, rulebook, as_of)
    for collection in cover.collections:
        if collection in rulebook.live and rulebook.key(collection):
            covered = cover.rows(collection)
            keys = [column for column in covered.c if str(column.name).startswith("key_")]
            rows = sa.select(*keys).where(covered.c.hold_id == hold_id).distinct().subquery("covered_rows")
            count = connection.scalar(sa.select(sa.func.count()).select_from(rows))
            if count:
                found[collection] = int(count)
    return found


def covered_keys(
    connection: Connection, rulebook: Rulebook, hold_id: UUID, *, as_of: datetime
) -> dict[str, list[tuple[str, ...]]]:
    """Keys, as text, of the rows of each collection that a hold or restriction covers."""
    found = {}
    cover = Cover(connection, rulebook, as_of)
    for collection in sorted(cover.collections):
        if collection in rulebook.live and rulebook.key(collection):
            covered = cover.rows(collection)
            keys = [sa.cast(column, sa.Text) for column in covered.c if str(column.name).startswith("key_")]
            rows = connection.execute(sa.select(*keys).where(covered.c.hold_id == hold_id).distinct())
            found[collection] = [tuple(row) for row in rows]
    return {collection: keys for collection, keys in found.items() if keys}


def _wait_for_deletions(connection: Connection) -> None:
    """No batch is carried out from here to the end of the transaction."""
    connection.execute(sa.text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": PATIENCE})
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _require_words(reason: str, placed_by: str) -> None:
    """Refuse a reason that may not stand in the ledger, and a hold that nobody places."""
    if not _WORD.fullmatch(reason):
        raise UsageError(
            "the reason goes into the ledger and is one word: letters, digits, _ and -, at most 64",
            place="reason",
            next_step="for example litigation, or the number of a case as case-2031; the story belongs in its file",
        )
    require_name(placed_by)


def _name(connection: Connection, hold_id: UUID, named: Sequence[Target | Identifier]) -> None:
    """Store what a hold names."""
    rows = [one for one in named if isinstance(one, Target)]
    subjects = [one for one in named if isinstance(one, Identifier)]
    if rows:
        connection.execute(
            sa.insert(hold_row),
            [{"hold_id": hold_id, "collection": one.collection, "key": list(one.key)} for one in rows],
        )
    if subjects:
        connection.execute(
            sa.insert(hold_subject),
            [
                {
                    "hold_id": hold_id,
                    "position": number,
                    "identity": one.kind,
                    "form": one.form.value,
                    "spellings": list(one.spellings),
                }
                for number, one in enumerate(subjects)
            ],
        )


def _scope(named: Iterable[Target | Identifier]) -> str:
    """The widest thing that a hold names, in one word."""
    scopes = {
        "subject" if isinstance(one, Identifier) else "rows" if one.key else "collection" for one in named
    }
    return next(scope for scope in ("collection", "subject", "rows") if scope in scopes)
