"""Texts of rows that are put together here are those that PostgreSQL writes, and lists in JSON hold the same values."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.archive.texts import json_lists, row_texts
from lifecycle.store.copying import read_rows
from lifecycle.store.relations import NamedType

MARKS = " \t\n\v\f\r\"'\\(),[]{}.;\x01\x1f\x7f\x85\xa0 äß"
storable = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
texts = st.text(storable, max_size=8) | st.text(alphabet=f"ab{MARKS}", max_size=8)
days = st.dates().map(str) | st.sampled_from(("0044-03-15 BC", "infinity", "99999-01-01"))
VALUES = {
    "text": texts,
    "character(4)": st.text(alphabet=f"ab{MARKS}", max_size=4),
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    "boolean": st.sampled_from(("true", "false")),
    "date": days,
    "timestamp with time zone": st.datetimes().map(str),
    "double precision": st.floats().map(str),
    "uuid": st.uuids().map(str),
    "bytea": st.binary(max_size=4).map(lambda one: f"\\x{one.hex()}"),
    "inet": st.ip_addresses().map(str),
    "text[]": st.lists(texts, max_size=2).map(lambda some: f"{{{','.join(map(json.dumps, some))}}}"),
    "jsonb": st.dictionaries(texts, st.none() | st.booleans()).map(json.dumps),
}
KINDS = {f"column {number}": kind for number, kind in enumerate(VALUES)}
written = st.tuples(*(st.none() | values for values in VALUES.values()))


@pytest.fixture(scope="module")
def connection(module_database):
    with module_database.connect().connect() as connection:
        yield connection


def stored(rows: list[tuple[str | None, ...]]) -> sa.Subquery:
    """The values as columns of those types."""
    given_columns = [sa.column(name, sa.Text) for name in KINDS]
    values = sa.values(*given_columns, name="given_rows").data(rows)
    typed = [
        sa.cast(sa.cast(column, sa.Text), NamedType(kind)).label(column.name)
        for column, kind in zip(given_columns, KINDS.values(), strict=True)
    ]
    return sa.select(*typed).select_from(values).subquery("stored")


@given(st.lists(written, min_size=1, max_size=6), st.sampled_from((1, 70)))
def test_rows_are_written_as_postgresql_writes_them(connection, rows, times):
    table = stored(rows * times)
    whole = sa.cast(sa.func.row(*table.c), sa.Text).label("whole")
    first = sa.cast(sa.func.row(table.c["column 0"]), sa.Text).label("first")
    wanted = dict.fromkeys(("whole", "first", *KINDS), pa.string())
    with connection.begin():
        found = read_rows(connection, sa.select(whole, first, *table.c), place="rows").table(wanted)
    assert row_texts(found, KINDS).to_pylist() == found["whole"].to_pylist()
    assert row_texts(found, {"column 0": "text"}).to_pylist() == found["first"].to_pylist()
    listed = [json.loads(text) for text in json_lists(found, KINDS).to_pylist()]
    assert listed == [list(row.values()) for row in found.select(KINDS).to_pylist()]


def test_a_list_of_nothing_is_one_for_each_row():
    assert json_lists(pa.table({"one": ["a", "b"]}), {}).to_pylist() == ["[]", "[]"]
