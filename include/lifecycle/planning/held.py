"""The rows that holds cover, in temporary tables: they are asked for several times, and are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.holds.cover import Cover, strongest
from lifecycle.policy.model import EdgeKind
from lifecycle.store.relations import NamedType, definitions

if TYPE_CHECKING:
    from datetime import datetime

    from lifecycle.planning.workset import WorkSet


class HeldRows:
    """The covered rows of the collections of a work set and of those that refer to them.

    A table has the key (``key_0`` …), and of the strongest reason ``kind``, ``hold_id`` and ``last_day``.

    Raises:
        CheckFailed: a hold names what is not there any more.
    """

    def __init__(self, works: WorkSet, as_of: datetime) -> None:
        self.works = works
        self.tables: dict[str, sa.TableClause] = {}
        cover = Cover(works.connection, works.rulebook, as_of)
        cover.require_nothing_lost()
        for number, collection in enumerate(self._collections()):
            if collection in cover:
                self._add(number, collection, cover)

    def __contains__(self, collection: str) -> bool:
        """Whether any of its rows is covered."""
        return collection in self.tables

    def __getitem__(self, collection: str) -> sa.TableClause:
        return self.tables[collection]

    def _collections(self) -> list[str]:
        edges = [edge for edge in self.works.rulebook.edges if edge.kind is not EdgeKind.NONE]
        holders = (edge.holder for edge in edges if edge.target in self.works)
        return sorted({*(work.collection for work in self.works), *holders})

    def _add(self, number: int, collection: str, cover: Cover) -> None:
        """Keep the table where any row is covered."""
        rulebook, connection = self.works.rulebook, self.works.connection
        types = {f"key_{part}": kind for part, (_, kind) in enumerate(rulebook.key(collection))}
        types |= {"kind": "text", "hold_id": "text", "last_day": "date"}
        table = sa.table(
            f"{self.works.name}_held_{number}",
            *(sa.column(name, NamedType(kind)) for name, kind in types.items()),
        )
        columns = ", ".join(definitions(types))
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {table.name} ({columns}) ON COMMIT DROP")
        reason = strongest(cover.rows(collection), rulebook.policy.zone)
        insert = sa.insert(table).from_select([column.name for column in table.c], sa.select(*reason.c))
        if connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount:
            connection.exec_driver_sql(f"ANALYZE {table.name}")
            self.tables[collection] = table
