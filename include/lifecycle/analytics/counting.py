"""Counting the cells of a period, in DuckDB or in Spark: one expression, one file of events, the same cells.

DuckDB counts in this process and is what there is unless an operator asks for Spark, which counts on many machines.
Only counting is spread out: what comes of it is a map of cells, small enough for one process to draw its noise.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from lifecycle.analytics import spark
from lifecycle.analytics.bounding import CONTRIBUTORS, LARGEST, cells, numbers
from lifecycle.analytics.coding import coded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import ibis.expr.types as ir

    from lifecycle.analytics.workplace import Workplace
    from lifecycle.policy.release_form import Release, ReleasedTable

    Rows = Callable[[ir.Table], pa.Table]

MEMORY = "2GB"
"""What DuckDB takes before it writes into the period's own folder."""


def count_tables(workplace: Workplace, release: Release, *, master: str | None) -> None:
    """Count the cells of every table of a release exactly, and write them beside the events.

    Args:
        workplace: has the events.
        release: says what is counted.
        master: of the Spark that counts; None where DuckDB does.

    Raises:
        CheckFailed: Spark failed.
        UsageError: Spark cannot be opened.
    """
    with _opened(workplace, release, master) as (events, rows):
        write_cells(events, rows, workplace, release)


def write_cells(events: ir.Table, rows: Rows, workplace: Workplace, release: Release) -> None:
    """Count in an engine that is open.

    Args:
        events: as the engine has them.
        rows: what an expression comes to in it.
        workplace: where the cells are written.
        release: says what is counted.
    """
    for name, table in release.tables.items():
        counted = rows(cells(events, release, table)).cast(_schema(release, table)).combine_chunks()
        parquet.write_table(counted, workplace.cells(name))


@contextmanager
def _opened(workplace: Workplace, release: Release, master: str | None) -> Iterator[tuple[ir.Table, Rows]]:
    if master is not None:
        with spark.opened(master, workplace.spill) as engine, spark.failures_told():
            yield engine.read_parquet(workplace.events), lambda expression: spark.rows(engine, expression)
        return
    import ibis

    engine = ibis.duckdb.connect(temp_directory=str(workplace.spill), memory_limit=MEMORY)
    try:
        events = coded(engine, workplace.events, release.dimensions)
        yield events, lambda expression: expression.to_pyarrow()
    finally:
        engine.disconnect()


def _schema(release: Release, table: ReleasedTable) -> pa.Schema:
    """Of cells, whatever the engine calls its types."""
    counts = [CONTRIBUTORS, *numbers(release), *(f"{LARGEST}{name}" for name in numbers(release))]
    return pa.schema(
        [pa.field(name, pa.string(), nullable=False) for name in table.by]
        + [pa.field(name, pa.int64(), nullable=False) for name in counts]
    )
