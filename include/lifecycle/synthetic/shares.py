"""How the values of a column are shared out, so that every released table is met as closely as they agree.

Each has noise of its own and lacks its own small cells, so no shares meet all of them. Those of the finest table are
taken where it shows anything, and then moved as little as possible (in total variation) to meet the coarser ones, which
have less noise: the coarsest is met exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Cell = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one table tells of a column.

    Attributes:
        given: places of the group's values that it is divided by as well.
        cells: what it shows of each value, by those of ``given``.
    """

    given: tuple[int, ...]
    cells: Mapping[Cell, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The share of each value in each group.

    Attributes:
        values: in order.
        of: a row for each group; each adds up to one.
    """

    values: tuple[str, ...]
    of: Numbers

    def bounds(self) -> list[list[float]]:
        """Where the interval of each value begins, of 0 to 1, for each group."""
        ends = np.cumsum(self.of, axis=1)
        begins: list[list[float]] = np.hstack([np.zeros((len(ends), 1)), ends[:, :-1]]).tolist()
        return begins


def share_out(groups: Sequence[Cell], sizes: Sequence[int], tables: Sequence[Told]) -> Shares:
    """The shares of each group.

    Args:
        groups: the values of other columns that what is drawn has already; there is one.
        sizes: how many of each there are.
        tables: what is told, finest first; at least one shows something.
    """
    values = tuple(sorted({value for told in tables for shown in told.cells.values() for value in shown}))
    weights = np.array(sizes, dtype=np.float64)
    shares = _first(groups, tables, values)
    for told in tables:
        for cell, rows in _rows(groups, told.given).items():
            if cell in told.cells:
                target = _share(told.cells[cell], values)
                shares[rows] = _met(shares[rows], weights[rows], target)
    return Shares(values=values, of=shares / shares.sum(axis=1, keepdims=True))


def _first(groups: Sequence[Cell], tables: Sequence[Told], values: tuple[str, ...]) -> Numbers:
    """For each group what the finest table shows that shows anything of it; else what the coarsest shows of all."""
    coarsest = tables[-1].cells.values()
    everywhere = {value: sum(shown.get(value, 0) for shown in coarsest) for value in values}
    shares = [_share(_finest(group, tables) or everywhere, values) for group in groups]
    return np.array(shares)


def _finest(group: Cell, tables: Sequence[Told]) -> Mapping[str, int] | None:
    shown = (told.cells.get(tuple(group[place] for place in told.given)) for told in tables)
    return next((one for one in shown if one), None)


def _share(shown: Mapping[str, int], values: tuple[str, ...]) -> Numbers:
    numbers = np.array([shown.get(value, 0) for value in values], dtype=np.float64)
    total: float = numbers.sum()
    return numbers / total


def _rows(groups: Sequence[Cell], given: tuple[int, ...]) -> dict[Cell, list[int]]:
    found: dict[Cell, list[int]] = {}
    for row, group in enumerate(groups):
        found.setdefault(tuple(group[place] for place in given), []).append(row)
    return found


def _met(shares: Numbers, weights: Numbers, target: Numbers) -> Numbers:
    """The shares, moved so that those of all rows together are the target: no way moves less.

    What there is too much of is cut in proportion; each row is filled up with what there is too little of.
    """
    present = (weights[:, np.newaxis] * shares).sum(axis=0) / weights.sum()
    cut = np.divide(target, present, out=np.ones_like(present), where=present > 0)
    kept: Numbers = shares * np.minimum(cut, 1)
    lacking = np.maximum(target - present, 0)
    if lacking.sum() > 0:
        kept += np.outer(1 - kept.sum(axis=1), lacking / lacking.sum())
    return kept
