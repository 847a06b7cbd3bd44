"""Where a period's pseudonymised events and exact cells stand while it is built: a private folder, emptied afterwards.

What stands there is still personal data (GDPR Art. 4(5), recital 26). It is gone when the period was released, and
whatever was left by an interrupted run goes before the next one begins.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from lifecycle.errors import CheckFailed
from lifecycle.keys.files import failures_named, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """The folder of one period of a release.

    Attributes:
        root: of all releases.
    """

    root: Path
    release: str
    first_day: date

    @property
    def folder(self) -> Path:
        """The period's own."""
        return self.root / self.release / self.first_day.isoformat()

    @property
    def events(self) -> Path:
        """Pseudonymised events."""
        return self.folder / "events.parquet"

    def cells(self, table: str) -> Path:
        """Exact cells of a table."""
        return self.folder / f"cells-{table}.parquet"

    @property
    def spill(self) -> Path:
        """Where an engine writes what it has no memory for."""
        return self.folder / "spill"

    def begin(self) -> None:
        """Empty, and for nobody else."""
        self.clear()
        with failures_named(self.root):
            for folder in (self.root, self.root / self.release, self.folder):
                make_private_folder(folder)

    def clear(self) -> None:
        """Nothing is there any more."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def require(self, path: Path) -> Path:
        """A file that a step before has written.

        Raises:
            CheckFailed: it is not there, or cannot be read.
        """
        try:
            with parquet.ParquetFile(path):
                return path
        except (OSError, pa.ArrowException):
            raise CheckFailed(
                "what an earlier step has written is not there, or cannot be read",
                place=f"{self.release}, {self.first_day}, {path.name}",
                next_step="begin the period anew: lifecycle release build, or clear the run's first task",
            ) from None


def periods_at_work(root: Path) -> Iterator[Workplace]:
    """Every period of which something stands there."""
    if root.exists():
        for folder in sorted(root.glob("*/*")):
            with suppress(ValueError):  # a file of somebody else's
                yield Workplace(
                    root=root, release=folder.parent.name, first_day=date.fromisoformat(folder.name)
                )
