"""Reads Fides dataset files into a :class:`~lifecycle.datamap.model.DataMap`."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from fideslang.default_taxonomy import DEFAULT_TAXONOMY
from fideslang.models import Dataset, DatasetField
from pydantic import BaseModel, ConfigDict

from lifecycle.datamap.fieldnames import unknown_names
from lifecycle.datamap.model import (
    SCHEMA_OR_TABLE,
    Collection,
    Column,
    DataMap,
    Direction,
    Identity,
    Mistake,
    Reference,
)
from lifecycle.errors import PolicyError
from lifecycle.yamlfile import YamlFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fideslang.models import DatasetCollection, FidesDatasetReference


class _AskedFor(BaseModel):
    """What a form asks for, by whether an answer is needed."""

    model_config = ConfigDict(extra="forbid")
    mandatory: list[str] = []
    optional: list[str] = []


class _Meta(BaseModel):
    """Fides leaves ``meta`` to its users; this much of it means something here."""

    model_config = ConfigDict(extra="allow")
    asked_for: dict[str, _AskedFor] = {}


class _Dataset(Dataset):  # type: ignore[misc]  # fideslang has no types
    meta: _Meta | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    dataset: list[_Dataset]


def load_datamap(folder: Path) -> DataMap:
    """Read every ``*.yml`` and ``*.yaml`` of ``folder``; a map with any mistake is refused.

    Raises:
        PolicyError: no file, a malformed one, an unknown category, a column without one, a word for a column
            that Fides does not have, a dataset, collection or column described twice, a reference to something
            that the map does not describe.
    """
    datamap = read_datamap(folder)
    if datamap.mistakes:
        first, *others = datamap.mistakes
        more = f"; {len(others)} more mistakes are in the map" if others else ""
        raise PolicyError(first.message + more, place=first.place, next_step=first.next_step)
    return datamap


def read_datamap(folder: Path) -> DataMap:
    """Read the same with its mistakes, for :mod:`lifecycle.policy.check` to name them all.

    Raises:
        PolicyError: no file, or a malformed one.
    """
    files = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
    if not files:
        raise PolicyError(
            "no data map found",
            place=str(folder),
            next_step="add a Fides dataset file or set LIFECYCLE_DATAMAP_DIR",
        )
    reader = _Reader()
    for path in files:
        file = YamlFile(path)
        reader.read(file, file.parse(_File, guide="docs/data-map.md"))
    return reader.datamap()


class _Reader:
    """Takes in one file after the other; references are followed when all are known."""

    def __init__(self) -> None:
        self.schemas: dict[str, str] = {}
        self.collections: dict[str, Collection] = {}
        self.places: dict[str, str] = {}
        self.mistakes: list[Mistake] = []
        self.references: list[tuple[str, str, FidesDatasetReference]] = []

    def read(self, file: YamlFile, content: _File) -> None:
        for position, dataset in enumerate(content.dataset):
            keys: list[str | int] = ["dataset", position]
            if dataset.fides_key in self.schemas:
                self._add(
                    "described.twice",
                    f"dataset {dataset.fides_key} is described twice",
                    file.place(keys),
                    "keep one of them",
                )
            schema = self.schemas.setdefault(dataset.fides_key, _schema(dataset))
            self._is_enterable(schema, file.place(keys))
            self.places.setdefault(schema, file.place(keys))
            for number, described in _in_file_order(file, [*keys, "collections"], dataset.collections):
                self._collection(file, [*keys, "collections", number], schema, described, dataset)
            self._asked_for(file, [*keys, "meta", "asked_for"], schema, dataset.meta)

    def datamap(self) -> DataMap:
        """The map of all files read."""
        for collection, column, reference in self.references:
            self._reference(collection, column, reference)
        return DataMap(
            collections=self.collections, places=self.places, mistakes=tuple(dict.fromkeys(self.mistakes))
        )

    def _collection(
        self,
        file: YamlFile,
        keys: list[str | int],
        schema: str,
        described: DatasetCollection,
        dataset: _Dataset,
    ) -> None:
        name, place = f"{schema}.{described.name}", file.place(keys)
        if not self._is_enterable(described.name, place) or self._is_known(name, place):
            return
        self.places[name] = place
        inherited = tuple(described.data_categories or dataset.data_categories or ())
        columns: dict[str, Column] = {}
        for number, field in _in_file_order(file, [*keys, "fields"], described.fields):
            column, place = f"{name}.{field.name}", file.place([*keys, "fields", number])
            self._is_said_in_known_words(file, [*keys, "fields", number], column)
            if self._is_nameable(field.name, place):
                self.places[column] = place
                columns[field.name] = self._column(name, field, inherited, place)
        self.collections[name] = Collection(
            name=name,
            columns=columns,
            description=described.description or "",
            subjects=tuple(map(str, described.data_subjects or ())),
        )

    def _column(self, collection: str, field: DatasetField, inherited: tuple[Any, ...], place: str) -> Column:
        categories = _categories(field) or tuple(str(category) for category in inherited)
        self._classified(f"{collection}.{field.name}", categories, place)
        meta = field.fides_meta
        for reference in (meta.references if meta else None) or ():
            self.references.append((collection, field.name, reference))
        return Column(
            name=field.name,
            categories=categories,
            data_type=meta.data_type if meta else None,
            is_primary_key=bool(meta and meta.primary_key),
            identities=_identities(field, ()),
        )

    def _is_said_in_known_words(self, file: YamlFile, keys: list[str | int], column: str) -> None:
        node = file.data
        for key in keys:
            node = node[key]
        for path, known in unknown_names(node):
            self._add(
                "name.unknown",
                f"{column} says {path[-1]}, which Fides does not know",
                file.place([*keys, *path]),
                f"correct it to one of {', '.join(known)}; what is a note of your own goes into a comment",
            )

    def _asked_for(self, file: YamlFile, keys: list[str | int], schema: str, meta: _Meta | None) -> None:
        """Mark the columns that a form asks for (W3)."""
        for table, marks in (meta.asked_for if meta else {}).items():
            collection = self.collections.get(f"{schema}.{table}")
            columns = dict(collection.columns) if collection else {}
            for mark, names in (("mandatory", marks.mandatory), ("optional", marks.optional)):
                for name in names:
                    if name not in columns or columns[name].asked is not None:
                        self._add(
                            "asked_for.unknown",
                            f"{schema}.{table}.{name} is asked for as {mark}, and is not described or marked twice",
                            file.place([*keys, table, mark]),
                            "name described columns, each once",
                        )
                    else:
                        columns[name] = replace(columns[name], asked=mark)
            if collection:
                self.collections[collection.name] = replace(collection, columns=columns)

    def _classified(self, column: str, categories: tuple[str, ...], place: str) -> None:
        if not categories:
            self._add(
                "column.unclassified",
                f"{column} is not classified",
                place,
                "give it data_categories; system.operations where it holds no personal data",
            )
        for category in categories:
            if category not in _taxonomy():
                self._add(
                    "category.unknown",
                    f"data category {category} is not in the Fides taxonomy",
                    place,
                    "use one of fideslang's data categories",
                )

    def _reference(self, name: str, column: str, reference: FidesDatasetReference) -> None:
        """Add a reference to its column, where what it leads to is described."""
        table, _, target_column = reference.field.partition(".")
        target = f"{self.schemas.get(reference.dataset)}.{table}"
        known = self.collections.get(target)
        if known is None or target_column.split(".")[0] not in known.columns:
            self._add(
                "reference.dangling",
                f"the reference to {reference.dataset}.{reference.field} leads nowhere",
                self.places[f"{name}.{column}"],
                "name a dataset of this map, and the field as collection.column",
            )
            return
        direction = Direction(reference.direction or "from")
        found = Reference(column=column, target=target, target_column=target_column, direction=direction)
        collection = self.collections[name]
        old = collection.columns[column]
        columns = {**collection.columns, column: replace(old, references=(*old.references, found))}
        self.collections[name] = replace(collection, columns=columns)

    def _is_nameable(self, name: str, place: str) -> bool:
        """A schema, table or column that the policy can name: without a dot."""
        if not name or "." in name:
            self._add(
                "name.dotted",
                f"{name!r} cannot be a part of schema.table.column",
                place,
                "give it a name without a dot",
            )
            return False
        return True

    def _is_enterable(self, name: str, place: str) -> bool:
        """A schema or table that the ledger can name, too: what went of it could not be entered there otherwise."""
        if not self._is_nameable(name, place):
            return False
        if not re.fullmatch(SCHEMA_OR_TABLE, name):
            self._add(
                "name.unusual",
                f"{name!r} cannot stand in the ledger, nor be named in a hold",
                place,
                "give it a name of letters, digits, _, $, - and blanks that begins with a letter or _",
            )
            return False
        return True

    def _is_known(self, name: str, place: str) -> bool:
        if name in self.places:
            self._add(
                "described.twice",
                f"{name} is described twice",
                place,
                f"keep one; the other is at {self.places[name]}",
            )
            return True
        return False

    def _add(self, code: str, message: str, place: str, next_step: str) -> None:
        self.mistakes.append(Mistake(code=code, message=message, place=place, next_step=next_step))


def _schema(dataset: Dataset) -> str:
    """The PostgreSQL schema: ``fides_meta.namespace.schema`` where given, else the dataset's key."""
    namespace = dataset.fides_meta.namespace if dataset.fides_meta else None
    named = namespace.get("schema") if isinstance(namespace, dict) else None
    return str(named or dataset.fides_key)


def _in_file_order(file: YamlFile, keys: list[str | int], parts: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Each part with its position in the file: fideslang sorts collections and fields by name."""
    node = file.data
    for key in keys:
        node = node[key]
    names = [str(part["name"]) for part in node]
    positions = sorted(range(len(names)), key=names.__getitem__)
    yield from sorted(zip(positions, parts, strict=True), key=lambda pair: pair[0])


def _categories(field: DatasetField) -> tuple[str, ...]:
    """The field's own categories and those of the fields inside it (JSON columns)."""
    own = [str(category) for category in field.data_categories or ()]
    for inner in field.fields or ():
        own += _categories(inner)
    return tuple(dict.fromkeys(own))


def _identities(field: DatasetField, path: tuple[str, ...]) -> tuple[Identity, ...]:
    """The field's own identity and those of the fields inside it (JSON columns)."""
    meta = field.fides_meta
    own = (Identity(kind=meta.identity, path=path),) if meta and meta.identity else ()
    inside = (_identities(inner, (*path, inner.name)) for inner in field.fields or ())
    return own + tuple(chain.from_iterable(inside))


@cache
def _taxonomy() -> frozenset[str]:
    return frozenset(str(category.fides_key) for category in DEFAULT_TAXONOMY.data_category or ())
