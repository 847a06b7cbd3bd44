"""Released files are added up over their periods; a number that is not shown says nothing."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from lifecycle.analytics import files
from lifecycle.analytics.released import shape_of
from lifecycle.datamap.model import DataMap
from lifecycle.errors import UsageError
from lifecycle.policy.load import read_policy
from lifecycle.synthetic.margins import read_likeness
from support.press import POLICY

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.policy.load import PolicyVersion
    from lifecycle.synthetic.margins import Margin

TWO_DAYS = (date(2026, 3, 2), date(2026, 3, 3))


@pytest.fixture
def version(tmp_path: Path) -> PolicyVersion:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return read_policy(path)


def write(
    folder: Path,
    version: PolicyVersion,
    first_day: date,
    rows: list[tuple[str, int, int | None]],
    feed: str = "internal",
) -> None:
    """One period of ``by_country``: country, persons, events."""
    shape = shape_of(version.policy.releases["openings"], "by_country", feed)
    days = {"first_day": first_day, "last_day": first_day}
    says = {
        "table": shape.name,
        "about": shape.about,
        "columns": list(shape.columns),
        "dimensions": dict(shape.dimensions),
        "numbers": {name: {"meaning": meaning} for name, meaning in shape.numbers.items()},
    }
    named = [
        {**days, "country": country, "persons": persons, "events": events, "seconds": None}
        for country, persons, events in rows
    ]
    files.write(folder, shape, first_day, named, says)


def read(folder: Path, version: PolicyVersion, **named: str) -> Margin:
    likeness = read_likeness(folder, version, DataMap(collections={}, places={}), **named)
    ((margin,),) = likeness.margins.values()
    return margin


def test_periods_are_added_up(tmp_path: Path, version: PolicyVersion):
    write(tmp_path, version, TWO_DAYS[0], [("EE", 20, 50), ("FI", 30, 31)])
    write(tmp_path, version, TWO_DAYS[1], [("EE", 25, 60)])
    margin = read(tmp_path, version)
    assert margin.first_days == TWO_DAYS
    assert margin.numbers["persons"] == {("EE",): 45, ("FI",): 30}
    assert margin.numbers["events"] == {("EE",): 110, ("FI",): 31}
    assert margin.line() == "like by_country_internal, 2 periods from 2026-03-02 to 2026-03-03"


def test_a_number_that_is_empty_is_as_large_as_that_of_persons(tmp_path: Path, version: PolicyVersion):
    write(tmp_path, version, TWO_DAYS[0], [("EE", 20, None)])
    assert read(tmp_path, version).numbers["events"] == {("EE",): 20}


def test_what_noise_took_below_nought_is_none(tmp_path: Path, version: PolicyVersion):
    write(tmp_path, version, TWO_DAYS[0], [("EE", 20, -3), ("FI", 30, 40)])
    assert read(tmp_path, version).numbers["events"] == {("FI",): 40}


def test_the_feed_with_least_noise_is_read_unless_another_is_named(tmp_path: Path, version: PolicyVersion):
    for feed in ("commercial", "internal"):
        write(tmp_path, version, TWO_DAYS[0], [("EE", 20, 20)], feed)
    assert read(tmp_path, version).table == "by_country_internal"
    assert read(tmp_path, version, feed="commercial").table == "by_country_commercial"


def test_files_that_show_nobody_are_none_to_follow(tmp_path: Path, version: PolicyVersion):
    write(tmp_path, version, TWO_DAYS[0], [])
    with pytest.raises(UsageError, match="none shows a cell") as refused:
        read(tmp_path, version)
    assert refused.value.next_step


def test_what_is_not_a_period_is_left_alone(tmp_path: Path, version: PolicyVersion):
    write(tmp_path, version, TWO_DAYS[0], [("EE", 20, 20)])
    (tmp_path / "by_country_internal" / "first_day=nonsense").mkdir()
    (tmp_path / "notes.txt").write_text("somebody else's")
    assert read(tmp_path, version).first_days == TWO_DAYS[:1]


def put_rows(folder: Path, columns: dict[str, Any]) -> None:
    parquet.write_table(pa.table(columns), folder / files.DATA)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: put_rows(folder, {"country": [b"EE"], "persons": [20], "events": [20]}),
        lambda folder: put_rows(
            folder, {"country": pa.array([b"\xff"]).view(pa.string()), "persons": [20], "events": [20]}
        ),
        lambda folder: put_rows(folder, {"country": ["EE"], "persons": [float("inf")], "events": [20]}),
        lambda folder: (folder / files.DICTIONARY).write_text("[" * 100_000),
        lambda folder: (folder / files.DICTIONARY).write_bytes(b"\xff"),
    ],
    ids=["binary", "no text", "endless", "deep", "no letters"],
)
def test_a_file_of_anything_is_a_damaged_one(tmp_path: Path, version: PolicyVersion, spoil):
    write(tmp_path, version, TWO_DAYS[0], [("EE", 20, 20)])
    before = told(tmp_path)
    spoil(files.folder_of(tmp_path, "by_country_internal", TWO_DAYS[0]))
    with pytest.raises(UsageError, match="is incomplete or damaged"):
        read(tmp_path, version)
    assert told(tmp_path) != before


def told(folder: Path) -> tuple[object, object]:
    """What a verification holds against what was drawn."""
    of = (folder, "by_country_internal", TWO_DAYS[0])
    return files.digest(*of), files.says(*of)
