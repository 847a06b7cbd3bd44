"""Looks for a fault where it must show: in the last few runs of histories that end on such an occasion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.history import Keeping, Run
from simulation.simulate import replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulation.broken import Broken
    from simulation.databases import Originals
    from simulation.engine import Equipment
    from simulation.faults import Fault
    from simulation.foresee import Foreseen
    from simulation.history import Event

RUNS = 3
"""Runs that a history has at least: the first takes notice of all there is, the others show what a day changes."""
TRIES = 12


def find(originals: Originals, foreseen: Foreseen, fault: Fault, equipment: Equipment) -> Broken | None:
    """How a fault shows, if it does within a few tries."""
    left_out = () if fault.with_runs else (Run, Keeping)
    for history in histories(foreseen, fault.occasion, fault.runs, with_archive=fault.with_archive):
        events = [event for event in history if not isinstance(event, left_out)]
        with fault.plant():
            broken = replay(originals, events, equipment, to_the_end=False)
        if broken is not None:
            return broken
    return None


def histories(
    foreseen: Foreseen, occasion: str, runs: int = RUNS, *, with_archive: bool = False
) -> Iterator[Sequence[Event]]:
    """Histories that end on an occasion, some of those that there are."""
    positions = [
        position
        for position, met in foreseen.occasions.items()
        if any(occasion in name and times for name, times in met.items())
    ]
    for position in positions[:: max(len(positions) // TRIES, 1)]:
        yield ending_at(foreseen, position, runs, with_archive=with_archive)


def ending_at(
    foreseen: Foreseen, position: int, length: int, *, with_archive: bool = False
) -> Sequence[Event]:
    """A history that begins a few runs before this one, and ends with it."""
    runs = [one for one in foreseen.midway if one <= position][-length:]
    if not runs:
        return foreseen.history[: position + 1]
    begun = foreseen.midway[runs[0]].events(with_archive=with_archive)
    return [*begun, *foreseen.history[runs[0] : position + 1]]
