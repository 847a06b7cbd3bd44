"""The register of draws: each takes its part of the budget before anything is drawn, and keeps it whatever happens."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from lifecycle.errors import CheckFailed, StoreError
from lifecycle.ledger.book import append
from lifecycle.store.engine import let_idle
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime
    from decimal import Decimal

    from sqlalchemy import Connection, Engine

    from lifecycle.analytics.spans import Span
    from lifecycle.policy.release_form import Feed

release_draw = sa.table(
    "release_draw",
    sa.column("draw_id", sa.Uuid),
    sa.column("release", sa.Text),
    sa.column("feed", sa.Text),
    sa.column("first_day", sa.Date),
    sa.column("last_day", sa.Date),
    sa.column("state", sa.Text),
    sa.column("rho", sa.Numeric),
    sa.column("delta", sa.Numeric),
    sa.column("policy_version", sa.Date),
    sa.column("reserved_at", sa.DateTime(timezone=True)),
    sa.column("ended_at", sa.DateTime(timezone=True)),
    sa.column("manifest", sa.Text),
    sa.column("sha256", sa.Text),
    sa.column("entry", sa.BigInteger),
    schema="lifecycle",
)
_RESERVE = sa.text(
    "SELECT draw, refused FROM lifecycle.release_reserve(:release, :feed, :first, :last, :rho, :delta,"
    " :period, :days_30, :days_365, :version, :at)"
)
_REFUSALS = {
    "released": (
        "it was released before",
        "what was released stays as it is: lifecycle release list shows it",
    ),
    "drawing": ("somebody else draws it", "run it again when that has ended"),
    "overlap": (
        "another period of the same days was released",
        "give a period that nobody has released a day of",
    ),
    "lost": ("it was declared lost", "nothing: it is never released"),
    "period": ("the budget of this period is spent", "nothing more is released of it: declare it lost"),
    "days_30": (
        "the budget of thirty days is spent",
        "nothing more is released of it: declare it lost",
    ),
    "days_365": (
        "the budget of a year is spent",
        "nothing more is released of it: declare it lost",
    ),
}
_LOCK = 0x72656C65  # "rele"
KNOWN = ("released", "forgotten")
"""States of draws whose numbers may be known: a period that has one is not drawn again."""
MILLION = 1_000_000
"""Parts of rho in which the ledger counts it."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A draw as the register has it.

    Attributes:
        manifest: what was released, as JSON; None of a draw that was not.
        entry: of the ledger.
    """

    draw_id: UUID
    release: str
    feed: str
    first_day: date
    last_day: date
    state: str
    rho: Decimal
    policy_version: date | None
    reserved_at: datetime
    manifest: str | None
    sha256: str | None
    entry: int | None

    @property
    def is_known(self) -> bool:
        """Whether somebody may have seen its numbers, whether this database still has them or not."""
        return self.state in KNOWN


@contextmanager
def only_builder(engine: Engine, release: str, first_day: date) -> Iterator[None]:
    """Nobody else builds a period of a release while this lasts.

    Raises:
        StoreError: somebody does.
    """
    with engine.connect() as connection, connection.begin():
        let_idle(connection)
        taken = sa.func.pg_try_advisory_xact_lock(
            sa.cast(sa.literal(_LOCK), sa.Integer), sa.func.hashtext(f"{release} {first_day}")
        )
        if not connection.scalar(sa.select(taken)):
            raise StoreError(
                "somebody else builds this period at this moment",
                place=f"release {release}, {first_day}",
                next_step="run it again when that has ended",
            )
        yield


@contextmanager
def as_builder(connection: Connection) -> Iterator[None]:
    """Act as the builder within the transaction: it may write what is released, and the engine may not."""
    connection.execute(sa.text(f"SET LOCAL ROLE {Role.BUILDER.value}"))
    yield
    connection.execute(sa.text(f"SET LOCAL ROLE {Role.ENGINE.value}"))


def released(connection: Connection, release: str, feed: str, first_day: date) -> Draw | None:
    """What was released of a period, or None."""
    return next(iter(draws(connection, release, feed=feed, first_day=first_day, state="released")), None)


def draws(
    connection: Connection,
    release: str,
    *,
    feed: str | None = None,
    first_day: date | None = None,
    state: str | None = None,
) -> list[Draw]:
    """The draws of a release, by period, in the order in which they were made."""
    columns = [release_draw.c[name] for name in Draw.__dataclass_fields__]
    query = sa.select(*columns).where(release_draw.c.release == release)
    for name, value in (("feed", feed), ("first_day", first_day), ("state", state)):
        if value is not None:
            query = query.where(release_draw.c[name] == value)
    query = query.order_by(release_draw.c.first_day, release_draw.c.feed, release_draw.c.reserved_at)
    return [Draw(**row) for row in connection.execute(query).mappings()]


def reserve(
    connection: Connection,
    release: str,
    name: str,
    feed: Feed,
    span: Span,
    *,
    version: date,
    as_of: datetime,
) -> UUID:
    """Take what a draw needs of the budget; to be committed before anything is drawn.

    Raises:
        CheckFailed: nothing may be drawn of the period any more; it says why.
    """
    given = {
        "release": release,
        "feed": name,
        "first": span.first,
        "last": span.last,
        "rho": feed.rho,
        "delta": feed.delta,
        "period": feed.budget.period,
        "days_30": feed.budget.days_30,
        "days_365": feed.budget.days_365,
        "version": version,
        "at": as_of,
    }
    with as_builder(connection):
        draw, refused = connection.execute(_RESERVE, given).one()
    if refused:
        meaning, next_step = _REFUSALS[refused]
        raise CheckFailed(
            f"nothing is drawn of {span.first}: {meaning}",
            place=f"releases.{release}.{name}",
            next_step=next_step,
        )
    return UUID(str(draw))


def millionths(rho: Decimal) -> int:
    """What a draw takes, as the ledger counts it: rounded up."""
    return math.ceil(rho * MILLION)


def known_feeds(connection: Connection, release: str, first_day: date) -> set[str]:
    """The feeds that have a period, whether this database still knows what or not."""
    query = sa.select(release_draw.c.feed).where(
        release_draw.c.release == release,
        release_draw.c.first_day == first_day,
        release_draw.c.state.in_(KNOWN),
    )
    return set(connection.scalars(query))


def burn(connection: Connection, release: str, feed: str, first_day: date, *, as_of: datetime) -> int:
    """End draws that nobody ended, as after a crash; what they took stays taken. Says how many there were.

    To be committed by itself. Whoever holds :func:`only_builder` knows that nobody draws.
    """
    abandoned = draws(connection, release, feed=feed, first_day=first_day, state="reserved")
    for one in abandoned:
        body = {
            "release": release,
            "feed": feed,
            "first_day": one.first_day,
            "last_day": one.last_day,
            "reason": "interrupted",
            "rho_millionths": millionths(one.rho),
        }
        entry = append(connection, "release_failed", body, as_of=as_of)
        end(connection, one.draw_id, "failed", as_of=as_of, entry=entry.sequence)
    return len(abandoned)


def end(
    connection: Connection,
    draw_id: UUID,
    state: str,
    *,
    as_of: datetime,
    manifest: str | None = None,
    sha256: str | None = None,
    entry: int | None = None,
) -> None:
    """Let a reserved draw be released, or failed.

    Raises:
        StoreError: somebody else has ended it; nothing of it may be committed.
    """
    ended = connection.execute(
        sa.update(release_draw)
        .where(release_draw.c.draw_id == draw_id, release_draw.c.state == "reserved")
        .values(state=state, ended_at=as_of, manifest=manifest, sha256=sha256, entry=entry)
    )
    if ended.rowcount != 1:
        raise StoreError(
            "somebody else has ended this draw", place=f"draw {draw_id}", next_step="run it again"
        )
