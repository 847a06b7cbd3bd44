"""One seed: a history is invented while it is played, and shrunk where it fails."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.engine import Equipment
from simulation.history import Event, told
from simulation.invent.inventor import Inventor
from simulation.moments import day_of
from simulation.play import AT_THE_END, playing
from simulation.shrink import PATIENCE_SECONDS, shortest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulation.databases import Originals


@dataclass(frozen=True, kw_only=True)
class Failure:
    """How a history failed.

    Attributes:
        kind: late, early, or in what else the engine failed.
        rows: that were late or early.
        message: of the shortest history.
        history: the shortest that still fails.
    """

    kind: str
    rows: int
    message: str
    history: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One seed, simulated.

    Attributes:
        days: that were simulated: all, or those until it failed.
        counts: what happened how often.
        failure: None where every promise was kept.
    """

    seed: int
    days: int
    seconds: float
    counts: Counter[str]
    failure: Failure | None = None

    @property
    def late(self) -> int:
        """Rows that were late."""
        return self.failure.rows if self.failure and self.failure.kind == "late" else 0

    @property
    def early(self) -> int:
        """Rows that were gone early."""
        return self.failure.rows if self.failure and self.failure.kind == "early" else 0

    def report(self) -> str:
        """In words: the figures, or the shortest history that fails."""
        figures = (
            f"seed {self.seed}: {self.days} days, {self.counts['Run']} runs, {self.counts['rows gone']} rows gone,"
            f" {self.counts['kept past the limit']} kept past their limit for a reason;"
            f" {self.late} rows late, {self.early} rows early; {1000 * self.seconds / self.days:.0f} ms a day"
        )
        if self.failure is None:
            return figures
        return (
            f"{figures}\n{self.failure.message}\n"
            f"the shortest history that still fails so ({len(self.failure.history)} events):\n"
            f"{told(self.failure.history)}"
        )


def simulate(
    originals: Originals,
    seed: int,
    days: int,
    *,
    patience: float = PATIENCE_SECONDS,
    progress: Callable[[int], None] = lambda _: None,
) -> Simulated:
    """Simulate ``days`` days of a company.

    Args:
        originals: to copy the company's database from.
        seed: the same seed gives the same history.
        days: simulated days.
        patience: seconds that shrinking a failing history may take.
        progress: called with the number of days that are over, after every event and every shorter history.
    """
    history: list[Event] = []
    start = perf_counter()
    equipment = Equipment()
    with originals.copy() as database, playing(database, equipment) as player:
        invented = Inventor(seed, days, player.world).history()
        broken = None
        try:
            player.play(_noted(invented, history, progress))
            player.finish()
        except Broken as failure:
            broken = failure
        counts = player.counts + player.watch.counts
    seconds, over = perf_counter() - start, _days_over(history) + 1

    def play(events: Sequence[Event]) -> Broken | None:
        progress(over)
        return replay(originals, events, equipment, to_the_end=broken is not None and broken.kind == AT_THE_END)

    failure = _shrunk(history, broken, play, patience) if broken else None
    return Simulated(seed=seed, days=over if broken else days, seconds=seconds, counts=counts, failure=failure)


def replay(
    originals: Originals,
    history: Sequence[Event],
    equipment: Equipment | None = None,
    *,
    to_the_end: bool = True,
) -> Broken | None:
    """Play a history from the beginning; how it fails, if it does.

    Args:
        originals: to copy the company's database from.
        history: its events.
        equipment: of other histories of the same seed.
        to_the_end: asks for the engine's own verdict in the end, which takes a while.
    """
    with originals.copy() as database, playing(database, equipment) as player:
        try:
            player.play(history)
            if to_the_end:
                player.finish()
        except Broken as broken:
            return broken
    return None


def _noted(
    events: Iterator[Event], history: list[Event], progress: Callable[[int], None]
) -> Iterator[Event]:
    for event in events:
        history.append(event)
        yield event
        progress(_days_over(history))


def _days_over(history: Sequence[Event]) -> int:
    return (day_of(history[-1].at) - day_of(history[0].at)).days


def _shrunk(
    history: list[Event],
    broken: Broken,
    play: Callable[[Sequence[Event]], Broken | None],
    patience: float,
) -> Failure:
    """The shortest history that breaks in the same way."""

    def fails(events: Sequence[Event]) -> bool:
        nonlocal broken
        again = play(events)
        if again is None or again.kind != broken.kind:
            return False
        broken = again
        return True

    rows = broken.rows
    found = shortest(history, fails, patience=patience)
    return Failure(kind=broken.kind, rows=rows, message=str(broken), history=tuple(found))
