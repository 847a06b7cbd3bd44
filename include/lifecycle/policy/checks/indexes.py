"""Indexes: planning and deleting find their rows without reading whole tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.datamap.identity import helpful_indexes
from lifecycle.datamap.names import name_index, name_index_statement
from lifecycle.datamap.texts import words_index, words_index_statement
from lifecycle.policy.findings import Finding, warning
from lifecycle.policy.model import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.model import Anchor


def check(examined: Examined) -> Iterator[Finding]:
    """Columns that are searched and have no index."""
    searched = {rule.starts for rule in examined.policy.rules.values() if rule.action != "drop_partition"}
    for name in sorted(searched & examined.policy.anchors.keys()):
        for collection, column in _anchor_columns(examined.policy.anchors[name]):
            if examined.live_column(collection, column) and not _has_index(examined, collection, (column,)):
                yield warning(
                    "index.anchor",
                    f"{collection}.{column} starts the clock {name} and has no index:"
                    " planning reads every row stored",
                    examined.version.place("anchors", name),
                    "create an index on the column",
                )
    for edge in examined.edges:
        is_searched = edge.kind is not EdgeKind.NONE or edge.is_foreign_key
        is_known = edge.holder in examined.live and edge.target in examined.deletable
        if is_searched and is_known and not _has_index(examined, edge.holder, edge.columns):
            yield warning(
                "index.reference",
                f"{edge.name} refers to rows that may go and has no index:"
                f" every deletion reads all of {edge.holder}",
                examined.edge_place(edge),
                "create an index on the referring columns",
            )
    yield from _identities(examined)
    yield from _texts(examined)
    yield from _names(examined)


def _identities(examined: Examined) -> Iterator[Finding]:
    for collection in examined.datamap.collections:
        for column, identity in examined.datamap.identities(collection):
            live = examined.live_column(collection, column.name)
            form = examined.policy.identity_rule(identity.kind).form
            helpful = helpful_indexes(live, identity, form) if live else ()
            if helpful and not _begins_an_index(examined, collection, helpful):
                yield warning(
                    "index.identity",
                    f"{collection}.{column.name} names subjects by {identity.kind} and has no index on {helpful[0]}:"
                    f" while a subject is held by it, every deletion reads all of {collection}",
                    examined.datamap.place(collection, column.name),
                    f"create an index on {helpful[0]}",
                )


def _texts(examined: Examined) -> Iterator[Finding]:
    for number, name in enumerate(examined.policy.free_text):
        collection, column = name.rsplit(".", 1)
        live = examined.live_column(collection, column)
        is_text = column in examined.resolved.erasure.masking.redacts.get(collection, ())
        if live and is_text and not _begins_an_index(examined, collection, [words_index(live)]):
            yield warning(
                "index.text",
                f"{name} is free text and has no index over its words: whoever is erased is looked for in every row"
                f" of {collection}",
                examined.version.place("free_text", number),
                words_index_statement(collection, live),
            )


def _names(examined: Examined) -> Iterator[Finding]:
    for collection, names in examined.resolved.names.items():
        columns = [examined.live[collection].columns[name] for name in names.columns]
        if not _begins_an_index(examined, collection, [name_index(columns)]):
            yield warning(
                "index.name",
                f"rows of {collection} have names by which subjects are looked for, and no index over them:"
                " such a request reads every row",
                examined.version.place("names", collection),
                name_index_statement(collection, columns),
            )


def _anchor_columns(anchor: Anchor) -> Iterator[tuple[str, str]]:
    for column in (anchor.column, anchor.financial_year_end_of, anchor.otherwise):
        if column and column != "never":
            yield anchor.on, column
    if anchor.latest:
        collection, column = anchor.latest.rsplit(".", 1)
        yield collection, column


def _has_index(examined: Examined, collection: str, columns: Iterable[str]) -> bool:
    """Whether an index begins with these columns, in any order."""
    wanted = set(columns)
    return any(set(index[: len(wanted)]) == wanted for index in examined.live[collection].indexed)


def _begins_an_index(examined: Examined, collection: str, beginnings: Iterable[str]) -> bool:
    """Whether an index begins with one of these columns or expressions, whatever is quoted."""
    there = {one.replace('"', "") for one in examined.live[collection].index_beginnings}
    return not there.isdisjoint(one.replace('"', "") for one in beginnings)
