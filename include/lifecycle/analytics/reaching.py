"""Rows that events belong to, joined along references as they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.store.relations import refers, relation

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.datamap.live import LiveSchema
    from lifecycle.datamap.model import CollectionName
    from lifecycle.policy.releases import Located
    from lifecycle.policy.rulebook import Path


class Reach:
    """Events, and the rows at the ends of paths from them.

    Args:
        live: has all of their columns.
        events: the collection.

    Attributes:
        row: the events themselves.
        joined: the events with every row that was asked for.
    """

    def __init__(self, live: LiveSchema, events: CollectionName) -> None:
        self._live = live
        self.row = relation(live, events, "event")
        self.joined: FromClause = self.row
        self._ends: dict[tuple[str, ...], FromClause] = {(): self.row}

    def end(self, path: Path) -> FromClause:
        """The row at the end of a path, joined once."""
        names = tuple(edge.name for edge in path)
        if names not in self._ends:
            edge, before = path[-1], self.end(path[:-1])
            end = relation(self._live, edge.target, f"at_{len(self._ends)}")
            self.joined = self.joined.outerjoin(end, refers(edge, self._live, before, end))
            self._ends[names] = end
        return self._ends[names]

    def value(self, located: Located) -> ColumnElement[Any]:
        """A column's value as it stands."""
        return self.end(located.path).c[located.column]

    def text(self, located: Located) -> ColumnElement[str]:
        """The value as text; an address without the length of its network, which is no part of whom it is."""
        value = self.value(located)
        if located.kind in {"inet", "cidr"}:
            return sa.func.host(value)
        return sa.cast(value, sa.Text)
