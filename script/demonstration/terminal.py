"""What is told goes to the terminal, how far it is beside it, and what Airflow logs into a file."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lifecycle.cli.main import run as run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class CommandFailedError(Exception):
    """A command of ``lifecycle`` ended with another exit code than 0; it has said why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Terminal:
    """Where the story is told, and beside it how far it is.

    Args:
        told: takes the story.
        beside: takes progress.
    """

    def __init__(self, told: TextIO, beside: TextIO) -> None:
        self._told = told
        self._beside = Console(file=beside, highlight=False)

    @classmethod
    def of_this_process(cls) -> Terminal:
        """Standard output and standard error, also while :meth:`logging_into` leads them elsewhere."""
        told, beside = (os.fdopen(os.dup(stream), "w", encoding="utf-8") for stream in (1, 2))
        return cls(told, beside)

    def head(self, title: str) -> None:
        """Begin a chapter."""
        self.tell("", f"== {title}")

    def tell(self, *lines: str) -> None:
        """Print lines."""
        self._told.writelines(f"{line}\n" for line in lines)
        self._told.flush()

    def command(self, *arguments: str, lines: slice = slice(None)) -> None:
        """Run a command of ``lifecycle`` and tell what it prints, or some lines of it.

        Raises:
            CommandFailedError: it failed.
        """
        printed = io.StringIO()
        with redirect_stdout(printed):
            code = run_command(list(arguments))
        if code:
            raise CommandFailedError(code)
        self.tell(*printed.getvalue().splitlines()[lines])

    @contextmanager
    def logging_into(self, path: Path) -> Iterator[None]:
        """Whatever anybody prints meanwhile is appended to a file; only this terminal's methods reach the reader."""
        with path.open("a", encoding="utf-8") as log, ExitStack() as until_then:
            for stream in (1, 2):
                until_then.callback(_lead, stream, os.dup(stream))
                os.dup2(log.fileno(), stream)
            until_then.enter_context(redirect_stdout(log))
            until_then.enter_context(redirect_stderr(log))
            yield

    @contextmanager
    def progress(self, label: str) -> Iterator[Callable[[str, int, int], None]]:
        """A bar on a terminal, a line for each part elsewhere; takes a name, its number and how many there are."""
        if not self._beside.is_terminal:
            yield self._lines(label)
            return
        columns = TextColumn("{task.description:<60}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self._beside, transient=True) as display:
            bar = display.add_task(label, total=None)
            yield lambda name, number, of: display.update(
                bar, description=f"{label} {name}", completed=number, total=of
            )

    def _lines(self, label: str) -> Callable[[str, int, int], None]:
        begun = set()

        def line(name: str, number: int, of: int) -> None:
            part = name.partition(".")[0]
            if part not in begun:
                begun.add(part)
                self._beside.print(f"{label}: task {number} of {of}, {part}", markup=False, soft_wrap=True)

        return line


def _lead(stream: int, back: int) -> None:
    os.dup2(back, stream)
    os.close(back)
