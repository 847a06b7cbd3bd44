"""What every benchmark needs: a PostgreSQL of its own, and databases copied from one that was filled once."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from lifecycle.datamap.load import load_datamap
from lifecycle.store.engine import connect, run_script
from lifecycle.store.grants import grant
from lifecycle.store.migrate import migrate
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator


_TABLES = sa.text("""
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind = 'r' AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
""")


class Scratch:
    """An embedded server with normal durability that goes with the benchmark."""

    def __init__(self) -> None:
        self.files = Path(tempfile.mkdtemp(prefix="lifecycle-bench-"))
        self.server = EmbeddedServer(self.files / "state")

    def __enter__(self) -> Self:
        self.address = sa.make_url(self.server.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.server.destroy()
        shutil.rmtree(self.files, ignore_errors=True)

    def url(self, name: str) -> str:
        """Address of a database."""
        return self.address.set(database=name).render_as_string(hide_password=False)

    def engine(self, name: str) -> sa.Engine:
        """Connects as the administrator."""
        return connect(self.url(name))

    def create(self, name: str) -> None:
        """An empty database."""
        self._administer(f'CREATE DATABASE "{name}"')

    def run(self, name: str, statements: str) -> None:
        """Run statements in one transaction."""
        with self.engine(name).begin() as connection:
            run_script(connection, statements)

    def vacuum(self, name: str) -> None:
        """Fresh statistics, no dead rows."""
        with self.engine(name).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")

    def prepare(self, name: str, datamap: str, policy: str) -> None:
        """Migrate and grant, with this data map and policy."""
        for path, content in (("datamap/map.yml", datamap), ("policies/first/policy.yaml", policy)):
            (self.files / path).parent.mkdir(parents=True, exist_ok=True)
            (self.files / path).write_text(content)
        migrate(self.engine(name))
        described = load_datamap(self.files / "datamap")
        with self.engine(name).begin() as connection:
            grant(connection, [(one.schema, one.table) for one in described.collections.values()])

    @contextmanager
    def copy(self, source: str) -> Iterator[str]:
        """A copy of a database, in the cache like its source, dropped afterwards."""
        name = f"copy_{uuid.uuid4().hex[:8]}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY file_copy')
        with self.engine(name).connect() as connection:
            for table in connection.scalars(_TABLES).all():
                connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
        try:
            yield name
        finally:
            self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        with (
            connect(self.address.render_as_string(hide_password=False))
            .connect()
            .execution_options(isolation_level="AUTOCOMMIT") as connection
        ):
            connection.exec_driver_sql(statement)
