"""Foreign keys into rows that may go: each has a consequence that the policy states, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, error
from lifecycle.policy.model import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.datamap.live import ForeignKey, LiveTable
    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.edges import Edge

_ACTIONS = {"c": "ON DELETE CASCADE", "n": "ON DELETE SET NULL", "d": "ON DELETE SET DEFAULT"}


def check(examined: Examined) -> Iterator[Finding]:
    """Foreign keys that would stop a deletion, or carry it further than the policy says."""
    for edge in examined.edges:
        if edge.is_foreign_key and edge.kind is EdgeKind.NONE and edge.target in examined.deletable:
            yield error(
                "foreign_key.undeclared",
                f"{edge.name} refers to {edge.target}, whose rows may be deleted, and nothing says what then",
                examined.edge_place(edge),
                f"state it under edges: {edge.holder}.{edge.columns[0]}: owner, shared, tenant or access",
            )
    for table in examined.live.values():
        for key in table.foreign_keys:
            yield from _foreign_key(examined, table, key)


def _foreign_key(examined: Examined, table: LiveTable, key: ForeignKey) -> Iterator[Finding]:
    mapped = [name for name in (table.name, key.target) if name in examined.datamap.collections]
    if len(mapped) == 1:
        yield from _unmapped(examined, table, key, examined.datamap.place(mapped[0]))
    elif mapped and key.on_delete in _ACTIONS and key.target in examined.deletable:
        edges = [edge for edge in examined.edges if _is_of(edge, table, key)]
        for edge in edges:
            if not _is_what_the_edge_does(examined, edge, key.on_delete):
                yield error(
                    "cascade.excess",
                    f"{_ACTIONS[key.on_delete]} of {key.name} does more than {edge.kind} says of {edge.name}",
                    examined.edge_place(edge),
                    "make the foreign key ON DELETE NO ACTION: a plan does what the policy says",
                )


def _unmapped(examined: Examined, table: LiveTable, key: ForeignKey, place: str) -> Iterator[Finding]:
    if key.on_delete in _ACTIONS:
        yield error(
            "cascade.unmapped",
            f"{_ACTIONS[key.on_delete]} of {key.name} joins {table.name} and {key.target},"
            " one of which is not in the data map",
            place,
            "make the foreign key ON DELETE NO ACTION, or describe the table",
        )
    elif key.target in examined.deletable:
        yield error(
            "foreign_key.unmapped",
            f"{table.name}, which is not in the data map, refers to {key.target}, whose rows may be deleted",
            place,
            f"describe {table.name} in the data map, or drop the foreign key {key.name}",
        )


def _is_of(edge: Edge, table: LiveTable, key: ForeignKey) -> bool:
    pairs = set(zip(key.columns, key.target_columns, strict=True))
    return edge.holder == table.name and edge.target == key.target and set(edge.pairs) == pairs


def _is_what_the_edge_does(examined: Examined, edge: Edge, action: str) -> bool:
    """Whether the plan has done the same before the database gets to it."""
    is_cut = edge in examined.cut_edges
    if action == "n":
        return is_cut
    goes_along = edge.takes_along or edge.kind in {EdgeKind.TENANT, EdgeKind.OWNER}
    return action == "c" and goes_along and not is_cut
