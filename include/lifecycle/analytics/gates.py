"""What a cell must be before any number of it is made public (W6; Opinion 05/2014 of the Article 29 Working Party).

Gates look at exact numbers. They come before the noise, whose thresholds lie so high that a gate hardly ever decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lifecycle.analytics.bounding import CONTRIBUTORS, LARGEST, PERSONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from lifecycle.policy.release_form import Gates


@dataclass(frozen=True, kw_only=True)
class Exact:
    """The exact numbers of one cell, and the largest contribution to each."""

    contributors: int
    numbers: Mapping[str, int]
    largest: Mapping[str, int]


def passes(cell: Exact, gates: Gates) -> bool:
    """Whether a cell is about enough persons, of enough organisations."""
    persons = cell.numbers.get(PERSONS, cell.contributors)
    is_of_many = cell.contributors >= gates.organisations if PERSONS in cell.numbers else True
    return persons >= gates.persons and is_of_many


def dominated(cell: Exact, gates: Gates) -> frozenset[str]:
    """Numbers of a cell of which one contributor makes up more than its share."""
    return frozenset(
        name for name, value in cell.numbers.items() if cell.largest[name] > gates.largest_share * value
    )


def read_cells(cells: pa.Table, by: Sequence[str], names: Sequence[str]) -> dict[tuple[str, ...], Exact]:
    """Cells as :func:`lifecycle.analytics.bounding.cells` counts them, by the values of their dimensions.

    Args:
        cells: with those columns, of text and whole numbers.
        by: the dimensions, one at least.
        names: of the numbers, one at least.
    """
    columns = {name: cells[name].to_pylist() for name in cells.column_names}
    numbers = zip(*(columns[name] for name in names), strict=True)
    largest = zip(*(columns[f"{LARGEST}{name}"] for name in names), strict=True)
    values = zip(*(columns[name] for name in by), strict=True)
    return {
        cell: Exact(
            contributors=contributors,
            numbers=dict(zip(names, of_cell, strict=True)),
            largest=dict(zip(names, most, strict=True)),
        )
        for cell, contributors, of_cell, most in zip(
            values, columns[CONTRIBUTORS], numbers, largest, strict=True
        )
    }
