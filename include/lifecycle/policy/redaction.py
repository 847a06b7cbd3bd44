"""What a redacted column holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifecycle.datamap.live import LiveColumn

_EMPTY_BY_TYPE = {
    "text": "",
    "character varying": "",
    "character": "",
    "json": "{}",
    "jsonb": "{}",
    "bytea": "",
}


def can_be_emptied(column: LiveColumn) -> bool:
    """Whether there is a value that tells nothing and that the column accepts."""
    is_accepted = column.is_nullable or (column.type in _EMPTY_BY_TYPE and not column.is_unique)
    return is_accepted and not column.is_generated


def empty_value(column: LiveColumn) -> str | None:
    """That value: null where the column may be null, else the empty text or object of its type."""
    return None if column.is_nullable else _EMPTY_BY_TYPE[column.type]
