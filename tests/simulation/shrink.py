"""Shrinks a history that fails to the shortest that still fails in the same way.

First runs are left out, since hardly any failure needs more than the last few; then all that happens in a table;
then everything about a customer, a visitor, an enquiry; then single events, in ever smaller pieces, until none can
be spared (delta debugging); then what an event says besides. An event that cannot happen any more, because what it
was about is gone from the history, does nothing when it is played, so any part of a history is one.
"""

from __future__ import annotations

from dataclasses import fields, replace
from time import monotonic
from typing import TYPE_CHECKING

from simulation.history import Add, Change, Event, Place, Run
from simulation.tables import links_from

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from simulation.tables import Name

    Fails = Callable[[Sequence[Event]], bool]
    Piece = list[int]
    """Positions in a history."""

PATIENCE_SECONDS = 600
RUNS_KEPT_FIRST = 2
RUN_OPTIONS = tuple(one.name for one in fields(Run) if one.name not in {"at", "as_of"})


def shortest(events: Sequence[Event], fails: Fails, *, patience: float = PATIENCE_SECONDS) -> list[Event]:
    """The shortest history found within ``patience`` seconds that still fails.

    Args:
        events: fail as they are.
        fails: plays a history from the beginning.
        patience: afterwards the shortest so far has to do.
    """
    end = monotonic() + patience

    def still_fails(shorter: Sequence[Event]) -> bool:
        return monotonic() < end and fails(shorter)

    found = _with_few_runs(list(events), still_fails)
    found = _without_pieces(found, _by_table(found), still_fails)
    found = _without_pieces(found, _by_subject(found), still_fails)
    while True:
        found = _without_pieces(found, [[position] for position in range(len(found))], still_fails)
        simpler = _with_simple_events(found, still_fails)
        if simpler == found:
            return found
        found = simpler


def _with_few_runs(events: list[Event], fails: Fails) -> list[Event]:
    """Keep only the last few runs."""
    runs = [number for number, event in enumerate(events) if isinstance(event, Run)]
    kept = RUNS_KEPT_FIRST
    while kept < len(runs):
        dropped = set(runs[:-kept])
        shorter = [event for number, event in enumerate(events) if number not in dropped]
        if fails(shorter):
            return shorter
        kept *= 4
    return events


def _by_table(events: Sequence[Event]) -> list[Piece]:
    """The events in pieces: those about the rows of a table, those of another kind; each run is one."""
    pieces: dict[Hashable, Piece] = {}
    for position, event in enumerate(events):
        subject: Hashable = position if isinstance(event, Run) else type(event)
        if isinstance(event, Add | Change):
            subject = event.table
        pieces.setdefault(subject, []).append(position)
    return list(pieces.values())


def _by_subject(events: Sequence[Event]) -> list[Piece]:
    """The events in pieces: those about a row that is part of nothing, and about all that is part of it."""
    wholes: dict[Name, Name] = {}
    pieces: dict[Hashable, Piece] = {}
    for position, event in enumerate(events):
        if isinstance(event, Add):
            wholes[event.table, event.key] = _whole(event, wholes)
        subject: Hashable = position
        if isinstance(event, Add | Change):
            subject = wholes.get((event.table, event.key), position)
        pieces.setdefault(subject, []).append(position)
    return list(pieces.values())


def _whole(event: Add, wholes: dict[Name, Name]) -> Name:
    """The row that a new one is part of, and what that is part of, to the top."""
    for link in links_from(event.table):
        if link.belongs and event.row[link.column] is not None:
            target = link.target, event.row[link.column]
            return wholes.get(target, target)
    return event.table, event.key


def _without_pieces(events: Sequence[Event], pieces: list[Piece], fails: Fails) -> list[Event]:
    """Leave out pieces, ever fewer at a time, until none can be left out by itself."""
    size = max(len(pieces) // 2, 1)
    while True:
        start, is_shorter = 0, False
        while start < len(pieces):
            fewer = pieces[:start] + pieces[start + size :]
            if fewer and fails(_events(events, fewer)):
                pieces, is_shorter = fewer, True
            else:
                start += size
        if size == 1 and not is_shorter:
            return _events(events, pieces)
        size = max(size // 2, 1)


def _events(events: Sequence[Event], pieces: list[Piece]) -> list[Event]:
    return [events[position] for position in sorted(position for piece in pieces for position in piece)]


def _with_simple_events(events: list[Event], fails: Fails) -> list[Event]:
    """Take from each event what the failure does not need."""
    for position in range(len(events)):
        while simpler := _first_that_fails(events, position, fails):
            events = simpler
    return events


def _first_that_fails(events: list[Event], position: int, fails: Fails) -> list[Event] | None:
    """The events with a simpler one at a position."""
    changed = (
        [*events[:position], simpler, *events[position + 1 :]] for simpler in _simpler(events[position])
    )
    return next((shorter for shorter in changed if fails(shorter)), None)


def _simpler(event: Event) -> Iterator[Event]:
    """Events of which less happens, the simplest first."""
    if isinstance(event, Add):
        mentions = [link.column for link in links_from(event.table) if not link.belongs]
        yield from (
            replace(event, row=event.row | {one: None}) for one in mentions if event.row[one] is not None
        )
    if isinstance(event, Place) and len(event.targets) > 1:
        yield from (replace(event, targets=(target,)) for target in event.targets)
    if isinstance(event, Run):
        plain = Run(at=event.at, as_of=event.as_of)
        options = [name for name in RUN_OPTIONS if getattr(event, name) != getattr(plain, name)]
        if options:
            yield plain
        if len(options) > 1:
            yield from (replace(plain, **{name: getattr(event, name)}) for name in options)
            yield from (replace(event, **{name: getattr(plain, name)}) for name in options)
