"""The embedded PostgreSQL: a server of the project's own, for those who bring none.

Its programs come from a Python wheel. It listens on 127.0.0.1 only and asks everybody for a random password
that is kept in a file only its owner can read. What it leaves under ``<state>/postgres``:

==================  ==========================================================================
``server.json``     port, password and home of the server; readable by its owner only
``start.lock``      held while somebody starts or stops the server
``running.lock``    held by the server's own processes as long as one of them lives
``data`` ``log``    its home: the data directory and the log. For root, where the account that
                    runs it cannot enter the state folder, the home is a folder of its own
                    under ``/var/lib``, named in ``server.json``
==================  ==========================================================================
"""

from __future__ import annotations

import json
import logging
import os
import random
import secrets
import shlex
import shutil
import socket
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import sqlalchemy

from lifecycle.errors import StoreError
from lifecycle.store.account import Account, account_for
from lifecycle.store.binaries import programs_for
from lifecycle.store.file_lock import exclusive_lock, is_locked

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_USER = "postgres"
_DATABASE = "lifecycle"
_PORTS = range(20_000, 32_000)  # below the range from which systems lend ports to outgoing connections
_ANSWER_SECONDS = 60
_PORT_ATTEMPTS = 5
_HOMES_FOR_ROOT = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - mkdtemp makes a folder of our own in it

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": _HOST,
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
_FAST_SETTINGS: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class _Record:
    """What ``server.json`` remembers."""

    home: str
    port: int
    password: str


