"""Purposes that are over for subjects: whatever is processed for one leaves out the rows that this says.

A subject who objects, or takes back consent, ends a purpose from that moment on, for rows that are there and for rows
that come (GDPR Art. 7(3) and 21). Whoever processes rows for a purpose asks :class:`Stops` which to leave out, as SQL,
in the statement that reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.holds.cover import Cover
from lifecycle.holds.subjects import HeldKind, collections_naming, identities_there
from lifecycle.holds.tables import (
    processing_stop,
    processing_stop_row,
    processing_stop_subject,
)
from lifecycle.identity.folding import NormalForm
from lifecycle.policy.rulebook import collections_of
from lifecycle.store.identities import names_subject
from lifecycle.store.relations import NamedType, relation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.holds.targets import Target
    from lifecycle.identity.forms import Identifier
    from lifecycle.policy.rulebook import Rulebook


class Stops(Cover):
    """What is left out of one purpose at one moment, and so is every row that belongs to it.

    Args:
        connection: asked now whom the stops name.
        rulebook: knows the collections and how their rows belong together.
        purpose: of the policy.
        as_of: the moment; a stop counts from when the subject said so.
    """

    word = "left_out"

    def __init__(self, connection: Connection, rulebook: Rulebook, purpose: str, as_of: datetime) -> None:
        self._covered = {}
        self.rulebook = rulebook
        self.as_of = as_of
        self.purpose = purpose
        counts = self._counts()
        named = (
            sa.select(processing_stop_row.c.collection)
            .distinct()
            .where(
                processing_stop_row.c.key.is_not(None),
                processing_stop_row.c.stop_id.in_(sa.select(processing_stop.c.stop_id).where(counts)),
            )
        )
        self.by_key = frozenset(connection.scalars(named))
        self.whole = frozenset()
        self.subjects = self._kinds(connection)
        kinds = frozenset(one.kind for one in self.subjects)
        self.by_subject = collections_naming(rulebook, kinds)
        known = rulebook.datamap.collections.keys() & rulebook.live.keys()
        self.lost = sorted(self.by_key - known) + sorted(kinds - rulebook.datamap.identity_kinds)
        self.collections = frozenset(
            collections_of(rulebook.reached((self.by_key | self.by_subject) & known))
        )

    def named(self, collection: str) -> list[Select[Any]]:
        """Rows of a collection that a stop names, by the identity of its subject or by key."""
        found = list(self._naming(collection)) if collection in self.by_subject else []
        if collection in self.by_key:
            found.append(self._keyed(collection))
        return found

    def leaves_out(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether a row is left out; whatever reads rows for the purpose asks that it is not."""
        return self.covers(collection, row)

    def _counts(self) -> ColumnElement[bool]:
        return sa.and_(processing_stop.c.purpose == self.purpose, processing_stop.c.since <= self.as_of)

    def _kinds(self, connection: Connection) -> frozenset[HeldKind]:
        stopped = (
            sa.select(processing_stop_subject.c.identity, processing_stop_subject.c.form)
            .distinct()
            .join(processing_stop, processing_stop.c.stop_id == processing_stop_subject.c.stop_id)
            .where(self._counts(), processing_stop_subject.c.spellings.is_not(None))
        )
        return frozenset(
            HeldKind(kind=row.identity, form=NormalForm(row.form)) for row in connection.execute(stopped)
        )

    def _naming(self, collection: str) -> Iterator[Select[Any]]:
        live = self.rulebook.live[collection].columns
        for column, identity in identities_there(self.rulebook, collection):
            for form in sorted(one.form for one in self.subjects if one.kind == identity.kind):
                row = relation(self.rulebook.live, collection, "stopped_row")
                names_it = sa.and_(
                    processing_stop_subject.c.identity == identity.kind,
                    processing_stop_subject.c.form == form.value,
                    names_subject(
                        row, live[column.name], identity, form, processing_stop_subject.c.spellings
                    ),
                )
                same = processing_stop_subject.c.stop_id == processing_stop.c.stop_id
                yield (
                    sa.select(*self._keys(collection, row), *_about())
                    .select_from(processing_stop.join(processing_stop_subject, same).join(row, names_it))
                    .where(self._counts())
                )

    def _keyed(self, collection: str) -> Select[Any]:
        """Materialized, so that no key of another collection, of another type, ever meets the cast."""
        columns = [
            sa.cast(processing_stop_row.c.key[number + 1], NamedType(kind)).label(f"key_{number}")
            for number, (_, kind) in enumerate(self.rulebook.key(collection))
        ]
        same = processing_stop_row.c.stop_id == processing_stop.c.stop_id
        number = list(self.rulebook.datamap.collections).index(collection)
        named = (
            sa.select(*columns, *_about())
            .select_from(processing_stop.join(processing_stop_row, same))
            .where(
                self._counts(),
                processing_stop_row.c.collection == collection,
                processing_stop_row.c.key.is_not(None),
            )
            .cte(f"stopped_{number}")
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )
        return sa.select(*named.c)

    def _keys(self, collection: str, row: FromClause) -> list[ColumnElement[Any]]:
        return [
            row.c[name].label(f"key_{number}")
            for number, (name, _) in enumerate(self.rulebook.key(collection))
        ]


