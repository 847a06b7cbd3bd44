"""How long a release of ten million events takes, against the bare group-by of the same cells, and what it tells.

The bare group-by is DuckDB's, of the raw events with exact distinct counts. Each runs in a process of its own, of which
the memory is told. A second release asks a GeoIP file for the country of every address. Errors are those of the
numbers that are released, at the reference scale: a day of a seventh of the events.
"""

from __future__ import annotations

import hmac
import os
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from measuring import Scratch
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from lifecycle.analytics import checks, files, releasing
from lifecycle.analytics.asked_once import REPEATED
from lifecycle.analytics.bounding import CONTRIBUTORS
from lifecycle.analytics.derive import Countries
from lifecycle.analytics.events import Counted
from lifecycle.analytics.preparing import Preparation
from lifecycle.analytics.pseudonyms import Pseudonyms, epoch_of
from lifecycle.analytics.side_by_side import side_by_side
from lifecycle.analytics.spans import span_of
from lifecycle.analytics.workplace import Workplace
from lifecycle.datamap.load import load_datamap
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.runs.company import Company, ReleasePlaces
from lifecycle.settings import PROJECT
from lifecycle.store.copying import read_in_parts
from lifecycle.store.engine import connect
from lifecycle.store.migrate import migrate
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lifecycle.policy.release_form import Release

EVENTS = 10_000_000
VISITORS = 1_430_000
SHARE_OF_A_DAY = 7
ROWS_AT_ONCE = 500_000
HASHED = 2_000_000
COPIED = 1_000_000
_FIRST = date(2026, 3, 2)
_GEOIP = "countries.mmdb"
NAME = "website_visits"
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
)
# Visitors and countries are skewed: few have most of the events.
_RAW = """
COPY (
    SELECT
        md5(visitor::text) AS subject,
        '198.51.' || (visitor % 256) || '.' || (visitor // 256 % 256) AS country,
        chr(65 + (home // 26)::int) || chr(65 + (home % 26)::int) AS "country.otherwise",
        (?::text[])[1 + (visitor * 7 % 4)::int] || ' r/' || (visitor % 40) AS device,
        '/page/' || floor(200 * pow(random(), 3))::int AS page,
        least(3000, floor(10 / pow(1 - random(), 0.7)))::bigint AS seconds
    FROM (
        SELECT visitor, floor(120 * pow(hash(visitor) % 1000003 / 1000003.0, 2))::int AS home
        FROM (SELECT floor(? * pow(random(), 1.6))::bigint AS visitor FROM range(?)) AS drawn
    ) AS events
) TO '{}' (FORMAT parquet, COMPRESSION zstd)
"""


