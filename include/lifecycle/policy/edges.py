"""Edges: every reference of the map and every foreign key of the live schema, with the kind that counts.

An edge joins rows of a *holder* (which has the referring columns) to rows of a *target*. Seen as belonging,
one of the two *leads* and the other follows: an ``owner`` or ``tenant`` edge leads from target to holder (a
person leads to her notes), a ``shared`` edge from holder to target (a customer leads to its address).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lifecycle.datamap.model import Direction
from lifecycle.policy.model import AccessEdge, EdgeKind

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from lifecycle.datamap.live import LiveColumn, LiveSchema, LiveTable
    from lifecycle.datamap.model import Collection, CollectionName, DataMap, Reference


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One kind of relation between rows of two collections.

    Attributes:
        name: ``schema.table.column`` of the holder; several columns are joined by a comma.
        is_foreign_key: whether the live schema declares it.
        refuses: whether the live schema refuses that a row goes while another refers to it.
        is_to_key: whether it refers to one row at most; several may share the value of a column that is no key.
        cut_columns: the holder's columns that are set to null when the link is cut; empty where none may be.
        redact: holder columns redacted together with the cut link (``access`` only).
        takes_along: ``access`` only: the holder's row is deleted with the one it refers to.
        is_stated: whether the policy names its kind, rather than a default.
    """

    name: str
    holder: CollectionName
    columns: tuple[str, ...]
    target: CollectionName
    target_columns: tuple[str, ...]
    kind: EdgeKind
    is_foreign_key: bool
    is_to_key: bool
    cut_columns: tuple[str, ...]
    refuses: bool = False
    redact: tuple[str, ...] = ()
    takes_along: bool = False
    is_stated: bool = False

    @property
    def leads_from_holder(self) -> bool:
        """Whether the referring side leads, as it does to what several rows share."""
        return self.kind is EdgeKind.SHARED

    @property
    def leader(self) -> CollectionName:
        """The side whose rows the other side's rows belong to."""
        return self.holder if self.leads_from_holder else self.target

    @property
    def follower(self) -> CollectionName:
        """The side whose rows belong to the other's."""
        return self.target if self.leads_from_holder else self.holder

    @property
    def spreads(self) -> bool:
        """Whether a deletion of the leader may take the follower along."""
        return self.takes_along or self.kind in {EdgeKind.OWNER, EdgeKind.SHARED, EdgeKind.TENANT}

    @property
    def keeps_alive(self) -> bool:
        """Whether a leader that stays keeps the follower (the last owner rule)."""
        return self.kind in {EdgeKind.OWNER, EdgeKind.SHARED}

    @property
    def is_lasting(self) -> bool:
        """Whether a row that stays cannot lose the link, so that what it refers to stays with it."""
        return self.kind is EdgeKind.TENANT or not self.cut_columns

    @property
    def is_self(self) -> bool:
        """Whether it joins rows of one collection."""
        return self.holder == self.target

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Holder column and target column, pair by pair."""
        return tuple(zip(self.columns, self.target_columns, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Link:
    """An edge before its kind is known."""

    holder: CollectionName
    columns: tuple[str, ...]
    target: CollectionName
    target_columns: tuple[str, ...]
    is_foreign_key: bool
    default: EdgeKind | None
    refuses: bool = False

    @property
    def name(self) -> str:
        return f"{self.holder}.{','.join(self.columns)}"

    @property
    def joins(self) -> tuple[CollectionName, CollectionName, frozenset[tuple[str, str]]]:
        """What two links have in common that are the same one, in whatever order their columns stand."""
        return self.holder, self.target, frozenset(zip(self.columns, self.target_columns, strict=True))


def resolve_edges(
    datamap: DataMap, live: LiveSchema, stated: Mapping[str, EdgeKind | AccessEdge]
) -> tuple[Edge, ...]:
    """Every edge between mapped collections, in the order of their names.

    A foreign key that the map does not mention and the policy gives no kind is left to
    :mod:`lifecycle.policy.check`, which names it as an error; here it counts as ``none``.
    """
    foreign_keys = {link.joins: link for link in _foreign_key_links(live, datamap)}
    links: dict[Any, _Link] = {}
    for link in _mapped_links(datamap, foreign_keys):
        links.setdefault(link.joins, link)
    for joins, link in foreign_keys.items():
        links[joins] = replace(link, default=links[joins].default) if joins in links else link
    edges = [_edge(link, datamap, live, _stated_kind(link, stated)) for link in links.values()]
    return tuple(sorted(edges, key=lambda edge: (edge.name, edge.target)))


def stated_names(edge: Edge) -> tuple[str, ...]:
    """The names under which a policy may state the kind of ``edge``: any of its holder's columns."""
    return tuple(f"{edge.holder}.{column}" for column in edge.columns)


