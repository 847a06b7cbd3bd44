"""Which holds and restrictions cover which rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lifecycle.datamap.identity import names_subject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.decide.company import Company, RowId
    from lifecycle.decide.facts import Hold
    from lifecycle.identity.forms import Identifier


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A hold and what it names.

    Attributes:
        targets: collection and key as text, column by column; without a key, every row of the collection.
        subjects: every row that names such a subject.
    """

    hold: Hold
    targets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    subjects: tuple[Identifier, ...] = field(default=(), repr=False)


def cover(company: Company, placed: Iterable[Placed]) -> dict[RowId, list[Hold]]:
    """The holds that cover each row: those that name it, and those that cover a row it belongs to."""
    found: dict[RowId, list[Hold]] = {}
    for one in placed:
        for row in _belonging(company, _named(company, one)):
            found.setdefault(row, []).append(one.hold)
    return found


def _named(company: Company, placed: Placed) -> set[RowId]:
    by_key = {
        row
        for collection, key in placed.targets
        for row in company.of(collection)
        if not key or key == tuple(str(value) for value in row.key)
    }
    return by_key | {row for row in company.rows if any(_names(company, row, one) for one in placed.subjects)}


def _names(company: Company, row: RowId, subject: Identifier) -> bool:
    return any(
        identity.kind == subject.kind and names_subject(identity, company.rows[row][column.name], subject)
        for column, identity in company.rulebook.datamap.identities(row.collection)
    )


def _belonging(company: Company, named: set[RowId]) -> set[RowId]:
    covered: set[RowId] = set()
    pending = set(named)
    while pending:
        row = pending.pop()
        covered.add(row)
        pending |= {follower for _, follower in company.followers(row)} - covered
    return covered
