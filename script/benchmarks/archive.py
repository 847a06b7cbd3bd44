"""How long it takes to archive a million invoices, and to fetch one, against the same by hand without any of it.

By hand a cursor of the server is read into Parquet files, table by table: no hash, no encryption, no index, no check,
each table as it is a moment later. Both run in a process of their own, of which the memory is told.
"""

from __future__ import annotations

import random
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import books
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from measuring import Scratch

from lifecycle.archive import building
from lifecycle.archive.fetching import fetch
from lifecycle.datamap.load import load_datamap
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.runs.company import Company
from lifecycle.store.engine import connect
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable

AS_OF = datetime(2025, 2, 1, 3, tzinfo=UTC)
NAME = "books"
AT_ONCE = 20_000
FETCHED = 300
INVOICES = 1_000_000
OTHERS = 9_000_000
"""Records of documents that are only in the index, so that one is looked for among ten million."""
_MONEY = pa.decimal128(12, 2)
_COLUMNS = {
    "invoice": {
        "id": pa.int64(), "number": pa.string(), "customer_no": pa.int64(), "issued_on": pa.date32(),
        "due_on": pa.date32(), "currency": pa.string(), "net": _MONEY, "vat": _MONEY, "gross": _MONEY,
        "buyer": pa.string(), "vat_number": pa.string(), "street": pa.string(), "city": pa.string(),
        "country": pa.string(),
    },
    "line": {
        "id": pa.int64(), "invoice_id": pa.int64(), "place": pa.int32(), "what": pa.string(),
        "quantity": pa.decimal128(12, 3), "price": _MONEY, "net": _MONEY,
    },
    "payment": {
        "id": pa.int64(), "invoice_id": pa.int64(), "paid_on": pa.date32(), "amount": _MONEY, "payer": pa.string(),
    },
}  # fmt: skip


def run(*, invoices: int = INVOICES, times: int = 5) -> dict[str, Any]:
    """Archive so many invoices and write them by hand, in turn; then fetch some.

    Returns:
        Medians: seconds, megabytes, and what one fetch takes against a look-up of the invoice by its primary key.
    """
    with Scratch() as scratch:
        books.fill(scratch, "shop", invoices=invoices)
        by_hand, ours = [], []
        for _ in range(times):
            by_hand.append(_in_a_process("by_hand", scratch))
            ours.append(_in_a_process("build", scratch))
        seconds, hand_seconds = (statistics.median(one[0] for one in runs) for runs in (ours, by_hand))
        fetched = _fetched(scratch, invoices)
    return {
        "build_seconds": round(seconds, 2),
        "by_hand_seconds": round(hand_seconds, 2),
        "build_ratio": round(seconds / hand_seconds, 2),
        "build_ratio_at_most": 1.6,
        "peak_megabytes": max(round(one[1]) for one in ours),
        "peak_megabytes_at_most": 400,
        **fetched,
    }


def by_hand(scratch: Scratch) -> None:
    """Read each table from a cursor of the server into a Parquet file."""
    url = sa.make_url(scratch.url("shop")).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        for table, types in _COLUMNS.items():
            schema = pa.schema(list(types.items()))
            path = scratch.files / f"{table}.parquet"
            with (
                connection.cursor("rows") as cursor,
                pq.ParquetWriter(path, schema, compression="zstd") as writer,
            ):
                cursor.execute(f"SELECT {', '.join(types)} FROM shop.{table}")
                while rows := cursor.fetchmany(AT_ONCE):
                    columns = zip(zip(*rows, strict=True), types.values(), strict=True)
                    arrays = [pa.array(values, kind) for values, kind in columns]
                    writer.write_batch(pa.record_batch(arrays, schema=schema))


def build(scratch: Scratch) -> None:
    """Write, check and seal everything, from an empty archive on."""
    with connect(scratch.url("shop")).begin() as connection:
        connection.exec_driver_sql(
            "TRUNCATE lifecycle.archive_record, lifecycle.archive_key, lifecycle.archive_part CASCADE"
        )
    company = _company(scratch)
    for year in building.years(company, NAME, as_of=AS_OF):
        for _ in building.build(company, NAME, year, as_of=AS_OF):
            pass


def _in_a_process(what: str, scratch: Scratch) -> tuple[float, float]:
    """Seconds and megabytes that one of both takes, all of it."""
    files = str(scratch.files)
    command = [sys.executable, __file__, what, files, scratch.address.render_as_string(hide_password=False)]
    for path in scratch.files.glob("*.parquet"):
        path.unlink()
    subprocess.run(["rm", "-rf", files + "/archive"], check=True)  # noqa: S603, S607 - our own folder
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - this file
    seconds, megabytes = told.split()[-2:]
    return float(seconds), float(megabytes)


def _fetched(scratch: Scratch, invoices: int) -> dict[str, Any]:
    """What it takes to fetch one invoice of ten million, and of the million alone, against a look-up by key."""
    company, chosen = _company(scratch), random.Random(1)  # noqa: S311 - any invoices
    url = sa.make_url(scratch.url("shop")).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:

        def look_up(number: int) -> None:
            connection.execute("SELECT * FROM shop.invoice WHERE id = %s", (number,)).fetchall()

        def fetched(number: int) -> None:
            fetch(company, NAME, f"SL-2024-{number:08}")

        numbers = [chosen.randrange(invoices) for _ in range(FETCHED)]
        few, key = _medians(numbers, fetched, look_up)
        _add_others(scratch)
        many, key = _medians(numbers, fetched, look_up)
    return {
        "fetch_milliseconds": round(1000 * many, 2),
        "look_up_milliseconds": round(1000 * key, 3),
        "fetch_ratio": round(many / key, 1),
        "fetch_ratio_at_most": 20,
        "fetch_tenfold": round(many / few, 2),
        "fetch_tenfold_at_most": 1.3,
    }


def _medians(
    numbers: list[int], one: Callable[[int], None], other: Callable[[int], None]
) -> tuple[float, float]:
    """Seconds that each takes, asked in turn."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in numbers:
        for ask, seconds in zip((one, other), found, strict=True):
            start = time.perf_counter()
            ask(number)
            seconds.append(time.perf_counter() - start)
    return statistics.median(found[0]), statistics.median(found[1])


def _add_others(scratch: Scratch) -> None:
    """Ten times as many documents in the index."""
    scratch.run(
        "shop",
        "INSERT INTO lifecycle.archive_record SELECT archive, '{' || 1000000 + n || '}', 0, true,"
        f" 'OT-' || n, owner, digest, part_id, 0, 0, 0, owner FROM generate_series(1, {OTHERS}) AS n,"
        " (SELECT * FROM lifecycle.archive_record LIMIT 1) AS one",
    )
    scratch.vacuum("shop")


def _company(scratch: Scratch) -> Company:
    return Company(
        engine=connect(scratch.url("shop"), role=Role.ENGINE, keeps=2),
        policies=load_policies(scratch.files / "policies"),
        datamap=load_datamap(scratch.files / "datamap"),
        keys=FileKeyring(scratch.files / "keyring", environment={}),
        archive_urls=(str(scratch.files / "archive"),),
    )


def _main() -> None:
    """One of both in this process: prints seconds and megabytes."""
    what, files, address = sys.argv[1:]
    scratch = Scratch.__new__(Scratch)
    scratch.files, scratch.address = Path(files), sa.make_url(address)
    start = time.perf_counter()
    {"by_hand": by_hand, "build": build}[what](scratch)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{time.perf_counter() - start} {megabytes}\n")


if __name__ == "__main__":
    _main()
