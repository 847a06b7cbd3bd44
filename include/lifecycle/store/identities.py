"""Rows that name a subject by an identity, as SQL: what :mod:`lifecycle.datamap.identity` says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from lifecycle.datamap.identity import EMAIL, NUMBER_PATTERN, NUMBERS, UUID_PATTERN

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.datamap.model import Identity

_TEXTS = frozenset({"text", "character varying", "character", "citext"})
_LEAST, _MOST = -(2**63), 2**63 - 1


def names_subject(
    row: FromClause, column: LiveColumn, identity: Identity, given: ColumnElement[str]
) -> ColumnElement[bool]:
    """Whether a column of ``row`` names the subject whose identity of this kind is ``given``.

    No value of ``given`` makes the statement fail; one that the column's type cannot hold is nobody's. The
    condition can use an index of :func:`~lifecycle.datamap.identity.helpful_indexes`.
    """
    stored = row.c[column.name]
    if not identity.path:
        return _stands_in(identity.kind, column.base_type, stored, given)
    path = "$[*]" + "".join(f".{json.dumps(name)}[*]" for name in identity.path)
    query = sa.func.jsonb_path_query(sa.cast(stored, JSONB), sa.cast(path, JSONPATH))
    found = query.table_valued("value").render_derived("found")
    text = found.c.value.op("#>>", return_type=sa.Text())(sa.literal_column("CAST('{}' AS text[])"))
    return _is_any(found, _is_same(identity.kind, "text", text, given))


def _stands_in(
    kind: str, type_: str, stored: ColumnElement[Any], given: ColumnElement[str]
) -> ColumnElement[bool]:
    """Whether a column holds the identity, alone or as one of several in an array."""
    if not type_.endswith("[]"):
        return _is_same(kind, type_, stored, given)
    found = sa.func.unnest(stored).table_valued("value").render_derived("found")
    return _is_any(found, _is_same(kind, type_.removesuffix("[]"), found.c.value, given))


def _is_any(found: FromClause, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return sa.exists(sa.select(sa.literal(1)).select_from(found).where(condition).correlate_except(found))


def _is_same(
    kind: str, type_: str, stored: ColumnElement[Any], given: ColumnElement[str]
) -> ColumnElement[bool]:
    if kind == EMAIL:
        return _folded(sa.cast(stored, sa.Text)) == _folded(given)
    if type_ in NUMBERS:
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
