"""Names: every collection, column, reference and rule that the policy names exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.policy.edges import stated_names
from lifecycle.policy.findings import Finding, error
from lifecycle.policy.model import AccessEdge, Disposition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.model import Policy, Stop

Keys = tuple[str | int, ...]
"""A path of keys into the policy file."""


def check(examined: Examined) -> Iterator[Finding]:
    """Names of nothing. Those of anchors, rules and duties are found where they are resolved."""
    yield from _collections(examined)
    yield from _columns(examined)
    yield from _edges(examined)
    yield from _guards(examined)
    yield from _collections_not_applied_to(examined)


def _collections(examined: Examined) -> Iterator[Finding]:
    for keys, collection in _named_collections(examined.policy):
        if collection not in examined.datamap.collections:
            yield error(
                "collection.unknown",
                f"{collection} is not in the data map",
                examined.version.place(*keys),
                "correct the name, or describe the table",
            )


def _named_collections(policy: Policy) -> Iterator[tuple[Keys, str]]:
    yield from _listed_collections(policy)
    yield from _collections_of_stops(policy)
    for part in ("erasure", "freshness", "names"):
        for collection in getattr(policy, part):
            yield (part, collection), collection
    of_text = (column.rsplit(".", 1)[0] for column in policy.free_text)
    for part, names in (("free_text", of_text), ("suppression", policy.suppression)):
        yield from (((part, number), collection) for number, collection in enumerate(names))
    yield from ((("edges", column), column.rsplit(".", 1)[0]) for column in policy.edges)
    if policy.disclosures:
        yield ("disclosures", "collection"), policy.disclosures.collection


def _listed_collections(policy: Policy) -> Iterator[tuple[Keys, str]]:
    """Those that purposes, sources and recipients list."""
    parts: dict[str, tuple[str, Any]] = {
        "purposes": ("collections", policy.purposes),
        "sources": ("collections", policy.sources),
        "recipients": ("receives", policy.recipients),
    }
    for part, (field, members) in parts.items():
        for name, member in members.items():
            for number, collection in enumerate(getattr(member, field)):
                yield (part, name, field, number), collection


def _collections_of_stops(policy: Policy) -> Iterator[tuple[Keys, str]]:
    for name, purpose in policy.purposes.items():
        if purpose.stop:
            if purpose.stop.record:
                yield ("purposes", name, "stop", "record"), purpose.stop.record
            for column in purpose.stop.set:
                yield ("purposes", name, "stop", "set", column), column.rsplit(".", 1)[0]
            if purpose.stop.since:
                yield ("purposes", name, "stop", "since"), purpose.stop.since.rsplit(".", 1)[0]


def _columns(examined: Examined) -> Iterator[Finding]:
    for keys, name in _named_columns(examined.policy):
        collection, column = name.rsplit(".", 1)
        known = examined.datamap.collections.get(collection)
        if known and column not in known.columns:
            yield error(
                "column.unknown",
                f"{collection} has no column {column}",
                examined.version.place(*keys),
                "correct the name, or describe the column",
            )


def _columns_of_purposes(policy: Policy) -> Iterator[tuple[Keys, str]]:
    for name, purpose in policy.purposes.items():
        if purpose.opt_out:
            yield ("purposes", name, "opt_out"), purpose.opt_out
        if purpose.stop:
            yield from _columns_of_stop(("purposes", name, "stop"), purpose.stop)


def _named_columns(policy: Policy) -> Iterator[tuple[Keys, str]]:
    yield from _columns_of_purposes(policy)
    for collection, freshness in policy.freshness.items():
        yield ("freshness", collection, "column"), f"{collection}.{freshness.column}"
    for keys, collection, columns in emptied_columns(policy):
        for column in columns:
            yield keys, f"{collection}.{column}"
    for number, column in enumerate(policy.free_text):
        yield ("free_text", number), column
    for column in policy.edges:
        yield ("edges", column), column
    if policy.disclosures:
        for field in ("recipient", "disclosed_at"):
            name = f"{policy.disclosures.collection}.{getattr(policy.disclosures, field)}"
            yield ("disclosures", field), name


def _columns_of_stop(keys: Keys, stop: Stop) -> Iterator[tuple[Keys, str]]:
    for column in stop.values:
        yield (*keys, "values", column), f"{stop.record}.{column}"
    if stop.at:
        yield (*keys, "at"), f"{stop.record}.{stop.at}"
    for column in stop.set:
        yield (*keys, "set", column), column
    if stop.since:
        yield (*keys, "since"), stop.since


def emptied_columns(policy: Policy) -> Iterator[tuple[Keys, str, tuple[str, ...]]]:
    """Everywhere the policy lists columns to empty: path of keys, collection, columns."""
    for name, rule in policy.rules.items():
        if isinstance(rule.action, dict):
            for collection in rule.applies_to:
                yield ("rules", name, "action"), collection, rule.action["redact"]
    for column, stated in policy.edges.items():
        if isinstance(stated, AccessEdge) and isinstance(stated.access, dict):
            yield ("edges", column), column.rsplit(".", 1)[0], stated.access["redact"]
    for collection, what in policy.erasure.items():
        if isinstance(what, Disposition):
            yield ("erasure", collection), collection, what.redact


def _edges(examined: Examined) -> Iterator[Finding]:
    stated = examined.policy.edges
    names = {name for edge in examined.edges for name in stated_names(edge)}
    for column in stated:
        collection, own = column.rsplit(".", 1)
        known = examined.datamap.collections.get(collection)
        if known and own in known.columns and column not in names:
            yield error(
                "edge.no_reference",
                f"{column} is no reference",
                examined.version.place("edges", column),
                "state a kind for columns that refer to rows, or add the reference to the data map",
            )
    for edge in examined.edges:
        said: list[Any] = [stated[name] for name in stated_names(edge) if name in stated]
        if any(one != said[0] for one in said):
            yield error(
                "edge.contradiction",
                f"{edge.name} is one reference and is given several kinds",
                examined.edge_place(edge),
                "state the kind at one of its columns",
            )


def _guards(examined: Examined) -> Iterator[Finding]:
    for name in examined.policy.guards:
        if name not in {"default", *examined.policy.rules, *examined.policy.rights}:
            yield error(
                "guard.unknown",
                f"there is no rule {name} to guard",
                examined.version.place("guards", name),
                "name a rule or right of the policy, or default",
            )


def _collections_not_applied_to(examined: Examined) -> Iterator[Finding]:
    policy = examined.policy
    parts: dict[str, Any] = {"rules": policy.rules, "statutory": policy.statutory}
    for part, promises in parts.items():
        for name, promise in promises.items():
            for field in ("through", "columns"):
                for collection in getattr(promise, field, {}):
                    if collection not in promise.applies_to:
                        yield error(
                            "collection.not_applied",
                            f"{name} does not apply to {collection}, so what it says of it has no effect",
                            examined.version.place(part, name, field, collection),
                            "add it to applies_to, or remove it here",
                        )
