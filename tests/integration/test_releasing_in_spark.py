"""A period that Spark counts is released as one that DuckDB counts, and leaves as little behind."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lifecycle.analytics import releasing, spark
from lifecycle.analytics.counting import count_tables
from lifecycle.analytics.workplace import Workplace
from lifecycle.errors import CheckFailed
from lifecycle.runs.company import Company
from lifecycle.settings import Settings
from support.press import AS_OF, DAY, PHONE, add_openings, add_readers, open_press, span
from support.spark import MASTER, machines_of_java, refused, small_spark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("W6")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a programme leaves files that has not been told where to: its own folder, that of temporary files."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "configuration").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with small_spark(tmp_path / "configuration"):
        yield folder


@pytest.fixture
def press(database: Database, tmp_path: Path) -> Company:
    """Four hundred readers, of a company that counts in Spark."""
    company = open_press(database, tmp_path)
    add_readers(database, 1, 400)
    add_openings(database, 1, 300, times=5)
    add_openings(database, 301, 400, land="FI", agent=PHONE, article="/two")
    assert company.releases is not None
    return replace(company, releases=replace(company.releases, spark=MASTER))


def test_a_period_is_built_with_the_same_cells_and_nothing_is_left_behind(
    press: Company, database: Database, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(releasing, "finish", lambda *_: None)
        built = releasing.build(press, "openings", span(press), as_of=AS_OF)
    assert [(one.feed, one.state) for one in built] == [("internal", "released"), ("commercial", "released")]
    rows = database.execute("SELECT * FROM analytics.by_country_and_device_internal ORDER BY country")
    assert [(row.country, row.device) for row in rows] == [("EE", "desktop"), ("FI", "mobile")]
    assert rows[0].persons == pytest.approx(300, abs=30)
    assert list(tmp_path.glob("releases/*/first_day=*/data.parquet"))
    place = Workplace(root=tmp_path / "pseudonymised", release="openings", first_day=DAY)
    release = releasing.release_of(press, "openings", as_of=AS_OF).release
    by_spark = {table: place.cells(table).read_bytes() for table in release.tables}
    assert list(place.spill.iterdir()) == []
    assert machines_of_java() == []
    count_tables(place, release, master=None)
    assert {table: place.cells(table).read_bytes() for table in release.tables} == by_spark
    releasing.finish(press, "openings", span(press))
    assert [path for path in (tmp_path / "pseudonymised").rglob("*") if path.is_file()] == []
    assert list(elsewhere.iterdir()) == []


@pytest.mark.usefixtures("elsewhere")
def test_a_cluster_without_a_secret_is_not_spoken_to_and_java_ended(tmp_path: Path):
    told = refused(tmp_path, "spark://127.0.0.1:7077")
    assert told.startswith("LIFECYCLE_SPARK: Spark does not open: ")
    assert "spark.authenticate.secret" in told
    assert machines_of_java() == []
    assert list((tmp_path / "spill").iterdir()) == []


@pytest.mark.usefixtures("elsewhere")
def test_a_java_that_dies_is_told_and_another_one_can_be_opened(tmp_path: Path):
    with pytest.raises(CheckFailed, match="Spark did not count: "):
        ask_one_that_dies(tmp_path / "spill")
    with spark.opened(MASTER, tmp_path / "spill") as engine:
        assert engine.list_tables() == []


def ask_one_that_dies(folder: Path) -> None:
    with spark.opened(MASTER, folder) as engine, spark.failures_told():
        (machine,) = machines_of_java()
        machine.kill()
        engine.list_tables()


@pytest.mark.parametrize(
    ("stated", "carried"),
    [({"LIFECYCLE_SPARK": MASTER}, MASTER), ({"LIFECYCLE_SPARK": ""}, None), ({}, None)],
)
def test_the_setting_reaches_whoever_counts(database: Database, stated: dict[str, str], carried: str | None):
    settings = replace(Settings.from_environment(stated), database_url=database.url)
    assert releasing.places_of(Company.open(settings)).spark == carried
