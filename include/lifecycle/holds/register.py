"""Placing, extending, releasing and listing holds and restrictions.

Each change is an entry of the ledger, written in the same transaction. Placing waits for the deletions that
are under way at this moment, so that afterwards a row is either covered or was gone before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.holds.cover import LOCK, held, hold, hold_row, is_active
from lifecycle.ledger.book import append
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.policy.rulebook import Rulebook

Kind = Literal["hold", "restriction"]
PLACED = {"hold": "hold_placed", "restriction": "restriction_placed"}
PATIENCE = "10min"
"""How long placing a hold waits for the batches that are being deleted; a batch takes seconds."""
RELEASED = {"hold": "hold_released", "restriction": "restriction_lifted"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a hold names: rows of a collection by key, or all of it.

    Attributes:
        key: the primary key as text, column by column; empty for the whole collection.
    """

    collection: str
    key: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``schema.table`` or ``schema.table:key`` (``key,key`` where the key has several columns).

        Raises:
            UsageError: it is neither.
        """
        collection, colon, key = text.partition(":")
        if collection.count(".") != 1 or (colon and not key):
            raise UsageError(
                "a hold names schema.table for a collection, or schema.table:key for a row",
                place=collection or "target",
                next_step="for example schema.table:42",
            )
        return cls(collection=collection, key=tuple(key.split(",")) if key else ())


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A hold or restriction as it stands in the register."""

    hold_id: UUID
    kind: Kind
    reason: str
    placed_by: str
    placed_at: datetime
    until: datetime
    released_at: datetime | None
    collections: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Without the keys of the rows it names."""
        return {
            "hold": str(self.hold_id),
            "kind": self.kind,
            "reason": self.reason,
            "placed_by": self.placed_by,
            "placed_at": self.placed_at.isoformat(),
            "until": self.until.isoformat(),
            "released_at": self.released_at.isoformat() if self.released_at else None,
            "collections": list(self.collections),
        }


def place(
    connection: Connection,
    rulebook: Rulebook,
    targets: Iterable[Target],
    *,
    kind: Kind,
    reason: str,
    placed_by: str,
    until: datetime,
    as_of: datetime,
) -> UUID:
    """Place a hold or restriction on rows or collections, and on all that belongs to them.

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
        UsageError: no target, an unknown collection, a key that no row has, an end that has passed.
    """
    targets = tuple(targets)
    if not targets:
        raise UsageError(
            "a hold names at least one row or collection", next_step="for example schema.table:42"
        )
    if until <= as_of:
        raise UsageError("the hold would have ended already", place="until", next_step="give a later moment")
    connection.execute(sa.text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": PATIENCE})
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    for target in targets:
        _require_target(connection, rulebook, target)
    hold_id = connection.scalar(
        sa.insert(hold)
        .values(kind=kind, reason=reason, placed_by=placed_by, placed_at=as_of, until=until)
        .returning(hold.c.hold_id)
    )
    connection.execute(
        sa.insert(hold_row),
        [{"hold_id": hold_id, "collection": one.collection, "key": list(one.key)} for one in targets],
    )
    scope = "collection" if any(not target.key for target in targets) else "rows"
    body = {kind: hold_id, "scope": scope, "reason": reason, "until": until}
    append(connection, PLACED[kind], body, as_of=as_of)
    return UUID(str(hold_id))


def release(connection: Connection, hold_id: UUID, *, released_by: str, as_of: datetime) -> Hold:
    """Release a hold: what fell due meanwhile is deleted by the next run.

    Raises:
        UsageError: there is none of this number, or it was released before.
    """
    found = connection.execute(
        sa.update(hold)
        .values(released_at=as_of, released_by=released_by)
        .where(hold.c.hold_id == hold_id, hold.c.released_at.is_(None))
        .returning(hold.c.kind, hold.c.reason)
    ).one_or_none()
    if found is None:
        raise UsageError("no such hold is in force", place=str(hold_id), next_step="see lifecycle hold list")
    append(connection, RELEASED[found.kind], {found.kind: hold_id, "reason": found.reason}, as_of=as_of)
    return next(one for one in listing(connection, as_of=as_of, all_of_them=True) if one.hold_id == hold_id)


def extend(connection: Connection, hold_id: UUID, *, until: datetime, as_of: datetime) -> None:
    """Move the end of a hold that is in force.

    Raises:
        UsageError: there is none, or the new end has passed.
    """
    if until <= as_of:
        raise UsageError("the hold would have ended already", place="until", next_step="give a later moment")
    found = connection.execute(
        sa.update(hold)
        .values(until=until)
        .where(hold.c.hold_id == hold_id, is_active(as_of))
        .returning(hold.c.kind, hold.c.reason)
    ).one_or_none()
    if found is None:
        raise UsageError("no such hold is in force", place=str(hold_id), next_step="see lifecycle hold list")
    body = {found.kind: hold_id, "scope": "extension", "reason": found.reason, "until": until}
    append(connection, PLACED[found.kind], body, as_of=as_of)


def listing(connection: Connection, *, as_of: datetime, all_of_them: bool = False) -> tuple[Hold, ...]:
    """The holds in force at ``as_of``, those that end first in front; all of them on request."""
    collections = (
        sa.select(sa.func.array_agg(sa.distinct(hold_row.c.collection)))
        .where(hold_row.c.hold_id == hold.c.hold_id)
        .scalar_subquery()
    )
    query = sa.select(hold, collections.label("collections")).order_by(hold.c.until, hold.c.hold_id)
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
        )
        for row in rows
    )


def covered_counts(connection: Connection, rulebook: Rulebook, *, as_of: datetime) -> dict[str, int]:
    """How many rows of each collection holds and restrictions cover."""
    found = {}
    for collection in rulebook.datamap.collections:
        if rulebook.key(collection):
            cover = held(rulebook, collection, as_of)
            keys = [column for column in cover.c if str(column.name).startswith("key_")]
            rows = sa.select(*keys).distinct().subquery("covered_rows")
            count = connection.scalar(sa.select(sa.func.count()).select_from(rows))
            if count:
                found[collection] = int(count)
    return found


def _require_target(connection: Connection, rulebook: Rulebook, target: Target) -> None:
    if target.collection not in rulebook.datamap.collections:
        raise UsageError(
            "the data map has no such collection", place=target.collection, next_step="see lifecycle check"
        )
    if not target.key:
        return
    key = rulebook.key(target.collection)
    row = relation(rulebook.live, target.collection, "target")
    if len(key) == len(target.key):
        same = [
            sa.cast(row.c[name], sa.Text) == value for (name, _), value in zip(key, target.key, strict=True)
        ]
        if connection.scalar(sa.select(sa.exists(sa.select(sa.literal(1)).select_from(row).where(*same)))):
            return
    raise UsageError(
        "no row has this key",
        place=target.collection,
        next_step=f"give the primary key ({', '.join(name for name, _ in key)}) of a row that exists",
    )
