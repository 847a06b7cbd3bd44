"""Rows out of PostgreSQL into Arrow: by COPY, which the driver hands on as it comes, and Arrow's own reader of CSV.

Nothing becomes a Python object on the way, and money never a binary fraction.
"""

from __future__ import annotations

import select
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from pyarrow import csv
from sqlalchemy.dialects.postgresql import psycopg

from lifecycle.errors import CheckFailed
from lifecycle.store.failures import without_values

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from psycopg.pq.abc import PGconn
    from sqlalchemy import Connection, Select

LITERAL = psycopg.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy does not say
"""Compiles statements that take no parameters, in which ``%`` means itself."""
PART_BYTES = 32 << 20
"""Of text, held in memory at once where rows are read in parts."""
_BLOCK_BYTES = 8 << 20
"""What Arrow takes at once, or as much as the longest row has."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a query as PostgreSQL has sent them.

    Attributes:
        text: in CSV.
        longest: bytes of the longest row.
        names: of the columns.
        place: what was read, for errors.
    """

    text: bytearray = field(repr=False)
    longest: int
    names: tuple[str, ...]
    place: str

    def table(self, types: Mapping[str, pa.DataType]) -> pa.Table:
        """Some of their columns.

        Args:
            types: of those; another call may take the same column as another type.

        Raises:
            CheckFailed: a value is none that a column of that type can hold, such as a day after the year 9999.
        """
        try:
            return self._parsed(types)
        except pa.ArrowInvalid:  # its text quotes the value
            pass
        raise CheckFailed(
            "a value cannot be written: a number or day that is none, or is out of all bounds",
            place=self.place,
            next_step="correct it: NaN and infinity are no amounts, and a day lies in the years 1 to 9999",
        )

    def _parsed(self, types: Mapping[str, pa.DataType]) -> pa.Table:
        try:
            return csv.read_csv(
                pa.BufferReader(self.text),
                read_options=csv.ReadOptions(
                    column_names=list(self.names),
                    block_size=max(_BLOCK_BYTES, self.longest),
                    use_threads=False,
                ),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=dict(types),
                    include_columns=list(types),
                    null_values=[""],
                    true_values=["t"],
                    false_values=["f"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            if str(error) == "Empty CSV file":
                return pa.schema(list(types.items())).empty_table()
            raise


def read_rows(connection: Connection, query: Select[Any], *, place: str) -> Rows:
    """The rows of a query.

    Args:
        connection: SQLAlchemy's, on psycopg.
        query: its values stand in it, since COPY takes no parameters; each of its columns has a name of its own.
        place: what is read, for errors.

    Raises:
        StoreError: the database refuses.
    """
    (rows,) = read_in_parts(connection, query, place=place, at_once=None)
    return rows


def read_in_parts(
    connection: Connection, query: Select[Any], *, place: str, at_once: int | None = PART_BYTES
) -> Generator[Rows]:
    """The rows of a query, some at a time; at least one part, which may have none.

    Args:
        connection: as in :func:`read_rows`; busy until the last part has come.
        query: as there.
        place: as there.
        at_once: bytes after which a part ends with its row; None for all in one.

    Raises:
        StoreError: the database refuses.
    """
    statement = str(query.compile(dialect=LITERAL, compile_kwargs={"literal_binds": True}))
    parts = _parts(connection.connection.driver_connection, statement, at_once)
    names = tuple(query.selected_columns.keys())
    with closing(parts):
        while part := without_values(lambda: next(parts, None), place=place):
            text, longest = part
            yield Rows(text=text, longest=longest, names=names, place=place)


def _parts(driver: Any, statement: str, at_once: int | None) -> Generator[tuple[bytearray, int]]:
    """What a COPY sends, and the bytes of the longest row of each part."""
    with driver.cursor() as cursor, cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)"):
        is_first, is_last = True, False
        while not is_last:
            text, longest, is_last = _received(driver.pgconn, at_once)
            if is_first or text:
                yield text, longest
            is_first = False


def _received(connection: PGconn, at_once: int | None) -> tuple[bytearray, int, bool]:
    """What comes next, the bytes of its longest row, and whether that was all.

    It comes row by row, and the driver's own iterator takes longer over each than the database does.
    """
    text, longest = bytearray(), 0
    readable = select.poll()
    readable.register(connection.socket, select.POLLIN)
    while at_once is None or len(text) < at_once:
        size, row = connection.get_copy_data(1)
        if size > 0:
            text += row
            longest = max(longest, size)
        elif size == 0:
            readable.poll()
            connection.consume_input()
        else:
            _finish(connection)
            return text, longest, True
    return text, longest, False


def _finish(connection: PGconn) -> None:
    """Take what follows the last row: all of it, or the connection is still busy."""
    results = []
    while result := connection.get_result():
        results.append(result)
    for result in results:
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)
