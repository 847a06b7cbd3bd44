"""The operating system account that PostgreSQL runs under: it refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lifecycle.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user id that programs run under, and whether it is another one than the caller's.

    Attributes:
        user_id: the numeric user.
        group_id: its group.
        is_switched: the caller is root and steps down to this account.
    """

    user_id: int
    group_id: int
    is_switched: bool

    def run(
        self,
        command: Sequence[str],
        *,
        environment: dict[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` from the root folder under this account; its output is captured, not checked.

        Args:
            command: the program and its arguments.
            environment: all of the variables it sees; none of the caller's.
            keep_open: file descriptors that it inherits.

        Raises:
            OSError: the program cannot be executed by this account.
        """
        return subprocess.run(  # noqa: S603 - the commands are the server's own programs
            command,
            cwd="/",
            env=environment or {},
            pass_fds=keep_open,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            user=self.user_id if self.is_switched else None,
            group=self.group_id if self.is_switched else None,
            extra_groups=[] if self.is_switched else None,
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether this account can reach ``folder``: each folder above it lets it through."""
        if not self.is_switched:
            return True
        shell = shutil.which("sh") or "/bin/sh"
        return self.run([shell, "-c", 'cd -- "$1"', shell, str(folder)]).returncode == 0

    def give(self, path: Path) -> None:
        """Make ``path`` this account's own."""
        if self.is_switched:
            os.chown(path, self.user_id, self.group_id)


def account_for(folder: Path) -> Account:
    """The account to run a server under whose files are kept in ``folder``.

    That is the caller; for root it is the owner of ``folder`` (a user's clone stays the user's), or
    ``nobody`` where that is root too.

    Raises:
        StoreError: root has no account to step down to.
    """
    if os.geteuid() != 0:
        return Account(user_id=os.geteuid(), group_id=os.getegid(), is_switched=False)
    owner = folder.stat().st_uid
    try:
        entry = pwd.getpwuid(owner) if owner != 0 and _is_known(owner) else pwd.getpwnam("nobody")
    except KeyError:
        raise StoreError(
            "PostgreSQL does not run as root, and this machine has no account 'nobody' to run it",
            place=str(folder),
            next_step="start it as an ordinary user, or set LIFECYCLE_DATABASE_URL",
        ) from None
    return Account(user_id=entry.pw_uid, group_id=entry.pw_gid, is_switched=True)


def _is_known(user_id: int) -> bool:
    """Whether the machine knows a name for ``user_id``: initdb insists on one."""
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        return False
    return True
