"""Which stored values name a subject, and which indexes find them.

:mod:`lifecycle.identity` says what makes two values the same; an array names each of its elements, and a document
whatever stands at the end of its path. What is compared exactly is compared as the type of the column compares
values: ``042`` and ``42`` are the same in a column of numbers and two in a column of text.
:mod:`lifecycle.store.identities` says the same as SQL.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lifecycle.identity.folding import PHONE_NOISE, TAG, NormalForm, folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.datamap.model import Identity
    from lifecycle.identity.forms import Identifier

NUMBERS = frozenset({"smallint", "integer", "bigint"})
"""The types of whole numbers, as ``format_type`` spells them."""
NUMBER_PATTERN = r"-?[0-9]{1,19}"
"""What may be a number of a column of whole numbers."""
UUID_PATTERN = r"[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
"""How a UUID is written."""
_SEARCHED_EXACTLY = frozenset({*NUMBERS, "uuid", "text", "character varying"})


def names_subject(identity: Identity, stored: Any, identifier: Identifier) -> bool:
    """Whether a column that holds ``stored`` names the subject of an identifier of this kind."""
    if not identity.path:
        values = stored if isinstance(stored, list) else [stored]
        return any(_is_same(value, identifier) for value in values)
    found = (one for one in _inside(stored, identity.path) if one is not None)
    texts = (one if isinstance(one, str) else json.dumps(one) for one in found)
    return any(_is_same(text, identifier) for text in texts)


def could_name(column: LiveColumn, identity: Identity, identifier: Identifier) -> bool:
    """Whether a column could hold an identifier of its kind: a UUID is no word, and neither is a whole number."""
    type_ = column.base_type.removesuffix("[]")
    if identity.path or identifier.form is not NormalForm.EXACT or type_ not in {*NUMBERS, "uuid"}:
        return True
    pattern = UUID_PATTERN if type_ == "uuid" else NUMBER_PATTERN
    return bool(re.fullmatch(pattern, identifier.normal))


def helpful_indexes(column: LiveColumn, identity: Identity, form: NormalForm) -> tuple[str, ...]:
    """How an index begins that finds a subject by a column, as PostgreSQL prints it without quotes.

    Nothing where none can: inside JSON and arrays, and in columns that are compared exactly and are of other types
    than numbers, UUIDs and texts, a subject is found by reading every row.
    """
    if identity.path or column.base_type.endswith("[]"):
        return ()
    if form is NormalForm.EXACT:
        return (column.name,) if column.base_type in _SEARCHED_EXACTLY else ()
    return tuple(_expression(form, name) for name in (column.name, f"{column.name}::text"))


def _expression(form: NormalForm, name: str) -> str:
    """The folded column, as ``pg_get_indexdef`` prints it."""
    if form is NormalForm.PHONE:
        return f"regexp_replace(lower({name}), '{PHONE_NOISE}'::text, ''::text, 'g'::text)"
    address = f"lower(btrim({name}))"
    if form is NormalForm.EMAIL:
        return address
    return f"regexp_replace({address}, '{TAG}'::text, ''::text)"


def _is_same(stored: Any, identifier: Identifier) -> bool:
    if stored is None:
        return False
    if identifier.form is not NormalForm.EXACT:
        return folded(identifier.form, str(stored)) in identifier.spellings
    given = identifier.normal
    if isinstance(stored, int):
        return bool(re.fullmatch(NUMBER_PATTERN, given)) and int(given) == stored
    if isinstance(stored, UUID):
        return bool(re.fullmatch(UUID_PATTERN, given)) and UUID(given) == stored
    return str(stored) == given


def _inside(document: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """What stands in a JSON document at the end of a path; of a list, what stands in each of its items."""
    for item in document if isinstance(document, list) else [document]:
        if not path:
            yield item
        elif isinstance(item, dict) and path[0] in item:
            yield from _inside(item[path[0]], path[1:])
