"""Columns in which names stand, and the index that finds rows by a name.

:mod:`lifecycle.store.names` searches by the same expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.datamap.quoting import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifecycle.datamap.live import LiveColumn

BETWEEN_NAMES = "[^[:alnum:]]+"
"""What becomes one blank."""


def name_index(columns: Sequence[LiveColumn]) -> str:
    """How the index over a name begins that stands in one column or several, as PostgreSQL prints it."""
    texts = [f"{named(column.name)}{'' if column.type == 'text' else '::text'}" for column in columns]
    first, *others = texts if len(texts) == 1 else [f"COALESCE({text}, ''::text)" for text in texts]
    whole, before = first, first
    for text in others:
        whole = f"({before} || ' '::text) || {text}"
        before = f"({whole})"
    return f"btrim(regexp_replace(lower(NORMALIZE({whole}, NFKC)), '{BETWEEN_NAMES}'::text, ' '::text, 'g'::text))"


def name_index_statement(collection: str, columns: Sequence[LiveColumn]) -> str:
    """The statement that makes the index."""
    expression = name_index(columns).replace("'::text", "'")
    return f"CREATE INDEX ON {collection} ({expression})"
