"""No collateral: the database's own count of what a transaction changed, compared with its plan.

PostgreSQL counts the rows that the current transaction inserted, updated and deleted, table by table, those of
cascades and triggers included (``pg_stat_xact_user_tables``). The project's own schema is left out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.plan import Action

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from lifecycle.plan import Item

_CHANGED = sa.text("""
    -- Rows changed by this transaction, by table; a partition is told by the table it belongs to.
    SELECT statistics.relid::bigint AS relation,
           format('%s.%s', namespace.nspname, class.relname) AS name,
           statistics.n_tup_ins AS inserted, statistics.n_tup_upd AS updated, statistics.n_tup_del AS deleted
    FROM pg_stat_xact_user_tables AS statistics
    JOIN pg_class AS class ON class.oid = coalesce(pg_partition_root(statistics.relid), statistics.relid)
    JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE statistics.n_tup_ins + statistics.n_tup_upd + statistics.n_tup_del > 0
      AND namespace.nspname <> 'lifecycle'
""")

Counted = dict[tuple[int, str, str], int]
"""Rows by relation, collection and what happened to them."""


class Tally(Counter[tuple[str, str]]):
    """Rows by collection and by what happened to them: ``inserted``, ``updated``, ``deleted``, ``dropped``."""

    def to_json(self) -> list[dict[str, Any]]:
        """As a list, in order."""
        return [
            {"collection": collection, "what": what, "rows": rows}
            for (collection, what), rows in sorted(self.items())
        ]

    def differences(self, expected: Tally) -> str:
        """Where this differs from ``expected``, in words."""
        keys = sorted({*self, *expected})
        return "; ".join(
            f"{collection} {self[collection, what]} {what}, {expected[collection, what]} planned"
            for collection, what in keys
            if self[collection, what] != expected[collection, what]
        )


def count_changes(connection: Connection) -> Counted:
    """What the session has counted so far: more than this transaction, where the last is still waiting in it."""
    return {
        (row.relation, row.name, what): count
        for row in connection.execute(_CHANGED)
        for what in ("inserted", "updated", "deleted")
        if (count := getattr(row, what))
    }


def changed_rows(connection: Connection, before: Counted) -> Tally:
    """Rows that the current transaction has changed since ``before`` was counted in it.

    A relation that was dropped meanwhile has taken its counts with it, those of earlier transactions included.
    """
    found = Tally()
    for (relation, collection, what), count in count_changes(connection).items():
        if rows := count - before.get((relation, collection, what), 0):
            found[collection, what] += rows
    return found


_COUNTED_AS = {
    Action.CUT: "updated",
    Action.REDACT: "updated",
    Action.MASK: "updated",
    Action.RECTIFY: "updated",
    Action.SET: "updated",
    Action.DELETE: "deleted",
    Action.RECORD: "inserted",
}
"""What the database counts of an action; the others change no row."""
_TOLD_AS = {
    Action.DROP_PARTITION: "dropped",
    Action.DESTROY: "destroyed",
    Action.DISCLOSE: "disclosed",
    Action.RESTRICT: "restricted",
}
"""What is told of those."""


def told_rows(items: Iterable[Item]) -> Tally:
    """What is told of items that were carried out: what they changed, and what was dropped, as estimated."""
    items = tuple(items)
    found = expected_rows(items)
    for item in items:
        if item.action in _TOLD_AS:
            found[item.collection, _TOLD_AS[item.action]] += item.rows
    return found


def expected_rows(items: Iterable[Item]) -> Tally:
    """What the items of a plan would change, by the collection in which the database counts it."""
    found = Tally()
    for item in items:
        if item.action in _COUNTED_AS:
            found[_changed_collection(item), _COUNTED_AS[item.action]] += item.rows
    return found


def _changed_collection(item: Item) -> str:
    """The item's own; where rows are recorded, that of the reference by which they refer to them."""
    if item.action is Action.RECORD and item.edge:
        return item.edge.rsplit(".", 1)[0]
    return item.collection
