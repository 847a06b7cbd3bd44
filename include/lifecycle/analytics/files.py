"""Released tables as files: Parquet for programs, and JSON that says what it means."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from lifecycle.analytics.describing import content_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lifecycle.analytics.released import Shape

DICTIONARY, DATA = "dictionary.json", "data.parquet"


def folder_of(root: Path, table: str, first_day: date) -> Path:
    """Where the files of one period of a table are; named so that Hive's readers know the day."""
    return root / table / f"first_day={first_day.isoformat()}"


def write(
    root: Path, shape: Shape, first_day: date, rows: Sequence[Mapping[str, Any]], says: Mapping[str, Any]
) -> None:
    """Write the files of one period of a table; whoever reads meanwhile sees either none or all of each."""
    folder = folder_of(root, shape.name, first_day)
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=_schema(shape))
    unfinished = folder / f".{DATA}.{os.getpid()}"
    parquet.write_table(table, unfinished, compression="zstd")
    unfinished.replace(folder / DATA)
    unfinished = folder / f".{DICTIONARY}.{os.getpid()}"
    unfinished.write_text(
        json.dumps(says, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    unfinished.replace(folder / DICTIONARY)


def digest(root: Path, table: str, first_day: date) -> str | None:
    """SHA-256 of the rows that a period's file has; None where it is not there or cannot be read."""
    found = rows(root, table, first_day)
    try:
        return None if found is None else content_digest(found)
    except (TypeError, ValueError):  # values that no released table has
        return None


def periods(root: Path, table: str) -> list[date]:
    """The first days of all periods of a table of which there is a folder, in order."""
    found = []
    for folder in (root / table).glob("first_day=*"):
        with suppress(ValueError):  # somebody else's
            found.append(date.fromisoformat(folder.name.partition("=")[2]))
    return sorted(found)


def rows(root: Path, table: str, first_day: date) -> list[dict[str, Any]] | None:
    """The rows that a period's file has; None where it is not there or cannot be read."""
    try:
        found = parquet.read_table(folder_of(root, table, first_day) / DATA, partitioning=None)
        return [dict(row) for row in found.to_pylist()]
    except (OSError, ValueError, RecursionError, OverflowError, pa.ArrowException):
        return None


def says(root: Path, table: str, first_day: date) -> dict[str, Any] | None:
    """What a period's file says that it means; None where it is not there or cannot be read."""
    try:
        found = json.loads((folder_of(root, table, first_day) / DICTIONARY).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _schema(shape: Shape) -> pa.Schema:
    days = [("first_day", pa.date32()), ("last_day", pa.date32())]
    texts = [(name, pa.string()) for name in shape.dimensions]
    numbers = [(name, pa.int64()) for name in shape.numbers]
    comments = {**shape.dimensions, **shape.numbers}
    return pa.schema(
        [
            pa.field(name, kind, metadata={"comment": comments.get(name, "")})
            for name, kind in (*days, *texts, *numbers)
        ],
        metadata={"comment": shape.about},
    )
