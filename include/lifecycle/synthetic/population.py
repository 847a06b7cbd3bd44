"""The statements of a sample, run one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.numeric import Int8
from sqlalchemy import text

from lifecycle.synthetic.progress import Step
from lifecycle.synthetic.refusal import refusing
from lifecycle.synthetic.sample import POPULATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.synthetic.progress import Progress
    from lifecycle.synthetic.sample import Statement

Bound = dict[str, object]


def parameters(*, customers: int, days: int, seed: int, as_of: datetime) -> Bound:
    """What every statement may bind; counts as ``bigint``, whatever their value."""
    return {"customers": Int8(customers), "days": Int8(days), "seed": Int8(seed), "as_of": as_of}


def populate(
    connection: Connection,
    statements: tuple[Statement, ...],
    bound: Bound,
    progress: Progress,
    *,
    file: str = POPULATION,
) -> None:
    """Run the statements of a file in order, each in its chunks.

    Raises:
        StoreError: the database refuses one; the place is its name.
    """
    for number, statement in enumerate(statements):
        with refusing(f"{file}, {statement.name}"):
            for share, rows in _run(connection, statement, bound):
                progress(
                    Step(
                        name=statement.name,
                        done=number + share,
                        total=len(statements),
                        rows=rows,
                        finished=share == 1,
                    )
                )


def _run(connection: Connection, statement: Statement, bound: Bound) -> Iterator[tuple[float, int]]:
    """Run a statement; after each chunk the share of it that is done, and the rows written so far."""
    rows = 0
    chunks = _chunks(connection, statement, bound)
    for done, chunk in enumerate(chunks, start=1):
        rows += max(connection.execute(text(statement.sql), bound | chunk).rowcount, 0)
        yield done / len(chunks), rows
    if not chunks:
        yield 1, 0


def _chunks(connection: Connection, statement: Statement, bound: Bound) -> list[Bound]:
    """What each execution binds on top: nothing, or the first and last unit of its chunk."""
    if statement.each is None:
        return [{}]
    units = connection.scalar(text(f"SELECT ({statement.each})::bigint"), bound) or 0
    return [
        {"first": Int8(first), "last": Int8(min(first + statement.chunk - 1, units))}
        for first in range(1, units + 1, statement.chunk)
    ]
