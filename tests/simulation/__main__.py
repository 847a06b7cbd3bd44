"""``script/simulate``: years of the company, for as many seeds as wanted, in as many processes as there are cores."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lifecycle.store.server import EmbeddedServer
from simulation.databases import originals
from simulation.shrink import PATIENCE_SECONDS
from simulation.simulate import Simulated, simulate
from support.databases import DatabaseServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

DAYS_A_YEAR = 365.25


def main() -> int:
    """Simulate, print a line a seed, and the shortest history of each that fails; 1 where one does."""
    wanted = _arguments()
    console = Console(soft_wrap=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="lifecycle-simulation-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's server runs as somebody else, who must be able to enter
        DatabaseServer(folder)
        try:
            for simulated in _simulated(wanted, folder, console):
                console.print(simulated.report(), markup=False, highlight=False)
                failed += simulated.failure is not None
        finally:
            EmbeddedServer(folder).destroy()
    return 1 if failed else 0


def _simulated(wanted: Namespace, folder: Path, console: Console) -> Iterator[Simulated]:
    """Every seed, as they are done."""
    days = round(wanted.years * DAYS_A_YEAR)
    context = get_context("spawn")
    done = context.Value("q", 0)
    columns = (TextColumn("simulated days"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=console, transient=True) as progress,
        ProcessPoolExecutor(wanted.jobs, context, _remember, (done,)) as pool,
    ):
        bar = progress.add_task("", total=days * wanted.seeds)
        seeds = range(wanted.seed, wanted.seed + wanted.seeds)
        waiting = {pool.submit(_simulate, folder, seed, days, wanted.patience) for seed in seeds}
        while waiting:
            finished = _some(waiting)
            waiting -= finished
            progress.update(bar, completed=done.value)
            yield from (future.result() for future in finished)


def _some(waiting: set[Future[Simulated]]) -> set[Future[Simulated]]:
    """Those that are done within the next moment."""
    try:
        return {next(as_completed(waiting, timeout=0.5))}
    except TimeoutError:
        return set()


_days_done: Any = None
"""Days that all processes have simulated, in the memory that they share."""


def _remember(done: Any) -> None:
    global _days_done  # noqa: PLW0603 - a worker process has no other way to keep what its initializer is given
    _days_done = done
    logging.disable(logging.WARNING)  # batches are put off on purpose


def _simulate(folder: Path, seed: int, days: int, patience: float) -> Simulated:
    """One seed, in a process of its own."""
    reached = 0

    def progress(day: int) -> None:
        nonlocal reached
        with _days_done.get_lock():
            _days_done.value += day - reached
        reached = day

    with originals(DatabaseServer(folder)) as databases:
        return simulate(databases, seed, days, patience=patience, progress=progress)


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="script/simulate", description="Simulate years of the reference company.")
    parser.add_argument("--years", type=float, default=4, help="years that each seed lasts (4)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many, from the first on (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (one a core)")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_SECONDS, help="seconds to shrink a history that fails (600)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
