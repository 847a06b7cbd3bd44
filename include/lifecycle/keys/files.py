"""Files that only their owner may read: written whole or not at all, one writer at a time."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def failures_named(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one clear error about the keyring.

    Raises:
        UsageError: whatever reading or writing in the folder failed on.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"The keyring cannot be used: {error.strerror or type(error).__name__}.",
            place=str(error.filename or folder),
            next_step="Check that LIFECYCLE_KEYRING names a folder this user may read and write, "
            "with space left on its disk.",
        ) from error


def require_private(path: Path) -> os.stat_result:
    """The state of a file or folder that nobody but its owner can enter.

    Raises:
        UsageError: group or others may read, write or enter it.
    """
    state = path.stat()
    if stat.S_IMODE(state.st_mode) & _OPEN_TO_OTHERS:
        mode = "700" if stat.S_ISDIR(state.st_mode) else "600"
        raise UsageError(
            f"Others may read this: its mode is {stat.S_IMODE(state.st_mode):o}.",
            place=str(path),
            next_step=f"Run chmod {mode} on it, and think about who may have copied the keys.",
        )
    return state


def read_private(path: Path) -> bytes:
    """The bytes of a file that nobody but its owner can read."""
    require_private(path)
    return path.read_bytes()


def make_private_folder(folder: Path) -> None:
    """Create the folder for its owner alone, or check that an existing one is."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    require_private(folder)


def write_private(path: Path, content: bytes) -> None:
    """Put the file in place whole, readable by its owner alone, and on disk before this returns."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 600 from the start
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def erase(path: Path) -> None:
    """Overwrite the file with noise and remove it; nothing happens when it is not there.

    Overwriting helps on disks that write in place. Elsewhere the old blocks linger until they are reused.
    """
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    _flush_folder(path.parent)


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: processes that change its files do so one after the other."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
