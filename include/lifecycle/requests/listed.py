"""Rows that were found once, as a ground: they are due because their keys are on a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.store.relations import NamedType

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

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

    @property
    def signature(self) -> Hashable:
        """Of which collections there are lists."""
        return "listed", tuple(self.keys)

    @property
    def bound(self) -> dict[str, Any]:
        """The lists, column by column."""
        return {
            f"listed_{table}_{part}": [key[part] for key in keys]
            for table, (collection, keys) in enumerate(self.keys.items())
            for part, _ in enumerate(self.rulebook.key(collection))
        }

    def due(self, work: Work) -> Select[Any]:
        """Rows on the list that are there."""
        row, listed = work.row("due_row"), self._listed(work.collection)
        same = [row.c[name] == listed.c[name] for name in work.keys]
        return sa.select(*work.row_keys(row)).select_from(row.join(listed, sa.and_(*same)))

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether a row is on the list."""
        listed = self._listed(collection)
        same = [row.c[name] == listed.c[name] for name, _ in self.rulebook.key(collection)]
        return sa.exists(sa.select(sa.literal(1)).select_from(listed).where(*same).correlate(row))

    def witnesses(self, _works: WorkSet, _work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """None: the list says it."""
        return iter(())

    def _listed(self, collection: str) -> FromClause:
        table = list(self.keys).index(collection) if collection in self.keys else len(self.keys)
        return rows_of(self.rulebook, collection, self.keys.get(collection, ()), f"listed_{table}")


def rows_of(
    rulebook: Rulebook, collection: str, keys: Sequence[Key], parameter: str = "listed"
) -> FromClause:
    """Keys as rows of the collection's key columns, bound by the parameter's name and a number."""
    columns = rulebook.key(collection)
    arrays = [
        sa.cast(
            sa.bindparam(f"{parameter}_{part}", [key[part] for key in keys], sa.ARRAY(sa.Text)),
            sa.ARRAY(NamedType(kind)),
        )
        for part, (_, kind) in enumerate(columns)
    ]
    rows = sa.func.unnest(*arrays).table_valued(*(sa.column(name) for name, _ in columns), name="listed")
    return rows.render_derived()
