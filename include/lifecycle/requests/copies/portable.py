"""What a subject takes along: tables that any programme reads, described as a Data Package (GDPR Art. 20)."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from lifecycle.identity.others import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.copies.rows import CopiedRow
    from lifecycle.requests.copies.veil import Veil

_TYPES = {
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "numeric": "number",
    "real": "number",
    "double precision": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp with time zone": "datetime",
    "json": "any",
    "jsonb": "any",
}
"""PostgreSQL's types as those of a Table Schema; every other is text."""


def portable_files(
    rulebook: Rulebook, rows: Sequence[CopiedRow], veil: Veil, *, created: str
) -> dict[str, bytes]:
    """Every file of the archive by name: a table of each collection as CSV and as JSON, and their description.

    Args:
        rulebook: of the policy in force.
        rows: everything that is disclosed.
        veil: hides other people.
        created: when, as ISO 8601.
    """
    tables = {
        name: [veil.seen(row) for row in rows if row.collection == name]
        for name in dict.fromkeys(row.collection for row in rows)
    }
    files: dict[str, bytes] = {}
    for name, table in tables.items():
        columns = list(rulebook.datamap.collections[name].columns)
        files[f"data/{name}.csv"] = _csv(columns, table)
        files[f"data/{name}.json"] = as_json(table)
    return {"datapackage.json": as_json(_package(rulebook, tables, created)), **files}


def as_json(value: Any) -> bytes:
    """A document in UTF-8."""
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _package(rulebook: Rulebook, tables: Mapping[str, Any], created: str) -> dict[str, Any]:
    policy = rulebook.policy
    return {
        "profile": "data-package",
        "name": "data-on-you",
        "title": f"Data on you, held by {policy.controller.name}",
        "created": created,
        "description": f"{policy.policy.name}, version of {policy.version}. {HIDDEN}",
        "resources": [_resource(rulebook, name) for name in tables],
    }


def _resource(rulebook: Rulebook, collection: str) -> dict[str, Any]:
    described = rulebook.datamap.collections[collection]
    live = rulebook.live[collection].columns
    return {
        "profile": "tabular-data-resource",
        "name": collection.replace("$", "_").replace(" ", "_").lower(),
        "path": f"data/{collection}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        **({"description": described.description} if described.description else {}),
        "schema": {
            "fields": [
                {"name": column.name, "type": _type(live[column.name])}
                for column in described.columns.values()
                if column.name in live
            ],
            "primaryKey": [name for name, _ in rulebook.key(collection)],
            "missingValues": [""],
        },
    }


def _type(column: LiveColumn) -> str:
    kind = column.base_type
    return "array" if kind.endswith("[]") else _TYPES.get(kind.partition("(")[0], "string")


def _csv(columns: Sequence[str], table: Sequence[Mapping[str, Any]]) -> bytes:
    """RFC 4180, with a header."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in table)
    return written.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
