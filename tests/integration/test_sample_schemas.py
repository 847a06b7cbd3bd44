"""The tables of the sample companies: as their data maps say, built so that no plan is surprised."""

from __future__ import annotations

import pytest
import sqlalchemy

from lifecycle.errors import StoreError, UsageError
from lifecycle.synthetic import create_schema
from support.samples import COMPANIES, REFERENCE, WEBSHOP

COLUMNS = """
    SELECT nspname || '.' || relname || '.' || attname AS name, attnotnull AS mandatory,
        format_type(atttypid, NULL) AS type,
        coalesce(attnum = ANY (indkey), false) AS is_key,
        coalesce(col_description(attrelid, attnum), '') AS comment
    FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p') AND NOT relispartition
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
    WHERE attnum > 0 AND NOT attisdropped
      AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'seed')
"""
UNINDEXED_REFERENCES = """
    SELECT conrelid::regclass || ' ' || conname
    FROM pg_constraint
    WHERE contype = 'f' AND NOT EXISTS (
        SELECT FROM pg_index
        WHERE indrelid = conrelid AND indpred IS NULL
          AND (string_to_array(indkey::text, ' ')::smallint[])[1:cardinality(conkey)] @> conkey
    )
"""
# What a column's type may be called in the map; a type that Fides has no word for carries none.
FIDES_TYPES = {
    "text": "string",
    "bigint": "integer",
    "integer": "integer",
    "smallint": "integer",
    "numeric": "float",
    "boolean": "boolean",
    "jsonb": "object",
}


@pytest.fixture(params=COMPANIES, ids=str)
def company(request):
    return request.param


@pytest.fixture
def tables(company, empty_database):
    """The names of the company's tables, made in an otherwise empty database."""
    return create_schema(empty_database.connect(), company.sample)


def _columns(database):
    return {row.name: row for row in database.execute(COLUMNS)}


def test_the_data_map_and_the_live_schema_name_the_same_columns(company, tables, empty_database):
    mapped = [name for name, _ in company.fields()]
    assert sorted(mapped) == sorted(_columns(empty_database))
    assert len(tables) == len(list(company.collections()))


@pytest.mark.usefixtures("tables")
def test_the_data_map_knows_the_primary_keys_and_the_types(company, empty_database):
    columns = _columns(empty_database)
    for name, field in company.fields():
        meta = field.fides_meta
        assert bool(meta and meta.primary_key) == columns[name].is_key, name
        told = meta.data_type.removesuffix("[]") if meta and meta.data_type else None
        assert told == FIDES_TYPES.get(columns[name].type), name


def test_mandatory_marks_agree_with_the_columns(empty_database):
    """W3: what a form insists on is what the table insists on."""
    create_schema(empty_database.connect(), REFERENCE.sample)
    columns = _columns(empty_database)
    for dataset in REFERENCE.datasets():
        for collection, marks in dataset.meta["asked_for"].items():
            for mark, names in marks.items():
                for name in names:
                    column = columns[f"{dataset.fides_key}.{collection}.{name}"]
                    assert column.mandatory == (mark == "mandatory"), column.name


@pytest.mark.usefixtures("tables")
def test_every_foreign_key_is_in_the_data_map(company, empty_database):
    keys = empty_database.execute("""
        SELECT nspname || '.' || relname || '.' || attname AS child
        FROM pg_constraint, unnest(conkey) AS number
        JOIN pg_attribute ON attnum = number
        JOIN pg_class ON pg_class.oid = attrelid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE contype = 'f' AND attrelid = conrelid
    """)
    referring = {name for name, field in company.fields() if field.fides_meta and field.fides_meta.references}
    assert {key.child for key in keys} <= referring
    assert keys


@pytest.mark.usefixtures("tables")
def test_every_referencing_column_is_indexed(empty_database):
    assert empty_database.execute(UNINDEXED_REFERENCES) == []


@pytest.mark.usefixtures("tables")
def test_no_foreign_key_deletes_or_changes_rows_by_itself(empty_database):
    actions = empty_database.execute(
        "SELECT DISTINCT confdeltype, confupdtype FROM pg_constraint WHERE contype = 'f'"
    )
    assert [tuple(row) for row in actions] == [("a", "a")]


