"""Spark counts the same cells as DuckDB, and nothing of what it counts is anywhere but in the private folder."""

from __future__ import annotations

import io
import logging
import os
import random
import sys
from contextlib import ExitStack, chdir, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from lifecycle.analytics import spark
from lifecycle.analytics.counting import count_tables, write_cells
from lifecycle.analytics.preparing import REPEATED
from lifecycle.analytics.pseudonyms import as_number
from lifecycle.analytics.workplace import Workplace
from lifecycle.errors import CheckFailed
from lifecycle.policy.release_form import Release
from support.press import CANARY, DAY, POLICY
from support.spark import MASTER, left_open, machines_of_java, refused, small_spark

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.commitment("W6")

RELEASES = {name: Release.model_validate(one) for name, one in yaml.safe_load(POLICY)["releases"].items()}
TEXTS = (
    *("a", "A", "b", "B", "z", "Z", "_", "1", "10", "2"),
    *("", " ", " a", "a ", "a\tb", "unknown", "NULL", "null", "'", '"', "\\", "%"),
    *(
        "õ",
        "Õ",
        "o\u0303",
        "ß",
        "ss",
        "İ",
        "\u0131",
        "ﬀ",
        "ff",
        "Ω",
        "中",
        "\uffee",
        "\U0001f600",
        "\U00010400",
    ),
    CANARY * 40,
)
"""Values that collations, case, normal forms, UTF-16 or SQL would order or take together otherwise than bytes do."""
TEMPORARY = Path("/tmp")  # noqa: S108 - where Java unpacks libraries unless it is told where to
MEASURES = (0, 1, 599, 600, 601, 2**31, 2**53 - 1, 2**53)


