"""Reach: every personal collection has a rule that ends it; what none reaches is kept for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.datamap.model import Collection
    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.edges import Edge


def check(examined: Examined) -> Iterator[Finding]:
    """Personal collections kept for ever, in whole, in some columns, or in rows that belong to nothing."""
    reached = frozenset({*examined.closure(examined.rooted), *examined.dropped})
    certain = _certain(examined, reached)
    for collection in examined.datamap.collections.values():
        if collection.is_personal and collection.name not in reached:
            yield _never(examined, collection)
        elif collection.is_personal and collection.name not in certain:
            yield from _uncertain(examined, collection, certain)


def _certain(examined: Examined, reached: frozenset[str]) -> frozenset[str]:
    """Collections of which every row is reached: by their own rule, or by a link that is never null."""
    certain = {*examined.rooted, *examined.dropped}
    pending = True
    while pending:
        found = {
            edge.follower for edge in examined.edges if edge.leader in certain and _is_firm(examined, edge)
        }
        pending = bool((found & reached) - certain)
        certain |= found & reached
    return frozenset(certain)


def _is_firm(examined: Examined, edge: Edge) -> bool:
    """Whether every row of the follower belongs to a row of the leader."""
    columns = [examined.live_column(edge.holder, name) for name in edge.columns]
    is_never_null = all(column and not column.is_nullable for column in columns)
    return edge.spreads and not edge.leads_from_holder and is_never_null


def _never(examined: Examined, collection: Collection) -> Finding:
    place = examined.datamap.place(collection.name)
    redacted = {
        column
        for rule in examined.policy.rules.values()
        if isinstance(rule.action, dict) and collection.name in rule.applies_to
        for column in rule.action["redact"]
    }
    left = [
        column.name
        for column in collection.columns.values()
        if column.is_personal and column.name not in {*redacted, *collection.primary_key}
        if not _is_computed(examined, collection.name, column.name)
    ]
    if not redacted:
        message, next_step = "no rule ever deletes it", "add a rule, or state an edge along which it goes"
    elif left:
        message, next_step = f"no rule ever empties {', '.join(left)}", "add them to a redact rule, or delete"
    else:
        return warning(
            "reach.redacted",
            f"rows of {collection.name} are redacted and never deleted",
            place,
            "make sure that nothing in them still tells who it was, or delete them in the end",
        )
    return error("reach.never", f"{collection.name} is kept for ever: {message}", place, next_step)


def _is_computed(examined: Examined, collection: str, column: str) -> bool:
    live = examined.live_column(collection, column)
    return live is not None and live.is_generated


def _uncertain(examined: Examined, collection: Collection, certain: frozenset[str]) -> Iterator[Finding]:
    """Reported where the uncertainty begins, not again for all that hangs on it."""
    edges = [
        edge
        for edge in examined.edges
        if edge.spreads and edge.follower == collection.name and edge.leader in certain
    ]
    if edges:
        links = ", ".join(edge.name for edge in edges)
        yield warning(
            "reach.uncertain",
            f"a row of {collection.name} is reached only through {links}: one without is kept for ever",
            examined.datamap.place(collection.name),
            "make the column NOT NULL, or add a rule of its own",
        )