class EmbeddedServer:
    """A PostgreSQL server whose data lives as long as its state folder.

    Args:
        state_dir: the folder under which everything is kept; made when missing.
        fast: trade safety at a power cut for speed; for tests.
    """

    def __init__(self, state_dir: Path, *, fast: bool = False) -> None:
        self._state_dir = state_dir.absolute()
        self._folder = self._state_dir / "postgres"
        self._settings = {**_SETTINGS, **(_FAST_SETTINGS if fast else {})}

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
                next_step="start it",
            )
        return _url(record)

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
        try:
            account = self._prepare_folder()
            with exclusive_lock(self._folder / "start.lock"):
                record = self._read_record() or self._new_record(account)
                if not self._answers_soon(record):
                    self._launch(record)
                return _url(record)
        except OSError as error:
            raise StoreError(
                f"the embedded PostgreSQL cannot use its files: {error.strerror}",
                place=str(error.filename or self._folder),
                next_step="give this user the folder, or set LIFECYCLE_STATE_DIR to another one",
            ) from error

    def stop(self) -> None:
        """Stop the server, connections included; nothing happens when it does not run."""
        if not self._folder.exists():
            return
        with exclusive_lock(self._folder / "start.lock"):
            record = self._read_record()
            if record is None or not self.is_running:
                return
            home = Path(record.home)
            account = account_for(home)
            command = ["stop", "--wait", "--mode=fast", f"--pgdata={home / 'data'}"]
            done = account.run(
                [str(programs_for(account, home) / "pg_ctl"), *command], environment=_environment()
            )
            if done.returncode:
                raise StoreError(
                    f"the embedded PostgreSQL does not stop: {done.stderr.strip()}",
                    place=str(home),
                    next_step=f"see {home / 'log'}",
                )

    def destroy(self) -> None:
        """Stop the server and remove it with all its data."""
        self.stop()
        record = self._read_record()
        if record is not None:
            shutil.rmtree(record.home, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _running_lock(self) -> Path:
        return self._folder / "running.lock"

    def _prepare_folder(self) -> Account:
        """Make the folder, as the caller's or, by root in somebody's clone, as that person's."""
        existing = next(place for place in (self._folder, *self._folder.parents) if place.exists())
        account = account_for(existing)
        for folder in (self._state_dir, self._folder):
            if not folder.exists():
                folder.mkdir(parents=True, mode=0o755)
        return account

    def _read_record(self) -> _Record | None:
        try:
            return _Record(**json.loads((self._folder / "server.json").read_text()))
        except FileNotFoundError:
            return None

    def _write_record(self, record: _Record) -> None:
        unfinished = self._folder / "server.json.unfinished"
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(record), indent=2) + "\n")
        unfinished.rename(self._folder / "server.json")

    def _new_record(self, account: Account) -> _Record:
        home = self._new_home(account)
        record = _Record(home=str(home), port=_free_port(), password=secrets.token_urlsafe(24))
        self._write_record(record)
        return record

    def _new_home(self, account: Account) -> Path:
        home = self._folder / "home"
        if not account.can_enter(self._folder):
            parent = next(place for place in _HOMES_FOR_ROOT if os.access(place, os.W_OK))
            home = Path(tempfile.mkdtemp(prefix="lifecycle-postgres-", dir=parent))
        home.mkdir(mode=0o700, exist_ok=True)
        account.give(home)
        return home

    def _answers_soon(self, record: _Record) -> bool:
        """Whether the server answers; False once it is certain that none of its processes lives."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        while self.is_running:
            try:
                _create_database(record)
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"the embedded PostgreSQL runs but does not answer at {_HOST}:{record.port}",
                        place=str(self._folder),
                        next_step="it may run in another container that shares the folder: stop it there",
                    ) from None
                time.sleep(0.05)
            else:
                return True
        return False

    def _launch(self, record: _Record) -> None:
        home = Path(record.home)
        account = account_for(home)
        programs = programs_for(account, home)
        if not (home / "data").exists():
            _initialise(account, programs, home, record.password)
        self._run_postgres(account, programs, record)
        _create_database(record)

    def _run_postgres(self, account: Account, programs: Path, record: _Record) -> None:
        home = Path(record.home)
        settings = {**self._settings, "port": str(record.port)}
        options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        command = [str(programs / "pg_ctl"), "start", "--wait", f"--timeout={_ANSWER_SECONDS}"]
        command += [f"--pgdata={home / 'data'}", f"--log={home / 'log'}", f"--options={options}"]
        with exclusive_lock(self._running_lock) as lock:
            done = account.run(command, environment=_environment(), keep_open=[lock])
        if done.returncode:
            raise StoreError("does not start", place=str(home), next_step=f"see {home / 'log'}")


def _url(record: _Record) -> str:
    return sqlalchemy.URL.create(
        "postgresql+psycopg",
        username=_USER,
        password=record.password,
        host=_HOST,
        port=record.port,
        database=_DATABASE,
        # Whoever else may listen on the port while the server is down is not told the password.
        query={"require_auth": "scram-sha-256"},
    ).render_as_string(hide_password=False)


def _libpq_url(record: _Record, database: str) -> str:
    return psycopg.conninfo.make_conninfo(
        host=_HOST,
        port=record.port,
        user=_USER,
        password=record.password,
        dbname=database,
        require_auth="scram-sha-256",
    )


def _environment() -> dict[str, str]:
    """The variables the server's programs see: none of the caller's PG* settings or locale."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    candidates = random.sample(_PORTS, 100)
    for port in candidates:
        with socket.socket() as probe:
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return port
    raise StoreError("no free port", place=_HOST, next_step="stop what listens there")


def _initialise(account: Account, programs: Path, home: Path, password: str) -> None:
    """Make the data directory under another name and rename it when it is complete."""
    unfinished = home / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    account.give(password_file)
    command = [str(programs / "initdb"), f"--pgdata={unfinished}", f"--username={_USER}"]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"]
    try:
        done = account.run(command, environment=_environment())
    finally:
        password_file.unlink()
    if done.returncode:
        raise StoreError("initdb fails", place=str(home), next_step=done.stderr)
    unfinished.rename(home / "data")


def _create_database(record: _Record) -> None:
    """Connect, and create the database where the first start was cut short before it did.

    Raises:
        psycopg.OperationalError: the server does not answer.
    """
    with psycopg.connect(_libpq_url(record, "postgres"), autocommit=True, connect_timeout=5) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [_DATABASE]).rowcount
        if not found:
            connection.execute(
                psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(_DATABASE))
            )
