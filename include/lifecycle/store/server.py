"""The embedded PostgreSQL: a server of the project's own, for those who bring none.

Its programs come from a Python wheel. It listens on 127.0.0.1 only and asks everybody for a random password
that is kept in a file only its owner can read. What it leaves under ``<state>/postgres``:

==================  ==========================================================================
``server.json``     port and passwords of the server; readable by its owner only
``start.lock``      held while somebody starts or stops the server
``running.lock``    held by the server's own processes as long as one of them lives
``home``            the data directory and the log. For root, where the account that runs the
                    server cannot enter the state folder, a link to a folder of its own under
                    ``/var/lib``
==================  ==========================================================================
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import socket
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import sqlalchemy
from psycopg import sql

from lifecycle.errors import StoreError
from lifecycle.store.account import Account, account_for
from lifecycle.store.binaries import programs_for
from lifecycle.store.cluster import READY_SECONDS, SUPERUSER, Cluster, PortTakenError
from lifecycle.store.failures import describe
from lifecycle.store.file_lock import exclusive_lock, is_locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOST = "127.0.0.1"
USER = "lifecycle"
"""Owns the database and may create roles and databases; not a superuser."""
DATABASE = "lifecycle"

_PORTS = range(20_000, 32_000)  # below the range from which systems lend ports to outgoing connections
_PORT_ATTEMPTS = 10
_HOMES_FOR_ROOT = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - mkdtemp makes a folder of our own in it
# Whoever may listen on the port while the server is down is not told the password.
_AUTHENTICATION = "scram-sha-256"

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Nothing a row holds may reach the log: no statements, no DETAIL with key values.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
}
_FAST_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # databases live for one test
    "scram_iterations": "1",  # of a password that nobody else may guess at; most of a short connection's time
}


@dataclass(frozen=True, kw_only=True)
class _Record:
    """What ``server.json`` remembers."""

    port: int
    password: str
    superuser_password: str


class EmbeddedServer:
    """A PostgreSQL server whose data lives as long as its state folder.

    Args:
        state_dir: the folder under which everything is kept; made when missing.
        fast: trade safety at a power cut for speed; for tests.
    """

    def __init__(self, state_dir: Path, *, fast: bool = False) -> None:
        self._state_dir = state_dir.absolute()
        self._folder = self._state_dir / "postgres"
        self._running_lock = self._folder / "running.lock"
        self._fast = fast

    @property
    def url(self) -> str:
        """The SQLAlchemy address, password included; it stays the same as long as the data.

        Raises:
            StoreError: the server was never started.
        """
        record = self._read_record()
        if record is None:
            raise StoreError(
                "the embedded PostgreSQL was never started here",
                place=str(self._folder),
                next_step="run lifecycle init",
            )
        return _url(record)

    @property
    def home(self) -> Path:
        """The folder of the data directory and the log, wherever it is."""
        return (self._folder / "home").resolve()

    @property
    def is_running(self) -> bool:
        """Whether a process of this server lives."""
        return is_locked(self._running_lock)

    def start(self) -> str:
        """Make sure that the server runs and answers, and return its address.

        Safe to call from several processes at once, and after a crash of either side.

        Raises:
            StoreError: it cannot run here: no PostgreSQL for this platform, no room on the disk, its port
                taken, its files somebody else's.
        """
        with self._clear_file_errors():
            account, is_shared = self._make_folder()
            with exclusive_lock(self._folder / "start.lock"):
                record = self._read_record() or self._new_record(account)
                if not self._answers(record):
                    record = self._launch(record)
                if is_shared:
                    self._hand_over(account)
            return _url(record)

    def stop(self) -> None:
        """Stop the server, connections included; nothing happens when it does not run.

        Raises:
            StoreError: it does not stop, or its files are somebody else's.
        """
        if not self._folder.exists():
            return
        with self._clear_file_errors(), exclusive_lock(self._folder / "start.lock"):
            if self.is_running:
                self._cluster().stop()
                self._wait_until_gone()

    def destroy(self) -> None:
        """Stop the server and remove it with all its data.

        Raises:
            StoreError: it does not stop, or its files are somebody else's.
        """
        self.stop()
        with self._clear_file_errors():
            for folder in (self.home, self._folder):
                if folder.exists():
                    shutil.rmtree(folder)

    @contextmanager
    def _clear_file_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"the embedded PostgreSQL cannot use its files: {error.strerror}",
                place=str(error.filename or self._folder),
                next_step="give this user the folder, or set LIFECYCLE_STATE_DIR to another one",
            ) from error

    def _make_folder(self) -> tuple[Account, bool]:
        """Return the account to run under, and whether root works in that account's own folder."""
        existing = next(place for place in (self._folder, *self._folder.parents) if place.exists())
        account = account_for(existing)
        is_shared = account.is_switched and account.user_id == existing.stat().st_uid
        if not self._folder.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            if account.is_switched:
                self._folder.chmod(0o711)  # whatever the umask: the account passes through to its home
        return account, is_shared

    def _hand_over(self, account: Account) -> None:
        """Leave nothing of root's in a user's clone: that user shall be able to start and remove it."""
        for path in (self._state_dir, self._folder, *self._folder.iterdir()):
            if path.stat().st_uid == 0:
                account.give(path)

    def _read_record(self) -> _Record | None:
        path = self._folder / "server.json"
        try:
            return _Record(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (PermissionError, ValueError, TypeError) as error:
            raise StoreError(
                "the embedded PostgreSQL's record cannot be read: it belongs to another user or is damaged",
                place=str(path),
                next_step="run as its owner, or set LIFECYCLE_STATE_DIR to a folder of your own",
            ) from error

    def _write_record(self, record: _Record) -> None:
        unfinished = self._folder / "server.json.unfinished"
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(record), indent=2) + "\n")
        unfinished.rename(self._folder / "server.json")

    def _new_record(self, account: Account) -> _Record:
        if (self.home / "data").exists():
            raise StoreError(
                "there is a database here whose passwords are lost: server.json is missing",
                place=str(self._folder),
                next_step="restore server.json, or remove the folder and the database with it",
            )
        self._make_home(account)
        record = _Record(
            port=_free_port(),
            password=secrets.token_urlsafe(24),
            superuser_password=secrets.token_urlsafe(24),
        )
        self._write_record(record)
        return record

    def _make_home(self, account: Account) -> None:
        if not account.can_enter(self._folder) and not self.home.exists():
            parent = next(place for place in _HOMES_FOR_ROOT if os.access(place, os.W_OK))
            elsewhere = tempfile.mkdtemp(prefix="lifecycle-postgres-", dir=parent)
            (self._folder / "home").symlink_to(elsewhere)
        self.home.mkdir(mode=0o700, exist_ok=True)
        account.give(self.home)

    def _answers(self, record: _Record) -> bool:
        """Whether the server answers; False once it is certain that no process of it lives."""
        deadline = time.monotonic() + READY_SECONDS
        while self.is_running:
            try:
                _create_database(record)
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"the embedded PostgreSQL runs but does not answer: {error}",
                        place=str(self._folder),
                        next_step="it may run in another container that shares the folder: stop it there",
                    ) from None
                time.sleep(0.05)
            else:
                return True
        return False

    def _wait_until_gone(self) -> None:
        """pg_ctl returns when the server has let go of its data; its last process ends a moment later."""
        deadline = time.monotonic() + READY_SECONDS
        while self.is_running and time.monotonic() < deadline:
            time.sleep(0.01)

    def _launch(self, record: _Record) -> _Record:
        if not self.home.exists():
            raise StoreError(
                "the data of the embedded PostgreSQL is gone",
                place=str(self.home),
                next_step=f"restore it, or remove {self._folder} to begin with an empty database",
            )
        cluster = self._cluster()
        is_new = not cluster.exists
        if is_new:
            cluster.initialise(record.superuser_password, flush=not self._fast)
        for attempt in range(_PORT_ATTEMPTS):
            try:
                self._run_cluster(cluster, record.port)
                break
            except PortTakenError:
                if not is_new or attempt == _PORT_ATTEMPTS - 1:
                    raise
                record = replace(record, port=_free_port())
                self._write_record(record)
        try:
            _create_database(record)
        except psycopg.Error as error:
            raise describe(error, place=str(self.home)) from error
        return record

    def _cluster(self) -> Cluster:
        account = account_for(self.home)
        return Cluster(home=self.home, account=account, programs=programs_for(account, self.home))

    def _run_cluster(self, cluster: Cluster, port: int) -> None:
        settings = {**_SETTINGS, **(_FAST_SETTINGS if self._fast else {}), "port": str(port)}
        with exclusive_lock(self._running_lock) as lock:
            cluster.start(settings, keep_open=lock)


def _url(record: _Record) -> str:
    return sqlalchemy.URL.create(
        "postgresql+psycopg",
        username=USER,
        password=record.password,
        host=HOST,
        port=record.port,
        database=DATABASE,
        query={"require_auth": _AUTHENTICATION},
    ).render_as_string(hide_password=False)


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise StoreError(
        "no port is free for the embedded PostgreSQL", place=HOST, next_step="set LIFECYCLE_DATABASE_URL"
    )


def _create_database(record: _Record) -> None:
    """Connect, and create the user and its database where they are still missing.

    Raises:
        psycopg.OperationalError: the server does not answer.
    """
    user, database = sql.Identifier(USER), sql.Identifier(DATABASE)
    with psycopg.connect(
        host=HOST,
        port=record.port,
        user=SUPERUSER,
        password=record.superuser_password,
        dbname=SUPERUSER,
        connect_timeout=5,
        autocommit=True,
        require_auth=_AUTHENTICATION,
    ) as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [USER]).rowcount:
            create_user = sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}")
            connection.execute(create_user.format(user, sql.Literal(record.password)))
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, user))
