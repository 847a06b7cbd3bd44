"""Which rows are needed by rows that stay, although nothing about themselves keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.decide.clocks import (
    anchor_rows,
    between,
    day_without_evidence,
    event_day,
    evidence,
    is_stopping,
    ways,
)
from lifecycle.decide.facts import Need
from lifecycle.policy.model import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

    from lifecycle.decide.company import Company, RowId
    from lifecycle.decide.decision import Decision
    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Clock


def needs_of_references(
    company: Company, row: RowId, going: Mapping[RowId, Decision], held: Mapping[RowId, date | None]
) -> Iterator[Need]:
    """Needs of ``row`` by rows that stay and refer to it, by a link that stays with them.

    Args:
        company: its rows.
        row: one of ``going``.
        going: rows that go if nothing holds on to them, with what is decided about each so far.
        held: rows that holds and restrictions cover, with the last day: nothing about them changes.
    """
    for edge, holder in company.referring(row):
        if edge.kind is EdgeKind.NONE:
            continue
        if holder in held:
            yield Need(name=holder.collection, until=held[holder])
        if holder not in going:
            if _is_lasting(edge):  # it stays when the hold is over, too
                yield Need(name=holder.collection)
        elif going[holder].stays and (edge.kind is not EdgeKind.ACCESS or _is_lasting(edge)):
            yield Need(name=holder.collection, until=going[holder].until)


def witnesses_of_duty(
    company: Company, clock: Clock, row: RowId, is_over: Callable[[date], bool]
) -> set[RowId]:
    """The rows from which a duty to keep ``row`` is read: without them it would end too early."""
    found: set[RowId] = set()
    for anchor in anchor_rows(company, clock, row):
        if _runs(event_day(company, clock, anchor), is_over):
            told = [
                witness
                for witness, day in evidence(company, clock, anchor).items()
                if _runs(day, is_over) or is_stopping(company, clock, witness)
            ]
            found |= ways(company, clock, row, anchor, told)
    return found


def witnesses_of_rule(
    company: Company, clock: Clock, row: RowId, is_due: Callable[[date], bool]
) -> set[RowId]:
    """The rows from which it is read that ``row`` is due: without them it might never be again."""
    found: set[RowId] = set()
    for anchor in anchor_rows(company, clock, row):
        otherwise = day_without_evidence(company, clock, anchor)
        is_due_without = otherwise is not None and is_due(otherwise)
        told = {} if is_due_without else evidence(company, clock, anchor)
        found |= ways(company, clock, row, anchor, (witness for witness, day in told.items() if day))
    return found


def rows_of_document(
    company: Company, archive: ResolvedArchive, row: RowId, is_over: Callable[[date], bool]
) -> set[RowId]:
    """The rows that belong to ``row``, if it is a document that the duty of an archive still keeps.

    It goes from the tables with all of them, or stays with all of them: the archive has it whole.
    """
    if row.collection != archive.documents or not _runs(event_day(company, archive.clock, row), is_over):
        return set()
    found: set[RowId] = set()
    for collection in archive.children:
        for child in company.of(collection):
            found |= between(company, child, archive.paths[collection], row)
    return found - {row}


def _runs(day: date | None, is_over: Callable[[date], bool]) -> bool:
    return day is None or not is_over(day)


def _is_lasting(edge: Edge) -> bool:
    """Whether the link of a row that stays cannot be cut."""
    return edge.kind is EdgeKind.TENANT or not edge.cut_columns
