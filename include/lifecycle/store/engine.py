"""Connections: opened under a role, with time limits, and never with a row's values in an error."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from lifecycle.errors import StoreError
from lifecycle.store.roles import Role
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifecycle.settings import Settings

DRIVER = "postgresql+psycopg"
OLDEST_VERSION = 14
LOCK_TIMEOUT = timedelta(seconds=5)
IDLE_TIMEOUT = timedelta(minutes=5)
STATEMENT_TIMEOUTS: Mapping[Role | None, timedelta] = {
    Role.READER: timedelta(seconds=30),  # a page waits for it
    Role.ENGINE: timedelta(hours=1),  # a forgotten statement may not hold the application's rows for ever
}
_CONNECT_SECONDS = 10
_SERVER_SCHEMES = ("postgresql", "postgres")


def connect(
    url: str,
    *,
    role: Role | None = None,
    application_name: str = "lifecycle",
    lock_timeout: timedelta = LOCK_TIMEOUT,
) -> sqlalchemy.Engine:
    """An engine whose connections act as ``role``; nothing is opened yet.

    Connections are not pooled: Airflow forks its workers, and a connection must not cross a fork.

    Args:
        url: a PostgreSQL address; ``postgres://`` and ``postgresql://`` are read as psycopg's.
        role: the role to step into; None stays the user of the address (migrations, seeding).
        application_name: shown in ``pg_stat_activity``.
        lock_timeout: how long a statement waits for a lock that the application holds.

    Raises:
        StoreError: the address is not one of PostgreSQL's.
    """
    engine = sqlalchemy.create_engine(
        parse_url(url),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"application_name": application_name, "connect_timeout": _CONNECT_SECONDS},
    )
    settings = {
        "timezone": "UTC",
        "lock_timeout": _milliseconds(lock_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(IDLE_TIMEOUT),
        "statement_timeout": _milliseconds(STATEMENT_TIMEOUTS.get(role, timedelta(0))),
        **({"role": role.value} if role else {}),
    }

    @event.listens_for(engine, "connect")
    def _apply_settings(connection: Any, _record: object) -> None:
        connection.autocommit = True  # a setting made in a transaction would go with its rollback
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        connection.autocommit = False

    return engine


def run_script(connection: sqlalchemy.Connection, statements: str) -> None:
    """Run SQL text of several statements, as it is: it takes no parameters, and ``%`` means itself."""
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def parse_url(url: str) -> sqlalchemy.URL:
    """``url`` as psycopg's address.

    Raises:
        StoreError: it is not a PostgreSQL address.
    """
    next_step = "write it as postgresql://user:password@host:5432/database"
    try:
        parsed = sqlalchemy.make_url(url)
    except (ArgumentError, ValueError):  # the message would repeat the address, password included
        raise StoreError(
            "the database address cannot be read", place="LIFECYCLE_DATABASE_URL", next_step=next_step
        ) from None
    if parsed.get_backend_name() not in _SERVER_SCHEMES:
        raise StoreError(
            f"only PostgreSQL can keep what is promised here, not {parsed.get_backend_name()}",
            place="LIFECYCLE_DATABASE_URL",
            next_step=next_step,
        )
    return parsed.set(drivername=DRIVER)


def resolve_url(settings: Settings) -> str:
    """The address of the database, which answers and can be written to.

    Without one in ``settings`` the embedded server is started.

    Raises:
        StoreError: it cannot be reached, is read-only or too old; the embedded server cannot run.
    """
    if settings.database_url is None:
        return EmbeddedServer(settings.state_dir).start()
    url = parse_url(settings.database_url)
    address = url.render_as_string(hide_password=False)
    _check_server(connect(address), place=place_of(url))
    return address


def place_of(url: sqlalchemy.URL) -> str:
    """Host, port and database of ``url``, for messages: no user, no password."""
    return f"{url.host or 'local socket'}:{url.port or 5432}/{url.database or ''}"


def _check_server(engine: sqlalchemy.Engine, *, place: str) -> None:
    query = sqlalchemy.text(
        "SELECT current_setting('server_version_num')::int / 10000 AS version,"
        " pg_is_in_recovery() AS is_standby,"
        " current_setting('default_transaction_read_only')::bool AS is_read_only"
    )
    try:
        with engine.connect() as connection:
            server = connection.execute(query).one()
    except SQLAlchemyError as error:
        raise StoreError(
            f"the database cannot be reached: {type(error).__name__}",
            place=place,
            next_step="check LIFECYCLE_DATABASE_URL and that the server runs",
        ) from None
    if server.version < OLDEST_VERSION:
        raise StoreError(
            f"PostgreSQL {server.version} is too old", place=place, next_step=f"use {OLDEST_VERSION} or newer"
        )
    if server.is_standby or server.is_read_only:
        raise StoreError("the database is read-only", place=place, next_step="name the primary server")


def _milliseconds(duration: timedelta) -> str:
    return f"{duration // timedelta(milliseconds=1)}ms"
