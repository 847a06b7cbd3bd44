"""Processes that are killed while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from lifecycle.settings import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.databases import Database

PATIENCE = 120.0
"""Seconds after which something that should have happened will not."""


def run_until(has_come: Callable[[], bool], code: str, *arguments: str, output: Path) -> None:
    """Run Python code in a process of its own, and kill that (SIGKILL) as soon as something is so.

    Args:
        has_come: asked again and again.
        code: run with the package and the tests' support on its path.
        arguments: the code's ``sys.argv[1:]``.
        output: where it writes what it says.
    """
    paths = os.pathsep.join(str(PROJECT / folder) for folder in ("include", "tests", "script"))
    with output.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            end = time.monotonic() + PATIENCE
            while not has_come():
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"it ended by itself, or never came so far: see {output}")
                time.sleep(0.2)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def waits_for_a_lock(database: Database) -> bool:
    """Whether somebody in this database waits for a lock that somebody else has."""
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(database.execute(waiting))
