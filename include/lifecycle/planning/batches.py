"""Which batch a row goes in: with what it refers to, or before, where its link is not cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.planning.changes import is_cut
from lifecycle.policy.model import EdgeKind
from lifecycle.store.relations import refers

if TYPE_CHECKING:
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
    suspects = [
        edge
        for edge in binding
        if len(works.rulebook.spreading_into(edge.holder)) > 1 or edge.holder in works.scope.roots
    ]
    if not sum(_move(works, edge) for edge in suspects):
        return False
    while sum(_move(works, edge) for edge in binding):
        pass
    return True


def _move(works: WorkSet, edge: Edge) -> int:
    """Rows that refer along ``edge`` to a row of an earlier batch join it; returns how many."""
    holding, work = works[edge.holder], works[edge.target]
    holder, target, earlier = holding.row("holder"), work.row("target"), work.table.alias("earlier")
    referred = (
        sa.select(*holding.key_columns, sa.func.min(earlier.c.ordinal).label("ordinal"))
        .where(
            holding.is_row(holder),
            refers(edge, works.rulebook.live, holder, target),
            work.is_row(target, earlier),
            holding.table.c.kept.is_(None),
            earlier.c.kept.is_(None),
            earlier.c.ordinal < holding.table.c.ordinal,
        )
        .group_by(*holding.key_columns)
        .subquery("referred")
    )
    statement = (
        sa.update(holding.table)
        .values(ordinal=referred.c.ordinal)
        .where(*(holding.table.c[name] == referred.c[name] for name in holding.keys.values()))
    )
    return int(works.connection.execute(statement).rowcount)
