"""Which holds and restrictions cover which rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.decide.company import Company, RowId
    from lifecycle.decide.facts import Hold


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A hold and what it names.

    Attributes:
        targets: collection and key as text, column by column; without a key, every row of the collection.
    """

    hold: Hold
    targets: tuple[tuple[str, tuple[str, ...]], ...]


def cover(company: Company, placed: Iterable[Placed]) -> dict[RowId, list[Hold]]:
    """The holds that cover each row: those that name it, and those that cover a row it belongs to."""
    found: dict[RowId, list[Hold]] = {}
    for one in placed:
        for row in _belonging(company, _named(company, one)):
            found.setdefault(row, []).append(one.hold)
    return found


def _named(company: Company, placed: Placed) -> set[RowId]:
    return {
        row
        for collection, key in placed.targets
        for row in company.of(collection)
        if not key or key == tuple(str(value) for value in row.key)
    }


def _belonging(company: Company, named: set[RowId]) -> set[RowId]:
    covered: set[RowId] = set()
    pending = set(named)
    while pending:
        row = pending.pop()
        covered.add(row)
        pending |= {follower for _, follower in company.followers(row)} - covered
    return covered
