"""Names that Fides does not have, in what the map says of a column.

Fides takes no notice of a name that it does not know, so that ``identiy: email`` would be no identity: nobody would
find the subject by it, and a hold on the subject would not cover the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fideslang.models import DatasetField, FidesDatasetReference, FidesMeta

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

OF_EARLIER_VERSIONS = frozenset({"data_qualifier", "retention"})
"""What Fides had and dropped; it meant nothing here."""

_INSIDE: dict[str, type[BaseModel]] = {
    "fides_meta": FidesMeta,
    "references": FidesDatasetReference,
    "fields": DatasetField,
}

Keys = tuple[str | int, ...]


def unknown_names(described: Any, form: type[BaseModel] = DatasetField) -> Iterator[tuple[Keys, list[str]]]:
    """Where in the description of a column, as the file has it, a name stands that Fides does not know.

    Args:
        described: mapping of names to values, or a list of such.
        form: Fides' own.

    Returns:
        The path of keys that leads to each, and the names that could stand there.
    """
    if isinstance(described, list):
        for number, one in enumerate(described):
            yield from (((number, *keys), known) for keys, known in unknown_names(one, form))
    elif isinstance(described, dict):
        known = {*form.model_fields, *OF_EARLIER_VERSIONS}
        for name, value in described.items():
            if name not in known:
                yield (name,), sorted(form.model_fields)
            elif name in _INSIDE:
                yield from (((name, *keys), names) for keys, names in unknown_names(value, _INSIDE[name]))
