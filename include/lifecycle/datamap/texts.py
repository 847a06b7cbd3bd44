"""Columns of free text, and the index that finds the rows whose texts may mention somebody.

:mod:`lifecycle.store.mentions` searches by the same expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.datamap.quoting import named
from lifecycle.identity.words import BETWEEN_WORDS, BETWEEN_WORDS_OF_JSON

if TYPE_CHECKING:
    from lifecycle.datamap.live import LiveColumn

DOCUMENTS = frozenset({"json", "jsonb"})
"""Types of columns that hold JSON."""
TEXTS = frozenset({"text", "character varying", "character"})
"""Types of columns that hold text."""


def between_words(column: LiveColumn) -> str:
    """What becomes a blank before the words of a column are taken."""
    return BETWEEN_WORDS_OF_JSON if column.base_type in DOCUMENTS else BETWEEN_WORDS


def words_index(column: LiveColumn) -> str:
    """How the index over the words of a column begins, as PostgreSQL prints it."""
    text = f"lower({named(column.name)}{'' if column.type == 'text' else '::text'})"
    cut = f"regexp_replace({text}, '{between_words(column)}'::text, ' '::text, 'g'::text)"
    return f"to_tsvector('simple'::regconfig, {cut})"


def words_index_statement(collection: str, column: LiveColumn) -> str:
    """The statement that makes the index.

    Without fast updates, which leave new words in a list: every search reads all of it, for each word it asks for.
    """
    expression = words_index(column).replace("'::text", "'").replace("'::regconfig", "'")
    return f"CREATE INDEX ON {collection} USING gin ({expression}) WITH (fastupdate = off)"
