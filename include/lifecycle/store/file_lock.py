"""Locks between processes: the kernel releases them when their holder ends, however it ends."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def exclusive_lock(path: Path) -> Iterator[int]:
    """Wait for the lock on ``path``, hold it in the block, and yield its file descriptor.

    A child process that inherits the descriptor holds the lock on after the block.
    """
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def is_locked(path: Path) -> bool:
    """Whether some process holds the exclusive lock on ``path`` now."""
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
