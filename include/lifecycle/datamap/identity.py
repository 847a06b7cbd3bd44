"""When two values are the same identity.

An e-mail address is compared without regard to case and to blanks at its ends. Every other kind is compared
exactly, as the type of its column compares values: ``042`` and ``42`` are the same in a column of numbers and two
in a column of text. An array names each of its elements. :mod:`lifecycle.store.identities` says the same as SQL.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.datamap.model import Identity

EMAIL = "email"
"""The kind, in Fides' words, that is compared without regard to case."""
NUMBERS = frozenset({"smallint", "integer", "bigint"})
"""The types of whole numbers, as ``format_type`` spells them."""
NUMBER_PATTERN = r"-?[0-9]{1,19}"
"""What may be a number of a column of whole numbers."""
UUID_PATTERN = r"[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
"""How a UUID is written."""


def names_subject(identity: Identity, stored: Any, given: str) -> bool:
    """Whether a column that holds ``stored`` names the subject whose identity of this kind is ``given``."""
    if not identity.path:
        values = stored if isinstance(stored, list) else [stored]
        return any(_is_same(identity.kind, value, given) for value in values)
    found = (one for one in _inside(stored, identity.path) if one is not None)
    texts = (one if isinstance(one, str) else json.dumps(one) for one in found)
    return any(_is_same(identity.kind, text, given) for text in texts)


def helpful_indexes(column: LiveColumn, identity: Identity) -> tuple[str, ...]:
    """How an index begins that finds a subject by a column, as PostgreSQL prints it without quotes.

    Nothing where none can: inside JSON and arrays, and in columns of other types than numbers, UUIDs and texts, a
    subject is found by reading every row.
    """
    if identity.path or column.base_type.endswith("[]"):
        return ()
    if identity.kind == EMAIL:
        return (f"lower(btrim({column.name}))", f"lower(btrim({column.name}::text))")
    return (column.name,) if column.base_type in {*NUMBERS, "uuid", "text", "character varying"} else ()


def _is_same(kind: str, stored: Any, given: str) -> bool:
    if stored is None:
        return False
    if kind == EMAIL:
        return _folded(str(stored)) == _folded(given)
    if isinstance(stored, int):
        return bool(re.fullmatch(NUMBER_PATTERN, given)) and int(given) == stored
    if isinstance(stored, UUID):
        return bool(re.fullmatch(UUID_PATTERN, given)) and UUID(given) == stored
    return str(stored) == given


def _folded(address: str) -> str:
    return address.strip(" ").lower()


def _inside(document: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """What stands in a JSON document at the end of a path; of a list, what stands in each of its items."""
    for item in document if isinstance(document, list) else [document]:
        if not path:
            yield item
        elif isinstance(item, dict) and path[0] in item:
            yield from _inside(item[path[0]], path[1:])
