"""The live schema is read as it is: keys, uniqueness, indexes, foreign keys, constraints, partitions, views."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa

from lifecycle.datamap.live import Constraint, ForeignKey
from lifecycle.store.inspect import inspect
from support.databases import Database

SCHEMA = """
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.person (
    id    bigint PRIMARY KEY,
    email text NOT NULL,
    phone text,
    name  text NOT NULL,
    team  text NOT NULL UNIQUE,
    note  text CONSTRAINT short CHECK (length(note) < 100)
);
CREATE UNIQUE INDEX ON a.person (name, lower(email));
CREATE INDEX ON a.person (phone) WHERE phone IS NOT NULL;
CREATE INDEX ON a.person (lower(note), phone);
CREATE INDEX ON a.person (note, lower(phone), name);
CREATE INDEX ON a.person (email) INCLUDE (phone);
CREATE UNIQUE INDEX ON a.person (phone, id) WHERE id > 5;
CREATE TABLE a.event (at timestamptz NOT NULL, person_id bigint REFERENCES a.person) PARTITION BY RANGE (at);
CREATE TABLE a.event_2025 PARTITION OF a.event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE a.list (kind text) PARTITION BY LIST (kind);
CREATE TYPE a.state AS ENUM ('open', 'lost');
ALTER TYPE a.state ADD VALUE 'done' BEFORE 'lost';
CREATE DOMAIN a.mood AS a.state;
CREATE DOMAIN a.tags AS varchar(9)[] NOT NULL;
CREATE DOMAIN a.own_tags AS a.tags;
CREATE TABLE a.ticket (state a.state, mood a.mood, tags a.own_tags, price numeric(9, 2));
CREATE MATERIALIZED VIEW a.names AS SELECT name FROM a.person;
CREATE VIEW a.phones AS SELECT phone FROM a.person;
CREATE TABLE b.guest (host bigint CONSTRAINT hosted REFERENCES a.person ON DELETE SET NULL);
"""


@pytest.fixture(scope="module")
def live(module_database):
    module_database.script(SCHEMA)
    with module_database.connect().connect() as connection:
        return inspect(connection, ["a"])


def test_tables_count_once_and_views_that_hold_rows_are_told_apart(live):
    assert {name: table.kind for name, table in live.items()} == {
        "a.person": "table",
        "a.event": "table",
        "a.list": "table",
        "a.ticket": "table",
        "a.names": "materialized view",
        "b.guest": "table",
    }


def test_a_column_is_unique_where_a_unique_index_holds_it_in_an_expression_too(live):
    columns = live["a.person"].columns
    assert {name for name, column in columns.items() if column.is_unique} == {
        "id", "name", "email", "team", "phone",
    }  # fmt: skip


def test_indexes_count_up_to_the_first_expression_and_over_all_rows_only(live):
    assert live["a.person"].indexed == {("id",), ("name",), ("team",), ("note",), ("email",)}
    assert live["a.person"].unique_keys == {("id",), ("team",)}
    assert live["a.person"].primary_key == ("id",)


def test_types_and_nulls_are_as_the_catalog_has_them(live):
    column = live["a.event"].columns["at"]
    assert (column.type, column.is_nullable) == ("timestamp with time zone", False)
    assert live["a.person"].columns["phone"].is_nullable


def test_a_domain_is_known_by_what_is_under_it_and_an_enum_by_its_labels(live):
    columns = live["a.ticket"].columns
    assert {
        name: (one.type, one.base_type, one.labels, one.is_nullable) for name, one in columns.items()
    } == {
        "state": ("a.state", "a.state", ("open", "done", "lost"), True),
        "mood": ("a.mood", "a.state", ("open", "done", "lost"), True),
        "tags": ("a.own_tags", "character varying[]", (), False),
        "price": ("numeric", "numeric", (), True),
    }


def test_constraints_are_read_with_their_columns(live):
    assert live["a.person"].constraints == (
        Constraint(name="short", columns=("note",), expression="(length(note) < 100)"),
    )


def test_foreign_keys_are_read_once_and_from_other_schemas_too(live):
    assert [key.columns for key in live["a.event"].foreign_keys] == [("person_id",)]
    assert live["b.guest"].foreign_keys == (
        ForeignKey(
            name="hosted", columns=("host",), target="a.person", target_columns=("id",), on_delete="n"
        ),
    )
    assert live["b.guest"].columns == {}


def test_only_a_range_of_one_column_partitions(live):
    assert live["a.event"].partition_column == "at"
    assert live["a.list"].partition_column is None


COLLATIONS = """
CREATE SCHEMA letters;
CREATE TABLE letters.word (
    usual text, plain text COLLATE "C", posix varchar COLLATE "POSIX", builtin text COLLATE ucs_basic,
    known text COLLATE pg_c_utf8, number integer, inside jsonb
);
"""


def folding(connection) -> dict[str, bool]:
    word = inspect(connection, ["letters"])["letters.word"]
    return {name: column.folds_case for name, column in word.columns.items()}


def test_a_collation_knows_letters_beyond_ascii_or_does_not(database):
    database.script(COLLATIONS)
    with database.connect().connect() as connection:
        assert folding(connection) == {
            "usual": True,
            "plain": False,
            "posix": False,
            "builtin": False,
            "known": True,
            "number": True,
            "inside": True,
        }


def test_a_database_of_the_locale_c_knows_ascii_only(database):
    """Its columns do where their own collation does."""
    name = f"plain_{uuid.uuid4().hex[:12]}"
    administrator = database.connect().execution_options(isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
        )
        try:
            address = sa.make_url(database.url).set(database=name)
            plain = Database(url=address.render_as_string(hide_password=False))
            plain.script(COLLATIONS)
            with plain.connect().connect() as inside:
                assert {one for one, folds in folding(inside).items() if folds} == {"known"}
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
