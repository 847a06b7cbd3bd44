"""``lifecycle`` as somebody at a terminal runs it: arguments and input go in, an exit code and text come out."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What ``--json`` printed."""
        return json.loads(self.out)


class CommandLine:
    """Runs commands under settings of its own, in this process."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
        settings: Mapping[str, str | Path],
    ) -> None:
        """Take the settings that follow ``LIFECYCLE_``, by name; none of the environment's stays."""
        self._monkeypatch, self._capsys, self._caplog = monkeypatch, capsys, caplog
        for name in ("DATABASE_URL", "POLICY_DIR", "DATAMAP_DIR", "SAMPLE_DIR", "KEYRING", "MASTER_KEY"):
            monkeypatch.delenv(f"LIFECYCLE_{name}", raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(f"LIFECYCLE_{name}", str(value))

    def __call__(self, *arguments: str, stdin: str = "") -> Said:
        """Run a command; ``err`` has what was logged, too."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        self._caplog.clear()
        self._capsys.readouterr()
        with self._caplog.at_level(logging.DEBUG, logger="lifecycle"):
            code = run(list(arguments))
        printed = self._capsys.readouterr()
        return Said(code=code, out=printed.out, err=printed.err + self._caplog.text)
