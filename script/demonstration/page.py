"""Airflow's page: the parts that ``airflow standalone`` starts, reachable from this machine only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lifecycle.errors import LifecycleError
from lifecycle.settings import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from demonstration.local_airflow import LocalAirflow
    from demonstration.terminal import Terminal

HOST = "127.0.0.1"
PORTS = range(8080, 8100)
PATIENCE_SECONDS = 180
GRACE_SECONDS = 20
AIRFLOW = (sys.executable, "-m", "airflow")
# Without the servers of log files, which would listen on every address; the page reads the files themselves.
PARTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
LOOK = """
Airflow's page: {url}
  user {user}, password {password}

DAGs come paused, so that nothing is deleted unasked. Unpaused, one runs every day at three; triggered, it runs now.
Where a plan passes the policy's limits its run waits: approve it under Required Actions. What the tasks of this
demo logged is in {log}, what later ones log is on the page.
Ctrl-C ends it."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


def show_page(terminal: Terminal, airflow: LocalAirflow) -> int:
    """Start Airflow and keep it until Ctrl-C, or until one of its parts ends; returns the exit code.

    Raises:
        LifecycleError: a part does not start, or ends by itself.
    """
    with terminal.logging_into(airflow.log):
        airflow.prepare()
    url = f"http://{HOST}:{_free_port()}"
    terminal.head("Airflow starts")
    with _interrupts() as interrupts, _parts(airflow.home, url) as parts:
        _wait_until_ready(parts, url, interrupts)
        if not interrupts:
            user, password = _login(airflow.home)
            terminal.tell(LOOK.format(url=url, user=user, password=password, log=airflow.log))
        while not interrupts:
            _require_alive(parts)
            time.sleep(0.5)
    terminal.tell("Airflow has ended.")
    return 0


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Every Ctrl-C meanwhile. As an exception, one would be lost that comes while Python frees memory."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _parts(home: Path, url: str) -> Iterator[list[_Part]]:
    parts: list[_Part] = []
    try:
        for name, command in PARTS.items():
            parts.append(_start(name, command, home / f"{name}.log", _environment(url)))
        yield parts
    finally:
        _stop(parts)


def _environment(url: str) -> dict[str, str]:
    """What the parts need besides what this process has."""
    paths = [str(PROJECT / "include"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": url.rpartition(":")[2],
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
    }


def _start(name: str, command: list[str], log: Path, environment: dict[str, str]) -> _Part:
    """Start a part in a session of its own, so that Ctrl-C reaches this process only and the end is in order."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - Airflow's own program
            [*AIRFLOW, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return _Part(name=name, process=process, log=log)


def _stop(parts: list[_Part]) -> None:
    """End every part with whatever it started; by force what does not end in time."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for part in parts:
            with suppress(ProcessLookupError):
                os.killpg(part.process.pid, number)
        end = time.monotonic() + GRACE_SECONDS
        for part in parts:
            with suppress(subprocess.TimeoutExpired):
                part.process.wait(max(0.0, end - time.monotonic()))


def _wait_until_ready(parts: list[_Part], url: str, interrupts: list[int]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not interrupts and not _is_healthy(url):
        _require_alive(parts)
        if time.monotonic() > end:
            raise LifecycleError(
                f"Airflow is not ready after {PATIENCE_SECONDS} seconds",
                place=str(parts[0].log.parent),
                next_step="see the logs there",
            )
        time.sleep(0.5)


def _is_healthy(url: str) -> bool:
    """Whether the page answers and the parts behind it have reported."""
    try:
        with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310 - our own address
            health = json.load(answer)
    except (OSError, ValueError):
        return False
    return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))


def _require_alive(parts: list[_Part]) -> None:
    for part in parts:
        if part.process.poll() is not None:
            raise LifecycleError(
                f"Airflow's {part.name} ended", place=str(part.log), next_step="see there why"
            )


def _login(home: Path) -> tuple[str, str]:
    """The user and the password that Airflow made up when the page was started first."""
    made_up = json.loads((home / "simple_auth_manager_passwords.json.generated").read_text())
    user, password = next(iter(made_up.items()))
    return user, password


def _free_port() -> int:
    for port in [*PORTS, 0]:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as the server does, after one that has ended
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    raise LifecycleError("no port is free", place=HOST, next_step="stop something that listens")
