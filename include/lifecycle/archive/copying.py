"""Rows out of PostgreSQL into Arrow: by COPY, which the driver hands on as it comes, and Arrow's own reader of CSV.

Nothing becomes a Python object on the way, and money never a binary fraction.
"""

from __future__ import annotations

import select
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
    from collections.abc import Mapping

    from psycopg.pq.abc import PGconn
    from sqlalchemy import Connection, Select

LITERAL = psycopg.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy does not say
"""Compiles statements that take no parameters, in which ``%`` means itself."""
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
    statement = str(query.compile(dialect=LITERAL, compile_kwargs={"literal_binds": True}))
    driver: Any = connection.connection.driver_connection

    def received() -> tuple[bytearray, int]:
        with driver.cursor() as cursor, cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)"):
            return _received(driver.pgconn)

    text, longest = without_values(received, place=place)
    return Rows(text=text, longest=longest, names=tuple(query.selected_columns.keys()), place=place)


def _received(connection: PGconn) -> tuple[bytearray, int]:
    """All that a COPY sends, and the bytes of the longest row.

    It comes row by row, and the driver's own iterator takes longer over each than the database does.
    """
    text, size, longest = bytearray(), 0, 0
    readable = select.poll()
    readable.register(connection.socket, select.POLLIN)
    while size >= 0:
        size, row = connection.get_copy_data(1)
        if size > 0:
            text += row
            longest = max(longest, size)
        elif size == 0:
            readable.poll()
            connection.consume_input()
    results = []
    while result := connection.get_result():  # all, or the connection is still busy
        results.append(result)
    for result in results:
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)
    return text, longest
