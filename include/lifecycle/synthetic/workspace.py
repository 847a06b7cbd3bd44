"""The schema ``seed`` while the statements run: helper functions and the pools of invented values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, text

from lifecycle.store.engine import run_script
from lifecycle.synthetic.pools import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from lifecycle.synthetic.sample import Pools

_HELPERS = Path(__file__).with_name("helpers.sql")
_SETTINGS = {
    "search_path": "",  # a statement names the schema of everything it touches
    "TimeZone": "UTC",  # the rows must not depend on where the server stands
    "jit": "off",
}


def prepare_session(connection: Connection) -> None:
    """Make the transaction independent of the server's settings, and plan every chunk for its own size."""
    for name, value in _SETTINGS.items():
        connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})
    driver_connection = connection.connection.driver_connection
    if driver_connection is not None:
        driver_connection.prepare_threshold = None


def furnish(connection: Connection, pools: Pools, seed: int) -> None:
    """Make the helper functions, and a table ``seed.<pool>`` of invented records per pool.

    Raises:
        UsageError: Faker lacks a locale or provider that a pool asks for.
    """
    sizes = {name: pool.size for name, pool in pools.pools.items()}
    run_script(connection, _constant("seed.number()", f"{seed}::bigint"))
    run_script(connection, _constant("seed.size(pool text)", _case(sizes)))
    run_script(connection, _HELPERS.read_text(encoding="utf-8"))
    for name, pool in pools.pools.items():
        _load(connection, name, list(pool.columns), records(name, pool, pools.locales, seed))


def _constant(signature: str, body: str) -> str:
    return f"CREATE FUNCTION {signature} RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {body};"


def _case(sizes: dict[str, int]) -> str:
    if not sizes:
        return "NULL::bigint"
    branches = " ".join(f"WHEN '{name}' THEN {size}" for name, size in sizes.items())
    return f"(CASE pool {branches} END)::bigint"


def _load(
    connection: Connection, name: str, columns: list[str], rows: Iterable[tuple[int | str, ...]]
) -> None:
    table = Table(
        name,
        MetaData(schema="seed"),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        *(Column(column, Text, nullable=False) for column in columns),
    )
    table.create(connection)
    cursor = connection.connection.cursor()
    with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier("seed", name))) as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(text(f"ANALYZE seed.{name}"))
