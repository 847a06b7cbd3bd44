"""What the company's own tables are told when a subject ends a purpose: as the policy's ``stop`` says.

A *record* is written by copying the one that counts, the latest that belongs to the same row, with other values: what
the policy does not name stays as it was. Where the latest one says it already, or there is none, nothing is to be said.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.plan import Action
from lifecycle.policy.rulebook import primary_key
from lifecycle.policy.stopping import edges_of_record
from lifecycle.requests.listed import rows_of
from lifecycle.requests.touching import Touch
from lifecycle.requests.writing import is_same, table_of, write_columns
from lifecycle.store.relations import NamedType, refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause

    from lifecycle.holds.cover import Cover
    from lifecycle.plan import Item
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.model import Stop
    from lifecycle.requests.listed import Key
    from lifecycle.requests.procedure import Case


class Wishes:
    """What is written when some purposes end for one subject.

    Args:
        case: the request.
        purposes: that end.
    """

    def __init__(self, case: Case, purposes: Iterable[str]) -> None:
        self.case = case
        self.rulebook = case.rulebook
        stated = (self.rulebook.policy.purposes[name].stop for name in purposes)
        self.stops = tuple(stop for stop in stated if stop)

    def touches(self, connection: Connection, rows: Mapping[str, Sequence[Key]]) -> Iterator[Touch]:
        """What is to be written, where it is not written yet, for the subject's own rows."""
        for stop in self.stops:
            if stop.record:
                yield from self._records(connection, stop, rows)
        for collection, columns in self._set_columns().items():
            if collection in rows:
                keys = self._unlike(connection, collection, rows[collection])
                yield Touch(collection=collection, action=Action.SET, keys=keys, columns=columns)

    def record(self, connection: Connection, item: Item, planned: FromClause, _cover: Cover) -> int:
        """Write the records of an item; how many."""
        for stop in self.stops:
            if stop.record and item.edge == self._edge(stop).name and item.columns == _written(stop):
                return self._record(connection, stop, item, planned)
        raise AssertionError("a plan records what the policy says")

    def set_columns(self, connection: Connection, item: Item, planned: FromClause, cover: Cover) -> int:
        """Give the columns of an item's rows their values; how many rows had others."""
        row = table_of(self.rulebook, item.collection)
        return write_columns(
            connection,
            self.rulebook,
            item,
            planned,
            cover,
            row=row,
            values={**self._set_values(item.collection), **self._moments(item.collection, row)},
            conditions=[self._is_unlike(item.collection, row)],
        )

    def _records(
        self, connection: Connection, stop: Stop, rows: Mapping[str, Sequence[Key]]
    ) -> Iterator[Touch]:
        """Rows of the subject whose latest record says something else."""
        edge = self._edge(stop)
        if edge.target not in rows:
            return
        row = relation(self.rulebook.live, edge.target, "spoken_for")
        listed = rows_of(self.rulebook, edge.target, rows[edge.target])
        keys = [sa.cast(row.c[name], sa.Text) for name, _ in self.rulebook.key(edge.target)]
        latest = self._latest(stop, edge, row)
        query = (
            sa.select(*keys)
            .select_from(
                row.join(listed, is_same(self.rulebook, edge.target, row, listed)).join(latest, sa.true())
            )
            .where(self._says_otherwise(stop, latest))
            .order_by(*keys)
        )
        yield Touch(
            collection=edge.target,
            action=Action.RECORD,
            keys=tuple(tuple(found) for found in connection.execute(query)),
            columns=_written(stop),
            edge=edge.name,
        )

    def _record(self, connection: Connection, stop: Stop, item: Item, planned: FromClause) -> int:
        """Copy the record that counts of each row, with the values that the policy names and the moment."""
        edge = self._edge(stop)
        row = relation(self.rulebook.live, edge.target, "spoken_for")
        latest = self._latest(stop, edge, row)
        new = {**self._values(stop), str(stop.at): self._moment(edge.holder, str(stop.at), stop)}
        names = [name for name in self._copied(stop, edge) if name not in new]
        columns = [*(latest.c[name] for name in names), *new.values()]
        rows = (
            sa.select(*columns)
            .select_from(
                row.join(planned, is_same(self.rulebook, item.collection, row, planned)).join(
                    latest, sa.true()
                )
            )
            .where(self._says_otherwise(stop, latest))
        )
        insert = sa.insert(table_of(self.rulebook, edge.holder)).from_select([*names, *new], rows)
        return int(connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount)

    def _latest(self, stop: Stop, edge: Edge, row: FromClause) -> Any:
        """The record of a row that counts: the latest, and of several at one moment the one written last."""
        record = relation(self.rulebook.live, edge.holder, "record")
        order = [record.c[str(stop.at)], *(record.c[name] for name, _ in self.rulebook.key(edge.holder))]
        return (
            sa.select(*record.c)
            .where(refers(edge, self.rulebook.live, record, row))
            .order_by(*(column.desc() for column in order))
            .limit(1)
            .lateral("latest")
        )

    def _copied(self, stop: Stop, edge: Edge) -> list[str]:
        """Columns that a copy has of what it is a copy of; its key is its own, unless it is made of the others."""
        table = self.rulebook.live[edge.holder]
        fixed = set(primary_key(table, self.rulebook.datamap)) - {*edge.columns, *stop.values, str(stop.at)}
        return [
            column.name
            for column in table.columns.values()
            if column.name not in fixed and not column.is_generated
        ]

    def _says_otherwise(self, stop: Stop, latest: Any) -> ColumnElement[bool]:
        return _differs(latest, self._values(stop))

    def _values(self, stop: Stop) -> dict[str, ColumnElement[Any]]:
        return {name: self._typed(str(stop.record), name, value) for name, value in stop.values.items()}

    def _moment(self, collection: str, column: str, stop: Stop) -> ColumnElement[Any]:
        """When the subject's word is written down: the moment of the run."""
        kind = self.rulebook.live[collection].columns[column].type
        moment = sa.literal(self.case.as_of, sa.DateTime(timezone=True))
        if kind == "date":
            return sa.cast(sa.func.timezone(str(self.rulebook.policy.zone), moment), sa.Date)
        if kind == "timestamp without time zone":
            return sa.func.timezone(str(stop.time_zone), moment)
        return moment

    def _edge(self, stop: Stop) -> Edge:
        """The reference by which records belong to rows of a subject; ``lifecycle check`` knows that there is one."""
        (edge,) = edges_of_record(self.rulebook.edges, str(stop.record))
        return edge

    def _unlike(self, connection: Connection, collection: str, keys: Sequence[Key]) -> tuple[Key, ...]:
        """Those of some rows of which a column is to be set."""
        row, listed = (
            relation(self.rulebook.live, collection, "unset"),
            rows_of(self.rulebook, collection, keys),
        )
        texts = [sa.cast(row.c[name], sa.Text) for name, _ in self.rulebook.key(collection)]
        query = (
            sa.select(*texts)
            .select_from(row.join(listed, is_same(self.rulebook, collection, row, listed)))
            .where(self._is_unlike(collection, row))
            .order_by(*texts)
        )
        return tuple(tuple(found) for found in connection.execute(query))

    def _is_unlike(self, collection: str, row: Any) -> ColumnElement[bool]:
        """Whether a column that is set holds something else, or one that takes the moment nothing yet."""
        empty = [row.c[column].is_(None) for column in self._since(collection)]
        return sa.or_(_differs(row, self._set_values(collection)), *empty)

    def _set_columns(self) -> dict[str, tuple[str, ...]]:
        """By collection, the columns that are written into the subject's rows."""
        named = [name for stop in self.stops for name in (*stop.set, *([stop.since] if stop.since else []))]
        found: dict[str, list[str]] = defaultdict(list)
        for name in dict.fromkeys(named):
            collection, column = name.rsplit(".", 1)
            found[collection].append(column)
        return {collection: tuple(columns) for collection, columns in found.items()}

    def _set_values(self, collection: str) -> dict[str, ColumnElement[Any]]:
        """By column, what is set."""
        return {
            column: self._typed(collection, column, value)
            for stop in self.stops
            for name, value in stop.set.items()
            for of, column in [name.rsplit(".", 1)]
            if of == collection
        }

    def _moments(self, collection: str, row: Any) -> dict[str, ColumnElement[Any]]:
        """By column, the moment, where nothing stands."""
        return {
            column: sa.func.coalesce(row.c[column], self._moment(collection, column, stop))
            for column, stop in self._since(collection).items()
        }

    def _since(self, collection: str) -> dict[str, Stop]:
        """Columns of a collection that take the moment, and what says so."""
        return {
            stop.since.rsplit(".", 1)[1]: stop
            for stop in self.stops
            if stop.since and stop.since.rsplit(".", 1)[0] == collection
        }

    def _typed(self, collection: str, column: str, value: Any) -> ColumnElement[Any]:
        text = None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        live = self.rulebook.live[collection].columns[column]
        return sa.cast(sa.literal(text, sa.Text), NamedType(live.type))


def _written(stop: Stop) -> tuple[str, ...]:
    """The columns of a record that are not copied."""
    return (*stop.values, str(stop.at))


def _differs(row: Any, values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """Whether any column of a row holds another value; compared as text, as not every type can be."""
    return sa.or_(
        sa.false(),
        *(
            sa.cast(row.c[name], sa.Text).is_distinct_from(sa.cast(value, sa.Text))
            for name, value in values.items()
        ),
    )
