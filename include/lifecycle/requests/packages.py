"""Packages: what was put together for a subject, kept sealed, handed out once, destroyed in time.

The archive is encrypted with a passphrase of its own, so that it may travel to the subject; archive and passphrase are
sealed while they are kept, and leave the store through two functions of the database that give each away once.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.keys.sealing import Broken, seal, unseal
from lifecycle.ledger.book import append_all, hold
from lifecycle.operators import require_name
from lifecycle.requests.register import note
from lifecycle.requests.subject import SEALING_KEY
from lifecycle.requests.tables import request, request_event, request_package
from lifecycle.timelimits import first_instant, local_day

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from lifecycle.keys.provider import KeyProvider

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Those that nobody takes for another when they are read out."""
_GROUPS, _IN_A_GROUP = 5, 5
_FETCH = sa.text("SELECT lifecycle.fetch_package(:request, :by_whom, :moment)")
_SHOW = sa.text("SELECT lifecycle.show_passphrase(:request, :by_whom, :moment)")
FETCHED, SHOWN = "package_fetched", "passphrase_shown"
"""What the register and the ledger call it that something was handed out."""
_ENTERED = "_entered"
"""Ends what the register calls it that the ledger knows."""
_WITHDRAWN = "package_withdrawn"
_NOT_ENTERED = sa.text("""
    SELECT package.request_id, handed.what
    FROM lifecycle.request_package AS package
    CROSS JOIN LATERAL (
        VALUES (:fetched, package.fetched_at), (:shown, package.shown_at)
    ) AS handed (what, handed_at)
    WHERE handed.handed_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM lifecycle.request_event AS entered
        WHERE entered.request_id = package.request_id AND entered.what = handed.what || :entered
    )
    ORDER BY handed.handed_at, package.request_id, handed.what
""")


@dataclass(frozen=True, kw_only=True)
class Package:
    """What is known of a package without opening it.

    Attributes:
        expires_at: from then on it cannot be fetched; None until its request is answered.
        sha256: of the encrypted archive.
        size: its bytes.
    """

    request_id: UUID
    made_at: datetime
    expires_at: datetime | None
    sha256: str
    size: int
    fetched_at: datetime | None
    shown_at: datetime | None
    destroyed_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "sha256": self.sha256,
            "size": self.size,
            "is_gone": self.destroyed_at is not None,
            **{name: _text(getattr(self, name)) for name in ("expires_at", "fetched_at", "shown_at")},
        }