def place_stops(
    connection: Connection,
    request_id: UUID,
    purposes: Iterable[str],
    *,
    subjects: Mapping[str, Identifier],
    rows: Mapping[str, Target],
    since: datetime,
    as_of: datetime,
) -> int:
    """End purposes for a subject; those that the request has ended already stay as they are.

    Args:
        connection: as the engine, in the caller's transaction.
        request_id: the request that asks for it.
        purposes: of the policy.
        subjects: whom it is about, by keyed fingerprint.
        rows: rows that are named by their keys, by keyed fingerprint.
        since: when the subject said so.
        as_of: now.

    Returns:
        How many purposes were not over for the request before.
    """
    ended = 0
    for purpose in purposes:
        stop_id = connection.scalar(
            postgresql.insert(processing_stop)
            .values(request_id=request_id, purpose=purpose, since=since, placed_at=as_of)
            .on_conflict_do_nothing()
            .returning(processing_stop.c.stop_id)
        )
        if stop_id is None:
            continue
        ended += 1
        _name_subjects(connection, UUID(str(stop_id)), subjects)
        _name_rows(connection, UUID(str(stop_id)), rows)
    return ended


def follow(connection: Connection, old: str, new: Identifier, fingerprint: str) -> int:
    """Let stops that name somebody by an identity name the one that takes its place, too; how many did not yet.

    Args:
        connection: in the transaction that changes the identity.
        old: fingerprint of the identity that it was.
        new: the identity that it is.
        fingerprint: of that.
    """
    naming = sa.select(processing_stop_subject.c.stop_id).where(
        processing_stop_subject.c.fingerprint == old, processing_stop_subject.c.spellings.is_not(None)
    )
    added = 0
    for stop_id in connection.scalars(naming).all():
        added += _name_subjects(connection, stop_id, {fingerprint: new})
    return added


def forget_stopped(connection: Connection, fingerprints: Collection[str]) -> int:
    """Forget, of subjects who were erased, by what they were known; the fingerprints stay. Says how many there were."""
    subjects = (
        sa.update(processing_stop_subject)
        .values(spellings=None)
        .where(
            processing_stop_subject.c.fingerprint.in_(list(fingerprints)),
            processing_stop_subject.c.spellings.is_not(None),
        )
    )
    rows = (
        sa.update(processing_stop_row)
        .values(key=None)
        .where(
            processing_stop_row.c.fingerprint.in_(list(fingerprints)), processing_stop_row.c.key.is_not(None)
        )
    )
    return connection.execute(subjects).rowcount + connection.execute(rows).rowcount


def stopped_purposes(connection: Connection, request_id: UUID) -> tuple[str, ...]:
    """The purposes that a request has ended."""
    query = sa.select(processing_stop.c.purpose).where(processing_stop.c.request_id == request_id)
    return tuple(connection.scalars(query.order_by(processing_stop.c.purpose)))


def _name_subjects(connection: Connection, stop_id: UUID, subjects: Mapping[str, Identifier]) -> int:
    found: Sequence[dict[str, Any]] = [
        {"identity": one.kind, "form": one.form.value, "fingerprint": mark, "spellings": list(one.spellings)}
        for mark, one in subjects.items()
    ]
    return _add(connection, processing_stop_subject, stop_id, found)


def _name_rows(connection: Connection, stop_id: UUID, rows: Mapping[str, Target]) -> int:
    found: Sequence[dict[str, Any]] = [
        {"collection": one.collection, "fingerprint": mark, "key": list(one.key)}
        for mark, one in rows.items()
    ]
    return _add(connection, processing_stop_row, stop_id, found)


def _add(
    connection: Connection, table: sa.TableClause, stop_id: UUID, found: Sequence[dict[str, Any]]
) -> int:
    """Add what a stop names, after what it names already; what it names already is not named twice."""
    first = connection.scalar(sa.select(sa.func.count()).where(table.c.stop_id == stop_id)) or 0
    added = 0
    for position, one in enumerate(found, start=first):
        row = {"stop_id": stop_id, "position": position, **one}
        insert = postgresql.insert(table).values(row).on_conflict_do_nothing()
        added += connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount
    return added


def _about() -> list[ColumnElement[Any]]:
    """What is said of a stop at each row, in the words of holds."""
    return [
        processing_stop.c.stop_id.label("hold_id"),
        sa.literal("stop", sa.Text).label("kind"),
        sa.cast(sa.null(), sa.DateTime(timezone=True)).label("until"),
    ]
