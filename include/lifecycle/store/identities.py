"""Rows that name a subject by an identity, as SQL: what :mod:`lifecycle.datamap.identity` says.

Each form has one expression over the column, which an index can hold, and asks whether it is one of the spellings of
an identifier. So no spelling that is stored is missed, and none of another person is met.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.sql.elements import Grouping

from lifecycle.datamap.identity import NUMBER_PATTERN, NUMBERS, UUID_PATTERN
from lifecycle.identity.folding import PHONE_NOISE, TAG, NormalForm

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.datamap.model import Identity

_TEXTS = frozenset({"text", "character varying", "character", "citext"})
_LEAST, _MOST = -(2**63), 2**63 - 1


def names_subject(
    row: FromClause,
    column: LiveColumn,
    identity: Identity,
    form: NormalForm,
    spellings: ColumnElement[list[str]],
) -> ColumnElement[bool]:
    """Whether a column of ``row`` names the subject who has these spellings of an identity of this kind.

    No spelling makes the statement fail; one that the column's type cannot hold is nobody's. The condition can use
    an index of :func:`~lifecycle.datamap.identity.helpful_indexes`.

    Args:
        row: the table.
        column: of the table, with its type.
        identity: where in the column it stands.
        form: how it is compared.
        spellings: an array of text, as an :class:`~lifecycle.identity.forms.Identifier` of that form has them.
    """
    stored = row.c[column.name]
    if not identity.path:
        return _stands_in(form, column.base_type, stored, spellings)
    path = "$[*]" + "".join(f".{json.dumps(name)}[*]" for name in identity.path)
    query = sa.func.jsonb_path_query(sa.cast(stored, JSONB), sa.cast(path, JSONPATH))
    found = query.table_valued("value").render_derived("found")
    text = found.c.value.op("#>>", return_type=sa.Text())(sa.literal_column("CAST('{}' AS text[])"))
    return _is_any(found, _is_same(form, "text", text, spellings))


def bound_spellings(spellings: tuple[str, ...], name: str = "spellings") -> ColumnElement[list[str]]:
    """Spellings as a parameter of that name; in parentheses, since an element of a bare one cannot be asked for."""
    texts: sa.types.TypeEngine[Any] = sa.ARRAY(sa.Text)
    return Grouping(sa.bindparam(name, list(spellings), texts))


def folded(form: NormalForm, stored: ColumnElement[Any]) -> ColumnElement[str]:
    """A stored value as it is compared with spellings: what an index on the column holds.

    The constants stand in the statement as they stand in the index; a bound one would not be recognised.
    """
    text: ColumnElement[str] = sa.cast(stored, sa.Text)
    match form:
        case NormalForm.EMAIL:
            return _address(text)
        case NormalForm.UNTAGGED_EMAIL:
            return sa.func.regexp_replace(_address(text), _constant(TAG), _constant(""))
        case NormalForm.PHONE:
            return sa.func.regexp_replace(
                sa.func.lower(text), _constant(PHONE_NOISE), _constant(""), _constant("g")
            )
        case NormalForm.EXACT:
            return text


def _stands_in(
    form: NormalForm, type_: str, stored: ColumnElement[Any], spellings: ColumnElement[list[str]]
) -> ColumnElement[bool]:
    """Whether a column holds the identity, alone or as one of several in an array."""
    if not type_.endswith("[]"):
        return _is_same(form, type_, stored, spellings)
    found = sa.func.unnest(stored).table_valued("value").render_derived("found")
    return _is_any(found, _is_same(form, type_.removesuffix("[]"), found.c.value, spellings))


def _is_any(found: FromClause, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return sa.exists(sa.select(sa.literal(1)).select_from(found).where(condition).correlate_except(found))


def _is_same(
    form: NormalForm, type_: str, stored: ColumnElement[Any], spellings: ColumnElement[list[str]]
) -> ColumnElement[bool]:
    if form is not NormalForm.EXACT:
        return folded(form, stored) == sa.any_(spellings)
    given = sa.func.array_to_string(spellings, "")  # the only one
    if type_ in NUMBERS:
        return stored == _number(given)
    if type_ == "uuid":
        return stored == sa.case((given.regexp_match(f"^{UUID_PATTERN}$"), sa.cast(given, sa.Uuid)))
    if type_ in _TEXTS:
        return sa.cast(stored, sa.Text) == given
    return sa.func.format("%s", stored) == given


def _address(text: ColumnElement[str]) -> ColumnElement[str]:
    return sa.func.lower(sa.func.btrim(text))


def _constant(text: str) -> ColumnElement[str]:
    return sa.literal(text, sa.Text, literal_execute=True)


def _number(given: ColumnElement[str]) -> ColumnElement[int]:
    """``given`` as a number, or null; only ``CASE`` promises that no cast is tried before its condition is met."""
    fits = sa.cast(given, sa.Numeric).between(_LEAST, _MOST)
    number = sa.case((fits, sa.cast(given, sa.BigInteger)))
    return sa.case((given.regexp_match(f"^{NUMBER_PATTERN}$"), number))
