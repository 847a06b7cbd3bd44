"""The control schema, built step by step from numbered SQL files.

Each ``migrations/NNNN_name.sql`` runs once, in its own transaction, in the order of its number, and is never
edited afterwards: what it did is remembered with its SHA-256. A file says itself who may use what it makes:

* Write names with their schema; ``search_path`` holds ``pg_catalog`` only while a migration runs.
* After each ``CREATE TABLE``, ``GRANT`` what each role needs, to the roles of 0001 by name; who is not named
  gets nothing. Identity columns need no grant of their own.
* A function's ``EXECUTE``, which PostgreSQL gives to everybody, is taken back by the runner after each file;
  grant it by name. A ``SECURITY DEFINER`` function sets its ``search_path`` to ``pg_catalog, pg_temp``.
* ``RAISE`` with an ``ERRCODE`` outside the classes 22 and P0: what those say is withheld (see ``failures``).
* ``tests/security/test_roles.py`` lists every table and function with who may do what: add the new ones.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from lifecycle.errors import StoreError
from lifecycle.store.engine import run_script
from lifecycle.store.failures import describe

MIGRATIONS = Path(__file__).parent / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK = 0x6C6966656379636C  # "lifecycl": one migration at a time in a database

_HISTORY = """
CREATE SCHEMA lifecycle;
CREATE TABLE lifecycle.migration (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
_SETTINGS = "SET LOCAL lock_timeout = '1min'; SET LOCAL search_path = pg_catalog"
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

    Safe to call from several processes at once: each migration is applied by one of them.

    Args:
        engine: connects as the database's owner, who may create roles.
        folder: where the files are.

    Raises:
        StoreError: a file that was applied is gone or changed, or a migration fails and leaves nothing.
    """
    files = _read_files(folder)
    applied: list[str] = []
    while migration := _apply_next(engine, files):
        applied.append(migration.label)
    return applied


def pending(engine: sqlalchemy.Engine, *, folder: Path = MIGRATIONS) -> list[str]:
    """The labels of the migrations that the database still lacks.

    Raises:
        StoreError: a file that was applied is gone or changed, or the database cannot be asked.
    """
    files = _read_files(folder)
    try:
        with engine.connect() as connection:
            return [migration.label for migration in _pending(connection, files)]
    except DBAPIError as error:
        raise describe(error, place="lifecycle.migration") from error


def _read_files(folder: Path) -> list[Migration]:
    migrations: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None or int(match[1]) in migrations:
            raise StoreError(
                "a migration is named NNNN_what_it_does.sql, with a number of its own",
                place=str(path),
                next_step="rename it",
            )
        text = path.read_bytes().decode()  # as it is: the digest shall not depend on line ends
        migrations[int(match[1])] = Migration(version=int(match[1]), name=match[2], sql=text)
    return list(migrations.values())


def _pending(connection: sqlalchemy.Connection, files: list[Migration]) -> list[Migration]:
    known = {migration.version: migration for migration in files}
    applied: set[int] = set()
    query = sqlalchemy.text("SELECT version, name, sha256 FROM lifecycle.migration ORDER BY version")
    for row in connection.execute(query) if _has_history(connection) else ():
        migration = known.get(row.version)
        if migration is None or migration.sha256 != row.sha256:
            raise StoreError(
                f"this migration was applied and its file is {'gone' if migration is None else 'changed'}",
                place=f"{row.version:04}_{row.name}.sql",
                next_step="restore the file as it was released; put changes into a new migration",
            )
        applied.add(row.version)
    return [migration for migration in files if migration.version not in applied]


def _has_history(connection: sqlalchemy.Connection) -> bool:
    return bool(connection.scalar(sqlalchemy.text("SELECT to_regclass('lifecycle.migration') IS NOT NULL")))


def _apply_next(engine: sqlalchemy.Engine, files: list[Migration]) -> Migration | None:
    """Apply the first migration that is pending, in one transaction; None when there is none."""
    place = "lifecycle.migration"
    try:
        with engine.begin() as connection:
            run_script(connection, _SETTINGS)
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            waiting = _pending(connection, files)
            if not waiting:
                return None
            place = f"{waiting[0].label}.sql"
            if not _has_history(connection):
                run_script(connection, _HISTORY)
            _apply(connection, waiting[0])
            return waiting[0]
    except DBAPIError as error:
        raise describe(error, place=place) from error


def _apply(connection: sqlalchemy.Connection, migration: Migration) -> None:
    run_script(connection, migration.sql)
    run_script(connection, _SEAL)
    connection.execute(
        sqlalchemy.text(
            "INSERT INTO lifecycle.migration (version, name, sha256) VALUES (:version, :name, :sha256)"
        ),
        {"version": migration.version, "name": migration.name, "sha256": migration.sha256},
    )
