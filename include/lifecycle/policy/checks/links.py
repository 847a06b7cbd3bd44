"""Links: every link that must be cut can be, and rows that refer to each other can go in some order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, error, warning
from lifecycle.policy.model import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.edges import Edge


def check(examined: Examined) -> Iterator[Finding]:
    """Links that cannot be cut, cut more than they should, or form a circle."""
    for edge in examined.edges:
        if edge.kind is EdgeKind.ACCESS and not edge.takes_along and not edge.cut_columns:
            yield error(
                "edge.uncuttable",
                f"{edge.name} is to be cut and may not be null",
                examined.edge_place(edge),
                "allow null in one of its columns, or state access: delete",
            )
        yield from _own_kind(examined, edge)
    for edge in examined.cut_edges:
        yield from _several_owners(examined, edge)
        yield from _overlap(examined, edge)
    yield from _cycles(examined)


def _own_kind(examined: Examined, edge: Edge) -> Iterator[Finding]:
    """Rows that take along rows of their own collection by a default, which nobody may have thought of."""
    if edge.is_self and edge.kind is EdgeKind.OWNER and not edge.is_stated:
        yield warning(
            "edge.own_kind",
            f"{edge.name} refers to rows of its own collection: when one goes, all that refer to it go with it,"
            " due or not",
            examined.edge_place(edge),
            f"state it under edges: {edge.name}: owner, if it is meant so, or {{access: cut}}",
        )


def _several_owners(examined: Examined, edge: Edge) -> Iterator[Finding]:
    if edge.kind is not EdgeKind.OWNER or edge.cut_columns:
        return
    others = ", ".join(other.name for other in examined.keepers(edge.follower) if other is not edge)
    yield error(
        "edge.several_owners",
        f"a row of {edge.follower} stays while another owner is left ({others}), but {edge.name} may not be null",
        examined.edge_place(edge),
        f"allow null there, or state {edge.name}: tenant, so that the row goes with this owner whoever else is left",
    )


def _overlap(examined: Examined, edge: Edge) -> Iterator[Finding]:
    """Cutting one link must not cut another that shares a column."""
    for other in examined.edges:
        shared = set(edge.cut_columns) & set(other.columns)
        if other is not edge and other.holder == edge.holder and other.target != edge.target and shared:
            yield warning(
                "edge.cut_overlaps",
                f"cutting {edge.name} also cuts {other.name}: both use {', '.join(sorted(shared))}",
                examined.edge_place(edge),
                "give each reference columns of its own",
            )


def _cycles(examined: Examined) -> Iterator[Finding]:
    deletable = examined.deletable
    inside = [edge for edge in examined.edges if {edge.holder, edge.target} <= deletable and not edge.is_self]
    owning = [(edge.leader, edge.follower) for edge in inside if edge.keeps_alive]
    for circle in circles(owning):
        yield error(
            "cycle.owners",
            f"rows of {', '.join(circle)} own each other in a circle, so that none of them would ever go",
            _place_of(examined, circle, [edge for edge in inside if edge.keeps_alive]),
            "state which of the references does not own: access or tenant",
        )
    uncut = [edge for edge in inside if edge.kind is not EdgeKind.NONE and not edge.cut_columns]
    for circle in circles((edge.holder, edge.target) for edge in uncut):
        yield error(
            "cycle.references",
            f"rows of {', '.join(circle)} refer to each other by columns that may not be null,"
            " so that none can be deleted first",
            _place_of(examined, circle, uncut),
            "allow null in one of the references",
        )


def _place_of(examined: Examined, circle: tuple[str, ...], edges: Iterable[Edge]) -> str:
    first = next(edge for edge in edges if edge.holder in circle and edge.target in circle)
    return examined.edge_place(first)


def circles(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Groups of two or more names of which each leads to each, by name."""
    after: dict[str, set[str]] = {}
    for first, second in pairs:
        after.setdefault(first, set()).add(second)
        after.setdefault(second, set())
    reached = {name: _reached(after, name) for name in after}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in after
        if name in reached[name]
    }
    return sorted(group for group in groups if len(group) > 1)


def _reached(after: dict[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    pending = [start]
    while pending:
        found = after[pending.pop()] - reached
        reached |= found
        pending += found
    return reached
