"""The data map against the live schema: nothing undescribed, nothing missing, nothing of another type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.checks.types import is_compatible
from lifecycle.policy.findings import Finding, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.datamap.live import LiveTable
    from lifecycle.datamap.model import Collection
    from lifecycle.policy.checks.examined import Examined


def check(examined: Examined) -> Iterator[Finding]:
    """What the map says wrong, leaves out, or has beyond the database."""
    for mistake in examined.datamap.mistakes:
        yield error(mistake.code, mistake.message, mistake.place, mistake.next_step)
    for table in examined.live.values():
        schema = table.name.split(".", 1)[0]
        is_described = table.name in examined.datamap.collections
        if table.columns and schema in examined.datamap.schemas and not is_described:
            yield _undescribed(table, examined.datamap.place(schema))
    for collection in examined.datamap.collections.values():
        yield from _collection(examined, collection)


def _undescribed(table: LiveTable, place: str) -> Finding:
    if table.kind == "table":
        return error(
            "table.undescribed",
            f"table {table.name} is not in the data map",
            place,
            "describe it there, every column with data_categories",
        )
    return warning(
        "table.copies",
        f"{table.kind} {table.name} may hold copies that no plan reaches",
        place,
        "refresh it after every run, or drop it",
    )


def _collection(examined: Examined, collection: Collection) -> Iterator[Finding]:
    table = examined.live.get(collection.name)
    place = examined.datamap.place(collection.name)
    if table is None or not table.columns:
        yield error(
            "table.missing",
            f"{collection.name} is described but not in the database",
            place,
            "correct the name, create the table or remove the description",
        )
        return
    if table.kind != "table":
        yield error(
            "table.no_table",
            f"{collection.name} is a {table.kind}: no row of it can be deleted",
            place,
            "describe the tables it is made from instead",
        )
    if table.has_heirs:
        yield error(
            "table.inherited",
            f"other tables inherit from {collection.name}: their rows would go along with its own",
            place,
            "make them partitions, or tables of their own",
        )
    yield from _columns(examined, collection, table)
    yield from _key(examined, collection, table)


def _columns(examined: Examined, collection: Collection, table: LiveTable) -> Iterator[Finding]:
    for name in table.columns:
        if name not in collection.columns:
            yield error(
                "column.undescribed",
                f"column {table.name}.{name} is not in the data map",
                examined.datamap.place(collection.name),
                "describe it there, with data_categories",
            )
    for column in collection.columns.values():
        place = examined.datamap.place(collection.name, column.name)
        live = table.columns.get(column.name)
        if live is None:
            yield error(
                "column.missing",
                f"{collection.name}.{column.name} is described but not in the database",
                place,
                "correct the name, add the column or remove the description",
            )
        elif column.data_type and not is_compatible(column.data_type, live.type):
            yield error(
                "column.retyped",
                f"{collection.name}.{column.name} is described as {column.data_type} and is {live.type}",
                place,
                "correct data_type, or look why the column changed",
            )


def _key(examined: Examined, collection: Collection, table: LiveTable) -> Iterator[Finding]:
    place = examined.datamap.place(collection.name)
    described = ", ".join(collection.primary_key) or "none"
    if table.primary_key and set(table.primary_key) != set(collection.primary_key):
        yield error(
            "key.differs",
            f"the primary key of {table.name} is {', '.join(table.primary_key)}, the map marks {described}",
            place,
            "mark exactly the key's columns with fides_meta.primary_key",
        )
    if table.primary_key or collection.name not in examined.deletable:
        return
    is_unique = any(set(key) == set(collection.primary_key) for key in table.unique_keys)
    nullable = any(
        table.columns[name].is_nullable for name in collection.primary_key if name in table.columns
    )
    if nullable or not is_unique:
        yield error(
            "key.missing",
            f"{table.name} has no primary key, rows of it may be deleted, and what the map marks ({described})"
            " may name several",
            place,
            "add a primary key to the table: a plan names rows by it",
        )
