"""Holds on a subject: the rows that name it, whenever they arrived, and when it is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.holds.tables import ABOUT, hold, hold_row, hold_subject, is_active
from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import identify_stored
from lifecycle.store.identities import names_subject
from lifecycle.store.prepared import Prepared, bound
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection, Select

    from lifecycle.datamap.model import Column, Identity
    from lifecycle.identity.forms import Identifier
    from lifecycle.policy.rulebook import Rulebook


_HELD_KINDS = Prepared(
    sa.select(hold_subject.c.identity, hold_subject.c.form)
    .distinct()
    .join(hold, hold.c.hold_id == hold_subject.c.hold_id)
    .where(is_active(bound("as_of", hold.c.until.type)), hold_subject.c.spellings.is_not(None))
)


@dataclass(frozen=True, kw_only=True)
class HeldKind:
    """A kind of identity by which holds name subjects.

    Attributes:
        form: in which its values were normalised when they were placed, which a later policy may have changed.
    """

    kind: str
    form: NormalForm


def naming_subjects(
    rulebook: Rulebook, collection: str, held: Iterable[HeldKind], as_of: datetime
) -> Iterator[Select[Any]]:
    """Rows of ``collection`` that name the subject of a hold: a selection for each identity and form of one held.

    Columns: ``key_0`` …, then what is said of the hold.
    """
    live = rulebook.live[collection].columns
    for column, identity in identities_there(rulebook, collection):
        for form in sorted(one.form for one in held if one.kind == identity.kind):
            row = relation(rulebook.live, collection, "subject_row")
            names_it = sa.and_(
                hold_subject.c.identity == identity.kind,
                hold_subject.c.form == form.value,
                names_subject(row, live[column.name], identity, form, hold_subject.c.spellings),
            )
            keys = [
                row.c[name].label(f"key_{number}")
                for number, (name, _) in enumerate(rulebook.key(collection))
            ]
            yield (
                sa.select(*keys, *(hold.c[name] for name in ABOUT))
                .select_from(
                    hold.join(hold_subject, hold_subject.c.hold_id == hold.c.hold_id).join(row, names_it)
                )
                .where(is_active(as_of))
            )


def held_kinds(connection: Connection, as_of: datetime) -> frozenset[HeldKind]:
    """By which kinds of identity the holds that count at ``as_of`` name subjects, and in which form."""
    return frozenset(
        HeldKind(kind=row.identity, form=NormalForm(row.form))
        for row in _HELD_KINDS.rows(connection, {"as_of": as_of})
    )


def collections_naming(rulebook: Rulebook, kinds: frozenset[str]) -> frozenset[str]:
    """Collections whose rows may name a subject by one of these kinds of identity."""
    return frozenset(
        name
        for name in rulebook.datamap.collections
        for _, identity in identities_there(rulebook, name)
        if identity.kind in kinds
    )


def identities_there(rulebook: Rulebook, collection: str) -> list[tuple[Column, Identity]]:
    """The identities of a collection that are there.

    A column that the map describes and the database lacks stops every run, but no hold.
    """
    table = rulebook.live.get(collection)
    described = rulebook.datamap.identities(collection)
    return [(column, identity) for column, identity in described if table and column.name in table.columns]


def named_subjects(connection: Connection, rulebook: Rulebook, hold_id: UUID) -> tuple[Identifier, ...]:
    """Whom a hold names that is in force: for telling somebody else of its end."""
    rows = connection.execute(
        sa.select(hold_subject.c.identity, hold_subject.c.spellings)
        .where(hold_subject.c.hold_id == hold_id, hold_subject.c.spellings.is_not(None))
        .order_by(hold_subject.c.position)
    )
    return tuple(
        next(
            found
            for spelling in row.spellings
            if (found := identify_stored(row.identity, spelling, rulebook.policy.identity_rule(row.identity)))
        )
        for row in rows
    )


def follow(connection: Connection, old: Identifier, new: Identifier, *, as_of: datetime) -> int:
    """Let holds that name a subject by an identity name the one that takes its place, too; how many did not yet.

    In the transaction that changes the identity, so that a row is covered before and after.
    """
    named = (
        sa.select(hold_subject.c.hold_id)
        .distinct()
        .join(hold, hold.c.hold_id == hold_subject.c.hold_id)
        .where(is_active(as_of), hold_subject.c.identity == old.kind)
    )
    of_old = named.where(hold_subject.c.spellings.overlap(list(old.spellings)))
    of_new = named.where(hold_subject.c.spellings.overlap(list(new.spellings)))
    following = connection.scalars(of_old.except_(of_new)).all()
    for hold_id in following:
        first = sa.select(sa.func.count()).where(hold_subject.c.hold_id == hold_id)
        connection.execute(
            sa.insert(hold_subject).values(
                hold_id=hold_id,
                position=connection.scalar(first),
                identity=new.kind,
                form=new.form.value,
                spellings=list(new.spellings),
            )
        )
    return len(following)


def forget_ended(connection: Connection, *, as_of: datetime) -> int:
    """Forget whom and what holds named that were released or have ended by ``as_of``; says how many they were.

    A restriction that a subject asked for is known until recipients were told of its end, which releases it.
    """
    is_told_first = sa.and_(hold.c.request_id.is_not(None), hold.c.released_at.is_(None))
    return forget(connection, sa.and_(sa.not_(is_active(as_of)), sa.not_(is_told_first)))


def forget(connection: Connection, of_holds: ColumnElement[bool]) -> int:
    """Forget whom and what some holds named, since a key may be a person's own number; says how many they were."""
    chosen = sa.select(hold.c.hold_id).where(of_holds)
    subjects = (
        sa.update(hold_subject)
        .values(spellings=None)
        .where(hold_subject.c.hold_id.in_(chosen), hold_subject.c.spellings.is_not(None))
    )
    rows = (
        sa.update(hold_row)
        .values(key=None)
        .where(hold_row.c.hold_id.in_(chosen), sa.func.cardinality(hold_row.c.key) > 0)
    )
    return connection.execute(subjects).rowcount + connection.execute(rows).rowcount
