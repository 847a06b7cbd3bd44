"""A company's rows held in memory, and which of them refer to which."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Path, Rulebook

Values = dict[str, Any]
"""Column to value, of one row."""
Rows = dict[str, list[Values]]
"""The rows of every collection."""


class RowId(NamedTuple):
    """A row's collection and the values of its primary key."""

    collection: str
    key: tuple[Any, ...]


Pairs = dict["Edge", list[tuple[RowId, RowId]]]
"""Holder and target of every reference that there is, by edge."""


class Company:
    """The rows of every collection under a rulebook.

    Args:
        rulebook: says how rows belong together.
        rows: of every collection of the data map; one that is missing is empty.
    """

    def __init__(self, rulebook: Rulebook, rows: Mapping[str, Sequence[Values]]) -> None:
        self.rulebook = rulebook
        self.rows = {
            self._identify(collection, values): values for collection in rows for values in rows[collection]
        }

    def of(self, collection: str) -> list[RowId]:
        """The rows of one collection."""
        return self._by_collection.get(collection, [])

    def targets(self, edge: Edge, holder: RowId) -> list[RowId]:
        """The rows that ``holder`` refers to along ``edge``: more than one only where no key is referred to."""
        return self._targets[edge].get(holder, [])

    def holders(self, edge: Edge, target: RowId) -> list[RowId]:
        """The rows that refer to ``target`` along ``edge``."""
        return self._holders[edge].get(target, [])

    def referring(self, row: RowId) -> Iterator[tuple[Edge, RowId]]:
        """Every other row that refers to this one, with the edge by which it does."""
        for edge in self.rulebook.edges_into(row.collection):
            yield from ((edge, holder) for holder in self.holders(edge, row) if holder != row)

    def leaders(self, row: RowId) -> Iterator[tuple[Edge, RowId]]:
        """Every other row that a deletion of would reach this one from, with the edge along which."""
        for edge in self.rulebook.spreading_into(row.collection):
            found = self.holders(edge, row) if edge.leads_from_holder else self.targets(edge, row)
            yield from ((edge, leader) for leader in found if leader != row)

    def followers(self, row: RowId) -> Iterator[tuple[Edge, RowId]]:
        """Every other row that a deletion of this one may reach, with the edge along which."""
        for edge in self.rulebook.spreading_from(row.collection):
            found = self.targets(edge, row) if edge.leads_from_holder else self.holders(edge, row)
            yield from ((edge, follower) for follower in found if follower != row)

    def up(self, row: RowId, path: Path) -> set[RowId]:
        """The rows at the end of ``path``, each edge followed from holder to target."""
        ends = {row}
        for edge in path:
            ends = {target for end in ends for target in self.targets(edge, end)}
        return ends

    @cached_property
    def pairs(self) -> Pairs:
        """Holder and target of every reference that there is, by edge."""
        return {
            edge: [
                (holder, target)
                for holder in self.of(edge.holder)
                for target in self.of(edge.target)
                if self._refers(edge, holder, target)
            ]
            for edge in self.rulebook.edges
        }

    @cached_property
    def _by_collection(self) -> dict[str, list[RowId]]:
        found = defaultdict(list)
        for row in self.rows:
            found[row.collection].append(row)
        return found

    @cached_property
    def _targets(self) -> dict[Edge, dict[RowId, list[RowId]]]:
        return {edge: _grouped(pairs) for edge, pairs in self.pairs.items()}

    @cached_property
    def _holders(self) -> dict[Edge, dict[RowId, list[RowId]]]:
        return {
            edge: _grouped((target, holder) for holder, target in pairs) for edge, pairs in self.pairs.items()
        }

    def _refers(self, edge: Edge, holder: RowId, target: RowId) -> bool:
        return all(_same(self.rows[holder][here], self.rows[target][there]) for here, there in edge.pairs)

    def _identify(self, collection: str, values: Values) -> RowId:
        return RowId(collection, tuple(values[name] for name, _ in self.rulebook.key(collection)))


def _grouped(pairs: Iterable[tuple[RowId, RowId]]) -> dict[RowId, list[RowId]]:
    found = defaultdict(list)
    for one, other in pairs:
        found[one].append(other)
    return found


def _same(left: Any, right: Any) -> bool:
    """Equal values; of different types (text and number), equal as they are written. Null equals nothing."""
    if left is None or right is None:
        return False
    return bool(left == right if type(left) is type(right) else str(left) == str(right))
