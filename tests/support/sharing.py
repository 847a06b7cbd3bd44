"""How far two ways of sharing something out are from each other, and how far chance alone would take them."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING

from lifecycle.analytics import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

Share = dict[tuple[str, ...], float]


def shares(numbers: Mapping[tuple[str, ...], int]) -> Share:
    """Of the whole, by cell."""
    whole = sum(numbers.values())
    return {cell: number / whole for cell, number in numbers.items()}


def shares_released(folder: Path, table: str, first_day: date, by: Sequence[str], number: str) -> Share:
    """What one period of a table shows. Where a number is empty, it is as many as persons at least."""
    rows = files.rows(folder, table, first_day)
    assert rows, table
    return shares({tuple(row[name] for name in by): row[number] or row["persons"] for row in rows})


def noise_of(folder: Path, table: str, first_day: date, number: str) -> float:
    """How far noise may have moved the shares of a table: half of the errors of all cells, of the whole."""
    rows, says = files.rows(folder, table, first_day), files.says(folder, table, first_day)
    assert rows
    assert says
    return len(rows) * says["numbers"][number]["error_95"] / 2 / sum(row[number] or 0 for row in rows)


def distance(one: Share, other: Share) -> float:
    """Total variation: the share that would have to be moved."""
    return sum(abs(one.get(cell, 0) - other.get(cell, 0)) for cell in one.keys() | other.keys()) / 2


def sampling_distance(expected: Share, number: int) -> float:
    """The total variation that so many draws have on average, by the normal approximation."""
    return sum(sqrt(2 * share * (1 - share) / (pi * number)) for share in expected.values()) / 2


def given_alike(found: Share, wanted: Share, given: int) -> Share:
    """The shares that would be found if the first columns were shared out as wanted."""
    there = dict.fromkeys((cell[:given] for cell in (*found, *wanted)), 0.0)
    asked = dict(there)
    for some, sums in ((found, there), (wanted, asked)):
        for cell, share in some.items():
            sums[cell[:given]] += share
    return {cell: share / there[cell[:given]] * asked[cell[:given]] for cell, share in found.items()}
