"""Rows that come out of PostgreSQL as a whole, or not at all and without a word of what they say."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import sqlalchemy as sa

from lifecycle.errors import CheckFailed, StoreError
from lifecycle.store.copying import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Select

    from support.databases import Database

FAILS = """
CREATE FUNCTION pg_temp.fails(n integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    IF n = 2500 THEN RAISE EXCEPTION 'Canary %', n USING ERRCODE = 'XX9Z9'; END IF;
    RETURN n;
END $$
"""


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect().connect() as connection:
        yield connection


def rows(expression: str, name: str = "value", count: int = 3_000) -> Select[tuple[object]]:
    return sa.select(sa.literal_column(expression).label(name)).select_from(
        sa.text(f"generate_series(1, {count}) AS n")
    )


@pytest.mark.parametrize(
    "expression",
    ["CASE n WHEN 2500 THEN CAST('Canary ' || n AS integer) ELSE n END", "pg_temp.fails(n)"],
    ids=["known", "unknown"],
)
def test_what_fails_after_some_thousand_rows_says_nothing_of_them(connection, caplog, expression):
    connection.exec_driver_sql(FAILS, execution_options={"no_parameters": True})
    with pytest.raises(StoreError) as refused:
        read_rows(connection, rows(expression), place="trade.bill")
    assert "Canary" not in "".join(traceback.format_exception(refused.value))
    assert "Canary" not in caplog.text
    connection.rollback()
    assert connection.scalar(sa.select(1)) == 1


def test_a_row_may_be_longer_than_what_is_read_at_once(connection):
    query = rows("repeat('x', CASE n WHEN 2 THEN 20000000 ELSE 1 END)", count=3)
    table = read_rows(connection, query, place="trade.bill").table({"value": pa.string()})
    assert [len(text) for text in table["value"].to_pylist()] == [1, 20_000_000, 1]


def test_a_percent_sign_in_a_name_means_itself(connection):
    found = read_rows(connection, rows("'7 %'", name="vat%", count=1), place="trade.bill")
    assert found.table({"vat%": pa.string()}).to_pylist() == [{"vat%": "7 %"}]


def test_a_value_that_no_column_can_hold_is_told_without_it(connection):
    found = read_rows(connection, rows("CAST('infinity' AS date)", count=1), place="trade.bill")
    with pytest.raises(CheckFailed, match="cannot be written"):
        found.table({"value": pa.date32()})
