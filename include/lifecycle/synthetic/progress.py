"""How far the seeding is: a bar in a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Where the seeding stands after a piece of work.

    Attributes:
        name: the statement at work.
        done: statements finished, counting the one at work by the share of it that is done.
        total: statements in all.
        rows: rows the statement at work has written so far.
        finished: whether the statement at work is finished.
    """

    name: str
    done: float
    total: int
    rows: int
    finished: bool


Progress = Callable[[Step], None]


def log_progress(step: Step) -> None:
    """One log line per finished statement."""
    if step.finished:
        logger.info("%s: %s rows (%d of %d)", step.name, f"{step.rows:,}", round(step.done), step.total)


@contextmanager
def bar(console: Console) -> Iterator[Progress]:
    """A moving bar on a terminal; log lines when the console is not one."""
    if not console.is_terminal:
        yield log_progress
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Display

    columns = (TextColumn("{task.description:<32}"), BarColumn(), TextColumn("{task.fields[rows]:>14}"))
    with Display(*columns, TimeElapsedColumn(), console=console) as display:
        task = display.add_task("inventing people", total=None, rows="")

        def advance(step: Step) -> None:
            display.update(
                task, description=step.name, completed=step.done, total=step.total, rows=f"{step.rows:,} rows"
            )

        yield advance
