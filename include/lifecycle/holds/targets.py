"""What a hold may name: rows by key, a whole collection, or a subject by identity."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import DataError

from lifecycle.datamap.identity import could_name
from lifecycle.datamap.model import SCHEMA_OR_TABLE
from lifecycle.errors import UsageError
from lifecycle.identity.forms import identify
from lifecycle.store.relations import NamedType, relation

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from lifecycle.identity.forms import Identifier
    from lifecycle.policy.rulebook import Rulebook

_COLLECTION = re.compile(rf"{SCHEMA_OR_TABLE}\.{SCHEMA_OR_TABLE}")


_IS_ARCHIVED = sa.text(
    "SELECT EXISTS (SELECT FROM lifecycle.archive_record"
    " WHERE archive = ANY (:archives) AND key = CAST(CAST(:key AS text[]) AS text))"
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Rows of a collection by key, or all of it.

    Attributes:
        key: the primary key as text, column by column, spelt in any way that its types read; empty for the whole
            collection.
    """

    collection: str
    key: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``schema.table`` or ``schema.table:key`` (``key,key`` where the key has several columns).

        Raises:
            UsageError: it is neither; what it was is not repeated, since it may be somebody's address.
        """
        collection, colon, key = text.partition(":")
        if not _COLLECTION.fullmatch(collection) or (colon and not key):
            raise UsageError(
                "a hold names schema.table for a collection, or schema.table:key for a row",
                place="target",
                next_step="for example schema.table:42; for a subject give --subject and the kind of identity",
            )
        return cls(collection=collection, key=tuple(key.split(",")) if key else ())

    def found(self, connection: Connection, rulebook: Rulebook) -> Target:
        """The target as the database has it: with the key as PostgreSQL spells it.

        Raises:
            UsageError: an unknown collection, or a key that no row has.
        """
        if self.collection not in rulebook.datamap.collections:
            raise UsageError(
                "the data map has no such collection", place=self.collection, next_step="see lifecycle check"
            )
        if self.collection not in rulebook.live:
            raise UsageError(
                "the database has no such table", place=self.collection, next_step="see lifecycle check"
            )
        key = self._stored_key(connection, rulebook) or self._archived_key(connection, rulebook)
        if self.key and key is None:
            raise no_row(rulebook, self.collection)
        return replace(self, key=key or ())

    def _stored_key(self, connection: Connection, rulebook: Rulebook) -> tuple[str, ...] | None:
        """The key of the row, in whatever spelling it was given that its types read; None where there is none."""
        names = [name for name, _ in rulebook.key(self.collection)]
        given = self._given(rulebook)
        if len(names) != len(given):
            return None
        columns = rulebook.live[self.collection].columns
        row = relation(rulebook.live, self.collection, "target")
        stored = [sa.cast(row.c[name], sa.Text) for name in names]
        same = [
            row.c[name] == sa.cast(sa.cast(text, sa.Text), NamedType(columns[name].base_type))
            for name, text in zip(names, given, strict=True)
        ]
        try:
            with connection.begin_nested():
                found = connection.execute(sa.select(*stored).where(*same).limit(1)).one_or_none()
        except (DataError, UnicodeEncodeError):
            return None
        return tuple(found) if found else None

    def _archived_key(self, connection: Connection, rulebook: Rulebook) -> tuple[str, ...] | None:
        """The key of a document that an archive has, where the tables do not have it any more."""
        names = [one.name for one in rulebook.archives.values() if one.documents == self.collection]
        key = self._spelt(connection, rulebook) if names else None
        bound = {"archives": names, "key": key and list(key)}
        return key if key and connection.scalar(_IS_ARCHIVED, bound) else None

    def _given(self, rulebook: Rulebook) -> tuple[str, ...]:
        """The parts of the key; a comma is none of a key of one column."""
        return self.key if len(rulebook.key(self.collection)) > 1 else (",".join(self.key),)

    def _spelt(self, connection: Connection, rulebook: Rulebook) -> tuple[str, ...] | None:
        """The key as the types of its columns spell it; None where no row could have it."""
        columns = rulebook.live[self.collection].columns
        names, given = [name for name, _ in rulebook.key(self.collection)], self._given(rulebook)
        if not self.key or len(names) != len(given):
            return None
        values = [
            sa.cast(sa.cast(sa.cast(text, sa.Text), NamedType(columns[name].base_type)), sa.Text)
            for name, text in zip(names, given, strict=True)
        ]
        with suppress(DataError, UnicodeEncodeError), connection.begin_nested():
            return tuple(connection.execute(sa.select(*values)).one())
        return None


@dataclass(frozen=True, kw_only=True)
class UnseenTarget(Target):
    """A row, named by somebody who may not look whether there is one: that is seen when it is looked for."""

    def found(self, connection: Connection, rulebook: Rulebook) -> Target:
        """The target with its key as the types of its columns spell it.

        Raises:
            UsageError: an unknown collection, or a key that no row could have.
        """
        if self.collection not in rulebook.datamap.collections or self.collection not in rulebook.live:
            raise UsageError(
                "the data map has no such collection", place="target", next_step="see lifecycle check"
            )
        spelt = self._spelt(connection, rulebook)
        if spelt is None:
            names = ",".join(name for name, _ in rulebook.key(self.collection))
            raise UsageError(
                "no row could have this key",
                place=self.collection,
                next_step=f"give the primary key ({names}) of a row",
            )
        return Target(collection=self.collection, key=spelt)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Every row that has an identity, now or later.

    Attributes:
        identity: kind of identity, as the data map calls it.
        value: the identity itself; never shown.
    """

    identity: str
    value: str = field(repr=False)

    def found(self, _connection: Connection, rulebook: Rulebook) -> Identifier:
        """The subject's identifier; that no row has it yet is allowed.

        Raises:
            UsageError: as :meth:`identifier`.
        """
        return self.identifier(rulebook)

    def identifier(self, rulebook: Rulebook) -> Identifier:
        """The identity in its normal form, if rows could have it.

        Raises:
            UsageError: a kind of identity that the data map does not mark, or a value that is none of the kind or
                that no column of the kind could hold.
        """
        require_kind(rulebook, self.identity)
        found = identify(self.identity, self.value, rulebook.policy.identity_rule(self.identity))
        require_possible(rulebook, found)
        return found


