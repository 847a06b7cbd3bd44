"""What stops for a subject: which purposes can be ended how, and what the company's own tables are told then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.model import EdgeKind, RequestKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.datamap.model import CollectionName
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.model import Policy

ENDING = (RequestKind.OBJECTION, RequestKind.WITHDRAWAL)
"""The kinds of requests that end purposes."""


def endable(policy: Policy, kind: RequestKind) -> tuple[str, ...]:
    """The purposes that a request of this kind can end, in the order of the policy."""
    if kind is RequestKind.OBJECTION:
        return tuple(name for name, purpose in policy.purposes.items() if purpose.can_be_objected_to)
    if kind is RequestKind.WITHDRAWAL:
        return tuple(name for name, purpose in policy.purposes.items() if purpose.can_be_withdrawn)
    return ()


def is_weighed(policy: Policy, kind: RequestKind, purpose: str) -> bool:
    """Whether somebody decides first if the purpose ends; consent that is taken back ends it in any case."""
    return kind is RequestKind.OBJECTION and policy.purposes[purpose].objection == "weighed"


def edges_of_record(edges: Iterable[Edge], collection: CollectionName) -> tuple[Edge, ...]:
    """The references by which rows of a collection belong to others; where there is one, it says whose word each is."""
    return tuple(
        edge
        for edge in edges
        if edge.holder == collection and edge.kind is EdgeKind.OWNER and not edge.is_self
    )


def recorded(policies: Iterable[Policy]) -> list[tuple[str, str]]:
    """Schema and name of every table in which a policy has a subject's word recorded."""
    named = {
        purpose.stop.record
        for policy in policies
        for purpose in policy.purposes.values()
        if purpose.stop and purpose.stop.record
    }
    found = []
    for collection in sorted(named):
        schema, name = collection.split(".", 1)
        found.append((schema, name))
    return found
