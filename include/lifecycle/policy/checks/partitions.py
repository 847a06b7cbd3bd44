"""Dropped partitions: the table is cut up by the column that starts the clock, and nothing hangs on its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, error
from lifecycle.policy.model import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined


def check(examined: Examined) -> Iterator[Finding]:
    """Collections that cannot go by partition although a rule says so."""
    for name, rule in examined.policy.rules.items():
        anchor = examined.policy.anchors.get(rule.starts)
        for collection in rule.applies_to if rule.action == "drop_partition" else ():
            table = examined.live.get(collection)
            by_anchor = anchor and anchor.on == collection and anchor.column
            if table and anchor and table.partition_column != (by_anchor or ""):
                yield error(
                    "partition.column",
                    f"{collection} is not partitioned by range of {by_anchor or 'a column of its own'},"
                    f" which starts the clock {rule.starts}",
                    examined.version.place("rules", name, "action"),
                    "partition the table by that column, or use action: delete",
                )
    for collection in sorted(examined.dropped):
        yield from _referenced(examined, collection)


def _referenced(examined: Examined, collection: str) -> Iterator[Finding]:
    for edge in examined.edges:
        if edge.target == collection and edge.is_foreign_key:
            yield error(
                "partition.referenced",
                f"the foreign key {edge.name} refers to {collection}, whose partitions are dropped",
                examined.edge_place(edge),
                "drop the foreign key, or use action: delete",
            )
        elif edge.kind is not EdgeKind.NONE and collection in {edge.target, edge.leader}:
            yield error(
                "partition.followed",
                f"{edge.name} joins rows to {collection}, whose partitions are dropped with nothing that follows",
                examined.edge_place(edge),
                "state that edge as none, or use action: delete",
            )
