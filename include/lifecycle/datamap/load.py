"""Reads Fides dataset files into a :class:`~lifecycle.datamap.model.DataMap`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from fideslang.default_taxonomy import DEFAULT_TAXONOMY
from fideslang.models import Dataset, DatasetField
from pydantic import BaseModel, ConfigDict

from lifecycle.datamap.model import Collection, Column, DataMap, Direction, Reference
from lifecycle.errors import PolicyError
from lifecycle.yamlfile import YamlFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fideslang.models import DatasetCollection


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    dataset: list[Dataset]


def load_datamap(folder: Path) -> DataMap:
    """Read every ``*.yml`` and ``*.yaml`` of ``folder``.

    Raises:
        PolicyError: no file, a malformed one, an unknown category, a column without one, a collection
            described twice, a reference to something that the map does not describe.
    """
    files = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
    if not files:
        raise PolicyError(
            "no data map found",
            place=str(folder),
            next_step="add a Fides dataset file or set LIFECYCLE_DATAMAP_DIR",
        )
    parsed = [(file := YamlFile(path), file.parse(_File)) for path in files]
    schemas = {dataset.fides_key: _schema(dataset) for _, content in parsed for dataset in content.dataset}
    collections: dict[str, Collection] = {}
    places: dict[str, str] = {}
    for file, content in parsed:
        for position, dataset in enumerate(content.dataset):
            for collection, found in _collections(file, position, dataset, schemas):
                if collection.name in collections:
                    raise PolicyError(
                        f"{collection.name} is described twice",
                        place=found[collection.name],
                        next_step=f"keep one; the other is at {places[collection.name]}",
                    )
                collections[collection.name] = collection
                places.update(found)
    datamap = DataMap(collections=collections, places=places)
    _refuse_dangling_references(datamap)
    return datamap


def _schema(dataset: Dataset) -> str:
    """The PostgreSQL schema: ``fides_meta.namespace.schema`` where given, else the dataset's key."""
    namespace = (dataset.fides_meta.namespace if dataset.fides_meta else None) or {}
    return str(namespace.get("schema", dataset.fides_key))


def _collections(
    file: YamlFile, position: int, dataset: Dataset, schemas: dict[str, str]
) -> Iterator[tuple[Collection, dict[str, str]]]:
    for index, described in enumerate(dataset.collections):
        keys: list[str | int] = ["dataset", position, "collections", index]
        name = f"{schemas[dataset.fides_key]}.{described.name}"
        places = {name: file.place(keys)}
        columns: dict[str, Column] = {}
        for number, field in enumerate(described.fields):
            place = file.place([*keys, "fields", number])
            if field.name in columns:
                raise PolicyError(
                    f"column {field.name} of {name} is described twice",
                    place=place,
                    next_step="keep one of them",
                )
            columns[field.name] = _column(field, described, dataset, schemas, place)
            places[f"{name}.{field.name}"] = place
        yield Collection(name=name, columns=columns), places


def _column(
    field: DatasetField, collection: DatasetCollection, dataset: Dataset, schemas: dict[str, str], place: str
) -> Column:
    categories = _categories(field) or tuple(collection.data_categories or dataset.data_categories or ())
    if not categories:
        raise PolicyError(
            f"column {field.name} of {collection.name} is not classified",
            place=place,
            next_step="give it data_categories; system.operations where it holds no personal data",
        )
    for category in categories:
        _refuse_unknown_category(category, place)
    meta = field.fides_meta
    return Column(
        name=field.name,
        categories=categories,
        is_primary_key=bool(meta and meta.primary_key),
        identity=meta.identity if meta else None,
        references=tuple(
            _reference(field.name, reference.dataset, reference.field, reference.direction, schemas, place)
            for reference in (meta.references if meta else None) or ()
        ),
    )


def _categories(field: DatasetField) -> tuple[str, ...]:
    """The field's own categories and those of the fields inside it (JSON columns)."""
    own = [str(category) for category in field.data_categories or ()]
    for inner in field.fields or ():
        own += _categories(inner)
    return tuple(dict.fromkeys(own))


def _reference(
    column: str, dataset: str, field: str, direction: str | None, schemas: dict[str, str], place: str
) -> Reference:
    collection, _, target_column = field.partition(".")
    if dataset not in schemas or not target_column:
        raise PolicyError(
            f"the reference to {dataset}.{field} leads nowhere",
            place=place,
            next_step="name a dataset of this map, and the field as collection.column",
        )
    return Reference(
        column=column,
        target=f"{schemas[dataset]}.{collection}",
        target_column=target_column,
        direction=Direction(direction or "from"),
    )


def _refuse_unknown_category(category: str, place: str) -> None:
    if category not in _taxonomy():
        raise PolicyError(
            f"data category {category} is not in the Fides taxonomy",
            place=place,
            next_step="use one of fideslang's data categories",
        )


@cache
def _taxonomy() -> frozenset[str]:
    return frozenset(str(category.fides_key) for category in DEFAULT_TAXONOMY.data_category or ())


def _refuse_dangling_references(datamap: DataMap) -> None:
    for collection in datamap.collections.values():
        for column in collection.columns.values():
            for reference in column.references:
                target = datamap.collections.get(reference.target)
                if target is None or reference.target_column.split(".")[0] not in target.columns:
                    raise PolicyError(
                        f"the reference to {reference.target}.{reference.target_column} leads nowhere",
                        place=datamap.place(collection.name, column.name),
                        next_step="correct the reference or describe what it points to",
                    )
