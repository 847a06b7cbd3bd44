"""Where the server of a test run lives, and the removal of those whose run was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.store.file_lock import exclusive_lock, is_locked
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "lifecycle-tests-"
_LOCK = "run.lock"
_SECONDS_TO_GET_STARTED = 60


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for the server of one test run; removed with the server when the block ends."""
    remove_abandoned_servers()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o755)  # root's server runs as somebody else, who must be able to enter
    with exclusive_lock(folder / _LOCK):
        try:
            yield folder
        finally:
            _remove(folder)


def remove_abandoned_servers() -> None:
    """Stop and remove the servers of runs that ended without doing so themselves."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            state = folder.stat()
        except FileNotFoundError:  # another run removed it meanwhile
            continue
        is_young = time.time() - state.st_mtime < _SECONDS_TO_GET_STARTED
        if state.st_uid == os.geteuid() and not is_young and not is_locked(folder / _LOCK):
            _remove(folder)


def _remove(folder: Path) -> None:
    EmbeddedServer(folder).destroy()
    shutil.rmtree(folder)
