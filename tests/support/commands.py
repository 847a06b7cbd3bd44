"""``lifecycle`` as somebody at a terminal runs it: arguments and input go in, an exit code and text come out."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from lifecycle.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command came to.

    Attributes:
        log: what was logged meanwhile, whether a terminal would have shown it or not.
    """

    code: int
    out: str
    err: str
    log: str

    @property
    def everything(self) -> str:
        """All that could be read by somebody."""
        return self.out + self.err + self.log

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
        *,
        now: datetime,
    ) -> None:
        """Take the settings that follow ``LIFECYCLE_``, by name; none of the environment's stays.

        Args:
            monkeypatch: changes environment, clock and standard input.
            capsys: catches what is printed.
            caplog: catches what is logged.
            settings: value by name.
            now: what the clock says to every command.
        """
        self._monkeypatch, self._capsys, self._caplog = monkeypatch, capsys, caplog
        for name in ("DATABASE_URL", "POLICY_DIR", "DATAMAP_DIR", "SAMPLE_DIR", "KEYRING", "MASTER_KEY"):
            monkeypatch.delenv(f"LIFECYCLE_{name}", raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(f"LIFECYCLE_{name}", str(value))
        monkeypatch.setattr("lifecycle.cli.session.datetime", _clock(now))

    def __call__(self, *arguments: str, stdin: str = "") -> Said:
        """Run a command."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        self._caplog.clear()
        self._capsys.readouterr()
        with self._caplog.at_level(logging.DEBUG, logger="lifecycle"):
            code = run(list(arguments))
        printed = self._capsys.readouterr()
        return Said(code=code, out=printed.out, err=printed.err, log=self._caplog.text)


def _clock(moment: datetime) -> type[datetime]:
    """The class ``datetime``, stopped."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return moment.astimezone(tz)

    return Stopped
