"""Rows that have the name of a person, as SQL: folded by the expression of :mod:`lifecycle.datamap.names`."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.datamap.names import BETWEEN_NAMES
from lifecycle.identity.names import orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, FromClause


def has_name(row: FromClause, columns: Sequence[str], name: str) -> ColumnElement[bool]:
    """Whether the columns of ``row`` together have a name, in any order of its words.

    The condition can use the index of :func:`~lifecycle.datamap.names.name_index`.
    """
    spellings = [sa.func.nullif(_folded(sa.literal(one, sa.Text)), "") for one in orders(name)]
    return _folded(_whole(row, columns)) == sa.any_(postgresql.array(spellings))


def folded_name(row: FromClause, columns: Sequence[str]) -> ColumnElement[str]:
    """The name that the columns of ``row`` have together, folded; "" or NULL where they have none."""
    return _folded(_whole(row, columns))


def _whole(row: FromClause, columns: Sequence[str]) -> ColumnElement[str]:
    texts: list[ColumnElement[Any]] = [sa.cast(row.c[name], sa.Text) for name in columns]
    if len(texts) == 1:
        return texts[0]
    filled = [sa.func.coalesce(text, _constant("")) for text in texts]
    return reduce(lambda one, other: one.concat(_constant(" ")).concat(other), filled)


def _folded(text: ColumnElement[str]) -> ColumnElement[str]:
    lower = sa.func.lower(sa.func.normalize(text, sa.literal_column("NFKC")))
    cut = sa.func.regexp_replace(lower, _constant(BETWEEN_NAMES), _constant(" "), _constant("g"))
    return sa.func.btrim(cut)


def _constant(text: str) -> ColumnElement[str]:
    return sa.literal(text, sa.Text, literal_execute=True)