def test_every_table_and_column_of_the_reference_company_says_what_it_is_for(empty_database):
    create_schema(empty_database.connect(), REFERENCE.sample)
    assert [row.name for row in _columns(empty_database).values() if not row.comment] == []
    uncommented = empty_database.execute("""
        SELECT oid::regclass::text FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace IN ('app'::regnamespace, 'website'::regnamespace)
          AND obj_description(oid, 'pg_class') IS NULL
    """)
    assert uncommented == []


def test_days_of_telemetry_begin_at_midnight_in_tallinn(empty_database):
    create_schema(empty_database.connect(), REFERENCE.sample)
    empty_database.script("CALL website.create_days('2025-03-29', '2025-03-31')")
    empty_database.script("CALL website.create_days('2025-10-26', '2025-10-26')")
    empty_database.script(
        "SET timezone = 'America/New_York'; CALL website.create_days('2025-03-30', '2025-04-01')"
    )
    bounds = empty_database.execute("""
        SELECT relname, pg_get_expr(relpartbound, oid) AS bound FROM pg_class
        WHERE relispartition AND relkind = 'r' AND relname LIKE 'page_view%' ORDER BY relname
    """)
    assert [tuple(row) for row in bounds] == [
        (f"page_view_{day}", f"FOR VALUES FROM ('{start}:00:00+00') TO ('{end}:00:00+00')")
        for day, start, end in [
            ("20250329", "2025-03-28 22", "2025-03-29 22"),
            ("20250330", "2025-03-29 22", "2025-03-30 21"),
            ("20250331", "2025-03-30 21", "2025-03-31 21"),
            ("20250401", "2025-03-31 21", "2025-04-01 21"),
            ("20251026", "2025-10-25 21", "2025-10-26 22"),
        ]
    ]


def test_telemetry_of_a_day_without_partition_is_refused(empty_database):
    """A default partition would hold rows that no partition drop ever reaches."""
    create_schema(empty_database.connect(), REFERENCE.sample)
    defaults = empty_database.execute("SELECT 1 FROM pg_partitioned_table WHERE partdefid <> 0")
    assert defaults == []


def test_making_the_tables_twice_keeps_the_first(company, tables, empty_database):
    """With what was granted on them."""
    oids = f"SELECT array_agg(name::regclass::oid) FROM unnest(ARRAY{sorted(tables)}) AS name"
    before = empty_database.execute(oids)
    again = create_schema(empty_database.connect(), company.sample)
    assert sorted(again) == sorted(tables)
    assert empty_database.execute(oids) == before


def test_a_schema_that_is_already_there_is_left_alone(empty_database):
    empty_database.script("CREATE SCHEMA app; CREATE TABLE app.ours (id int)")
    with pytest.raises(StoreError, match="already exists") as refused:
        create_schema(empty_database.connect(), REFERENCE.sample)
    assert "use another database" in refused.value.next_step
    assert empty_database.execute("SELECT to_regclass('app.ours')")[0][0] == "app.ours"
    assert empty_database.execute("SELECT to_regnamespace('website')")[0][0] is None


def test_a_missing_schema_file_is_named(empty_database, tmp_path):
    with pytest.raises(UsageError, match=r"schema\.sql"):
        create_schema(empty_database.connect(), tmp_path)


def test_two_companies_do_not_share_a_name_for_anything(empty_database):
    """What holds for one company must not hold for the other by accident of a name."""
    reference = {name.split(".")[1] for name in create_schema(empty_database.connect(), REFERENCE.sample)}
    webshop = {collection.name for _, collection in WEBSHOP.collections()}
    assert reference & webshop == set()
    assert {schema for schema, _ in WEBSHOP.collections()} == {"shop", "crm", "public"}


def test_the_web_shop_refers_from_text_to_integer(empty_database):
    create_schema(empty_database.connect(), WEBSHOP.sample)
    columns = _columns(empty_database)
    assert (columns["crm.ticket.account_ref"].type, columns["shop.account.account_no"].type) == (
        "text",
        "integer",
    )
    naive = {row.type for row in columns.values() if row.type.startswith("timestamp")}
    assert naive == {"timestamp without time zone"}
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match="operator does not exist"):
        empty_database.execute("SELECT 1 FROM crm.ticket JOIN shop.account ON account_no = account_ref")
