"""One seed: a history is invented while it is played, and shrunk where it fails."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.engine import Equipment
from simulation.history import Event, Run, told
from simulation.invent.inventor import Inventor
from simulation.midway import Midway
from simulation.moments import day_of
from simulation.play import playing
from simulation.shrink import PATIENCE_SECONDS, shortest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulation.databases import Originals
    from simulation.world import World

RUNS_BACK = (2, 8, 32)
"""How many runs before its failure a shorter history begins, tried one after another."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """How a history failed.

    Attributes:
        late: rows that were there too long, in the whole history.
        early: rows that went too soon.
        message: of the shortest history.
        history: the shortest that still fails.
    """

    late: int
    early: int
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
        return self.failure.late if self.failure else 0

    @property
    def early(self) -> int:
        """Rows that were gone early."""
        return self.failure.early if self.failure else 0

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
    start = perf_counter()
    equipment = Equipment()
    with originals.copy() as database, playing(database, equipment) as player:
        invented = Inventor(seed, days, player.world).history()
        told_so_far = _Telling(player.world, progress)
        broken, is_at_the_end = None, False
        try:
            player.play(told_so_far.noting(invented))
            is_at_the_end = True
            player.finish()
        except Broken as failure:
            broken = failure
    over = told_so_far.days() + 1 if broken else days
    simulated = Simulated(
        seed=seed,
        days=over,
        seconds=perf_counter() - start,
        counts=player.counts + player.watch.counts,
    )
    if broken is None:
        return simulated

    def play(events: Sequence[Event]) -> Broken | None:
        progress(over)
        return replay(originals, events, equipment, to_the_end=is_at_the_end)

    failure = _shrunk(told_so_far.beginnings(), broken, play, patience)
    return replace(simulated, failure=failure)


class _Telling:
    """A history while it is told."""

    def __init__(self, world: World, progress: Callable[[int], None]) -> None:
        self.world = world
        self.progress = progress
        self.history: list[Event] = []
        self.midway: deque[tuple[int, Midway]] = deque(maxlen=max(RUNS_BACK))

    def noting(self, events: Iterator[Event]) -> Iterator[Event]:
        """The events, noted as they come."""
        for event in events:
            if isinstance(event, Run):
                self.midway.append((len(self.history), Midway.of(self.world, event.at)))
            self.history.append(event)
            yield event
            self.progress(self.days())

    def days(self) -> int:
        """How many are over."""
        return (day_of(self.history[-1].at) - day_of(self.history[0].at)).days

    def beginnings(self) -> Iterator[list[Event]]:
        """The history, begun ever earlier, at last from the very beginning."""
        for runs in RUNS_BACK:
            if runs < len(self.midway):
                position, midway = self.midway[-runs]
                yield [*midway.events(), *self.history[position:]]
        yield self.history


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


def _shrunk(
    beginnings: Iterator[list[Event]],
    broken: Broken,
    play: Callable[[Sequence[Event]], Broken | None],
    patience: float,
) -> Failure:
    """The shortest history that breaks in the same way."""
    first = broken

    def fails(events: Sequence[Event]) -> bool:
        nonlocal broken
        again = play(events)
        if again is None or not again.is_like(first):
            return False
        broken = again
        return True

    found: list[Event] = []
    for history in beginnings:
        found = history
        if fails(history):
            break
    found = shortest(found, fails, patience=patience)
    return Failure(late=first.late, early=first.early, message=str(broken), history=tuple(found))
