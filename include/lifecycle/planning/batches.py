"""Which batch a row goes in: with what it refers to, or before, where its link is not cut.

And a document of an archive goes in one batch: what is left of it between two would be taken for another document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from lifecycle.planning.changes import is_cut
from lifecycle.policy.model import EdgeKind
from lifecycle.store.relations import refers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.planning.workset import WorkSet
    from lifecycle.policy.edges import Edge


def settle(works: WorkSet) -> bool:
    """Move rows to the batch of what they refer to, where that would go first and their link is not cut.

    A row waits for the last of those that lead to it. One that nothing else leads to is in its leader's batch
    already, so that nothing is to be done unless a row has several leaders. Returns whether any row was moved.
    """
    binding = [
        edge
        for edge in works.rulebook.edges
        if edge.kind is not EdgeKind.NONE and edge.holder in works and edge.target in works
        if not is_cut(works.rulebook, edge, works.scope.deletion_order)
    ]
    moves = [_Move(edge) for edge in binding]
    moves += [_Move(edge, back=True) for edge in _edges_of_documents(works)]
    if not sum(_join(works, move) for move in moves if _may_be_later(works, move.edge)):
        return False
    while sum(_join(works, move) for move in moves):
        pass
    return True


class _Move(NamedTuple):
    """Rows go in the batch of what they refer to, or back: of what refers to them; if that is earlier."""

    edge: Edge
    back: bool = False


def _may_be_later(works: WorkSet, edge: Edge) -> bool:
    """Whether a row may have come to its batch otherwise than by what it refers to."""
    return len(works.rulebook.spreading_into(edge.holder)) > 1 or edge.holder in works.scope.roots


def _edges_of_documents(works: WorkSet) -> Iterator[Edge]:
    """The references from what belongs to a document of an archive up to it."""
    for archive in works.rulebook.archives.values():
        edges = dict.fromkeys(edge for path in archive.paths.values() for edge in path)
        yield from (edge for edge in edges if edge.holder in works and edge.target in works)


def _join(works: WorkSet, move: _Move) -> int:
    """Let rows join an earlier batch; returns how many did."""
    holding, referred = works[move.edge.holder], works[move.edge.target]
    holder, target = holding.row("holder"), referred.row("target")
    joining, row, joined, other = holding, holder, referred, target
    if move.back:
        joining, row, joined, other = referred, target, holding, holder
    earlier = joined.table.alias("earlier")
    found = (
        sa.select(*joining.key_columns, sa.func.min(earlier.c.ordinal).label("ordinal"))
        .where(
            joining.is_row(row),
            refers(move.edge, works.rulebook.live, holder, target),
            joined.is_row(other, earlier),
            joining.table.c.kept.is_(None),
            earlier.c.kept.is_(None),
            earlier.c.ordinal < joining.table.c.ordinal,
        )
        .group_by(*joining.key_columns)
        .subquery("found")
    )
    statement = (
        sa.update(joining.table)
        .values(ordinal=found.c.ordinal)
        .where(*(joining.table.c[name] == found.c[name] for name in joining.keys.values()))
    )
    return int(works.connection.execute(statement).rowcount)
