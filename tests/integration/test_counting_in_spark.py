"""Spark counts the same cells as DuckDB, and nothing of what it counts is anywhere but in the private folder."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from lifecycle.analytics import spark
from lifecycle.analytics.counting import count_tables, write_cells
from lifecycle.analytics.workplace import Workplace
from lifecycle.errors import CheckFailed, UsageError
from lifecycle.policy.release_form import Release
from support.press import CANARY, DAY, POLICY
from support.spark import MASTER, machines_of_java, small_spark

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.commitment("W6")

RELEASES = {name: Release.model_validate(one) for name, one in yaml.safe_load(POLICY)["releases"].items()}
TEXTS = (
    *("a", "A", "b", "B", "z", "Z", "_", "1", "10", "2"),
    *("", " ", " a", "a ", "a\tb", "unknown", "NULL", "null", "'", '"', "\\", "%"),
    *("õ", "Õ", "o\u0303", "ß", "ss", "İ", "ı", "ﬀ", "ff", "Ω", "中", "\uffee", "\U0001f600", "\U00010400"),
    CANARY * 40,
)
"""Values that collations, case, normal forms, UTF-16 or SQL would order or take together otherwise than bytes do."""
MEASURES = (0, 1, 599, 600, 601, 2**31, 2**53 - 1, 2**53)


def events_of(name: str, events: list[dict[str, Any]]) -> pa.Table:
    """Pseudonymised events, as they are prepared."""
    release = RELEASES[name]
    texts = ["subject", *(["organisation"] if release.organisation else []), *release.dimensions]
    fields = [pa.field(one, pa.string(), nullable=False) for one in texts]
    fields += [pa.field(one, pa.int64(), nullable=False) for one in release.measures]
    return pa.Table.from_pylist(events, schema=pa.schema(fields))


def event(name: str, subject: str, *texts: str, seconds: int = 1) -> dict[str, Any]:
    release = RELEASES[name]
    told = dict(zip(release.dimensions, (*texts, *["a"] * len(release.dimensions)), strict=False))
    if release.organisation:
        told["organisation"] = f"of {subject[0]}"
    return {"subject": subject, **told, **dict.fromkeys(release.measures, seconds)}


def ties(name: str) -> list[dict[str, Any]]:
    """Everybody has as many events in every cell."""
    return [event(name, f"{who}", text, text, text) for who in range(30) for text in TEXTS]


def one_with_everything(name: str) -> list[dict[str, Any]]:
    """One contributor alone, more often than all of its largest measures could be added up."""
    return [event(name, "p", "a", "b", "a", seconds=2**53) for _ in range(1100)] + [
        event(name, "p", text, seconds=2**53) for text in TEXTS
    ]


def anything(name: str) -> list[dict[str, Any]]:
    chance = random.Random(7)
    return [
        event(
            name,
            str(int(chance.paretovariate(0.7)) % 60),
            *chance.choices(TEXTS, k=3),
            seconds=chance.choice(MEASURES),
        )
        for _ in range(4000)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("private") / "with a blank"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Any]:
    """One Spark for all tests: it begins slowly."""
    with small_spark(tmp_path_factory.mktemp("configuration")), spark.opened(MASTER, folder) as opened:
        yield opened


def workplace(root: Path, events: pa.Table) -> Workplace:
    made = Workplace(root=root, release="any", first_day=DAY)
    made.begin()
    parquet.write_table(events, made.events)
    return made


def count_in_spark(engine: Any, place: Workplace, release: Release) -> None:
    with spark.failures_told():
        write_cells(engine, lambda expression: spark.rows(engine, expression), place, release)


@pytest.mark.parametrize("cases", [ties, one_with_everything, anything, lambda _name: []])
@pytest.mark.parametrize("name", RELEASES)
def test_both_engines_count_the_same_to_the_byte(engine: Any, tmp_path: Path, name: str, cases: Any):
    release, events = RELEASES[name], cases(name)
    place = workplace(tmp_path / "pseudonymised", events_of(name, events))
    count_tables(place, release, master=None)
    by_duckdb = {table: place.cells(table).read_bytes() for table in release.tables}
    assert all(bool(parquet.read_table(place.cells(one)).num_rows) == bool(events) for one in release.tables)
    for table in release.tables:
        place.cells(table).unlink()
    count_in_spark(engine, place, release)
    for table in release.tables:
        by_spark = place.cells(table).read_bytes()
        assert by_spark == by_duckdb[table], parquet.read_table(place.cells(table)).to_pylist()
