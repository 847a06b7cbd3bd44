"""The tables a sample's ``schema.sql`` makes, and the record that it made them.

The record, ``seed.made``, is what allows a later run to drop them: what it does not list is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from lifecycle.errors import StoreError
from lifecycle.store.engine import run_script
from lifecycle.synthetic.refusal import refusing
from lifecycle.synthetic.sample import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

_SCHEMAS = text("""
    SELECT quote_ident(nspname) FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY oid
""")
_TABLES = text("""
    SELECT format('%I.%I', nspname, relname)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND NOT relispartition
      AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    ORDER BY pg_class.oid
""")
_RELATIONS_IN = text("""
    SELECT format('%I.%I', nspname, relname)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND quote_ident(nspname) = ANY (:schemas)
    ORDER BY 1
""")


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a run of ``schema.sql`` made: schemas and tables, quoted, in the order they were made."""

    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


def create_schema(engine: Engine, folder: Path) -> tuple[str, ...]:
    """Make the tables of a sample, empty, in one transaction; returns their quoted names, oldest first.

    Raises:
        UsageError: ``schema.sql`` cannot be read.
        StoreError: the database refuses, for instance because a schema of that name is already there.
    """
    path = folder / "schema.sql"
    script = read_text(path)
    with refusing(str(path)), engine.begin() as connection:
        return prepare(connection, script, replace=False).tables


def prepare(connection: Connection, script: str, *, replace: bool) -> Made:
    """Leave the sample's tables there and empty: as an earlier run made them, or made now.

    Raises:
        StoreError: they hold rows and ``replace`` is false, or the schema ``seed`` is somebody else's.
    """
    recorded = _recorded(connection)
    occupied = [table for table in recorded.tables if holds_rows(connection, table)]
    if occupied and not replace:
        raise StoreError(
            f"{len(occupied)} tables of the sample hold rows already",
            place=occupied[0],
            next_step="use an empty database, or replace what the earlier seeding made (--replace)",
        )
    if recorded.tables and not replace:
        return recorded
    _remove(connection, recorded)
    made = _make(connection, script)
    record(connection, made)
    return made


def record(connection: Connection, made: Made) -> None:
    """Leave in the schema ``seed`` nothing but the record."""
    connection.execute(text("DROP SCHEMA IF EXISTS seed CASCADE"))
    connection.execute(text("CREATE SCHEMA seed"))
    connection.execute(text("CREATE TABLE seed.made (kind text, name text, PRIMARY KEY (kind, name))"))
    connection.execute(
        text("COMMENT ON TABLE seed.made IS 'What a seeding made and may drop; no table of a company.'")
    )
    rows = [{"kind": "schema", "name": name} for name in made.schemas]
    rows += [{"kind": "table", "name": name} for name in made.tables]
    connection.execute(text("INSERT INTO seed.made (kind, name) VALUES (:kind, :name)"), rows)


def holds_rows(connection: Connection, table: str) -> bool:
    """Whether a table, named quoted, is there and holds a row."""
    if connection.scalar(text("SELECT to_regclass(:table)"), {"table": table}) is None:
        return False
    return bool(connection.scalar(text(f"SELECT EXISTS (SELECT FROM {table})")))


def _recorded(connection: Connection) -> Made:
    """The record an earlier run left, or an empty one."""
    if "seed" not in connection.scalars(_SCHEMAS):
        return Made()
    if connection.scalar(text("SELECT to_regclass('seed.made')")) is None:
        raise StoreError(
            "is there, and the seeding did not make it",
            place="schema seed",
            next_step="use another database, or rename that schema",
        )
    rows = connection.execute(text("SELECT kind, name FROM seed.made")).all()
    return Made(
        schemas=tuple(sorted(row.name for row in rows if row.kind == "schema")),
        tables=tuple(sorted(row.name for row in rows if row.kind == "table")),
    )


def _make(connection: Connection, script: str) -> Made:
    schemas, tables = _names(connection)
    run_script(connection, script)
    schemas_after, tables_after = _names(connection)
    return Made(
        schemas=tuple(name for name in schemas_after if name not in schemas),
        tables=tuple(name for name in tables_after if name not in tables),
    )


def _names(connection: Connection) -> tuple[list[str], list[str]]:
    return list(connection.scalars(_SCHEMAS)), list(connection.scalars(_TABLES))


def _remove(connection: Connection, made: Made) -> None:
    """Drop what was made. Whatever else depends on it, or lives in its schemas, makes this fail."""
    if made.tables:
        connection.execute(text(f"DROP TABLE IF EXISTS {', '.join(made.tables)}"))
    strangers = connection.scalars(_RELATIONS_IN, {"schemas": list(made.schemas)}).all()
    if strangers:
        raise StoreError(
            "is in a schema of the sample, and the seeding did not make it",
            place=strangers[0],
            next_step="move or drop it first",
        )
    if made.schemas:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {', '.join(made.schemas)} CASCADE"))
