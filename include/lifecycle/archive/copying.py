"""Rows out of PostgreSQL into Arrow: by COPY, which the driver hands on as it comes, and Arrow's own reader of CSV.

Nothing becomes a Python object on the way, and money never a binary fraction.
"""

from __future__ import annotations

import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from psycopg.errors import lookup
from psycopg.pq import DiagnosticField, ExecStatus
from pyarrow import csv
from sqlalchemy.dialects.postgresql import psycopg

from lifecycle.errors import CheckFailed
from lifecycle.store.failures import without_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg.pq.abc import PGconn
    from sqlalchemy import Connection, Select

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not say
_BLOCK_BYTES = 8 << 20
"""Longer than any row that could be: Arrow reads whole rows at a time."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a query as PostgreSQL has sent them.

    Attributes:
        text: in CSV.
        names: of the columns.
        place: what was read, for errors.
    """

    text: bytearray
    names: tuple[str, ...]
    place: str

    def table(self, types: Mapping[str, pa.DataType]) -> pa.Table:
        """Some of their columns.

        Args:
            types: of those; a column may be taken several times, as another type each time.

        Raises:
            CheckFailed: a value is none that a column of that type can hold, such as a day after the year 9999.
        """
        try:
            return _parsed(self.text, self.names, types)
        except pa.ArrowInvalid:  # its text quotes the value
            pass
        raise CheckFailed(
            "a value cannot be written: a number or day that is none, or is out of all bounds",
            place=self.place,
            next_step="correct it: NaN and infinity are no amounts, and a day lies in the years 1 to 9999",
        )


def read_rows(connection: Connection, query: Select[Any], *, place: str) -> Rows:
    """The rows of a query.

    Args:
        connection: SQLAlchemy's, on psycopg.
        query: its values stand in it, since COPY takes no parameters; each of its columns has a name of its own.
        place: what is read, for errors.

    Raises:
        StoreError: the database refuses.
    """
    statement = str(query.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    driver: Any = connection.connection.driver_connection

    def text() -> bytearray:
        with driver.cursor() as cursor, cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)"):
            return _received(driver.pgconn)

    names = tuple(query.selected_columns.keys())
    return Rows(text=without_values(text, place=place), names=names, place=place)


def _received(connection: PGconn) -> bytearray:
    """All that a COPY sends.

    It comes row by row, and the driver's own iterator takes longer over each than the database does.
    """
    text, size = bytearray(), 0
    readable = select.poll()
    readable.register(connection.socket, select.POLLIN)
    while size >= 0:
        size, row = connection.get_copy_data(1)
        if size > 0:
            text += row
        elif size == 0:
            readable.poll()
            connection.consume_input()
    while result := connection.get_result():
        if result.status != ExecStatus.COMMAND_OK:
            raise lookup((result.error_field(DiagnosticField.SQLSTATE) or b"").decode())
    return text


def _parsed(text: bytearray, names: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table:
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(
                column_names=list(names), block_size=_BLOCK_BYTES, use_threads=False
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
