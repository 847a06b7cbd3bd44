"""``script/simulate``: years of the company, for as many seeds as wanted, in as many processes as there are cores."""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simulation.faults import FAULTS
from simulation.processes import Order, simulated
from simulation.record import Record
from simulation.shrink import PATIENCE_SECONDS
from support.server_folder import server_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulation.simulate import Simulated

DAYS_A_YEAR = 365.25
SECONDS_BETWEEN_LINES = 30
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print a line a seed, the shortest history of each that fails, and a verdict.

    Returns:
        0 where every promise was kept, 1 where one was not, 130 where the simulation was interrupted.
    """
    wanted = _arguments(arguments)
    console = Console(soft_wrap=True, highlight=False)
    days = round(wanted.years * DAYS_A_YEAR)
    record = Record(days)
    seeds = set(range(wanted.seed, wanted.seed + wanted.seeds))
    earlier = seeds & record.passed() if wanted.resume else set()
    order = Order(
        seeds=tuple(sorted(seeds - earlier)),
        days=days,
        jobs=wanted.jobs,
        patience=wanted.patience,
        fault=wanted.fault,
    )
    done: list[Simulated] = []
    start = monotonic()
    try:
        for one in _each(order, console):
            done.append(one)
            console.print(one.report(), markup=False)
            if one.failure is None and not order.fault:
                record.remember(one.seed)
    except (KeyboardInterrupt, BrokenProcessPool) as reason:
        what = "interrupted" if isinstance(reason, KeyboardInterrupt) else "a process was killed"
        console.print(f"{what}; the same command with --resume goes on where this one stopped")
    console.print(verdict(done, earlier, seeds, days, monotonic() - start), markup=False)
    if any(one.failure for one in done):
        return 1
    return 0 if len(done) + len(earlier) == len(seeds) else INTERRUPTED


def verdict(done: list[Simulated], earlier: set[int], seeds: set[int], days: int, seconds: float) -> str:
    """All figures in a sentence."""
    failed = [one.seed for one in done if one.failure]
    late, early = sum(one.late for one in done), sum(one.early for one in done)
    simulated_days = sum(one.days for one in done) + days * len(earlier)
    parts = [
        f"{len(done) + len(earlier)} of {len(seeds)} seeds, {simulated_days} simulated days",
        f"{late} rows late, {early} rows early",
        f"{len(failed)} seeds failed" + (f" ({', '.join(map(str, failed))})" if failed else ""),
        f"{seconds / 60:.1f} minutes",
    ]
    if earlier:
        parts.append(f"{len(earlier)} seeds had passed before")
    return "; ".join(parts)


def _each(order: Order, console: Console) -> Iterator[Simulated]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    total = order.days * len(order.seeds)
    with server_folder() as folder, _shown(total, console) as progress:
        yield from simulated(order, folder, progress)


@contextmanager
def _shown(total: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Progress as a bar in a terminal, else as a line now and then."""
    if not console.is_terminal:
        yield _lines(total, console)
        return
    columns = (TextColumn("simulated days"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda days: bar.update(task, completed=days)


def _lines(total: int, console: Console) -> Callable[[int], None]:
    last = monotonic()

    def show(days: int) -> None:
        nonlocal last
        if monotonic() - last > SECONDS_BETWEEN_LINES:
            last = monotonic()
            console.print(f"{days} of {total} days simulated")

    return show


def _arguments(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="script/simulate", description="Simulate years of the reference company.")
    parser.add_argument("--years", type=float, default=4, help="years that each seed lasts (4)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many, from the first on (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (one a core)")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_SECONDS,
        help=f"seconds to shrink a history that fails ({PATIENCE_SECONDS})",
    )
    parser.add_argument(
        "--resume", action="store_true", help="leave out seeds that passed before, with the same code"
    )
    parser.add_argument("--fault", choices=FAULTS, metavar="NAME", help="break the engine, to see it found")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
