"""The statements of a batch: each does one item of a plan, to rows that are still as they were planned."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.plan import Action, Item
from lifecycle.planning.clocks import ClockSql
from lifecycle.planning.items import plan_item, planned_rows
from lifecycle.planning.reliance import relied_rows
from lifecycle.policy.model import EdgeKind
from lifecycle.policy.redaction import empty_value
from lifecycle.store.relations import NamedType, refers, relation
from lifecycle.timelimits import latest_over_day

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Executable, FromClause, Select

    from lifecycle.holds.cover import Cover
    from lifecycle.plan import Plan, Relied
    from lifecycle.planning.grounds import Ground
    from lifecycle.policy.rulebook import ResolvedStatutory, Rulebook


CHANGING_COLUMNS = {Action.REDACT, Action.MASK, Action.RECTIFY, Action.SET}
"""What changes columns of a row that stays; a duty may need them as they are."""


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

    def statement(self, item: Item, links: tuple[str, ...], cover: Cover) -> Executable:
        """The statement of an item; its row count is the number of rows it changed."""
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

    def texts(self, item: Item, cover: Cover) -> Select[Any]:
        """Key and texts of the rows of a ``mask`` item that no hold covers, locked until they are changed."""
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

    def rows_not_due(self, item: Item | Relied) -> Executable:
        """How many rows of an item, or that its batch relies on, are there and not due by themselves."""
        return self._count(item, lambda row: self.ground.is_due(item.collection, row).is_not(sa.true()))

    def rows_kept_by_law(self, item: Item) -> dict[str, Executable]:
        """By duty: how many rows of an item it keeps, or needs what the item empties of them."""
        policy = self.rulebook.policy
        duties = {name: duty for name, duty in self.rulebook.statutory.items() if _is_against(duty, item)}
        return {
            name: self._count(
                item,
                partial(
                    ClockSql(self.rulebook, duty.clocks[item.collection]).is_kept,
                    last_over_day=latest_over_day(
                        duty.statutory.keep, as_of=self.plan.as_of, zone=policy.zone
                    ),
                ),
            )
            for name, duty in duties.items()
        }

    def _count(
        self, item: Item | Relied, condition: Callable[[FromClause], ColumnElement[bool]]
    ) -> Executable:
        """How many rows of an item, or that its batch relies on, are there and meet a condition."""
        row = relation(self.rulebook.live, item.collection, "asked_row")
        rows = self._planned(item, ()) if isinstance(item, Item) else self._relied(item)
        return (
            sa.select(sa.func.count())
            .select_from(row)
            .join(rows, self._is_planned(item.collection, row, rows))
            .where(condition(row))
        )

    def _relied(self, relied: Relied) -> FromClause:
        keys = self.rulebook.key(relied.collection)
        return relied_rows(relied.collection, keys, self.plan_id, relied.batch)

    def _planned(self, item: Item, links: tuple[str, ...]) -> FromClause:
        return planned_rows(
            self.rulebook,
            item.collection,
            plan_item.c.plan_id == self.plan_id,
            plan_item.c.batch == item.batch,
            plan_item.c.position == item.position,
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