def _stated_kind(link: _Link, stated: Mapping[str, EdgeKind | AccessEdge]) -> EdgeKind | AccessEdge | None:
    names = (f"{link.holder}.{column}" for column in link.columns)
    return next((stated[name] for name in names if name in stated), None)


def _edge(link: _Link, datamap: DataMap, live: LiveSchema, stated: EdgeKind | AccessEdge | None) -> Edge:
    default = link.default if datamap.collections[link.target].is_personal else EdgeKind.NONE
    access = stated.access if isinstance(stated, AccessEdge) else None
    kind = EdgeKind.ACCESS if access else (stated or default or EdgeKind.NONE)
    holder, target = live.get(link.holder), live.get(link.target)
    nullable = [
        name
        for name in link.columns
        if holder and name in holder.columns and _can_be_cut(holder.columns[name])
    ]
    return Edge(
        name=link.name,
        holder=link.holder,
        columns=link.columns,
        target=link.target,
        target_columns=link.target_columns,
        kind=EdgeKind(kind) if isinstance(kind, str) else EdgeKind.ACCESS,
        is_foreign_key=link.is_foreign_key,
        is_to_key=link.is_foreign_key or _holds_key(link.target_columns, target),
        cut_columns=tuple(nullable),
        refuses=link.refuses,
        redact=access["redact"] if isinstance(access, dict) else (),
        takes_along=access == "delete",
        is_stated=stated is not None,
    )


def _can_be_cut(column: LiveColumn) -> bool:
    return column.is_nullable and not column.is_generated


def _holds_key(columns: tuple[str, ...], table: LiveTable | None) -> bool:
    return table is not None and bool(table.primary_key) and set(columns) >= set(table.primary_key)


def _mapped_links(datamap: DataMap, foreign_keys: Container[Any]) -> Iterator[_Link]:
    for collection in datamap.collections.values():
        references = [reference for column in collection.columns.values() for reference in column.references]
        for group in _groups(references, datamap):
            yield _link(collection, group, datamap, foreign_keys)


def _groups(references: Iterable[Reference], datamap: DataMap) -> Iterator[list[Reference]]:
    """The references of one collection; those that together name a target's whole composite key are one."""
    by_target: dict[tuple[str, Direction], list[Reference]] = {}
    for reference in references:
        by_target.setdefault((reference.target, reference.direction), []).append(reference)
    for (target, _), group in by_target.items():
        key = datamap.collections[target].primary_key
        if len(group) > 1 and sorted(one.target_column for one in group) == sorted(key):
            yield group
        else:
            yield from ([reference] for reference in group)


def _link(
    collection: Collection, group: list[Reference], datamap: DataMap, foreign_keys: Container[Any]
) -> _Link:
    """The holder is the side that refers.

    A reference written at a primary key is the other side's: where a foreign key says so, or, without one,
    where it does not lead to a primary key itself (as that of a row which extends another does).
    """
    first = group[0]
    here = tuple(reference.column for reference in group)
    there = tuple(reference.target_column.split(".")[0] for reference in group)
    leads_on = first.direction is Direction.TO
    written = _Link(
        holder=collection.name,
        columns=here,
        target=first.target,
        target_columns=there,
        is_foreign_key=False,
        default=EdgeKind.SHARED if leads_on else EdgeKind.OWNER,
    )
    reversed_ = _Link(
        holder=first.target,
        columns=there,
        target=collection.name,
        target_columns=here,
        is_foreign_key=False,
        default=EdgeKind.OWNER if leads_on else EdgeKind.SHARED,
    )
    if written.joins in foreign_keys:
        return written
    is_key = here == collection.primary_key and collection.name != first.target
    leads_to_key = sorted(there) == sorted(datamap.collections[first.target].primary_key)
    return reversed_ if reversed_.joins in foreign_keys or (is_key and not leads_to_key) else written


def _foreign_key_links(live: LiveSchema, datamap: DataMap) -> Iterator[_Link]:
    for table in live.values():
        for key in table.foreign_keys:
            if table.name in datamap.collections and key.target in datamap.collections:
                yield _Link(
                    holder=table.name,
                    columns=key.columns,
                    target=key.target,
                    target_columns=key.target_columns,
                    is_foreign_key=True,
                    default=None,
                    refuses=key.refuses,
                )
