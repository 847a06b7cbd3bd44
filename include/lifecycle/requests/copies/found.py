"""What a copy consists of: rows that name the subject, that belong to such rows, and that concern the subject."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from lifecycle.errors import CheckFailed
from lifecycle.plan import Action
from lifecycle.planning.changes import Change
from lifecycle.planning.collect import collect
from lifecycle.planning.part import Part
from lifecycle.planning.writer import About, PlanWriter
from lifecycle.policy.model import EdgeKind
from lifecycle.policy.rulebook import Scope, collections_of, primary_key
from lifecycle.requests.ground import NamesSubject, belongs_to
from lifecycle.requests.mentions import mentions_subject
from lifecycle.store.relations import NamedType, refers, relation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.plan import Item, Kept
    from lifecycle.planning.items import ItemWriter
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.model import RequestKind
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom

Key = tuple[str, ...]
"""A row's primary key as text, column by column."""


class Relation(StrEnum):
    """What a row has to do with the subject."""

    NAMES = "names"
    """It names the subject."""
    BELONGS = "belongs"
    """It belongs to such a row, such a row uses it, or it refers to such a row and is nobody else's."""
    CONCERNS = "concerns"
    """It is somebody else's and refers to such a row."""
    MENTIONS = "mentions"
    """It is somebody else's and its free text mentions the subject."""


def relation_of(item: Item) -> Relation:
    """What the rows of a planned item have to do with the subject."""
    if item.is_root:
        return Relation.NAMES
    if item.edge:
        return Relation.CONCERNS
    return Relation.MENTIONS if item.columns else Relation.BELONGS


