"""Remembers which seeds kept every promise, so that a long simulation can be resumed."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from lifecycle.settings import PROJECT, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIMULATED = ("include", "tests/simulation")
SUFFIXES = {".py", ".sql", ".yaml", ".yml"}


class Record:
    """The seeds that passed, of one state of the code and one length.

    Args:
        days: that each seed lasted.
        path: of the file; in the state folder of the project by default.
    """

    def __init__(self, days: int, path: Path | None = None) -> None:
        self.path = path or Settings.from_environment().state_dir / "simulated.jsonl"
        self.about = {"code": _digest(), "days": days}

    def passed(self) -> set[int]:
        """Seeds that kept every promise."""
        return {line["seed"] for line in self._lines() if self.about.items() <= line.items()}

    def remember(self, seed: int) -> None:
        """A seed kept every promise."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps({**self.about, "seed": seed}) + "\n")

    def _lines(self) -> Iterator[dict[str, object]]:
        if self.path.exists():
            yield from (json.loads(line) for line in self.path.read_text().splitlines())


def _digest() -> str:
    """Of everything that a simulation depends on."""
    files = sorted(
        path
        for folder in SIMULATED
        for path in (PROJECT / folder).rglob("*")
        if path.suffix in SUFFIXES and path.is_file()
    )
    digest = sha256()
    for path in files:
        digest.update(str(path.relative_to(PROJECT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
