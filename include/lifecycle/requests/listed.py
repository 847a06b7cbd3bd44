"""Rows that were found once, as a ground: they are due because their keys are on a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.store.relations import NamedType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.rulebook import Rulebook

Key = tuple[str, ...]
"""A row's primary key as text, column by column."""


class Listed:
    """Rows are due because they were found, a moment ago, in a state of the database that nothing has changed since.

    Whatever is done to them asks again for what it depends on.

    Args:
        rulebook: of the policy in force.
        keys: of the rows, by collection.
    """

    def __init__(self, rulebook: Rulebook, keys: Mapping[str, Sequence[Key]]) -> None:
        self.rulebook = rulebook
        self.keys = keys

    def due(self, work: Work) -> Select[Any]:
        """Rows on the list that are there."""
        row, listed = work.row("due_row"), rows_of(self.rulebook, work.collection, self._of(work.collection))
        same = [row.c[name] == listed.c[name] for name in work.keys]
        return sa.select(*work.row_keys(row)).select_from(row.join(listed, sa.and_(*same)))

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether a row is on the list."""
        listed = rows_of(self.rulebook, collection, self._of(collection))
        same = [row.c[name] == listed.c[name] for name, _ in self.rulebook.key(collection)]
        return sa.exists(sa.select(sa.literal(1)).select_from(listed).where(*same).correlate(row))

    def witnesses(self, _works: WorkSet, _work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """None: the list says it."""
        return iter(())

    def _of(self, collection: str) -> Sequence[Key]:
        return self.keys.get(collection, ())


def rows_of(rulebook: Rulebook, collection: str, keys: Sequence[Key]) -> FromClause:
    """Keys as rows of the collection's key columns."""
    columns = rulebook.key(collection)
    arrays = [
        sa.cast(sa.literal([key[number] for key in keys], sa.ARRAY(sa.Text)), sa.ARRAY(NamedType(kind)))
        for number, (_, kind) in enumerate(columns)
    ]
    rows = sa.func.unnest(*arrays).table_valued(*(sa.column(name) for name, _ in columns), name="listed")
    return rows.render_derived()
