"""Whether a live type can hold what the map's Fides type says."""

from __future__ import annotations

_INTEGERS = {"smallint", "integer", "bigint", "numeric"}
_FRACTIONS = {"real", "double precision", "numeric", "money"}
_DOCUMENTS = {"json", "jsonb"}
_BOOLEANS = {"boolean"}
_TEXTS = {
    "text", "character varying", "character", "citext", "uuid", "inet", "cidr", "macaddr", "xml", "bytea", "date",
    "time without time zone", "time with time zone", "timestamp without time zone", "timestamp with time zone",
    "interval",
}  # fmt: skip
_FAMILIES = {
    "string": _TEXTS,
    "object_id": _TEXTS,
    "integer": _INTEGERS,
    "float": _FRACTIONS,
    "boolean": _BOOLEANS,
    "object": _DOCUMENTS,
}
_KNOWN = frozenset().union(*_FAMILIES.values())


def is_compatible(data_type: str, live_type: str) -> bool:
    """Whether a column of ``live_type`` (as ``format_type`` spells it) is what ``data_type`` says.

    Fides has no types for times, addresses and the like, so they pass as ``string``. A list (``string[]``) is
    an array or a JSON document. Types that a company made itself pass as anything but a list.
    """
    if data_type.endswith("[]"):
        if live_type in _DOCUMENTS:
            return True
        return live_type.endswith("[]") and is_compatible(data_type[:-2], live_type[:-2])
    if live_type.endswith("[]"):
        return False
    return live_type in _FAMILIES[data_type] or live_type not in _KNOWN
