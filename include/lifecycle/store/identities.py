"""Rows that name a subject by an identity, as SQL: what :mod:`lifecycle.datamap.identity` says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from lifecycle.datamap.identity import EMAIL, NUMBER_PATTERN, UUID_PATTERN

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.datamap.model import Identity

_NUMBERS = frozenset({"smallint", "integer", "bigint"})
_TEXTS = frozenset({"text", "character varying", "character", "citext"})
_LEAST, _MOST = -(2**63), 2**63 - 1


def names_subject(
    row: FromClause, column: LiveColumn, identity: Identity, given: ColumnElement[str]
) -> ColumnElement[bool]:
    """Whether a column of ``row`` names the subject whose identity of this kind is ``given``.

    No value of ``given`` makes the statement fail; one that the column's type cannot hold is nobody's. The
    condition can use an index on the column, of e-mail addresses one on :func:`indexed_expressions`; inside JSON,
    and in columns of other types than numbers, UUIDs and texts, every row is read.
    """
    stored = row.c[column.name]
    if not identity.path:
        return _is_same(identity.kind, column.type, stored, given)
    path = "$[*]" + "".join(f".{json.dumps(name)}[*]" for name in identity.path)
    query = sa.func.jsonb_path_query(sa.cast(stored, JSONB), sa.cast(path, JSONPATH))
    found = query.table_valued("value").render_derived("found")
    text = found.c.value.op("#>>", return_type=sa.Text())(sa.cast([], sa.ARRAY(sa.Text)))
    same = _is_same(identity.kind, "text", text, given)
    return sa.exists(sa.select(sa.literal(1)).select_from(found).where(same).correlate_except(found))


def indexed_expressions(column: LiveColumn, identity: Identity, quoted_name: str) -> tuple[str, ...]:
    """What an index on the column has to begin with to find an identity, as PostgreSQL prints it.

    Nothing where no index can help.
    """
    if identity.path:
        return ()
    if identity.kind == EMAIL:
        return (f"lower(btrim({quoted_name}))", f"lower(btrim({quoted_name}::text))")
    plain = _NUMBERS | {"uuid", "text", "character varying"}
    return (quoted_name,) if column.type in plain else ()


def _is_same(
    kind: str, type_: str, stored: ColumnElement[Any], given: ColumnElement[str]
) -> ColumnElement[bool]:
    if kind == EMAIL:
        return _folded(sa.cast(stored, sa.Text)) == _folded(given)
    if type_ in _NUMBERS:
        return stored == _number(given)
    if type_ == "uuid":
        return stored == sa.case((given.regexp_match(f"^{UUID_PATTERN}$"), sa.cast(given, sa.Uuid)))
    if type_ in _TEXTS:
        return sa.cast(stored, sa.Text) == given
    return sa.func.format("%s", stored) == given


def _folded(address: ColumnElement[Any]) -> ColumnElement[str]:
    return sa.func.lower(sa.func.btrim(address))


def _number(given: ColumnElement[str]) -> ColumnElement[int]:
    """``given`` as a number, or null; only ``CASE`` promises that no cast is tried before its condition is met."""
    fits = sa.cast(given, sa.Numeric).between(_LEAST, _MOST)
    number = sa.case((fits, sa.cast(given, sa.BigInteger)))
    return sa.case((given.regexp_match(f"^{NUMBER_PATTERN}$"), number))
