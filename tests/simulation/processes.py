"""Simulates seeds in processes beside each other, on one server; can be interrupted."""

from __future__ import annotations

import gc
import logging
import signal
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from simulation.databases import originals
from simulation.simulate import Simulated, simulate
from support.databases import DatabaseServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to simulate.

    Attributes:
        days: that each seed lasts.
        jobs: processes.
        patience: seconds to shrink a history that fails.
    """

    seeds: tuple[int, ...]
    days: int
    jobs: int
    patience: float


class Stopped(Exception):
    """The simulation is to stop."""


def simulated(order: Order, folder: Path, progress: Callable[[int], None]) -> Iterator[Simulated]:
    """Every seed, as they are done.

    Where the caller is interrupted, the processes stop at their next simulated day.

    Args:
        order: what to simulate.
        folder: of a server that all processes share.
        progress: called with the number of simulated days, now and then.
    """
    DatabaseServer(folder)
    context = get_context("spawn")
    days, is_stopping = context.Value("q", 0), context.Value("b", 0)
    with ProcessPoolExecutor(order.jobs, context, _begin, (days, is_stopping)) as pool:
        waiting = {pool.submit(_simulate, folder, seed, order.days, order.patience) for seed in order.seeds}
        with _stopping(is_stopping, waiting):
            while waiting:
                done, waiting = wait(waiting, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                progress(days.value)
                yield from (future.result() for future in done)


@contextmanager
def _stopping(is_stopping: Any, waiting: Iterable[Future[Simulated]]) -> Iterator[None]:
    """Tell the processes to stop, whatever ends the block."""
    try:
        yield
    finally:
        is_stopping.value = 1
        for future in waiting:
            future.cancel()


_shared: dict[str, Any] = {}
"""What a process shares with the others: the days that all have simulated, and whether they are to stop."""


def _begin(days: Any, is_stopping: Any) -> None:
    _shared.update(days=days, is_stopping=is_stopping)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process is told, and tells the others
    logging.disable(logging.WARNING)  # batches are put off on purpose
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)  # statements are made and thrown away by the thousand, without cycles


def _simulate(folder: Path, seed: int, days: int, patience: float) -> Simulated:
    """One seed, in a process of its own."""
    reached = 0

    def progress(day: int) -> None:
        nonlocal reached
        if _shared["is_stopping"].value:
            raise Stopped
        with _shared["days"].get_lock():
            _shared["days"].value += day - reached
        reached = day

    with originals(DatabaseServer(folder)) as databases:
        return simulate(databases, seed, days, patience=patience, progress=progress)
