"""Statutory duties: what the law keeps stays whole, ends some day, and keeps nothing else alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, error
from lifecycle.policy.model import Disposition, EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.model import Anchor, Statutory

_DRAGGING = {EdgeKind.OWNER, EdgeKind.SHARED, EdgeKind.TENANT}


def check(examined: Examined) -> Iterator[Finding]:
    """Duties that would be broken, never end, or keep rows that they do not cover."""
    cut = examined.cut_edges
    for name, duty in examined.policy.statutory.items():
        yield from _endless(examined, name, duty)
        for collection in duty.applies_to:
            edges = [edge for edge in examined.edges if edge.holder == collection]
            yield from _drags(examined, name, duty, edges)
            yield from _emptied(examined, name, duty, collection, [edge for edge in edges if edge in cut])


def _endless(examined: Examined, name: str, duty: Statutory) -> Iterator[Finding]:
    anchor = examined.policy.anchors.get(duty.starts)
    if anchor and (missing := _may_have_no_day(examined, anchor)):
        yield error(
            "statutory.endless",
            f"{name} starts with {missing}: rows without that day are kept for ever",
            examined.version.place("statutory", name, "starts"),
            "start it with a day that every row has",
        )


def _may_have_no_day(examined: Examined, anchor: Anchor) -> str:
    """The column of an anchor that some rows may lack, or nothing."""
    if anchor.latest and anchor.otherwise == "never":
        return anchor.latest
    name = anchor.column or anchor.financial_year_end_of or anchor.otherwise or ""
    column = examined.live_column(anchor.on, name)
    return f"{anchor.on}.{name}" if column and column.is_nullable else ""


def _drags(examined: Examined, name: str, duty: Statutory, edges: list[Edge]) -> Iterator[Finding]:
    for edge in edges:
        is_covered = edge.target in duty.applies_to or edge.target not in examined.deletable
        if edge.kind in _DRAGGING and not is_covered:
            yield error(
                "statutory.drags",
                f"a row of {edge.holder} that {name} keeps would keep its {edge.target} whole, along {edge.name}",
                examined.edge_place(edge),
                f"state {edge.name} as access, or let {name} apply to {edge.target} with the columns it needs",
            )


def _emptied(
    examined: Examined, name: str, duty: Statutory, collection: str, cut: list[Edge]
) -> Iterator[Finding]:
    described = examined.datamap.collections.get(collection)
    needed = set(duty.columns.get(collection, described.columns if described else ()))
    emptied = [(examined.edge_place(edge), {*edge.cut_columns, *edge.redact}) for edge in cut]
    disposition = examined.policy.erasure.get(collection)
    if isinstance(disposition, Disposition):
        emptied.append((examined.version.place("erasure", collection), set(disposition.redact)))
    for place, columns in emptied:
        if lost := sorted(columns & needed):
            yield error(
                "statutory.emptied",
                f"{name} needs {', '.join(lost)} of {collection}, which would be emptied here",
                place,
                f"list under columns what {name} needs of {collection}, without what may be emptied",
            )
