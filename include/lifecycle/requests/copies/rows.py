"""The rows of a copy, read by the keys of its plan: what stands in them, and how long they are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.holds.cover import Cover, strongest
from lifecycle.planning.items import plan_item, planned_rows
from lifecycle.requests.copies.found import Relation, relation_of
from lifecycle.requests.copies.limits import Keeping, event_days, keeping_of, limits_of
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.plan import Item
    from lifecycle.policy.rulebook import Rulebook

_ALIAS = "disclosed_row"


@dataclass(frozen=True, kw_only=True)
class CopiedRow:
    """One row.

    Attributes:
        relation: what it has to do with the subject.
        edge: the reference by which it concerns the subject.
        key: as text, column by column.
        values: by column; decimal fractions as text, to the digit.
    """

    collection: str
    relation: Relation
    edge: str | None
    key: tuple[str, ...] = field(repr=False)
    values: dict[str, Any] = field(repr=False)
    keeping: Keeping


class RowReader:
    """Reads the rows of planned items.

    Args:
        connection: in the transaction of the batch.
        rulebook: of the policy in force.
        plan_id: of the plan, under which the keys are stored.
        as_of: the moment at which holds count.
    """

    def __init__(self, connection: Connection, rulebook: Rulebook, plan_id: int, *, as_of: datetime) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.plan_id = plan_id
        self.cover = Cover(connection, rulebook, as_of)

    def rows(self, item: Item) -> Iterator[CopiedRow]:
        """The rows of an item that are there, in the order of their keys."""
        limits = limits_of(self.rulebook, item.collection)
        keys = [name for name, _ in self.rulebook.key(item.collection)]
        columns = self.rulebook.datamap.collections[item.collection].columns
        for row in self.connection.execute(self._query(item)):
            stored = json.loads(row.content, parse_float=str)
            events = [getattr(row, f"event_{number}") for number in range(len(limits))]
            yield CopiedRow(
                collection=item.collection,
                relation=relation_of(item),
                edge=item.edge,
                key=tuple(getattr(row, f"key_{number}") for number in range(len(keys))),
                values={name: stored[name] for name in columns if name in stored},
                keeping=keeping_of(limits, events, row.kind, row.last_day),
            )

    def _query(self, item: Item) -> Select[Any]:
        row = relation(self.rulebook.live, item.collection, _ALIAS)
        planned = planned_rows(
            self.rulebook,
            item.collection,
            plan_item.c.plan_id == self.plan_id,
            plan_item.c.batch == item.batch,
            plan_item.c.position == item.position,
        )
        names = [name for name, _ in self.rulebook.key(item.collection)]
        joined: FromClause = row.join(planned, sa.and_(*(row.c[name] == planned.c[name] for name in names)))
        joined, held = self._with_cover(item.collection, row, joined, names)
        columns: list[ColumnElement[Any]] = [
            sa.cast(sa.func.to_jsonb(sa.literal_column(_ALIAS)), sa.Text).label("content"),
            *(sa.cast(row.c[name], sa.Text).label(f"key_{number}") for number, name in enumerate(names)),
            *event_days(self.rulebook, limits_of(self.rulebook, item.collection), row),
            *held,
        ]
        return sa.select(*columns).select_from(joined).order_by(*(row.c[name] for name in names))

    def _with_cover(
        self, collection: str, row: FromClause, joined: FromClause, names: list[str]
    ) -> tuple[FromClause, list[ColumnElement[Any]]]:
        """The hold or restriction that covers each row, where one does."""
        if collection not in self.cover:
            return joined, [sa.null().label("kind"), sa.null().label("last_day")]
        held = strongest(self.cover.rows(collection), self.rulebook.policy.zone)
        same = [row.c[name] == held.c[f"key_{number}"] for number, name in enumerate(names)]
        return joined.outerjoin(held, sa.and_(*same)), [held.c.kind, held.c.last_day]
