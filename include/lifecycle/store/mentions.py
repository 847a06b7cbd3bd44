"""Rows whose free text may mention somebody, found through a full-text index.

Which of them do is for :mod:`lifecycle.identity.mentions` to say. PostgreSQL's parser takes ``+tag@``, ``-4567``,
``51.23`` and letters beyond ASCII for words of several kinds. So the text is first cut into runs of ASCII letters, of
digits, and of other letters, with blanks between them, and the parser sees only plain words; what is looked for is cut
in the same way. ``docs/identity.md`` shows the index.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCONFIG, TSQUERY, TSVECTOR

from lifecycle.datamap.texts import between_words
from lifecycle.identity.words import BETWEEN_WORDS, wanted_groups, wanted_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.identity.forms import Identifier

_WORDS, _GROUPS = "mentioned_words", "mentioned_groups"


def may_mention(
    row: FromClause, column: LiveColumn, identifiers: Iterable[Identifier]
) -> ColumnElement[bool]:
    """Whether a text or JSON column of ``row`` has all words of a mention of any of the identifiers.

    The condition can use the index of ``docs/identity.md``. It holds for every row that mentions one in a way that
    ``docs/identity.md`` lists as found, and for some that do not.
    """
    asked = mention_values(identifiers)
    queries = [_query(name, text) for name, text in asked.items()]
    if not queries:
        return sa.false()
    any_of_them: ColumnElement[Any] = reduce(
        lambda one, other: one.op("||", return_type=TSQUERY())(other), queries
    )
    return words_of(column, row.c[column.name]).op("@@", is_comparison=True)(any_of_them)


def words_of(column: LiveColumn, stored: ColumnElement[Any]) -> ColumnElement[Any]:
    """The words of a column, as the index holds them.

    The constants stand in the statement as they stand in the index; a bound one would not be recognised.
    """
    cut = _cut(sa.cast(stored, sa.Text), between_words(column))
    return sa.func.to_tsvector(_simple(), cut, type_=TSVECTOR())


def _cut(text: ColumnElement[str], between: str) -> ColumnElement[str]:
    return sa.func.regexp_replace(sa.func.lower(text), _constant(between), _constant(" "), _constant("g"))


def mention_values(identifiers: Iterable[Identifier]) -> dict[str, str]:
    """What :func:`may_mention` binds: by parameter, a text whose words are wanted, or a query that asks for groups."""
    values = {}
    for number, identifier in enumerate(identifiers):
        for part, text in enumerate(wanted_texts(identifier)):
            values[f"{_WORDS}_{number}_{part}"] = text
        if groupings := wanted_groups(identifier):
            values[f"{_GROUPS}_{number}"] = " | ".join(map(_all_of, groupings))
    return values


def _query(name: str, text: str) -> ColumnElement[Any]:
    """What asks for the words of one alternative; the words are bound."""
    asked = sa.bindparam(name, text, sa.Text)
    if name.startswith(_GROUPS):
        return sa.cast(asked, TSQUERY())
    return sa.func.plainto_tsquery(_simple(), _cut(asked, BETWEEN_WORDS), type_=TSQUERY())


def _all_of(groups: tuple[tuple[str, ...], ...]) -> str:
    """What asks for one of the digits of each group."""
    each = [f"({' | '.join(group)})" for group in groups]
    return f"({' & '.join(each)})"


def _simple() -> ColumnElement[Any]:
    return sa.cast(_constant("simple"), REGCONFIG)


def _constant(text: str) -> ColumnElement[str]:
    return sa.literal(text, sa.Text, literal_execute=True)
