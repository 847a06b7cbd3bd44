"""What is examined: a policy version, the data map, the live schema, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lifecycle.policy.model import EdgeKind
from lifecycle.policy.rulebook import collections_of, spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.datamap.live import LiveColumn, LiveSchema
    from lifecycle.datamap.model import CollectionName, DataMap
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.load import PolicyVersion
    from lifecycle.policy.model import Policy
    from lifecycle.policy.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True)
class Examined:
    """The three that must agree.

    Attributes:
        resolved: what could be resolved of the policy; the rules and duties that could not are missing in it.
        schedules: the DAGs that there are; None where nobody knows.
    """

    version: PolicyVersion
    datamap: DataMap
    live: LiveSchema
    resolved: Rulebook
    schedules: frozenset[str] | None = None

    @property
    def policy(self) -> Policy:
        """The policy itself."""
        return self.version.policy

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every edge between mapped collections."""
        return self.resolved.edges

    @cached_property
    def deletable(self) -> frozenset[CollectionName]:
        """Collections whose rows a rule or a request may delete."""
        erased = [name for name, what in self.policy.erasure.items() if what == "delete"]
        return frozenset({*self.closure((*self.rooted, *erased)), *self.dropped})

    @cached_property
    def rooted(self) -> frozenset[CollectionName]:
        """Collections that a ``delete`` rule applies to."""
        return self._applied("delete")

    @cached_property
    def dropped(self) -> frozenset[CollectionName]:
        """Collections that go by partition."""
        return self._applied("drop_partition")

    def _applied(self, action: str) -> frozenset[CollectionName]:
        rules = [rule for rule in self.policy.rules.values() if rule.action == action]
        return frozenset(name for rule in rules for name in rule.applies_to)

    def closure(self, roots: Iterable[CollectionName]) -> tuple[CollectionName, ...]:
        """Collections that a deletion in ``roots`` may reach, the roots included."""
        known = [name for name in roots if name in self.datamap.collections]
        return collections_of(spread(known, self.edges))

    def keepers(self, follower: CollectionName) -> tuple[Edge, ...]:
        """Edges along which a leader that stays keeps a row of ``follower`` (the last owner rule)."""
        return tuple(edge for edge in self.edges if edge.keeps_alive and edge.follower == follower)

    @cached_property
    def cut_edges(self) -> tuple[Edge, ...]:
        """Edges whose link may be cut while the row that holds it stays."""
        return tuple(edge for edge in self.edges if edge.target in self.deletable and self._may_be_cut(edge))

    def _may_be_cut(self, edge: Edge) -> bool:
        if edge.kind is EdgeKind.ACCESS:
            return not edge.takes_along
        return edge.kind is EdgeKind.OWNER and len(self.keepers(edge.follower)) > 1

    def live_column(self, collection: CollectionName, column: str) -> LiveColumn | None:
        """The column as the database has it, if it does."""
        table = self.live.get(collection)
        return table.columns.get(column) if table else None

    def edge_place(self, edge: Edge) -> str:
        """Where an edge is stated in the policy, or else where its column is described."""
        for column in edge.columns:
            name = f"{edge.holder}.{column}"
            if name in self.policy.edges:
                return self.version.place("edges", name)
        return self.datamap.place(edge.holder, edge.columns[0])
