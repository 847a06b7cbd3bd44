"""DuckDB counts the same of codes as of the text that they stand for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from lifecycle.analytics.bounding import cells
from lifecycle.analytics.coding import coded
from lifecycle.policy.release_form import Release
from support.press import POLICY

if TYPE_CHECKING:
    from pathlib import Path

RELEASE = Release.model_validate(yaml.safe_load(POLICY)["releases"]["openings"])
VALUES = (
    "b",
    "a",
    "B",
    "A",
    "Z",
    "õ",
    "o\u0303",
    "ß",
    "",
    " ",
    "'",
    '"',
    "NULL",
    "10",
    "2",
    "\U0001f600",
    "中",
)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Of readers who have more cells than count, in which they have as many events."""
    drawing = random.Random(3)  # noqa: S311 - for a test
    rows = [
        {name: drawing.choice(VALUES) for name in RELEASE.dimensions}
        | {"subject": drawing.randrange(60), "seconds": drawing.randrange(700)}
        for _ in range(900)
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "events.parquet")
    return tmp_path / "events.parquet"


def kinds(events: ibis.expr.types.Table, engine: ibis.BaseBackend) -> set[str]:
    row = engine.raw_sql(
        f"SELECT {', '.join(f'typeof({name})' for name in RELEASE.dimensions)} FROM {events.get_name()} LIMIT 1"
    ).fetchone()
    return {kind.partition("(")[0] for kind in row}


@pytest.mark.parametrize(("most", "are"), [(1_000, {"ENUM"}), (len(VALUES) - 1, {"VARCHAR"})])
def test_codes_sort_as_their_values_do(events: Path, most: int, are: set[str]):
    engine = ibis.duckdb.connect()
    of_codes = coded(engine, events, RELEASE.dimensions, most=most)
    of_text = engine.read_parquet(events)
    assert kinds(of_codes, engine) == are
    for name, table in RELEASE.tables.items():
        found = cells(of_codes, RELEASE, table).to_pyarrow()
        assert found.num_rows > len(VALUES) / 2, name
        assert found.equals(cells(of_text, RELEASE, table).to_pyarrow()), name


def test_nothing_is_coded_where_there_is_nothing(tmp_path: Path):
    schema = pa.schema([("subject", pa.int64()), ("country", pa.string())])
    parquet.write_table(schema.empty_table(), tmp_path / "events.parquet")
    assert coded(ibis.duckdb.connect(), tmp_path / "events.parquet", ["country"]).to_pyarrow().num_rows == 0
