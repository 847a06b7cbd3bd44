"""What goes along: the rows that a deletion of due rows takes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.model import EdgeKind

if TYPE_CHECKING:
    from lifecycle.decide.company import Company, RowId


def taken(company: Company, due: set[RowId], *, takes_along: bool = True) -> set[RowId]:
    """The rows that go, if nothing holds on to them: the due ones, and what belongs to nobody else.

    It is the largest set whose every row is reached from a due one through rows of the set, and is free: so two
    rows that own each other, and that nobody else owns, go together.

    Args:
        company: its rows.
        due: rows that are due by themselves.
        takes_along: whether what belongs to them goes too.
    """
    going = _reached(company, due, set(company.rows)) if takes_along else due
    while True:
        free = {row for row in going if _is_free(company, row, due, going)}
        still = _reached(company, due & free, free)
        if still == going:
            return going
        going = still


def users(company: Company, row: RowId, going: set[RowId]) -> list[RowId]:
    """The rows that share ``row`` and do not go."""
    return [
        leader
        for edge, leader in company.leaders(row)
        if edge.kind is EdgeKind.SHARED and leader not in going
    ]


def content(company: Company, going: set[RowId]) -> set[RowId]:
    """The rows that go with what they are content of, whoever else owns them."""
    return {follower for row in going for edge, follower in company.followers(row) if not edge.keeps_alive}


def _reached(company: Company, start: set[RowId], within: set[RowId]) -> set[RowId]:
    """``start``, and what belongs to it through rows of ``within``."""
    reached: set[RowId] = set()
    pending = set(start)
    while pending:
        row = pending.pop()
        reached.add(row)
        followers = {follower for _, follower in company.followers(row)}
        pending |= (followers & within) - reached
    return reached


def _is_free(company: Company, row: RowId, due: set[RowId], going: set[RowId]) -> bool:
    """Nobody who stays uses it; and it is due itself, is content of what goes, or its last owner goes."""
    if users(company, row, going):
        return False
    leaders = list(company.leaders(row))
    is_content = any(not edge.keeps_alive and leader in going for edge, leader in leaders)
    owners = [leader for edge, leader in leaders if edge.keeps_alive]
    return row in due or is_content or all(owner in going for owner in owners)