def run(*, events: int = EVENTS, times: int = 5) -> dict[str, Any]:
    """Release so many events and group them barely, in turn.

    Returns:
        Medians: seconds, megabytes, rows a second, and shares.
    """
    with Scratch() as scratch:
        raw = scratch.files / "raw.parquet"
        _make_raw(raw, events, VISITORS * events // EVENTS)
        _make_geoip(scratch.files / _GEOIP)
        scratch.create("releases")
        scratch.run("releases", (PROJECT / "include/sample/schema.sql").read_text(encoding="utf-8"))
        migrate(scratch.engine("releases"))
        return {
            **_released(scratch, times),
            **_hashed(scratch.files, times),
            **_copied(scratch, times),
            **_errors(scratch, _FIRST + timedelta(days=60), events // SHARE_OF_A_DAY),
        }


def _released(scratch: Scratch, times: int) -> dict[str, Any]:
    """Releases, without and with a GeoIP file, against the bare group-by."""
    runs: dict[str, list[tuple[float, float]]] = {"bare": [], "whole": [], "geoip": []}
    for number, what in enumerate([*runs] * times):
        runs[what].append(_in_a_process(what, scratch, _FIRST + timedelta(days=number)))
    bare_seconds, *seconds = (statistics.median(one[0] for one in of_one) for of_one in runs.values())
    found: dict[str, Any] = {"group_by_seconds": round(bare_seconds, 2)}
    for name, taken in zip(("release", "release_by_address"), seconds, strict=True):
        found[f"{name}_seconds"] = round(taken, 2)
        found[f"{name}_ratio"] = round(taken / bare_seconds, 2)
        found[f"{name}_ratio_at_most"] = 2.5
    most = max(megabytes for what in ("whole", "geoip") for _seconds, megabytes in runs[what])
    return {**found, "peak_megabytes": round(most), "peak_megabytes_at_most": 3_000}


def _make_raw(path: Path, events: int, visitors: int) -> None:
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(_RAW.format(path), [list(_AGENTS), visitors, events])


def _make_geoip(path: Path) -> None:
    """A file that tells the country of every second address."""
    writer = MMDBWriter(6, "Benchmark", ipv4_compatible=True)
    writer.insert_network(IPSet(["198.51.0.0/17"]), {"country": {"iso_code": "EE"}})
    writer.to_db_file(str(path))


def _company(scratch: Scratch) -> Company:
    """The reference company; its own tables are empty."""
    return Company(
        engine=connect(scratch.url("releases"), role=Role.ENGINE, keeps=2),
        policies=load_policies(PROJECT / "include/policies"),
        datamap=load_datamap(PROJECT / "include/datamap"),
        keys=FileKeyring(scratch.files / "keyring", environment={}),
        releases=ReleasePlaces(
            files=scratch.files / "releases", pseudonymised=scratch.files / "pseudonymised"
        ),
    )


def _moment(day: date) -> datetime:
    """When a day is released."""
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1, hours=3)


def whole(
    company: Company, folder: Path, day: date, raw: str = "raw.parquet", geoip: Path | None = None
) -> None:
    """All steps from raw events to tables and files of every feed, with their checks and attacks."""
    as_of = _moment(day)
    release = releasing.release_of(company, NAME, as_of=as_of)
    span = span_of(release, day, company.rulebook(as_of).policy.zone)
    _pseudonymise(folder / raw, company, release.release, day, Countries(geoip))
    releasing.count(company, NAME, span, as_of=as_of)
    releasing.draw_feeds(company, NAME, span, as_of=as_of)


def _pseudonymise(raw: Path, company: Company, release: Release, day: date, countries: Countries) -> None:
    """Write pseudonymised events and check them, as an extraction does with what comes out of PostgreSQL."""
    place = _workplace(company, day)
    place.begin()
    preparation = Preparation(release, Pseudonyms(company.keys, NAME, epoch_of(day)), countries)
    with pq.ParquetFile(raw) as file:
        counted = Counted(events=file.metadata.num_rows, left_out={})
    batches = _batches(raw, preparation.types())
    prepared = preparation.write(batches, place.events, lambda _rows: None)
    checks.check_events(place.events, preparation.schema(), counted, prepared, place="benchmark")


def _workplace(company: Company, day: date) -> Workplace:
    return Workplace(root=releasing.places_of(company).pseudonymised, release=NAME, first_day=day)


def bare(company: Company, folder: Path, day: date) -> None:
    """The same cells, exactly, by one query for each table."""
    release = releasing.release_of(company, NAME, as_of=_moment(day)).release
    dimensions = {"country": '"country.otherwise"', "device": "device", "page": "page"}
    with duckdb.connect() as connection:
        for table in release.tables.values():
            by = ", ".join(dimensions[name] for name in table.by)
            connection.execute(
                f"SELECT {by}, count(DISTINCT subject), count(*), sum(seconds)"
                f" FROM read_parquet('{folder / 'raw.parquet'}') GROUP BY {by}"
            ).fetchall()


def _batches(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[Callable[[], pa.Table]]:
    with pq.ParquetFile(path) as file:
        rows = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    at_once = max(1, ROWS_AT_ONCE // max(rows))
    for first in range(0, len(rows), at_once):
        yield partial(_read, path, types, range(first, min(first + at_once, len(rows))))


def _read(path: Path, types: Mapping[str, pa.DataType], groups: Sequence[int]) -> pa.Table:
    repeated = [name for name, kind in types.items() if kind == REPEATED]
    with pq.ParquetFile(path, read_dictionary=repeated) as file:
        return file.read_row_groups(groups, columns=list(types), use_threads=False)


def _hashed(folder: Path, times: int) -> dict[str, Any]:
    """Pseudonyms a second, made as a release makes them, against a loop of Python's own HMAC."""
    values = pq.read_table(folder / "raw.parquet", columns=["subject"])["subject"].slice(0, HASHED)
    parts = [values.slice(start, ROWS_AT_ONCE) for start in range(0, HASHED, ROWS_AT_ONCE)]
    pseudonyms = Pseudonyms(FileKeyring(folder / "keyring", environment={}), NAME, epoch_of(_FIRST))
    texts, key = values.slice(0, HASHED // 10).to_pylist(), os.urandom(32)
    ours, loop = [], []
    for _ in range(times):
        start = time.perf_counter()
        for _made in side_by_side(lambda part: pseudonyms.of("subject", part), parts):
            pass
        ours.append(len(values) / (time.perf_counter() - start))
        start = time.perf_counter()
        for text in texts:
            hmac.digest(key, text.encode(), "sha256").hex()
        loop.append(len(texts) / (time.perf_counter() - start))
    rate, by_loop = statistics.median(ours), statistics.median(loop)
    return {
        "pseudonyms_a_second": round(rate),
        "pseudonyms_a_second_at_least": 5_000_000,
        "pseudonyms_ratio": round(rate / by_loop, 1),
        "pseudonyms_ratio_at_least": 8,
    }


def _copied(scratch: Scratch, times: int) -> dict[str, Any]:
    """Events out of PostgreSQL, as a share of what a bare COPY of the same columns takes in rows a second."""
    scratch.create("events")
    engine = connect(scratch.url("events"))
    scratch.run(
        "events",
        "CREATE TABLE event AS SELECT gen_random_uuid() AS subject, '198.51.100.7'::inet AS address, 'EE' AS land,"
        f" '{_AGENTS[0]}' AS agent, '/page/' || n % 200 AS page, n % 600 AS seconds"
        f" FROM generate_series(1, {COPIED}) AS n",
    )
    columns = [sa.column(name) for name in ("subject", "address", "land", "agent", "page", "seconds")]
    query = sa.select(*columns).select_from(sa.table("event", *columns))
    types = dict.fromkeys(("subject", "address", "land", "agent", "page"), pa.string()) | {
        "seconds": pa.int64()
    }
    ours, copy = [], []
    for _ in range(times):
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            start = time.perf_counter()
            with driver.cursor() as cursor, cursor.copy("COPY event TO STDOUT (FORMAT csv)") as rows:
                for _row in rows:
                    pass
            copy.append(time.perf_counter() - start)
            start = time.perf_counter()
            for part in read_in_parts(connection, query, place="event"):
                part.table(types)
            ours.append(time.perf_counter() - start)
    share = statistics.median(copy) / statistics.median(ours)
    return {"extraction_of_copy": round(share, 2), "extraction_of_copy_at_least": 0.7}


def _errors(scratch: Scratch, day: date, events: int) -> dict[str, Any]:
    """Median errors of contributors in the files for the internal feed, over the cells that are there, in percent."""
    _make_raw(
        scratch.files / "day.parquet",
        events,
        VISITORS // SHARE_OF_A_DAY * events // (EVENTS // SHARE_OF_A_DAY),
    )
    company = _company(scratch)
    whole(company, scratch.files, day, "day.parquet")
    found = {}
    for table, most in (("visits_by_country", 1), ("visits_by_country_and_device", 3)):
        by = table.removeprefix("visits_by_").split("_and_")
        exact = _by_cell(pq.read_table(_workplace(company, day).cells(table)), by, CONTRIBUTORS)
        folder = files.folder_of(releasing.places_of(company).files, f"{table}_internal", day)
        shown = _by_cell(pq.ParquetFile(folder / files.DATA).read(), by, "persons")
        errors = [abs(persons - exact[cell]) / exact[cell] for cell, persons in shown.items()]
        found[f"{table}_error_percent"] = round(100 * statistics.median(errors), 2)
        found[f"{table}_error_percent_at_most"] = most
        found[f"{table}_cells"] = f"{len(shown)} of {len(exact)}"
    return found


def _by_cell(table: pa.Table, by: Sequence[str], number: str) -> dict[tuple[str, ...], int]:
    return {tuple(row[name] for name in by): row[number] for row in table.to_pylist()}


def _in_a_process(what: str, scratch: Scratch, day: date) -> tuple[float, float]:
    """Seconds and megabytes that one of them takes, all of it."""
    address = scratch.address.render_as_string(hide_password=False)
    command = [sys.executable, __file__, what, str(scratch.files), address, day.isoformat()]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - this file
    seconds, megabytes = told.split()[-2:]
    return float(seconds), float(megabytes)


def _main() -> None:
    """One of them in this process, from an opened company on: prints seconds and megabytes."""
    import great_expectations  # noqa: F401 - loaded before the clock starts, like all that any of them needs
    import ibis  # noqa: F401

    what, folder, address, day = sys.argv[1:]
    scratch = Scratch.__new__(Scratch)
    scratch.files, scratch.address = Path(folder), sa.make_url(address)
    company, of_day = _company(scratch), date.fromisoformat(day)
    company.rulebook(_moment(of_day))
    start = time.perf_counter()
    geoip = partial(whole, geoip=scratch.files / _GEOIP)
    {"bare": bare, "whole": whole, "geoip": geoip}[what](company, scratch.files, of_day)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{time.perf_counter() - start} {megabytes}\n")


if __name__ == "__main__":
    _main()
