"""Fresh databases in the blink of an eye: copies of one migrated template on a shared embedded server."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy

from lifecycle.store.engine import connect, run_script
from lifecycle.store.file_lock import exclusive_lock
from lifecycle.store.migrate import migrate
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lifecycle.store.roles import Role

_TEMPLATE = "migrated_template"


@dataclass(frozen=True, kw_only=True)
class Database:
    """One test's own database: its address, and connections to it."""

    url: str

    def connect(self, role: Role | None = None) -> sqlalchemy.Engine:
        """An engine that acts as ``role``; as the administrator without one."""
        return connect(self.url, role=role, application_name="test")

    def execute(self, statement: str, parameters: dict[str, object] | None = None) -> list[sqlalchemy.Row]:
        """Run one statement as the administrator, in its own transaction; its rows, if it has any."""
        with self.connect().begin() as connection:
            result = connection.execute(sqlalchemy.text(statement), parameters or {})
            return list(result) if result.returns_rows else []

    def script(self, statements: str) -> None:
        """Run statements without parameters as the administrator, in one transaction."""
        with self.connect().begin() as connection:
            run_script(connection, statements)


class DatabaseServer:
    """The embedded server of this test run, shared by its workers."""

    def __init__(self, state_dir: Path) -> None:
        self._record = state_dir / "postgres" / "server.json"
        self._server = EmbeddedServer(state_dir, fast=True)
        self._url = self._server.start()
        with exclusive_lock(state_dir / "template.lock"):
            self._make_template()

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[Database]:
        """A database of its own, with the control schema unless ``migrated`` is False; dropped afterwards."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE {_TEMPLATE if migrated else "template0"}')
        try:
            yield Database(url=self._address_of(name))
        finally:
            self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def as_superuser(self, database: Database) -> Database:
        """The same database for the server's superuser, who may do what its owner may not."""
        password = json.loads(self._record.read_text(encoding="utf-8"))["superuser_password"]
        url = sqlalchemy.make_url(database.url).set(username="postgres", password=password)
        return Database(url=url.render_as_string(hide_password=False))

    def _make_template(self) -> None:
        with connect(self._url).connect() as connection:
            names = connection.scalars(sqlalchemy.text("SELECT datname FROM pg_database")).all()
        if _TEMPLATE in names:
            return
        unfinished = f"{_TEMPLATE}_unfinished"
        self._administer(f"DROP DATABASE IF EXISTS {unfinished}")
        self._administer(f"CREATE DATABASE {unfinished}")
        migrate(connect(self._address_of(unfinished)))
        self._administer(f"ALTER DATABASE {unfinished} RENAME TO {_TEMPLATE}")

    def _administer(self, statement: str) -> None:
        patient = connect(self._url, lock_timeout=timedelta(minutes=1))
        with patient.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)

    def _address_of(self, database: str) -> str:
        return sqlalchemy.make_url(self._url).set(database=database).render_as_string(hide_password=False)
