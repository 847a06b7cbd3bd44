"""Connections: opened under a role, with time limits, and never with a row's values in an error."""

from __future__ import annotations

import os
import select
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.pool import NullPool, QueuePool

from lifecycle.errors import StoreError
from lifecycle.store.failures import describe, hide_values
from lifecycle.store.roles import Role
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

    from lifecycle.settings import Settings

OLDEST_VERSION = 14
LOCK_TIMEOUT = timedelta(seconds=5)
IDLE_TIMEOUT = timedelta(minutes=5)
STATEMENT_TIMEOUTS: Mapping[Role | None, timedelta] = {
    Role.READER: timedelta(seconds=30),  # a page waits for it
    Role.INTAKE: timedelta(seconds=30),
    Role.ENGINE: timedelta(hours=1),  # a forgotten statement may not hold the application's rows for ever
}
STATEMENTS_KEPT = 1_000
"""Prepared on one connection before the oldest is given up: a request sends more than the driver's hundred."""

_DRIVER = "postgresql+psycopg"
_CONNECT_SECONDS = 10
_SETTING = "LIFECYCLE_DATABASE_URL"
_HOW_TO_WRITE = "write it as postgresql://user:password@host:5432/database"


def connect(
    url: str,
    *,
    role: Role | None = None,
    application_name: str = "lifecycle",
    lock_timeout: timedelta = LOCK_TIMEOUT,
    keeps: int = 0,
) -> sqlalchemy.Engine:
    """An engine whose connections act as ``role``; nothing is opened yet.

    Opening one raises a StoreError where the role is missing or the user of the address may not step into it.

    Args:
        url: a PostgreSQL address; ``postgres://`` and ``postgresql://`` are read as psycopg's.
        role: the role to step into; None stays the user of the address (migrations, seeding).
        application_name: shown in ``pg_stat_activity``.
        lock_timeout: how long a statement waits for a lock that somebody else holds.
        keeps: connections that stay open when they are not used, until the engine is disposed of; a process that
            was forked opens its own.

    Raises:
        StoreError: the address is not one of PostgreSQL's.
    """
    engine = sqlalchemy.create_engine(
        parse_url(url),
        hide_parameters=True,
        connect_args={
            "application_name": application_name,
            "connect_timeout": _CONNECT_SECONDS,
            "client_encoding": "utf8",
        },
        **_pool(keeps),
    )
    hide_values(engine)
    _open_anew_after_a_fork(engine)
    _open_anew_when_closed(engine)
    settings = {
        "timezone": "UTC",
        "lock_timeout": _milliseconds(lock_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(IDLE_TIMEOUT),
        "statement_timeout": _milliseconds(STATEMENT_TIMEOUTS.get(role, timedelta(0))),
        **({"role": role.value} if role else {}),
    }

    @event.listens_for(engine, "connect")
    def _apply(connection: Any, _record: object) -> None:
        connection.prepared_max = STATEMENTS_KEPT
        _apply_settings(connection, settings)

    return engine


def reading(engine: sqlalchemy.Engine) -> sqlalchemy.Connection:
    """A connection to ask on, each statement of which sees what is committed when it begins.

    There is no transaction that would have to be rolled back, upon which the driver forgets all that it has prepared.
    """
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def without_nested_loops(connection: Connection) -> Iterator[None]:
    """Join by hash or by order within the transaction: for lines of which there are no statistics yet.

    Those that were inserted a moment ago may be a million, and are planned as one: then all are held against all.
    """
    connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    yield
    connection.exec_driver_sql("SET LOCAL enable_nestloop TO DEFAULT")


def let_idle(connection: sqlalchemy.Connection) -> None:
    """Let a transaction wait for something else, such as a storage, for as long as that takes."""
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def run_script(connection: sqlalchemy.Connection, statements: str) -> None:
    """Run SQL text of several statements, as it is: it takes no parameters, and ``%`` means itself."""
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def parse_url(url: str) -> sqlalchemy.URL:
    """``url`` as psycopg's address.

    Raises:
        StoreError: it is not a PostgreSQL address.
    """
    try:
        parsed = sqlalchemy.make_url(url)
    except (ArgumentError, ValueError):  # their text repeats the address, password included
        raise StoreError(
            "the database address cannot be read", place=_SETTING, next_step=_HOW_TO_WRITE
        ) from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise StoreError(
            f"only PostgreSQL can keep what is promised here, not {parsed.get_backend_name()}",
            place=_SETTING,
            next_step=_HOW_TO_WRITE,
        )
    return parsed.set(drivername=_DRIVER)


def resolve_url(settings: Settings) -> str:
    """The address of the database, which answers and can be written to.

    Without one in ``settings`` the embedded server is started.

    Raises:
        StoreError: it cannot be reached, is read-only or too old; the embedded server cannot run.
    """
    if settings.database_url is None:
        return EmbeddedServer(settings.state_dir).start()
    url = parse_url(settings.database_url).render_as_string(hide_password=False)
    _check_server(url)
    return url


def place_of(url: str) -> str:
    """Host, port and database of ``url``, for messages: no user, no password."""
    parsed = parse_url(url)
    host = parsed.host or parsed.query.get("host") or "local socket"
    return f"{host}:{parsed.port or 5432}/{parsed.database or ''}"


def _pool(keeps: int) -> dict[str, Any]:
    """Which connections stay open."""
    if not keeps:
        return {"poolclass": NullPool}
    return {"poolclass": QueuePool, "pool_size": keeps, "max_overflow": -1}


def _open_anew_after_a_fork(engine: sqlalchemy.Engine) -> None:
    """Airflow forks its workers, and two processes that talk over one connection confuse the server."""

    @event.listens_for(engine, "connect")
    def _remember(_connection: object, record: Any) -> None:
        record.info["process"] = os.getpid()

    @event.listens_for(engine, "checkout")
    def _require_own(_connection: object, record: Any, proxy: Any) -> None:
        if record.info["process"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None
            raise DisconnectionError("the connection belongs to another process")


def _open_anew_when_closed(engine: sqlalchemy.Engine) -> None:
    """A server that ends a connection says so: where an idle one has something to read, that is what it is.

    To ask the server would take as long as a statement, each time.
    """

    @event.listens_for(engine, "checkout")
    def _require_open(connection: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
        if connection.closed or _has_something_to_read(connection):
            raise DisconnectionError("the server has closed the connection")


def _has_something_to_read(connection: psycopg.Connection[Any]) -> bool:
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _apply_settings(connection: psycopg.Connection[Any], settings: Mapping[str, str]) -> None:
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    connection.autocommit = True  # a setting made in a transaction would go with its rollback
    try:
        connection.execute(f"SELECT {calls}", [part for item in settings.items() for part in item])
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege) as error:
        user, database = connection.info.user, connection.info.dbname
        connection.close()
        raise StoreError(
            f"the role {settings.get('role')} is missing, or {user} may not act as it",
            place=database,
            next_step="run lifecycle init as the owner of the database, then GRANT the role to this user",
        ) from error
    connection.autocommit = False


def _check_server(url: str) -> None:
    query = sqlalchemy.text(
        "SELECT current_setting('server_version_num')::int / 10000 AS version,"
        " current_setting('transaction_read_only')::bool AS is_read_only"
    )
    place = place_of(url)
    try:
        with connect(url).connect() as connection:
            server = connection.execute(query).one()
    except DBAPIError as error:
        raise describe(error, place=place) from None
    if server.version < OLDEST_VERSION:
        raise StoreError(
            f"PostgreSQL {server.version} is too old", place=place, next_step=f"use {OLDEST_VERSION} or newer"
        )
    if server.is_read_only:
        raise StoreError(
            "the database is read-only", place=place, next_step=f"name the primary server in {_SETTING}"
        )


def _milliseconds(duration: timedelta) -> str:
    return f"{duration // timedelta(milliseconds=1)}ms"
