"""No collateral: the database's own count of what a transaction changed, compared with its plan.

PostgreSQL counts the rows that the current transaction inserted, updated and deleted, table by table, those of
cascades and triggers included (``pg_stat_xact_user_tables``). The project's own schema is left out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.plan import Action

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from lifecycle.plan import Item

_CHANGED = sa.text("""
    -- Partitions count as the table they belong to.
    SELECT coalesce(pg_partition_root(statistics.relid), statistics.relid) AS relation_id,
           sum(n_tup_ins)::bigint AS inserted, sum(n_tup_upd)::bigint AS updated, sum(n_tup_del)::bigint AS deleted
    FROM pg_stat_xact_user_tables AS statistics
    WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname <> 'lifecycle' AND schemaname NOT LIKE 'pg\\_temp%'
    GROUP BY relation_id
""")
_NAMES = sa.text("""
    SELECT class.oid AS relation_id, format('%s.%s', namespace.nspname, class.relname) AS name
    FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE class.oid = ANY(:ids)
""")


class Tally(Counter[tuple[str, str]]):
    """Rows by collection and by what happened to them: ``inserted``, ``updated``, ``deleted``."""

    def __sub__(self, other: Counter[tuple[str, str]]) -> Tally:
        """What this has beyond ``other``, entries of no rows left out."""
        return Tally({key: rows - other[key] for key, rows in self.items() if rows != other[key]})

    def differences(self, expected: Tally) -> str:
        """Where this differs from ``expected``, in words."""
        keys = sorted({*self, *expected})
        return "; ".join(
            f"{collection} {self[collection, what]} {what}, {expected[collection, what]} planned"
            for collection, what in keys
            if self[collection, what] != expected[collection, what]
        )


def changed_rows(connection: Connection) -> Tally:
    """Rows that the session's current transaction has changed so far.

    Take it before and after and subtract: the counts of an earlier transaction may still be waiting in them.
    """
    rows = connection.execute(_CHANGED).all()
    names = {
        row.relation_id: row.name
        for row in connection.execute(_NAMES, {"ids": [row.relation_id for row in rows]})
    }
    found = Tally()
    for row in rows:
        for what in ("inserted", "updated", "deleted"):
            if count := getattr(row, what):
                found[names[row.relation_id], what] += count
    return found


def expected_rows(items: Iterable[Item]) -> Tally:
    """What the items of a plan would change; a dropped partition changes no rows."""
    found = Tally()
    for item in items:
        if item.action is not Action.DROP_PARTITION:
            found[item.collection, "deleted" if item.action is Action.DELETE else "updated"] += item.rows
    return found
