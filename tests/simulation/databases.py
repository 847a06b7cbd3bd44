"""Databases with the company's tables: made once, copied for every history."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy

from lifecycle.store.engine import connect
from lifecycle.store.grants import grant
from simulation.database import FIRST_OF_DATABASE
from simulation.engine import INCLUDE
from simulation.requests.purposes import RECORDS
from simulation.tables import FACTS
from support.databases import Database

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from support.databases import DatabaseServer, FreshDatabase


class Originals:
    """A database that is only ever copied.

    Args:
        database: fresh, with the control schema.
    """

    def __init__(self, database: FreshDatabase) -> None:
        database.script((INCLUDE / "sample" / "schema.sql").read_text())
        with database.connect().begin() as connection:
            recorded = _split(table for table, *_ in RECORDS.values())
            grant(connection, _split(FACTS), recorded=recorded)
            for schema, table in recorded:
                first = f'ALTER TABLE "{schema}"."{table}" ALTER COLUMN id RESTART WITH {FIRST_OF_DATABASE}'
                connection.exec_driver_sql(first)
        database.let_go()  # nobody may be connected to what is copied
        self._url = sqlalchemy.make_url(database.url)

    @contextmanager
    def copy(self) -> Iterator[Database]:
        """A copy of its own for one history."""
        name = f"simulation_{uuid.uuid4().hex[:12]}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{self._url.database}"')
        try:
            yield Database(url=self._url.set(database=name).render_as_string(hide_password=False))
        finally:
            self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        _administer(self._url, statement)


def _split(names: Iterable[str]) -> list[tuple[str, str]]:
    """Schema and table of each."""
    return [(schema, table) for schema, table in (name.split(".") for name in names)]


class Backups:
    """States of a database, taken as they are and taken back; nobody may be connected to it meanwhile.

    Args:
        database: of one history.
    """

    def __init__(self, database: Database) -> None:
        self._url = sqlalchemy.make_url(database.url)
        self._made: dict[int, str] = {}

    def make(self, number: int) -> None:
        """Take a backup."""
        self._made[number] = name = f"simulation_{uuid.uuid4().hex[:12]}"
        _administer(self._url, f'CREATE DATABASE "{name}" TEMPLATE "{self._url.database}"')

    def restore(self, number: int) -> None:
        """The database is what it was."""
        _administer(self._url, f'DROP DATABASE "{self._url.database}" WITH (FORCE)')
        _administer(self._url, f'CREATE DATABASE "{self._url.database}" TEMPLATE "{self._made[number]}"')

    def drop(self) -> None:
        """Nobody needs them any more."""
        for name in self._made.values():
            _administer(self._url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _administer(url: sqlalchemy.URL, statement: str) -> None:
    address = url.set(database="postgres").render_as_string(hide_password=False)
    with connect(address).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def originals(server: DatabaseServer) -> Iterator[Originals]:
    """The company's tables on a server."""
    with server.database() as database:
        yield Originals(database)
