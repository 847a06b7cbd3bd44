"""Fresh databases in the blink of an eye: copies of one migrated template on a shared embedded server."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy

from lifecycle.store.engine import connect, run_script
from lifecycle.store.file_lock import exclusive_lock
from lifecycle.store.migrate import migrate
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lifecycle.store.roles import Role

MIGRATED = "migrated_template"


class Database:
    """One test's own database: its address, and connections to it."""

    def __init__(self, *, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        """Its address, with the administrator's password."""
        return self._url

    def connect(self, role: Role | None = None) -> sqlalchemy.Engine:
        """An engine that acts as ``role``; as the administrator without one."""
        return connect(self.url, role=role, application_name="test")

    def execute(self, statement: str, parameters: dict[str, object] | None = None) -> list[sqlalchemy.Row]:
        """Run one statement as the administrator, in its own transaction; its rows, if it has any."""
        with self._administrator().begin() as connection:
            result = connection.execute(sqlalchemy.text(statement), parameters or {})
            return list(result) if result.returns_rows else []

    def script(self, statements: str) -> None:
        """Run statements without parameters as the administrator, in one transaction on a connection of their own."""
        with self.connect().begin() as connection:
            run_script(connection, statements)

    def start_as(self, name: str, make: Callable[[Database], None]) -> None:
        """Become a company: by making it here, or as a copy of the one that was made first in this run.

        Args:
            name: of the company; the same makes the same.
            make: makes its tables and rows in a database with the control schema.
        """
        del name
        make(self)

    def _administrator(self) -> sqlalchemy.Engine:
        return self.connect()


class FreshDatabase(Database):
    """A database that is made when it is first used, so that it can begin as a copy of a company.

    Args:
        server: makes it.
        template: of which it is a copy.
    """

    def __init__(self, server: DatabaseServer, template: str) -> None:
        self._server = server
        self._template = template
        self._name = f"test_{uuid.uuid4().hex[:12]}"
        self._kept: sqlalchemy.Engine | None = None
        self._is_made = False
        self._making = threading.Lock()

    @property
    def url(self) -> str:
        """Its address; whoever asks has it made."""
        with self._making:  # a test may use it from several threads
            if not self._is_made:
                self._server.administer(f'CREATE DATABASE "{self._name}" TEMPLATE {self._template}')
                self._is_made = True
        return self._server.address_of(self._name)

    def start_as(self, name: str, make: Callable[[Database], None]) -> None:
        """Become a company: as a copy, as long as nobody has used the database."""
        if self._is_made or self._template != MIGRATED:
            make(self)
        else:
            self._template = self._server.template(f"{name}_template", make)

    def let_go(self) -> None:
        """Close the connection that stays open between statements."""
        if self._kept:
            self._kept.dispose()

    def drop(self) -> None:
        """Remove it, whoever is connected."""
        self.let_go()
        if self._is_made:
            self._server.administer(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    def _administrator(self) -> sqlalchemy.Engine:
        """Connecting takes longer than most statements of a test."""
        if self._kept is None:
            self._kept = connect(self.url, application_name="test", keeps=1)
        return self._kept


class DatabaseServer:
    """The embedded server of this test run, shared by its workers."""

    def __init__(self, state_dir: Path) -> None:
        self._record = state_dir / "postgres" / "server.json"
        self._server = EmbeddedServer(state_dir, fast=True)
        self._url = self._server.start()
        self._lock = state_dir / "template.lock"
        self._templates: set[str] = set()
        self.template(MIGRATED, lambda database: migrate(database.connect()))

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[FreshDatabase]:
        """A database of its own, with the control schema unless ``migrated`` is False; dropped afterwards."""
        fresh = FreshDatabase(self, MIGRATED if migrated else "template0")
        try:
            yield fresh
        finally:
            fresh.drop()

    def as_superuser(self, database: Database) -> Database:
        """The same database for the server's superuser, who may do what its owner may not."""
        password = json.loads(self._record.read_text(encoding="utf-8"))["superuser_password"]
        url = sqlalchemy.make_url(database.url).set(username="postgres", password=password)
        return Database(url=url.render_as_string(hide_password=False))

    def template(self, name: str, make: Callable[[Database], None]) -> str:
        """The name of a database to copy, which the first worker of the run has made that needed it."""
        if name not in self._templates:
            with exclusive_lock(self._lock):
                self._make_template(name, make)
            self._templates.add(name)
        return name

    def _make_template(self, name: str, make: Callable[[Database], None]) -> None:
        with connect(self._url).connect() as connection:
            names = connection.scalars(sqlalchemy.text("SELECT datname FROM pg_database")).all()
        if name in names:
            return
        unfinished, origin = f"{name}_unfinished", "template1" if name == MIGRATED else MIGRATED
        self.administer(f"DROP DATABASE IF EXISTS {unfinished}")
        self.administer(f"CREATE DATABASE {unfinished} TEMPLATE {origin}")
        make(Database(url=self.address_of(unfinished)))
        self.administer(f"ALTER DATABASE {unfinished} RENAME TO {name}")

    def administer(self, statement: str) -> None:
        """Run a statement that cannot stand in a transaction."""
        patient = connect(self._url, lock_timeout=timedelta(minutes=1))
        with patient.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)

    def address_of(self, database: str) -> str:
        """The address of a database of this server."""
        return sqlalchemy.make_url(self._url).set(database=database).render_as_string(hide_password=False)
