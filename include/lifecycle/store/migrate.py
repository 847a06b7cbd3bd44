"""The control schema, built step by step from numbered SQL files.

Each ``migrations/NNNN_name.sql`` runs once, in its own transaction, in the order of its number, and is never
edited afterwards: what it did is remembered with its SHA-256. A file says itself who may use what it makes:

* Write names with their schema; ``search_path`` holds ``pg_catalog`` only while a migration runs.
* After each ``CREATE TABLE``, ``GRANT`` what each role needs, to the roles of 0001 by name; who is not named
  gets nothing. Identity columns need no grant of their own.
* A function's ``EXECUTE``, which PostgreSQL gives to everybody, is taken back by the runner after each file;
  grant it by name. A ``SECURITY DEFINER`` function sets its ``search_path``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy

from lifecycle.errors import StoreError
from lifecycle.store.engine import run_script

MIGRATIONS = Path(__file__).parent / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK = 0x6C6966656379636C  # "lifecycl": one migration at a time in a database

_HISTORY = """
CREATE SCHEMA IF NOT EXISTS lifecycle;
CREATE TABLE IF NOT EXISTS lifecycle.migration (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
_SEAL = "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lifecycle, analytics, pseudonymised FROM PUBLIC"


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One file: ``version`` and ``name`` from its name, ``sql`` its text."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """What tells whether the file is still the one that was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def label(self) -> str:
        """The name of its file, without the ending."""
        return f"{self.version:04}_{self.name}"


def migrate(engine: sqlalchemy.Engine, *, folder: Path = MIGRATIONS) -> list[str]:
    """Bring the control schema up to date; return the labels of what was applied now.

    Safe to call from several processes: the second waits and finds nothing to do.

    Raises:
        StoreError: a file that was applied is gone or changed, or the user lacks a right.
    """
    files = _read_files(folder)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        run_script(connection, _HISTORY)
        connection.commit()
        waiting = _pending(connection, files)
        for migration in waiting:
            _apply(connection, migration)
    return [migration.label for migration in waiting]


def pending(engine: sqlalchemy.Engine, *, folder: Path = MIGRATIONS) -> list[str]:
    """The labels of the migrations that the database still lacks.

    Raises:
        StoreError: a file that was applied is gone or changed.
    """
    files = _read_files(folder)
    with engine.connect() as connection:
        return [migration.label for migration in _pending(connection, files)]


def _read_files(folder: Path) -> list[Migration]:
    migrations = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise StoreError(
                "not a migration's name", place=str(path), next_step="name it NNNN_what_it_does.sql"
            )
        migrations.append(
            Migration(version=int(match[1]), name=match[2], sql=path.read_text(encoding="utf-8"))
        )
    return migrations


def _pending(connection: sqlalchemy.Connection, files: list[Migration]) -> list[Migration]:
    known = {migration.version: migration for migration in files}
    exists = connection.scalar(sqlalchemy.text("SELECT to_regclass('lifecycle.migration') IS NOT NULL"))
    applied: set[int] = set()
    query = sqlalchemy.text("SELECT version, name, sha256 FROM lifecycle.migration ORDER BY version")
    for row in connection.execute(query) if exists else ():
        migration = known.get(row.version)
        if migration is None or migration.sha256 != row.sha256:
            raise StoreError(
                f"this migration was applied and its file is {'gone' if migration is None else 'changed'}",
                place=f"{row.version:04}_{row.name}.sql",
                next_step="restore the file as it was released; put changes into a new migration",
            )
        applied.add(row.version)
    connection.rollback()
    return [migration for migration in files if migration.version not in applied]


def _apply(connection: sqlalchemy.Connection, migration: Migration) -> None:
    with connection.begin():
        connection.exec_driver_sql("SET LOCAL search_path TO pg_catalog")
        run_script(connection, migration.sql)
        connection.exec_driver_sql(_SEAL)
        connection.execute(
            sqlalchemy.text(
                "INSERT INTO lifecycle.migration (version, name, sha256) VALUES (:version, :name, :sha256)"
            ),
            {"version": migration.version, "name": migration.name, "sha256": migration.sha256},
        )
