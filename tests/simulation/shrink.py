"""Shrinks a history that fails to the shortest that still fails in the same way.

First runs are left out, since hardly any failure needs more than the last few; then events, in ever smaller
pieces, until none can be spared (delta debugging). An event that cannot happen any more, because what it was
about is gone from the history, does nothing when it is played, so any part of a history is one.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from simulation.history import Event, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Fails = Callable[[Sequence[Event]], bool]

PATIENCE_SECONDS = 600


def shortest(events: Sequence[Event], fails: Fails, *, patience: float = PATIENCE_SECONDS) -> list[Event]:
    """The shortest history found within ``patience`` seconds that still fails.

    Args:
        events: fail as they are; the last is the run that did.
        fails: plays a history from the beginning.
        patience: afterwards the shortest so far has to do.
    """
    end = monotonic() + patience

    def still_fails(shorter: Sequence[Event]) -> bool:
        return monotonic() < end and fails(shorter)

    found = _without_pieces(_with_few_runs(list(events), still_fails), still_fails)
    return _with_simple_runs(found, still_fails)


def _with_few_runs(events: list[Event], fails: Fails) -> list[Event]:
    """Keep only the last few runs."""
    runs = [number for number, event in enumerate(events) if isinstance(event, Run)]
    kept = 1
    while kept < len(runs):
        dropped = set(runs[:-kept])
        shorter = [event for number, event in enumerate(events) if number not in dropped]
        if fails(shorter):
            return shorter
        kept *= 4
    return events


def _without_pieces(events: list[Event], fails: Fails) -> list[Event]:
    """Leave out pieces of the history, halving their size, until no single event can be left out."""
    size = max(len(events) // 2, 1)
    while True:
        start, left_out = 0, False
        while start < len(events):
            shorter = events[:start] + events[start + size :]
            if shorter and fails(shorter):
                events, left_out = shorter, True
            else:
                start += size
        if size == 1 and not left_out:
            return events
        size = max(size // 2, 1)


def _with_simple_runs(events: list[Event], fails: Fails) -> list[Event]:
    """Take from the runs what the failure does not need."""
    for number, event in enumerate(events):
        if not isinstance(event, Run):
            continue
        for simpler in _simpler(event):
            shorter = [*events[:number], simpler, *events[number + 1 :]]
            if fails(shorter):
                events = shorter
                break
    return events


def _simpler(run: Run) -> list[Run]:
    """Runs of which less happens, the simplest first."""
    plain = Run(at=run.at, as_of=run.as_of)
    return [plain, replace(plain, repeated=run.repeated), replace(plain, meanwhile=run.meanwhile)]