def no_row(rulebook: Rulebook, collection: str) -> UsageError:
    """That no row of a collection has a key that was given, for whoever asks."""
    names = ",".join(name for name, _ in rulebook.key(collection))
    return UsageError(
        "no row has this key",
        place=collection,
        next_step=f"give the primary key ({names}) of a row that exists",
    )


def require_kind(rulebook: Rulebook, kind: str) -> None:
    """Refuse a kind of identity that no column has.

    Raises:
        UsageError: names the kinds that there are, and not what was given, which may be an identity itself.
    """
    if kind not in rulebook.datamap.identity_kinds:
        raise UsageError(
            "the data map marks no such kind of identity",
            place="subject",
            next_step=f"give one of {', '.join(sorted(rulebook.datamap.identity_kinds))}; its value is asked for",
        )


def require_possible(rulebook: Rulebook, identifier: Identifier) -> None:
    """Refuse an identifier that no column could hold: it would seem that nothing is held of the subject.

    Raises:
        UsageError: every column of its kind is of a type that has no such value. What it was is not repeated.
    """
    columns = [
        (rulebook.live[name].columns[column.name], identity)
        for name in rulebook.datamap.collections
        for column, identity in rulebook.datamap.identities(name)
        if identity.kind == identifier.kind
        and name in rulebook.live
        and column.name in rulebook.live[name].columns
    ]
    if not any(could_name(column, identity, identifier) for column, identity in columns):
        types = sorted({column.base_type for column, _ in columns})
        raise UsageError(
            f"no row could have it: an identity of this kind is stored as {' or '.join(types)}",
            place=f"subject by {identifier.kind}",
            next_step="give it as it stands in the company's rows",
        )