class CopiedRows(Part):
    """The rows of one copy, in one batch: what is put together belongs together.

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        whom: whom the request is about.
        as_of: the moment of the run.
        collections: whose rows are copied.
        with_others: whether rows of others that concern or mention the subject are, too.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        whom: Whom,
        *,
        as_of: datetime,
        collections: Collection[str],
        with_others: bool,
    ) -> None:
        scope = _scope(rulebook, whom)
        ground = NamesSubject(rulebook, whom)
        super().__init__(
            connection, rulebook, scope, ground, as_of=as_of, name="copied", action=Action.DISCLOSE
        )
        self.whom = whom
        self.collections = collections
        self.with_others = with_others

    def find(self) -> None:
        """Find what names the subject, and what would go with it if it went."""
        due = self.works.with_rows({name: self.ground.due(self.works[name]) for name in self.scope.roots})
        if due:
            for strand in self.scope.strands:
                collect(self.works, strand, due)

    def write(self, items: ItemWriter, batch_rows: int) -> None:  # noqa: ARG002 - one batch, however many rows
        """Write what is disclosed."""
        for change in self._disclosures():
            items.add(change, 1)

    def kept(self) -> Iterator[Kept]:
        """Nothing: what has to stay is shown like everything else."""
        return iter(())

    def _disclosures(self) -> Iterator[Change]:
        for work in self.works:
            if work.collection in self.collections:
                for is_root in (True, False):
                    rows = sa.select(*work.key_columns, _FIRST).where(work.table.c.is_root == is_root)
                    yield _disclosing(work.collection, rows, is_root=is_root)
        seen: set[tuple[str, Key]] = set()
        yield from self._around(seen)
        if self.with_others:
            yield from self._mentioning(seen)

    def _around(self, seen: set[tuple[str, Key]]) -> Iterator[Change]:
        """Rows next to those that were found, which an erasure would leave, and what belongs to them."""
        pending: list[tuple[str, FromClause, bool]] = [
            (work.collection, sa.select(*work.key_columns).subquery("found"), True) for work in self.works
        ]
        while pending:
            from_, found, is_first = pending.pop(0)
            for edge in self.rulebook.edges:
                for to, keys, concerning in self._along(edge, from_, found, seen, is_first=is_first):
                    rows = _given(self.rulebook, to, keys)
                    if to in self.collections:
                        yield _disclosing(to, rows, edge=edge.name if concerning else None)
                    if not concerning and not edge.leads_from_holder:
                        pending.append((to, rows.subquery("found"), False))

    def _along(
        self, edge: Edge, from_: str, found: FromClause, seen: set[tuple[str, Key]], *, is_first: bool
    ) -> Iterator[tuple[str, list[Key], bool]]:
        """Rows next to others along one reference: their collection, keys, and whether they are somebody else's."""
        start, to = (edge.holder, edge.target) if edge.leads_from_holder else (edge.target, edge.holder)
        is_access = edge.kind is EdgeKind.ACCESS
        if start != from_ or edge.kind is EdgeKind.NONE or (is_access and not is_first):
            return
        row, query = self._neighbours(edge, from_, to, found)
        if not is_access:
            own, others = self._unseen(to, query, seen), []
        else:
            is_others = self._is_others(edge, row)
            own = self._unseen(to, query.where(sa.not_(is_others)), seen)
            others = self._unseen(to, query.where(is_others), seen) if self.with_others else []
        if own:
            yield to, own, False
        if others:
            yield to, others, True

    def _neighbours(
        self, edge: Edge, from_: str, to: str, found: FromClause
    ) -> tuple[FromClause, Select[Any]]:
        """The rows of ``to`` that refer to, or are referred to by, some of ``from_``; with their keys, as text."""
        known, row = (
            relation(self.rulebook.live, from_, "known_row"),
            relation(self.rulebook.live, to, "next_row"),
        )
        holder, target = (known, row) if edge.leads_from_holder else (row, known)
        same = [
            known.c[name] == found.c[f"key_{number}"]
            for number, (name, _) in enumerate(self.rulebook.key(from_))
        ]
        joined = row.join(known, refers(edge, self.rulebook.live, holder, target)).join(found, sa.and_(*same))
        query = sa.select(*_keys(self.rulebook, to, row)).select_from(joined).distinct()
        if edge.kind is EdgeKind.ACCESS and self.whom.tenant:
            query = query.where(belongs_to(self.rulebook, to, row, self.whom.tenant))
        return row, query.where(self._is_not_found(to, row))

    def _is_others(self, along: Edge, row: FromClause) -> ColumnElement[bool]:
        """A row that does not name the subject names somebody, or belongs to a row that was not found."""
        if any(one.collection in self.rulebook.tenants for one in self.whom.rows):
            return sa.false()
        named = [
            _holds(row.c[column.name], identity.path)
            for column, identity in self.rulebook.datamap.identities(along.holder)
        ]
        owned = [
            self._has_owner(edge, row)
            for edge in self.rulebook.edges_from(along.holder)
            if edge.kind is EdgeKind.OWNER and edge.name != along.name
        ]
        return sa.or_(sa.false(), *named, *owned)

    def _has_owner(self, edge: Edge, row: FromClause) -> ColumnElement[bool]:
        """A row belongs, along a reference, to one that was not found."""
        owner = relation(self.rulebook.live, edge.target, "other_owner")
        conditions = refers(edge, self.rulebook.live, row, owner), self._is_not_found(edge.target, owner)
        return sa.exists(sa.select(sa.literal(1)).select_from(owner).where(*conditions).correlate(row))

    def _mentioning(self, seen: set[tuple[str, Key]]) -> Iterator[Change]:
        """Rows whose free text mentions the subject."""
        for collection, keys in mentions_subject(self.connection, self.rulebook, self.whom).keys.items():
            if keys and collection in self.collections:
                row = relation(self.rulebook.live, collection, "mentioning_row")
                given = _given(self.rulebook, collection, keys).subquery("given")
                same = [
                    row.c[name] == given.c[f"key_{number}"]
                    for number, (name, _) in enumerate(self.rulebook.key(collection))
                ]
                query = sa.select(*_keys(self.rulebook, collection, row)).select_from(
                    row.join(given, sa.and_(*same))
                )
                found = self._unseen(collection, query.where(self._is_not_found(collection, row)), seen)
                if found:
                    columns = self.rulebook.erasure.masking.redacts[collection]
                    yield _disclosing(
                        collection, _given(self.rulebook, collection, found), columns=tuple(columns)
                    )

    def _unseen(self, collection: str, query: Select[Any], seen: set[tuple[str, Key]]) -> list[Key]:
        """The keys that a query finds and that no earlier one found."""
        found = [tuple(row) for row in self.connection.execute(query)]
        new = [key for key in found if (collection, key) not in seen]
        seen |= {(collection, key) for key in new}
        return new

    def _is_not_found(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """A row is none of those that name the subject or belong to them."""
        if collection not in self.works:
            return sa.true()
        work = self.works[collection]
        there = sa.select(sa.literal(1)).select_from(work.table).where(work.is_row(row))
        return sa.not_(sa.exists(there.correlate(row)))


class Copy:
    """What is found for one copy.

    Args:
        rows: where any are copied; None where a copy was made before.
        kind: of the request.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        rows: CopiedRows | None,
        *,
        kind: RequestKind,
        as_of: datetime,
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.kind = kind
        self.as_of = as_of
        self.parts = (rows,) if rows else ()
        for part in self.parts:
            part.find()

    def writer(self, request_id: UUID) -> PlanWriter:
        """Puts the plan together."""
        about = About(
            rule=self.kind.value,
            commitments=self.rulebook.policy.rights[self.kind].commitments,
            request=request_id,
        )
        return PlanWriter(self.connection, self.rulebook, about, self.parts, as_of=self.as_of)


_FIRST = sa.literal(1, sa.BigInteger).label("ordinal")
"""The ordinal of every row: all of them are one batch."""


def _scope(rulebook: Rulebook, whom: Whom) -> Scope:
    """Collections that may name the subject, and whatever may belong to their rows.

    Raises:
        CheckFailed: rows of one cannot be named, because nothing is their key.
    """
    named = {row.collection for row in whom.rows}
    roots = tuple(
        name
        for name in rulebook.datamap.collections
        if name in rulebook.live and (name in named or rulebook.datamap.identities(name))
    )
    strands = rulebook.reached(frozenset(roots))
    for name in collections_of(strands):
        if not primary_key(rulebook.live[name], rulebook.datamap):
            raise CheckFailed(
                f"{name} has no primary key, so that its rows cannot be named in a plan",
                place="data map",
                next_step="add a primary key to the table or mark one in the data map",
            )
    return Scope(roots=roots, strands=strands, deletion_order=(), takes_along=True)


def _disclosing(
    collection: str,
    rows: Select[Any],
    *,
    is_root: bool = False,
    edge: str | None = None,
    columns: tuple[str, ...] = (),
) -> Change:
    return Change(
        collection=collection,
        action=Action.DISCLOSE,
        rows=rows,
        columns=columns,
        edge=edge,
        is_root=is_root,
    )


def _holds(column: ColumnElement[Any], path: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether an identity stands in a column, or at a path inside it."""
    if not path:
        return column.is_not(None)
    inside = "$[*]" + "".join(f".{json.dumps(name)}[*]" for name in path) + " ? (@ != null)"
    found = sa.func.jsonb_path_exists(sa.cast(column, JSONB), sa.cast(inside, JSONPATH))
    return sa.func.coalesce(found, sa.false())


def _keys(rulebook: Rulebook, collection: str, row: FromClause) -> list[ColumnElement[Any]]:
    return [sa.cast(row.c[name], sa.Text) for name, _ in rulebook.key(collection)]


def _given(rulebook: Rulebook, collection: str, keys: Iterable[Key]) -> Select[Any]:
    """Keys as rows, in the types of the collection."""
    keys = list(keys)
    columns = [
        sa.func.unnest(
            sa.cast(sa.literal([key[number] for key in keys], sa.ARRAY(sa.Text)), sa.ARRAY(NamedType(kind)))
        ).label(f"key_{number}")
        for number, (_, kind) in enumerate(rulebook.key(collection))
    ]
    return sa.select(*columns, _FIRST)
