"""Rows out of PostgreSQL into Arrow: by COPY, which the driver hands on as it comes, and Arrow's own reader of CSV.

Nothing becomes a Python object on the way, and money never a binary fraction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import csv
from sqlalchemy.dialects.postgresql import psycopg

from lifecycle.errors import CheckFailed
from lifecycle.store.failures import without_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Select

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not say
_BLOCK_BYTES = 8 << 20
"""Longer than any row that could be: Arrow reads whole rows at a time."""


def read_rows(
    connection: Connection, query: Select[Any], types: Mapping[str, pa.DataType], *, place: str
) -> pa.Table:
    """The rows of a query.

    Args:
        connection: SQLAlchemy's, on psycopg.
        query: its values stand in it, since COPY takes no parameters.
        types: of its columns, in order.
        place: what is read, for the error.

    Raises:
        CheckFailed: a value is none that a column of that type can hold, such as a day after the year 9999.
        StoreError: the database refuses.
    """
    statement = str(query.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    driver: Any = connection.connection.driver_connection

    def text() -> bytes:
        with driver.cursor() as cursor, cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)") as copy:
            return b"".join(copy)

    try:
        return _parsed(without_values(text, place=place), types)
    except pa.ArrowInvalid:  # its text quotes the value
        pass
    raise CheckFailed(
        "a value cannot be written: a number or day that is none, or is out of all bounds",
        place=place,
        next_step="correct it: NaN and infinity are no amounts, and a day lies in the years 1 to 9999",
    )


def _parsed(text: bytes, types: Mapping[str, pa.DataType]) -> pa.Table:
    names = list(types)
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=names, block_size=_BLOCK_BYTES, use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict(types),
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
