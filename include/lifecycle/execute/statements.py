"""The statements of a batch: each does one item of a plan, to rows that are still as they were planned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.plan import Action, Item
from lifecycle.planning.archived import is_archived
from lifecycle.planning.clocks import ClockSql
from lifecycle.planning.items import plan_item, planned_rows
from lifecycle.planning.reliance import relied_rows
from lifecycle.policy.model import EdgeKind
from lifecycle.policy.redaction import empty_value
from lifecycle.store.prepared import prepared
from lifecycle.store.relations import NamedType, refers, relation
from lifecycle.timelimits import latest_over_day

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Connection, Executable, FromClause, Select

    from lifecycle.holds.cover import Cover
    from lifecycle.plan import Plan, Relied
    from lifecycle.planning.grounds import Ground
    from lifecycle.policy.rulebook import ResolvedStatutory, Rulebook


CHANGING_COLUMNS = {Action.REDACT, Action.MASK, Action.RECTIFY, Action.SET}
"""What changes columns of a row that stays; a duty may need them as they are."""


@dataclass(frozen=True, kw_only=True)
class _Question:
    """How many rows of an item are not as they should be.

    Attributes:
        key: two questions that have the same, and the same place among others, are asked by the same statement, with
            other values bound.
        complaint: says what a number of them means.
    """

    key: Hashable
    build: Callable[[], Select[Any]]
    values: Mapping[str, Any]
    complaint: Callable[[int], str]


class Statements:
    """Builds the statements of one plan.

    Args:
        rulebook: of the policy version that the plan was made under.
        plan: what is carried out.
        plan_id: its number, under which the keys are stored.
        ground: why its rows are due.
    """

    def __init__(self, rulebook: Rulebook, plan: Plan, plan_id: int, ground: Ground) -> None:
        self.rulebook = rulebook
        self.plan = plan
        self.plan_id = plan_id
        self.ground = ground

    def change(self, connection: Connection, item: Item, links: tuple[str, ...], cover: Cover) -> int:
        """Do what an item says to its rows that are as they were planned; how many those were."""
        if item.collection in cover:  # what is held stands in the statement
            return int(connection.execute(self._statement(item, links, cover)).rowcount)
        cut = tuple((item.collection, link) in self._cut_links for link in links)
        key = ("change", item.collection, item.action, item.columns, links, cut)
        made = prepared(self.rulebook, key, lambda: self._statement(item, links, cover))
        return made.run(connection, self._values(item)) if made else 0

    def _statement(self, item: Item, links: tuple[str, ...], cover: Cover) -> Executable:
        row = _target(self.rulebook, item.collection)
        planned = self._planned(item, links)
        conditions = [
            self._is_planned(item.collection, row, planned),
            *(self._is_unchanged(item.collection, row, planned, name) for name in links),
            sa.not_(cover.covers(item.collection, row)),
        ]
        if item.action is Action.DELETE:
            return sa.delete(row).where(*conditions, *self._still_goes(item, row))
        live = self.rulebook.live[item.collection].columns
        return (
            sa.update(row).values({name: empty_value(live[name]) for name in item.columns}).where(*conditions)
        )

    def texts(self, connection: Connection, item: Item, cover: Cover) -> Sequence[Any]:
        """Key and texts of the rows of a ``mask`` item that no hold covers, locked until they are changed."""
        if item.collection in cover:
            return connection.execute(self._texts(item, cover)).all()
        key = ("texts", item.collection, item.columns)
        made = prepared(self.rulebook, key, lambda: self._texts(item, cover))
        return made.rows(connection, self._values(item)) if made else ()

    def _texts(self, item: Item, cover: Cover) -> Select[Any]:
        row = relation(self.rulebook.live, item.collection, "masked_row")
        planned = self._planned(item, ())
        names = [name for name, _ in self.rulebook.key(item.collection)]
        return (
            sa.select(
                *(row.c[name] for name in names),
                *(sa.cast(row.c[name], sa.Text).label(f"text_{name}") for name in item.columns),
            )
            .select_from(row.join(planned, self._is_planned(item.collection, row, planned)))
            .where(sa.not_(cover.covers(item.collection, row)))
            .with_for_update(of=row)
        )

    def masking(self, item: Item) -> Executable:
        """Writes the masked texts of one row; its values are bound as ``key_0`` …, ``text_0`` …."""
        row = _target(self.rulebook, item.collection)
        live = self.rulebook.live[item.collection].columns
        texts = {
            name: sa.cast(sa.bindparam(f"text_{number}", type_=sa.Text), NamedType(live[name].type))
            for number, name in enumerate(item.columns)
        }
        same = [
            row.c[name] == sa.bindparam(f"key_{number}")
            for number, (name, _) in enumerate(self.rulebook.key(item.collection))
        ]
        return sa.update(row).values(texts).where(*same)

    def planned(self, item: Item) -> FromClause:
        """The keys of an item's rows."""
        return self._planned(item, ())

    def problems(self, connection: Connection, items: Sequence[Item], relies: Sequence[Relied]) -> list[str]:
        """Why items may not be done any more: rows are not due, or have come under a duty to keep; asked at once."""
        questions = [*self._not_due(items, relies), *self._kept_by_law(items)]
        if not questions:
            return []
        key = ("problems", self.ground.signature, self._overs, tuple(one.key for one in questions))
        made = prepared(self.rulebook, key, lambda: _counts(one.build() for one in questions))
        values = dict(self.ground.bound)
        for one in questions:
            values |= one.values
        (counts,) = made.rows(connection, values) if made else ((),)
        return [one.complaint(rows) for one, rows in zip(questions, counts, strict=True) if rows]

    def _not_due(self, items: Sequence[Item], relies: Sequence[Relied]) -> Iterator[_Question]:
        """How many rows of an item, or that its batch relies on, are there and not due by themselves."""
        unasked = {Action.DROP_PARTITION, Action.DESTROY, Action.MASK}  # that is seen when it is done
        roots = [item for item in items if item.is_root and item.action not in unasked]
        asked_about: list[Item | Relied] = [*roots, *relies]
        for number, asked in enumerate(asked_about):
            collection = asked.collection
            is_not_due = partial(self._is_not_due, collection)
            yield _Question(
                key=(type(asked), collection),
                build=partial(self._count, asked, is_not_due, f"_due_{number}"),
                values=self._values(asked, f"_due_{number}"),
                complaint=partial(_not_due_any_more, collection, asked.rows),
            )

    def _is_not_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        return self.ground.is_due(collection, row).is_not(sa.true())

    def _kept_by_law(self, items: Sequence[Item]) -> Iterator[_Question]:
        """How many rows of an item a duty keeps, or of which it needs what the item empties."""
        duties = self.rulebook.statutory.items()
        against = [(item, name, duty) for item in items for name, duty in duties if _is_against(duty, item)]
        for number, (item, name, duty) in enumerate(against):
            sql = ClockSql(self.rulebook, duty.clocks[item.collection])
            yield _Question(
                key=("kept", item.collection, name, item.action is Action.DELETE),
                build=partial(self._count, item, partial(self._is_kept, name, item, sql), f"_kept_{number}"),
                values=self._values(item, f"_kept_{number}"),
                complaint=partial(_kept_now, item.collection, item.rows, name),
            )

    def _is_kept(self, duty: str, item: Item, sql: ClockSql, row: FromClause) -> ColumnElement[bool]:
        """A duty keeps a row; from deletion only as long as no archive has it in its stead."""
        is_kept = sql.is_kept(row, dict(self._overs)[duty])
        if item.action is not Action.DELETE:
            return is_kept
        return sa.and_(is_kept, sa.not_(is_archived(self.rulebook, duty, item.collection, row)))

    @cached_property
    def _overs(self) -> tuple[tuple[str, date | None], ...]:
        """By duty, the last day of an event that it no longer keeps rows for."""
        policy = self.rulebook.policy
        return tuple(
            (name, latest_over_day(duty.statutory.keep, as_of=self.plan.as_of, zone=policy.zone))
            for name, duty in self.rulebook.statutory.items()
        )

    def _count(
        self, item: Item | Relied, condition: Callable[[FromClause], ColumnElement[bool]], suffix: str
    ) -> Select[Any]:
        """How many rows of an item, or that its batch relies on, are there and meet a condition."""
        row = relation(self.rulebook.live, item.collection, "asked_row")
        rows = self._planned(item, (), suffix) if isinstance(item, Item) else self._relied(item, suffix)
        return (
            sa.select(sa.func.count())
            .select_from(row)
            .join(rows, self._is_planned(item.collection, row, rows))
            .where(condition(row))
        )

    def _values(self, item: Item | Relied, suffix: str = "") -> dict[str, int]:
        """Which item, or which batch, as it is bound."""
        values = {"plan_id": self.plan_id, f"batch{suffix}": item.batch}
        return {**values, f"position{suffix}": item.position} if isinstance(item, Item) else values

    def _relied(self, relied: Relied, suffix: str) -> FromClause:
        keys = self.rulebook.key(relied.collection)
        return relied_rows(
            relied.collection,
            keys,
            sa.bindparam("plan_id", self.plan_id, sa.BigInteger),
            sa.bindparam(f"batch{suffix}", relied.batch, sa.Integer),
        )

    def _planned(self, item: Item, links: tuple[str, ...], suffix: str = "") -> FromClause:
        return planned_rows(
            self.rulebook,
            item.collection,
            plan_item.c.plan_id == sa.bindparam("plan_id", self.plan_id, sa.BigInteger),
            plan_item.c.batch == sa.bindparam(f"batch{suffix}", item.batch, sa.Integer),
            plan_item.c.position == sa.bindparam(f"position{suffix}", item.position, sa.Integer),
            links=links,
        )

    def _is_planned(self, collection: str, row: FromClause, planned: FromClause) -> ColumnElement[bool]:
        return sa.and_(*(row.c[name] == planned.c[name] for name, _ in self.rulebook.key(collection)))

    def _is_unchanged(
        self, collection: str, row: FromClause, planned: FromClause, link: str
    ) -> ColumnElement[bool]:
        """A link is as it was planned, or was cut since by an earlier batch of the plan."""
        is_same: ColumnElement[bool] = row.c[link].is_not_distinct_from(planned.c[f"link_{link}"])
        is_cut = (collection, link) in self._cut_links
        return sa.or_(is_same, row.c[link].is_(None)) if is_cut else is_same

    @cached_property
    def _cut_links(self) -> set[tuple[str, str]]:
        """Columns, by collection, that the plan itself sets to null."""
        cuts = (item for item in self.plan.items if item.action is Action.CUT)
        return {(item.collection, column) for item in cuts for column in item.columns}

    def _still_goes(self, item: Item, row: FromClause) -> list[ColumnElement[bool]]:
        """What must hold for a row to be deleted: no row refers to it any more, where the database would not refuse."""
        return [
            self._nobody_refers(edge, row)
            for edge in self.rulebook.edges_into(item.collection)
            if edge.kind is not EdgeKind.NONE
            and edge.is_to_key
            and not edge.is_self
            and (not edge.refuses or edge.leads_from_holder)
        ]

    def _nobody_refers(self, edge: Any, row: FromClause) -> ColumnElement[bool]:
        """No row refers to this one any more."""
        holder = relation(self.rulebook.live, edge.holder, "still_referring")
        return sa.not_(
            sa.exists(
                sa.select(sa.literal(1))
                .select_from(holder)
                .where(refers(edge, self.rulebook.live, holder, row))
                .correlate(row)
            )
        )


def _is_against(duty: ResolvedStatutory, item: Item) -> bool:
    """Whether the duty, where it keeps a row, forbids what the item does to it."""
    if item.collection not in duty.clocks:
        return False
    needless = duty.redacts.get(item.collection, ())
    return item.action is Action.DELETE or (
        item.action in CHANGING_COLUMNS and any(column not in needless for column in item.columns)
    )


def _target(rulebook: Rulebook, collection: str) -> Any:
    schema, name = collection.split(".", 1)
    columns: list[Any] = [sa.column(column) for column in rulebook.live[collection].columns]
    return sa.table(name, *columns, schema=schema)


def _counts(selections: Iterable[Select[Any]]) -> Select[Any]:
    """All numbers in one row."""
    return sa.select(
        *(one.scalar_subquery().label(f"count_{number}") for number, one in enumerate(selections))
    )


def _not_due_any_more(collection: str, planned: int, rows: int) -> str:
    return f"{collection}: {rows} of {planned} rows are not due any more"


def _kept_now(collection: str, planned: int, duty: str, rows: int) -> str:
    return f"{collection}: {rows} of {planned} rows are kept by {duty} now"
