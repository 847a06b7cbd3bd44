"""What a plan does to rows: cut links, emptied columns, deletions. Each as a selection of keys by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.plan import Action
from lifecycle.policy.model import EdgeKind
from lifecycle.policy.redaction import empty_value
from lifecycle.store.relations import NamedType, refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True)
class Change:
    """One action on one collection.

    Attributes:
        rows: selects the key columns, labelled ``key_0`` …, ``ordinal``, and the link columns, ``link_0`` ….
        links: columns by which the rows belong to others; a row whose links have changed since is left alone.
        is_root: the rows are due by themselves, which is asked again before anything is done to them.
    """

    collection: str
    action: Action
    rows: Select[Any]
    columns: tuple[str, ...] = ()
    edge: str | None = None
    is_root: bool = False
    links: tuple[str, ...] = ()


def deletions(works: WorkSet, roots_per_batch: int) -> Iterator[Change]:
    """Everything that is done where rows go, in the order in which a batch does it."""
    for collection in works.scope.closure:
        if collection in works.kept:
            yield from _statutory_redactions(works, collection)
    if works.any_goes():
        yield from _cuts(works, roots_per_batch)
        yield from _goings(works)


def _cuts(works: WorkSet, roots_per_batch: int) -> Iterator[Change]:
    order = {collection: position for position, collection in enumerate(works.scope.deletion_order)}
    for edge in works.rulebook.edges:
        if edge.target in works and is_cut(works.rulebook, edge, works.scope.deletion_order):
            yield _cut(works, edge, order, roots_per_batch)


def _goings(works: WorkSet) -> Iterator[Change]:
    for collection in works.scope.deletion_order:
        if collection not in works:
            continue
        if works.rulebook.spreading_into(collection):
            yield _followers(works, collection)
        if collection in works.scope.roots:
            yield _roots(works[collection])


def _roots(work: Work) -> Change:
    """Rows that go because they are due by themselves."""
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


def redactions(works: WorkSet, collection: str, action: Action) -> Iterator[Change]:
    """What is done where rows stay: the scope's columns are emptied or masked, less those that the law keeps."""
    columns = works.scope.redacts[collection]
    nothing_keeps = works[collection].table.c.kept.is_(None)
    yield from _redaction(works, collection, columns, nothing_keeps, action, is_root=True)
    for duties, needless in _needless(works, collection).items():
        spared = tuple(column for column in columns if column in needless)
        kept = _kept_by(works[collection], duties)
        yield from _redaction(works, collection, spared, kept, action, is_root=True)


def _statutory_redactions(works: WorkSet, collection: str) -> Iterator[Change]:
    """Columns that no duty needs, of rows that are due and stay because of a duty."""
    work = works[collection]
    is_root = work.table.c.is_root
    for duties, columns in _needless(works, collection).items():
        kept = _kept_by(work, duties)
        yield from _redaction(works, collection, columns, sa.and_(kept, is_root), is_root=True)
        yield from _redaction(works, collection, columns, sa.and_(kept, sa.not_(is_root)))


