"""The engine drops old partitions of the tables it may delete from, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy

from lifecycle.store.grants import grant
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from support.databases import Database

DAY_END = datetime(2025, 3, 2, tzinfo=UTC)
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
    """Call the function as ``role`` with the arguments that should work, save those ``changed``."""
    arguments = {"parent": "shop.view", "partition": partition, "upper": DAY_END, "zone": "UTC", **changed}
    with database.connect(role).begin() as connection:
        return connection.scalar(
            sqlalchemy.text("SELECT lifecycle.drop_partition(:parent, :partition, :upper, :zone)"), arguments
        )


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
