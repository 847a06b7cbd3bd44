"""What a plan does to rows: cut links, emptied columns, deletions. Each as a selection of keys by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.plan import Action
from lifecycle.policy.model import EdgeKind
from lifecycle.policy.redaction import empty_value
from lifecycle.store.relations import refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import ResolvedRule, Rulebook


@dataclass(frozen=True, kw_only=True)
class Change:
    """One action on one collection.

    Attributes:
        rows: selects the key columns, labelled ``key_0`` …, ``ordinal``, and the link columns, ``link_0`` ….
        links: columns by which the rows belong to others; a row whose links have changed since is left alone.
        is_root: the rows are due by themselves, which is asked again when they are deleted.
    """

    collection: str
    action: Action
    rows: Select[Any]
    columns: tuple[str, ...] = ()
    edge: str | None = None
    is_root: bool = False
    links: tuple[str, ...] = ()


def deletions(works: WorkSet, rule: ResolvedRule, roots_per_batch: int) -> Iterator[Change]:
    """Everything a ``delete`` rule does, in the order in which a batch does it."""
    for collection in rule.closure:
        if collection in works.kept:
            yield from _statutory_redactions(works, collection)
    if works.any_goes():
        yield from _cuts(works, rule, roots_per_batch)
        yield from _goings(works, rule)


def _cuts(works: WorkSet, rule: ResolvedRule, roots_per_batch: int) -> Iterator[Change]:
    order = {collection: position for position, collection in enumerate(rule.deletion_order)}
    for edge in works.rulebook.edges:
        if edge.target in works and _may_be_cut(works.rulebook, edge, order):
            yield _cut(works, edge, order, roots_per_batch)


def _goings(works: WorkSet, rule: ResolvedRule) -> Iterator[Change]:
    for collection in rule.deletion_order:
        if collection not in works:
            continue
        if works.rulebook.spreading_into(collection):
            yield _followers(works, collection)
        if collection in rule.clocks:
            yield _roots(works[collection])


def _roots(work: Work) -> Change:
    """Rows that go because their own clock says so."""
    rows = sa.select(*work.key_columns, work.table.c.ordinal).where(
        work.table.c.kept.is_(None), work.table.c.is_root
    )
    return Change(collection=work.collection, action=Action.DELETE, rows=rows, is_root=True)


def _followers(works: WorkSet, collection: str) -> Change:
    """Rows that go because of rows they belong to, with the links by which they do."""
    work = works[collection]
    links = [work.table.c[name] for name in work.links.values()]
    rows = sa.select(*work.key_columns, work.table.c.ordinal, *links).where(
        work.table.c.kept.is_(None), sa.not_(work.table.c.is_root)
    )
    return Change(collection=collection, action=Action.DELETE, rows=rows, links=tuple(work.links))


def _links(row: FromClause, columns: Iterable[str]) -> list[ColumnElement[Any]]:
    return [row.c[name].label(f"link_{number}") for number, name in enumerate(columns)]


def redactions(works: WorkSet, collection: str, columns: tuple[str, ...]) -> Iterator[Change]:
    """What a ``redact`` rule does: its columns, less those that the law keeps."""
    yield from _redaction(works, collection, columns, sa.literal_column("kept IS NULL"))
    for duty, needless in _needless(works.rulebook, collection).items():
        spared = tuple(column for column in columns if column in needless)
        yield from _redaction(works, collection, spared, works[collection].table.c.source == duty)


def _statutory_redactions(works: WorkSet, collection: str) -> Iterator[Change]:
    """Columns that no duty needs, of rows that are due and stay because of a duty."""
    for duty, columns in _needless(works.rulebook, collection).items():
        yield from _redaction(works, collection, columns, works[collection].table.c.source == duty)


def _needless(rulebook: Rulebook, collection: str) -> dict[str, tuple[str, ...]]:
    """Per duty that keeps rows of ``collection``, the columns that neither it nor any other duty needs."""
    duties = [duty for duty in rulebook.statutory.values() if collection in duty.clocks]
    needed_by_none = [set(duty.redacts.get(collection, ())) for duty in duties]
    shared = set.intersection(*needed_by_none) if needed_by_none else set()
    return {
        duty.name: tuple(column for column in duty.redacts.get(collection, ()) if column in shared)
        for duty in duties
    }


def _redaction(
    works: WorkSet, collection: str, columns: tuple[str, ...], condition: ColumnElement[bool]
) -> Iterator[Change]:
    if not columns:
        return
    work = works[collection]
    row = work.row("redacted")
    rows = sa.select(*work.key_columns, work.table.c.ordinal).where(
        work.is_row(row), condition, holds_something(works.rulebook, collection, row, columns)
    )
    yield Change(collection=collection, action=Action.REDACT, rows=rows, columns=columns)


def holds_something(
    rulebook: Rulebook, collection: str, row: FromClause, columns: Iterable[str]
) -> ColumnElement[bool]:
    """Whether any of the columns is not empty yet."""
    live = rulebook.live[collection].columns
    return sa.or_(
        *(
            row.c[name].is_not(None)
            if empty_value(live[name]) is None
            else sa.cast(row.c[name], sa.Text) != empty_value(live[name])
            for name in columns
        )
    )


def _may_be_cut(rulebook: Rulebook, edge: Edge, order: dict[str, int]) -> bool:
    """Whether a row may refer along ``edge`` to one that goes first, and stay or go later."""
    if edge.takes_along or not edge.cut_columns or edge.kind is EdgeKind.NONE:
        return False
    if edge.kind is EdgeKind.ACCESS or order.get(edge.holder, 0) > order[edge.target]:
        return True
    owners = [other for other in rulebook.spreading_into(edge.follower) if other.keeps_alive]
    return edge.kind is EdgeKind.OWNER and (len(owners) > 1 or edge.is_self)


def _cut(works: WorkSet, edge: Edge, order: dict[str, int], roots_per_batch: int) -> Change:
    target_work = works[edge.target]
    target, holder = target_work.row("target"), relation(works.rulebook.live, edge.holder, "holder")
    key = works.rulebook.key(edge.holder)
    rows = sa.select(
        *(holder.c[name].label(f"key_{number}") for number, (name, _) in enumerate(key)),
        target_work.table.c.ordinal,
        *_links(holder, edge.columns),
    ).where(
        target_work.table.c.kept.is_(None),
        target_work.is_row(target),
        refers(edge, works.rulebook.live, holder, target),
    )
    if edge.holder in works:
        goes_first = _goes_first(works[edge.holder], holder, target_work, edge, order, roots_per_batch)
        rows = rows.where(sa.not_(goes_first))
    return Change(
        collection=edge.holder,
        action=Action.CUT,
        rows=rows,
        columns=(*edge.cut_columns, *edge.redact),
        edge=edge.name,
        links=edge.columns,
    )


def _goes_first(
    holding: Work,
    holder: FromClause,
    target: Work,
    edge: Edge,
    order: dict[str, int],
    roots_per_batch: int,
) -> ColumnElement[bool]:
    """The holder's row is deleted before its target, or by the same statement."""
    gone = holding.table.alias("gone_first")
    its_batch = batch_of(gone.c.ordinal, roots_per_batch)
    target_batch = batch_of(target.table.c.ordinal, roots_per_batch)
    same_batch_will_do = order[edge.holder] <= order[edge.target]
    before = its_batch <= target_batch if same_batch_will_do else its_batch < target_batch
    return sa.exists(
        sa.select(sa.literal(1))
        .select_from(gone)
        .where(holding.is_row(holder, gone), gone.c.kept.is_(None), before)
        .correlate(holder, target.table)
    )


def batch_of(ordinal: ColumnElement[Any], roots_per_batch: int) -> ColumnElement[Any]:
    """The batch that an ordinal (from 1) belongs to, from 0."""
    return sa.cast((ordinal - 1) // roots_per_batch, sa.Integer)