def _needless(works: WorkSet, collection: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """By the duties that keep rows of ``collection`` together, the columns that none of them needs."""
    rulebook, table = works.rulebook, works[collection].table
    if not any(collection in duty.clocks for duty in rulebook.statutory.values()):
        return {}
    found = works.connection.scalars(
        sa.select(table.c.duties).where(table.c.kept == "statutory").distinct().order_by(table.c.duties)
    )
    needless: dict[tuple[str, ...], tuple[str, ...]] = {}
    for duties in found:
        first, *others = (rulebook.statutory[duty].redacts.get(collection, ()) for duty in duties)
        needless[tuple(duties)] = tuple(
            column for column in first if all(column in other for other in others)
        )
    return needless


def _kept_by(work: Work, duties: tuple[str, ...]) -> ColumnElement[bool]:
    kept = work.table.c.kept == "statutory"
    return sa.and_(
        kept, work.table.c.duties == sa.cast(list(duties), sa.ARRAY(sa.Text)), sa.not_(work.table.c.in_use)
    )


def _redaction(
    works: WorkSet,
    collection: str,
    columns: tuple[str, ...],
    condition: ColumnElement[bool],
    action: Action = Action.REDACT,
    *,
    is_root: bool = False,
) -> Iterator[Change]:
    if not columns:
        return
    work = works[collection]
    row = work.row("redacted")
    rows = sa.select(*work.key_columns, work.table.c.ordinal).where(
        work.is_row(row), condition, holds_something(works.rulebook, collection, row, columns)
    )
    yield Change(collection=collection, action=action, rows=rows, columns=columns, is_root=is_root)


def holds_something(
    rulebook: Rulebook, collection: str, row: FromClause, columns: Iterable[str]
) -> ColumnElement[bool]:
    """Whether any of the columns is not empty yet."""
    live = rulebook.live[collection].columns
    return sa.or_(*(is_filled(row.c[name], live[name]) for name in columns))


def is_filled(column: ColumnElement[Any], live: LiveColumn) -> ColumnElement[bool]:
    """Whether a column is not empty yet."""
    empty = empty_value(live)
    if empty is None:
        return column.is_not(None)
    return sa.cast(column, sa.Text) != sa.cast(sa.cast(sa.literal(empty), NamedType(live.type)), sa.Text)


def is_cut(rulebook: Rulebook, edge: Edge, order: Sequence[str]) -> bool:
    """Whether the links along ``edge`` of rows that stay, or go later, to rows that go are cut.

    Where they are not, rows that refer along it go with what they refer to, or before.
    """
    if not edge.cut_columns or edge.kind is EdgeKind.NONE:
        return False
    goes_later = edge.holder in order and order.index(edge.holder) > order.index(edge.target)
    if edge.kind is EdgeKind.ACCESS or goes_later or edge.is_self:
        return True
    leading = rulebook.spreading_into(edge.holder)
    return edge.kind is EdgeKind.OWNER and (
        len(leading) > 1 or not edge.is_to_key or edge.holder not in order
    )


def _cut(works: WorkSet, edge: Edge, order: dict[str, int], roots_per_batch: int) -> Change:
    target_work = works[edge.target]
    target, holder = target_work.row("target"), relation(works.rulebook.live, edge.holder, "holder")
    key = works.rulebook.key(edge.holder)
    keys = [holder.c[name].label(f"key_{number}") for number, (name, _) in enumerate(key)]
    links = _links(holder, edge.columns)
    conditions = [
        target_work.table.c.kept.is_(None),
        target_work.is_row(target),
        refers(edge, works.rulebook.live, holder, target),
    ]
    if edge.is_to_key:
        rows = sa.select(*keys, target_work.table.c.ordinal, *links).where(*conditions)
        if edge.holder in works:
            goes_first = _goes_first(works[edge.holder], holder, target_work, edge, order, roots_per_batch)
            rows = rows.where(sa.not_(goes_first))
    else:  # the link may lead to several rows: it is cut with the last of them, if all of them go
        last = sa.func.max(target_work.table.c.ordinal).label("ordinal")
        stays = sa.not_(_refers_to_staying(works, edge, holder))
        rows = sa.select(*keys, last, *links).where(*conditions, stays).group_by(*keys, *links)
        if edge.holder in works:
            rows = rows.where(sa.not_(_goes(works[edge.holder], holder)))
    return Change(
        collection=edge.holder,
        action=Action.CUT,
        rows=rows,
        columns=(*edge.cut_columns, *edge.redact),
        edge=edge.name,
        links=edge.columns,
    )


def _refers_to_staying(works: WorkSet, edge: Edge, holder: FromClause) -> ColumnElement[bool]:
    other = works[edge.target].row("other_target")
    stays = sa.not_(_goes(works[edge.target], other))
    refers_to = refers(edge, works.rulebook.live, holder, other)
    return sa.exists(sa.select(sa.literal(1)).select_from(other).where(refers_to, stays).correlate(holder))


def _goes(work: Work, row: FromClause) -> ColumnElement[bool]:
    gone = work.table.alias("gone")
    rows = sa.select(sa.literal(1)).select_from(gone).where(work.is_row(row, gone), gone.c.kept.is_(None))
    return sa.exists(rows.correlate(row))


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
    before = its_batch < target_batch
    if edge.is_self:  # of one batch, the rows that are due by themselves go after the others
        same_or_before = sa.or_(sa.not_(gone.c.is_root), target.table.c.is_root)
        before = sa.or_(before, sa.and_(its_batch == target_batch, same_or_before))
    elif order[edge.holder] < order[edge.target]:
        before = its_batch <= target_batch
    return sa.exists(
        sa.select(sa.literal(1))
        .select_from(gone)
        .where(holding.is_row(holder, gone), gone.c.kept.is_(None), before)
        .correlate(holder, target.table)
    )


def batch_of(ordinal: ColumnElement[Any], roots_per_batch: int) -> ColumnElement[Any]:
    """The batch that an ordinal (from 1) belongs to, from 0."""
    return sa.cast((ordinal - 1) // roots_per_batch, sa.Integer)
