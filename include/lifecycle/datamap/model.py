"""The data map as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CollectionName = str
"""A table as ``schema.table``."""
SCHEMA_OR_TABLE = r"[^\W\d][\w$ -]{0,62}"
"""Pattern of either part of it: what may stand in the ledger and be named in a hold."""


class Direction(StrEnum):
    """Fides: how a reference is followed when a subject's data is looked for."""

    FROM = "from"
    TO = "to"


def is_personal(category: str) -> bool:
    """Whether a category of the taxonomy is about a person."""
    return category.split(".", 1)[0] != "system"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A column that holds the value of another collection's column."""

    column: str
    target: CollectionName
    target_column: str
    direction: Direction


@dataclass(frozen=True, kw_only=True)
class Identity:
    """How a subject is found by a column.

    Attributes:
        kind: ``email``, ``phone_number`` or a custom one.
        path: the fields inside a JSON column that lead to it; () where the column itself holds it.
    """

    kind: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column and what it holds.

    Attributes:
        categories: Fides data categories; ``system.*`` alone is the explicit "no personal data". None at all
            is a mistake of the map, and the column then counts as personal.
        data_type: the Fides type (``string``, ``integer``, ``object[]`` …), or None where the map says none.
        identities: how a subject is found by it.
        asked: ``mandatory`` or ``optional`` where a form asks the subject for it, or None.
    """

    name: str
    categories: tuple[str, ...]
    data_type: str | None = None
    is_primary_key: bool = False
    identities: tuple[Identity, ...] = ()
    references: tuple[Reference, ...] = ()
    asked: str | None = None

    @property
    def is_personal(self) -> bool:
        """Whether any category is about a person (everything but ``system.*``)."""
        return not self.categories or any(map(is_personal, self.categories))


@dataclass(frozen=True, kw_only=True)
class Collection:
    """One table of the company.

    Attributes:
        description: what it holds, for people.
        subjects: whom its rows are about, in the words of Fides: ``customer``, ``employee`` …
    """

    name: CollectionName
    columns: Mapping[str, Column]
    description: str = ""
    subjects: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """The PostgreSQL schema."""
        return self.name.split(".", 1)[0]

    @property
    def table(self) -> str:
        """The table's name inside its schema."""
        return self.name.split(".", 1)[1]

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the key columns, in the order of the map."""
        return tuple(column.name for column in self.columns.values() if column.is_primary_key)

    @cached_property
    def is_personal(self) -> bool:
        """Whether any column holds personal data."""
        return any(column.is_personal for column in self.columns.values())


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Something that the map says and that cannot be so.

    Attributes:
        code: what kind of mistake, one of those ``lifecycle check`` reports.
        place: ``file:line``.
    """

    code: str
    message: str
    place: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class DataMap:
    """Every collection of the company, and where in the files each stands.

    Attributes:
        places: ``file:line`` by ``schema``, ``schema.table`` and ``schema.table.column``.
        mistakes: what is wrong with the map in itself; empty in a map that anything is done with.
    """

    collections: Mapping[CollectionName, Collection]
    places: Mapping[str, str]
    mistakes: tuple[Mistake, ...] = ()

    @property
    def schemas(self) -> frozenset[str]:
        """The schemas that the map claims to describe in full."""
        return frozenset(collection.schema for collection in self.collections.values())

    @cached_property
    def identity_kinds(self) -> frozenset[str]:
        """Every kind of identity by which a subject can be found."""
        return frozenset(identity.kind for name in self.collections for _, identity in self.identities(name))

    def identities(self, collection: CollectionName) -> tuple[tuple[Column, Identity], ...]:
        """The columns of a collection by which a subject is found, each with how."""
        columns = self.collections[collection].columns.values()
        return tuple((column, identity) for column in columns for identity in column.identities)

    def place(self, collection: CollectionName, column: str | None = None) -> str:
        """``file:line`` where a column is described, else its collection, else its schema; or its name."""
        name = f"{collection}.{column}" if column else collection
        wider = (name, collection, collection.split(".", 1)[0])
        return next((self.places[one] for one in wider if one in self.places), name)
