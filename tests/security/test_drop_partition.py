"""The engine drops old partitions of the tables it may delete from, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from sqlalchemy.exc import DBAPIError

from lifecycle.store.engine import connect
from lifecycle.store.grants import grant
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from support.databases import Database

pytestmark = pytest.mark.commitment("G1")

DAY_END = datetime(2025, 3, 2, tzinfo=UTC)
CALL = sqlalchemy.text("SELECT lifecycle.drop_partition(:parent, :partition, :upper, :zone)")
ARGUMENTS = {"parent": "shop.view", "partition": "shop.view_day", "upper": DAY_END, "zone": "UTC"}
TELEMETRY = """
    CREATE SCHEMA shop;
    CREATE TABLE shop.view (id bigint, seen_at {type} NOT NULL) PARTITION BY RANGE (seen_at);
    CREATE TABLE shop.view_day PARTITION OF shop.view FOR VALUES FROM ('2025-03-01') TO ('2025-03-02');
    CREATE TABLE shop.view_rest PARTITION OF shop.view DEFAULT;
    CREATE TABLE shop.alone (id bigint);
    INSERT INTO shop.view SELECT number, '2025-03-01' FROM generate_series(1, 5) AS number;
"""


def prepare(database: Database, key_type: str = "timestamptz") -> None:
    database.script(TELEMETRY.format(type=key_type))
    with database.connect().begin() as connection:
        grant(connection, [("shop", "view")])


def drop(
    database: Database, partition: str = "shop.view_day", *, role: Role | None = Role.ENGINE, **changed: Any
) -> int | None:
    """Call the function as ``role`` with the arguments that work, save those ``changed``."""
    with database.connect(role).begin() as connection:
        return connection.scalar(CALL, {**ARGUMENTS, "partition": partition, **changed})


def partitions(database: Database) -> list[str]:
    return [
        row[0]
        for row in database.execute(
            "SELECT relid::text FROM pg_partition_tree('shop.view') WHERE isleaf ORDER BY 1"
        )
    ]


@pytest.mark.parametrize("key_type", ["date", "timestamp", "timestamptz"])
def test_a_partition_that_ends_in_time_goes_with_its_rows(database: Database, key_type: str):
    prepare(database, key_type)
    assert drop(database) is None
    assert partitions(database) == ["shop.view_rest"]
    assert database.execute("SELECT to_regclass('shop.view_day')")[0][0] is None


# --- when it works


def test_it_says_how_many_rows_went_when_the_planner_knew(database: Database):
    prepare(database)
    database.execute("ANALYZE shop.view_day")
    assert drop(database) == 5


def test_a_partition_of_partitions_goes_whole(database: Database):
    prepare(database)
    database.script("""
        CREATE TABLE shop.view_april PARTITION OF shop.view
            FOR VALUES FROM ('2025-04-01') TO ('2025-05-01') PARTITION BY LIST (id);
        CREATE TABLE shop.view_april_1 PARTITION OF shop.view_april FOR VALUES IN (1);
        CREATE TABLE shop.view_april_2 PARTITION OF shop.view_april FOR VALUES IN (2);
    """)
    drop(database, "shop.view_april", upper=datetime(2025, 5, 1, tzinfo=UTC))
    assert partitions(database) == ["shop.view_day", "shop.view_rest"]


def test_names_may_be_anything(database: Database):
    prepare(database)
    database.script("""
        CREATE SCHEMA "Odd; schema";
        ALTER TABLE shop.view SET SCHEMA "Odd; schema";
        ALTER TABLE "Odd; schema".view RENAME TO "the ""view";
        ALTER TABLE shop.view_day RENAME TO "day'; DROP TABLE shop.alone; --";
    """)
    with database.connect().begin() as connection:
        grant(connection, [("Odd; schema", 'the "view')])
    drop(database, 'shop."day\'; DROP TABLE shop.alone; --"', parent='"Odd; schema"."the ""view"')
    assert database.execute("SELECT to_regclass('shop.alone') IS NULL") == [(False,)]
    assert database.execute("SELECT to_regclass('shop.view_rest') IS NULL") == [(False,)]


def test_a_later_limit_is_as_good(database: Database):
    prepare(database)
    drop(database, upper=DAY_END + timedelta(days=400))
    assert "shop.view_day" not in partitions(database)


def test_it_is_undone_with_its_transaction(database: Database):
    prepare(database)
    with database.connect(Role.ENGINE).connect() as connection:
        connection.execute(CALL, ARGUMENTS)
        connection.rollback()
    assert "shop.view_day" in partitions(database)
    assert database.execute("SELECT count(*) FROM shop.view_day") == [(5,)]


@pytest.mark.parametrize("key_type", ["date", "timestamp"])
def test_a_bound_without_a_time_zone_is_meant_in_the_given_one(database: Database, key_type: str):
    """Midnight in Tallinn comes two hours before midnight in UTC."""
    prepare(database, key_type)
    tallinn_midnight = DAY_END - timedelta(hours=2)
    refused(database, "ends at", upper=tallinn_midnight)
    refused(database, "ends at", upper=tallinn_midnight - timedelta(microseconds=1), zone="Europe/Tallinn")
    drop(database, upper=tallinn_midnight, zone="Europe/Tallinn")
    assert "shop.view_day" not in partitions(database)


@pytest.mark.parametrize("key_type", ["date", "timestamp", "timestamptz"])
def test_the_callers_time_zone_and_date_style_change_nothing(database: Database, key_type: str):
    """In this style a bound reads 2 March 05:30 IST, which is also an hour in Israel."""
    prepare(database, key_type)
    with database.connect(Role.ENGINE).begin() as connection:
        connection.exec_driver_sql("SET timezone = 'Asia/Kolkata'")
        connection.exec_driver_sql("SET datestyle = 'SQL, DMY'")
        connection.execute(CALL, ARGUMENTS)
    assert "shop.view_day" not in partitions(database)


# --- when it refuses


def refused(database: Database, reason: str, partition: str = "shop.view_day", **changed: Any) -> None:
    """The call fails for this reason, and everything is still there."""
    before = database.execute(
        "SELECT oid FROM pg_class WHERE relnamespace = 'shop'::regnamespace ORDER BY oid"
    )
    with pytest.raises(DBAPIError, match=reason):
        drop(database, partition, **changed)
    after = database.execute(
        "SELECT oid FROM pg_class WHERE relnamespace = 'shop'::regnamespace ORDER BY oid"
    )
    assert after == before


@pytest.mark.parametrize("key_type", ["date", "timestamp", "timestamptz"])
def test_a_partition_that_ends_too_late_stays(database: Database, key_type: str):
    prepare(database, key_type)
    refused(database, "ends at", upper=DAY_END - timedelta(microseconds=1))


def test_a_default_partition_stays(database: Database):
    prepare(database)
    refused(database, "has no upper bound", "shop.view_rest")


def test_a_partition_without_an_end_stays(database: Database):
    prepare(database)
    database.script(
        "CREATE TABLE shop.view_open PARTITION OF shop.view FOR VALUES FROM ('2030-01-01') TO (MAXVALUE)"
    )
    refused(database, "has no upper bound", "shop.view_open")


def test_a_partition_until_infinity_stays(database: Database):
    prepare(database)
    database.script(
        "CREATE TABLE shop.view_open PARTITION OF shop.view FOR VALUES FROM ('2030-01-01') TO ('infinity')"
    )
    refused(database, "ends at infinity", "shop.view_open")


def test_a_table_that_is_no_partition_stays(database: Database):
    prepare(database)
    refused(database, "is not a partition of shop.view ", "shop.alone")
    refused(database, "is not a partition of shop.view ", "lifecycle.migration")
    refused(database, "is not a partition of shop.view ", "shop.view")


def test_a_partition_of_another_table_stays(database: Database):
    prepare(database)
    database.script("""
        CREATE TABLE shop.other (seen_at timestamptz) PARTITION BY RANGE (seen_at);
        CREATE TABLE shop.other_day PARTITION OF shop.other FOR VALUES FROM ('2025-03-01') TO ('2025-03-02');
    """)
    refused(database, "is not a partition of shop.view ", "shop.other_day")
    refused(database, "may not delete from shop.other", "shop.other_day", parent="shop.other")


def test_a_child_by_inheritance_is_no_partition(database: Database):
    prepare(database)
    database.script("CREATE TABLE shop.heir () INHERITS (shop.alone)")
    with database.connect().begin() as connection:
        grant(connection, [("shop", "alone")])
    refused(database, "is not partitioned by RANGE", "shop.heir", parent="shop.alone")


def test_a_partition_of_a_partition_needs_its_own_parent(database: Database):
    prepare(database)
    database.script("""
        CREATE TABLE shop.view_april PARTITION OF shop.view
            FOR VALUES FROM ('2025-04-01') TO ('2025-05-01') PARTITION BY RANGE (seen_at);
        CREATE TABLE shop.view_april_1 PARTITION OF shop.view_april
            FOR VALUES FROM ('2025-04-01') TO ('2025-04-02');
    """)
    refused(
        database,
        "is not a partition of shop.view ",
        "shop.view_april_1",
        upper=datetime(2025, 5, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "key",
    [
        "LIST (seen_at)",
        "HASH (seen_at)",
        "RANGE (seen_at, id)",
        "RANGE (id)",
        "RANGE ((seen_at + interval '1 day'))",
    ],
)
def test_a_table_not_partitioned_by_one_time_column_keeps_all(database: Database, key: str):
    database.script(f"""
        CREATE SCHEMA shop;
        CREATE TABLE shop.view (id bigint, seen_at timestamp) PARTITION BY {key};
        CREATE TABLE shop.view_day (id bigint, seen_at timestamp);
    """)
    with database.connect().begin() as connection:
        grant(connection, [("shop", "view")])
    refused(database, "is not partitioned by RANGE of one date or timestamp column")


def test_a_partition_that_something_still_refers_to_stays(database: Database):
    database.script("""
        CREATE SCHEMA shop;
        CREATE TABLE shop.view (seen_at timestamptz PRIMARY KEY) PARTITION BY RANGE (seen_at);
        CREATE TABLE shop.view_day PARTITION OF shop.view FOR VALUES FROM ('2025-03-01') TO ('2025-03-02');
        CREATE TABLE shop.note (seen_at timestamptz REFERENCES shop.view);
        INSERT INTO shop.view VALUES ('2025-03-01');
        INSERT INTO shop.note VALUES ('2025-03-01');
    """)
    with database.connect().begin() as connection:
        grant(connection, [("shop", "view")])
    refused(database, "violates foreign key constraint")
    database.execute("DELETE FROM shop.note")
    drop(database)
    assert database.execute("SELECT count(*) FROM shop.view") == [(0,)]


def test_a_partition_that_a_view_reads_stays(database: Database):
    prepare(database)
    database.script("CREATE VIEW shop.report AS SELECT id FROM shop.view_day")
    refused(database, "other objects depend on it")


@pytest.mark.parametrize("missing", ["parent", "partition", "upper", "zone"])
def test_nothing_may_be_left_out(database: Database, missing: str):
    prepare(database)
    refused(database, "needs a parent, a partition, a finite upper bound and a time zone", **{missing: None})


def test_a_limit_at_infinity_is_no_limit(database: Database):
    prepare(database)
    refused(database, "finite upper bound", upper="infinity")


def test_a_partition_in_use_is_waited_for_only_so_long(database: Database):
    prepare(database)
    with database.connect().begin() as reader:
        reader.exec_driver_sql("SELECT FROM shop.view_day")
        with pytest.raises(DBAPIError, match="lock timeout"):
            impatient_drop(database)
    drop(database)


def impatient_drop(database: Database) -> None:
    engine = connect(database.url, role=Role.ENGINE, lock_timeout=timedelta(milliseconds=50))
    with engine.begin() as connection:
        connection.execute(CALL, ARGUMENTS)


def test_of_two_that_drop_the_same_partition_one_finds_it_gone(database: Database):
    prepare(database)
    with ThreadPoolExecutor(1) as thread, database.connect(Role.ENGINE).connect() as first:
        first.execute(CALL, ARGUMENTS)
        second = thread.submit(drop, database)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'shop.view'::regclass"
        while not (second.done() or database.execute(waiting)[0][0]):
            pass
        first.commit()
        with pytest.raises(DBAPIError, match=r"is not a partition of shop\.view"):
            second.result()


def test_a_function_of_the_callers_own_is_not_called_instead(database: Database):
    """What runs as the owner is found in pg_catalog, wherever the caller's search_path leads."""
    prepare(database)
    with database.connect(Role.ENGINE).begin() as connection:
        connection.exec_driver_sql("""
            CREATE FUNCTION pg_temp.isfinite(timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1'
        """)
        connection.exec_driver_sql("SET search_path = pg_temp, pg_catalog")
        connection.execute(CALL, ARGUMENTS)
    assert "shop.view_day" not in partitions(database)
