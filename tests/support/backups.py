"""Backups of a test's database by PostgreSQL's own programs, and restores from them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.store.binaries import installed_programs

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database


def back_up(database: Database, backup: Path) -> Path:
    """All of a database, in a file."""
    _run("pg_dump", database, "-Fc", "-f", str(backup), _name(database))
    return backup


def restore(database: Database, backup: Path, company: str = "app, website") -> None:
    """The database as it was when the backup was made, the company's schemas and the engine's; nobody may use it."""
    schemas = f"{company}, lifecycle, analytics, pseudonymised"
    database.script(f"DROP SCHEMA {schemas} CASCADE")
    _run("pg_restore", database, "-d", _name(database), str(backup))


def _name(database: Database) -> str:
    return str(sa.make_url(database.url).database)


def _run(program: str, database: Database, *arguments: str) -> None:
    address = sa.make_url(database.url)
    environment = {**os.environ, "PGPASSWORD": str(address.password)}
    where = ["-h", str(address.host), "-p", str(address.port), "-U", str(address.username)]
    command = [installed_programs() / program, *where, *arguments]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)  # noqa: S603 - the wheel's own program
    assert done.returncode == 0, done.stderr
