"""The cells of a released table, counted in plain Python."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Event = Mapping[str, Any]
    """``subject``, the contributor where that is another, dimensions and measures."""


def counted_by_hand(
    events: Iterable[Event], contributor: str, by: Sequence[str], cells: int, most: Mapping[str, int]
) -> dict[tuple[str, ...], dict[str, int]]:
    """The cells by the values of their dimensions, as :func:`lifecycle.analytics.bounding.cells` names their numbers.

    Args:
        events: of one period.
        contributor: what tells contributors apart.
        by: dimensions.
        cells: of one contributor, those with most of its events, then the first by their bytes.
        most: of one contributor in one cell, by number: ``events``, ``persons``, or a measure.
    """
    added = defaultdict(list)
    for event in events:
        added[event[contributor], tuple(event[name] for name in by)].append(event)
    of_each = defaultdict(list)
    for (who, cell), some in added.items():
        of_each[who].append((-len(some), tuple(text.encode() for text in cell), cell, some))
    found = defaultdict(list)
    for ranked in of_each.values():
        for _, _, cell, some in sorted(ranked, key=lambda one: one[:2])[:cells]:
            found[cell].append({name: min(_amount(name, some), highest) for name, highest in most.items()})
    return {
        cell: {
            "contributors": len(each),
            **{name: sum(one[name] for one in each) for name in most},
            **{f"largest_{name}": max(one[name] for one in each) for name in most},
        }
        for cell, each in found.items()
    }


def _amount(number: str, events: Sequence[Event]) -> int:
    if number == "events":
        return len(events)
    if number == "persons":
        return len({event["subject"] for event in events})
    return sum(event[number] for event in events)
