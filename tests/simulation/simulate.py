"""One seed: a history is invented while it is played, and shrunk where it fails."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from time import perf_counter
from typing import TYPE_CHECKING

from simulation import model
from simulation.broken import Broken
from simulation.history import Event, Run, told
from simulation.invent import Inventor
from simulation.moments import day_of
from simulation.play import playing
from simulation.policy import first_policy
from simulation.shrink import PATIENCE_SECONDS, shortest
from simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulation.databases import Originals


@dataclass(frozen=True, kw_only=True)
class Failure:
    """How a history failed.

    Attributes:
        message: of the shortest history.
        history: the shortest that still fails.
    """

    message: str
    history: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One seed, simulated.

    Attributes:
        counts: what happened how often.
        failure: None where every promise was kept.
    """

    seed: int
    days: int
    seconds: float
    counts: Counter[str]
    failure: Failure | None = None

    def report(self) -> str:
        """In words: the figures, or the shortest history that fails."""
        figures = (
            f"seed {self.seed}: {self.days} days, {self.counts['Run']} runs, {self.counts['rows gone']} rows gone,"
            f" {self.counts['kept past the limit']} kept past their limit for a reason,"
            f" {1000 * self.seconds / self.days:.0f} ms a day"
        )
        if self.failure is None:
            return f"{figures}; 0 rows late, 0 rows early"
        return f"{figures}\n{self.failure.message}\nthe shortest history that fails:\n{told(self.failure.history)}"


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
        progress: called with the number of days that are over.
    """
    history: list[Event] = []
    start = perf_counter()
    with originals.copy() as database, playing(database) as player:
        invented = Inventor(seed, days, player.world).history()
        failure = None
        try:
            player.play(_noted(invented, history, progress))
            player.finish()
        except Broken as broken:
            failure = broken
        counts = player.counts + player.watch.counts
    seconds = perf_counter() - start
    return Simulated(
        seed=seed,
        days=days,
        seconds=seconds,
        counts=counts,
        failure=_shrunk(originals, history, failure, patience) if failure else None,
    )


def replay(originals: Originals, history: Sequence[Event]) -> Broken | None:
    """Play a history from the beginning; how it fails, if it does."""
    with originals.copy() as database, playing(database) as player:
        try:
            player.play(history)
            player.finish()
        except Broken as broken:
            return broken
    return None


def foresee(seed: int, days: int) -> tuple[list[Event], Counter[str]]:
    """The history of a seed and what happens in it, by the model alone: in seconds, without a database."""
    world = World(policies=[first_policy(date(2025, 2, 19))])
    history: list[Event] = []
    counts: Counter[str] = Counter()
    for event in Inventor(seed, days, world).history():
        history.append(event)
        counts[type(event).__name__] += 1
        if not isinstance(event, Run):
            world.apply(event)
            continue
        for rule in world.policies[0].promises:
            for interfering in event.meanwhile.get(rule, ()):
                counts["between plan and execution"] += world.apply(interfering)
            counts += model.sweep(world, rule, event.as_of).counts(rule)
    return history, counts


def _noted(
    events: Iterator[Event], history: list[Event], progress: Callable[[int], None]
) -> Iterator[Event]:
    for event in events:
        history.append(event)
        yield event
        progress((day_of(event.at) - day_of(history[0].at)).days)


def _shrunk(originals: Originals, history: list[Event], failure: Broken, patience: float) -> Failure:
    messages = [str(failure)]

    def fails(events: Sequence[Event]) -> bool:
        broken = replay(originals, events)
        if broken is None or broken.kind != failure.kind:
            return False
        messages.append(str(broken))
        return True

    found = shortest(history, fails, patience=patience)
    return Failure(message=messages[-1], history=tuple(found))
