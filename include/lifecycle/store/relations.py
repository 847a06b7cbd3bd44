"""Collections as SQLAlchemy tables, and the joins that edges make between them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.datamap.live import LiveSchema
    from lifecycle.datamap.model import CollectionName
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Path


def relation(live: LiveSchema, collection: CollectionName, alias: str) -> FromClause:
    """The live table of a collection under an alias, with all of its columns."""
    return _relation(collection, tuple(live[collection].columns), alias)


@lru_cache(maxsize=1000)
def _relation(collection: CollectionName, columns: tuple[str, ...], alias: str) -> FromClause:
    """Made once: a plan names the same tables over and over, and the columns of a clause take time to make."""
    schema, name = collection.split(".", 1)
    return sa.table(name, *(sa.column(column) for column in columns), schema=schema).alias(alias)


def refers(edge: Edge, live: LiveSchema, holder: FromClause, target: FromClause) -> ColumnElement[bool]:
    """``holder``'s row refers to ``target``'s row.

    Where the live types differ (text and integer), both are compared as text.
    """
    return sa.and_(*_pairs(edge, live, holder, target))


def _pairs(
    edge: Edge, live: LiveSchema, holder: FromClause, target: FromClause
) -> Iterable[ColumnElement[bool]]:
    for here, there in edge.pairs:
        kinds = live[edge.holder].columns[here].type, live[edge.target].columns[there].type
        yield equal(holder.c[here], target.c[there], kinds)


def equal(left: ColumnElement[Any], right: ColumnElement[Any], kinds: tuple[str, str]) -> ColumnElement[bool]:
    """Whether two columns hold the same; as text, where their live types cannot be compared."""
    if comparable(*kinds):
        return left == right
    return sa.cast(left, sa.Text) == sa.cast(right, sa.Text)


def comparable(left: str, right: str) -> bool:
    """Whether PostgreSQL compares the two types without a cast, indexes included."""
    families: tuple[set[str], ...] = (
        {"smallint", "integer", "bigint"},
        {"text", "character varying", "character"},
    )
    return left == right or any(left in family and right in family for family in families)


def climb(live: LiveSchema, start: FromClause, path: Path, prefix: str) -> tuple[FromClause, FromClause]:
    """``start`` joined along ``path``: the joined clause and the relation at its end."""
    joined, end = start, start
    for number, edge in enumerate(path):
        target = relation(live, edge.target, f"{prefix}_{number}")
        joined = joined.join(target, refers(edge, live, end, target))
        end = target
    return joined, end


_OF_ANY_LENGTH = {"character": "bpchar", "bit": "bit varying"}
"""Types that mean one character or bit where no length is given, and what holds all of them."""


class NamedType(sa.types.UserDefinedType[Any]):
    """A type by the name that the catalog gives it (``format_type``), for casts and temporary tables."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """The name, as DDL and casts spell it; no value of the type is cut short."""
        return _OF_ANY_LENGTH.get(self.name, self.name)


def definitions(types: Mapping[str, str]) -> list[str]:
    """Columns of a temporary table: the name of each and its type, as DDL spells it."""
    return [f"{name} {NamedType(kind).get_col_spec()}" for name, kind in types.items()]