def new_passphrase() -> str:
    """Some 124 random bits, in groups that can be read out."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_IN_A_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def keep(
    connection: Connection,
    request_id: UUID,
    archive: bytes,
    passphrase: str,
    keys: KeyProvider,
    *,
    as_of: datetime,
) -> None:
    """Seal and store a package, instead of one that an earlier plan of the request made."""
    key = keys.secret(SEALING_KEY)
    connection.execute(sa.delete(request_package).where(request_package.c.request_id == request_id))
    connection.execute(
        sa.insert(request_package).values(
            request_id=request_id,
            made_at=as_of,
            sha256=sha256(archive).hexdigest(),
            size=len(archive),
            archive=seal(key, archive, _associated(request_id, "archive")),
            passphrase=seal(key, passphrase.encode(), _associated(request_id, "passphrase")),
        )
    )


def find(connection: Connection, request_id: UUID) -> Package | None:
    """What is known of the package of a request, if one was made."""
    columns = [request_package.c[name] for name in Package.__dataclass_fields__ if name in request_package.c]
    row = connection.execute(
        sa.select(*columns).where(request_package.c.request_id == request_id)
    ).one_or_none()
    return Package(**row._asdict()) if row else None


def offer(
    connection: Connection, request_id: UUID, *, days: int, zone: ZoneInfo, answered_at: datetime
) -> datetime:
    """Let a package be fetched until so many local days have ended after that of the answer; returns when."""
    expires_at = first_instant(local_day(answered_at, zone) + timedelta(days=days + 1), zone)
    connection.execute(
        sa.update(request_package)
        .values(expires_at=expires_at)
        .where(request_package.c.request_id == request_id)
    )
    return expires_at


def fetch(connection: Connection, request_id: UUID, keys: KeyProvider, *, by: str, as_of: datetime) -> bytes:
    """The encrypted archive of a request; it is destroyed, and that it was fetched is kept.

    Raises:
        UsageError: nobody fetches it, there is none, it was fetched already, or its time is over.
    """
    require_name(by)
    sealed = connection.scalar(_FETCH, {"request": request_id, "by_whom": by, "moment": as_of})
    if sealed is None:
        raise _unavailable(connection, request_id, "fetched_at")
    note(connection, request_id, FETCHED, by_whom=by, as_of=as_of)
    return _opened(keys, request_id, sealed, "archive")


def show_passphrase(
    connection: Connection, request_id: UUID, keys: KeyProvider, *, by: str, as_of: datetime
) -> str:
    """What opens the archive; it is destroyed, and that it was shown is kept.

    Raises:
        UsageError: nobody asks, there is none, it was shown already, or its time is over.
    """
    require_name(by)
    sealed = connection.scalar(_SHOW, {"request": request_id, "by_whom": by, "moment": as_of})
    if sealed is None:
        raise _unavailable(connection, request_id, "shown_at")
    note(connection, request_id, SHOWN, by_whom=by, as_of=as_of)
    return _opened(keys, request_id, sealed, "passphrase").decode()


def enter_handed_out(connection: Connection, *, as_of: datetime) -> int:
    """Let the ledger know what was handed out since; returns how many entries it was given.

    A restore of a backup that has it still is noticed by them. Whoever fetches on the page cannot write into the
    ledger, so that a run does so.
    """
    bound = {"fetched": FETCHED, "shown": SHOWN, "entered": _ENTERED}
    if not connection.execute(_NOT_ENTERED, bound).first():
        return 0
    hold(connection)  # somebody else may enter the same at this moment
    waiting = connection.execute(_NOT_ENTERED, bound).all()
    entries = append_all(
        connection, [(one.what, {"request": one.request_id}) for one in waiting], as_of=as_of
    )
    for one, entry in zip(waiting, entries, strict=True):
        note_entered(connection, one.request_id, one.what, entry.sequence, as_of=as_of)
    return len(entries)


def note_entered(
    connection: Connection, request_id: UUID, what: str, sequence: int, *, as_of: datetime
) -> None:
    """Remember that an entry of the ledger knows what was handed out."""
    note(connection, request_id, f"{what}{_ENTERED}", as_of=as_of, entry=sequence)


def withdraw(connection: Connection, *, as_of: datetime) -> list[UUID]:
    """Destroy what is left of every package that could be fetched; of which requests.

    A backup has packages back that were handed out since, and nothing says which.
    """
    has_ended = sa.select(request.c.request_id).where(request.c.closed_at.is_not(None))
    withdrawn = list(connection.scalars(_destroying(request_package.c.request_id.in_(has_ended), as_of)))
    for request_id in withdrawn:
        note(connection, request_id, _WITHDRAWN, as_of=as_of)
    return sorted(withdrawn)


def count_withdrawn(connection: Connection, *, since: datetime) -> int:
    """How many packages were destroyed since a moment because a backup had brought them back."""
    is_since = request_event.c.what == _WITHDRAWN, request_event.c.happened_at >= since
    return int(connection.scalar(sa.select(sa.func.count()).select_from(request_event).where(*is_since)) or 0)


def destroy_expired(connection: Connection, *, as_of: datetime) -> list[UUID]:
    """Destroy what is left of packages whose time is over; of which requests."""
    is_over = request_package.c.expires_at <= as_of
    expired = list(connection.scalars(_destroying(is_over, as_of)))
    for request_id in expired:
        note(connection, request_id, "package_expired", as_of=as_of)
    return sorted(expired)


def destroy(connection: Connection, request_id: UUID, *, as_of: datetime) -> None:
    """Destroy what is left of the package of a request, if there is one."""
    connection.execute(_destroying(request_package.c.request_id == request_id, as_of))


def _destroying(condition: sa.ColumnElement[bool], as_of: datetime) -> Any:
    is_left = sa.or_(request_package.c.fetched_at.is_(None), request_package.c.shown_at.is_(None))
    return (
        sa.update(request_package)
        .values(archive=None, passphrase=None, destroyed_at=as_of)
        .where(condition, is_left, request_package.c.destroyed_at.is_(None))
        .returning(request_package.c.request_id)
    )


def _unavailable(connection: Connection, request_id: UUID, once: str) -> UsageError:
    """Why there is nothing to hand out."""
    found = find(connection, request_id)
    if found is None:
        why = "nothing was put together for it"
    elif getattr(found, once):
        why = "it was handed out already, and that is done once"
    elif found.destroyed_at and (found.expires_at is None or found.destroyed_at < found.expires_at):
        why = "it was destroyed before its time was over: see what became of the request"
    elif found.expires_at is None:
        why = "it is not answered yet"
    else:
        why = f"its time was over at {found.expires_at:%Y-%m-%d %H:%M %Z}"
    return UsageError(
        why,
        place=f"request {request_id}",
        next_step="see lifecycle request show; a new copy is a new request",
    )


def _opened(keys: KeyProvider, request_id: UUID, sealed: bytes, what: str) -> bytes:
    try:
        return unseal(keys.secret(SEALING_KEY), sealed, _associated(request_id, what))
    except Broken:
        raise UsageError(
            "it cannot be opened: another key sealed it, or it was changed",
            place=f"request {request_id}",
            next_step="point LIFECYCLE_KEYRING to the keyring of the workers; nothing was destroyed",
        ) from None


def _associated(request_id: UUID, what: str) -> bytes:
    return json.dumps([str(request_id), what]).encode()


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