def events_of(name: str, events: list[dict[str, Any]]) -> pa.Table:
    """Pseudonymised events, as they are prepared."""
    release = RELEASES[name]
    whose = ["subject", *(["organisation"] if release.organisation else [])]
    fields = [pa.field(one, pa.int64(), nullable=False) for one in (*whose, *release.measures)]
    fields += [pa.field(one, REPEATED, nullable=False) for one in release.dimensions]
    made = [one | {kind: as_number(sha256(one[kind].encode()).digest()) for kind in whose} for one in events]
    return pa.Table.from_pylist(made, schema=pa.schema(fields))


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
    chance = random.Random(7)  # noqa: S311 - the same in every run
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
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Java of Spark says."""
    return tmp_path_factory.mktemp("said") / "log"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that Spark is started in."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def engine(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, said: Path, elsewhere: Path
) -> Iterator[Any]:
    """One Spark for all tests: it begins slowly."""
    with small_spark(tmp_path_factory.mktemp("configuration")), ExitStack() as stack:
        with saying_into(said), chdir(elsewhere):
            opened = stack.enter_context(spark.opened(MASTER, folder))
        yield opened


@contextmanager
def saying_into(path: Path) -> Iterator[None]:
    """Whoever is started meanwhile says into a file what it would say on the terminal."""
    before = [os.dup(1), os.dup(2)]
    with path.open("w") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        for number, kept in zip((1, 2), before, strict=True):
            os.dup2(kept, number)
            os.close(kept)


def workplace(root: Path, events: pa.Table) -> Workplace:
    made = Workplace(root=root, release="any", first_day=DAY)
    made.begin()
    parquet.write_table(events, made.events)
    return made


def count_in_spark(engine: Any, place: Workplace, release: Release) -> None:
    with spark.failures_told():
        events = engine.read_parquet(place.events)
        write_cells(events, lambda expression: spark.rows(engine, expression), place, release)


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


def test_while_spark_counts_nothing_stands_elsewhere_and_what_stands_there_is_encrypted(
    engine: Any, tmp_path: Path, folder: Path, elsewhere: Path, said: Path
):
    place = workplace(tmp_path / "pseudonymised", events_of("openings", ties("openings")))
    count_in_spark(engine, place, RELEASES["openings"])
    (machine,) = machines_of_java()
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert any(content and path.match("shuffle_*.data") for path, content in files.items())
    assert [path for path, content in files.items() if CANARY.encode() in content] == []
    written = {Path(one.path) for one in machine.open_files() if one.mode != "r"} - {said}
    unpacked = {Path(one.path) for one in machine.memory_maps() if Path(one.path).parent == TEMPORARY}
    assert [path for path in written | unpacked if not path.is_relative_to(folder)] == []
    assert list(elsewhere.iterdir()) == []
    assert folder.stat().st_mode & 0o077 == 0


def test_nobody_on_the_network_reaches_spark(engine: Any):
    assert engine is not None
    (machine,) = machines_of_java()
    listening = {one.laddr.ip for one in machine.net_connections("inet") if one.status == "LISTEN"}
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


def test_a_failure_tells_no_value_and_nor_do_logs(engine: Any, tmp_path: Path, said: Path):
    heard = io.StringIO()
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        logging.getLogger(name).addHandler(logging.StreamHandler(heard))
    place = workplace(tmp_path / "pseudonymised", events_of("openings", [event("openings", "p", CANARY)]))
    events = engine.read_parquet(place.events)
    with (
        pytest.raises(CheckFailed, match="did not count: CAST_INVALID_INPUT") as failed,
        spark.failures_told(),
    ):
        spark.rows(engine, events.select(number=events.country.cast("int64")))
    assert failed.value.__suppress_context__
    assert CANARY in str(failed.value.__context__)
    assert "default log4j profile" not in said.read_text()  # nor would executors have one that says more
    assert CANARY not in str(failed.value) + heard.getvalue() + said.read_text()


def test_a_sum_that_is_too_large_does_not_become_another_number(engine: Any, tmp_path: Path):
    place = workplace(tmp_path / "pseudonymised", events_of("openings", one_with_everything("openings")))
    events = engine.read_parquet(place.events)
    with pytest.raises(CheckFailed, match="did not count: ARITHMETIC_OVERFLOW"), spark.failures_told():
        spark.rows(engine, events.aggregate(total=events.seconds.sum()))


def test_without_spark_an_operator_is_told_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    told = refused(tmp_path)
    assert told.startswith("LIFECYCLE_SPARK: Spark is not installed\nNext: pip install")


def test_without_java_an_operator_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "there is none\nNext: install Java 17 or 21" in refused(tmp_path)


@left_open
@pytest.mark.parametrize("name", ["SPARK_LOCAL_DIRS", "SPARK_EXECUTOR_DIRS", "LOCAL_DIRS"])
def test_the_environment_does_not_send_spark_out_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    java_that_fails(tmp_path, monkeypatch)
    monkeypatch.setenv(name, str(tmp_path))
    assert refused(tmp_path).startswith(f"{name}: it would send what Spark writes out of")


@left_open
def test_nor_does_a_script_beside_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    java_that_fails(tmp_path, monkeypatch)
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    (tmp_path / "spark-env.sh").write_text(f"touch {tmp_path}/was-read")
    assert "does not open" in refused(tmp_path)
    assert not (tmp_path / "was-read").exists()
    assert "SPARK_ENV_LOADED" not in os.environ


def test_a_java_that_dies_leaves_no_image_of_its_memory(engine: Any):
    assert engine is not None
    (machine,) = machines_of_java()
    assert {"-XX:-CreateCoredumpOnCrash", "-XX:-HeapDumpOnOutOfMemoryError"} <= set(machine.cmdline())


@left_open
def test_a_java_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    java_that_fails(tmp_path, monkeypatch)
    monkeypatch.delenv("SPARK_LOCAL_DIRS", raising=False)
    assert refused(tmp_path).startswith("LIFECYCLE_SPARK: Spark does not open: [JAVA_GATEWAY_EXITED]")


def java_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Java that is started ends at once."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "java").chmod(0o700)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
