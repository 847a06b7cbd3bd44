"""Control totals: how many rows there are and how much money, by currency, in the tables and in the archive."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from lifecycle.archive.documents import CURRENCY
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lifecycle.archive.documents import Documents
    from lifecycle.archive.layout import Layout

ROWS = "rows"
"""What is counted beside the columns of money."""


class Totals(dict[tuple[str, str, str], Decimal]):
    """By currency, collection and column: sums of money, and the number of rows under :data:`ROWS`."""

    def to_json(self) -> dict[str, dict[str, dict[str, str]]]:
        """By currency, collection and column; amounts as text, so that no reader makes fractions of them."""
        found: dict[str, dict[str, dict[str, str]]] = {}
        for (currency, collection, column), amount in sorted(self.items()):
            found.setdefault(currency, {}).setdefault(collection, {})[column] = str(amount)
        return found

    @classmethod
    def from_json(cls, document: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Totals:
        """What was written so."""
        return cls(
            {
                (currency, collection, column): Decimal(amount)
                for currency, collections in document.items()
                for collection, columns in collections.items()
                for column, amount in columns.items()
            }
        )

    def rows(self, collection: str) -> int:
        """The rows of a collection, of whatever currency."""
        return sum(
            int(count) for (_, name, column), count in self.items() if (name, column) == (collection, ROWS)
        )

    def add(self, currency: str | None, collection: str, column: str, amount: Any) -> None:
        """Add an amount, or a number of rows; nothing where there is none."""
        if amount:
            key = (currency or "", collection, column)
            self[key] = self.get(key, Decimal(0)) + amount

    def __add__(self, other: Totals) -> Totals:
        """Both together."""
        found = Totals(self)
        for (currency, collection, column), amount in other.items():
            found.add(currency, collection, column, amount)
        return found


def of_tables(documents: Documents, layout: Layout) -> Totals:
    """Of the documents that were picked, as the tables have them in the same transaction."""
    found = Totals()
    for collection, columns in layout.totals.items():
        for currency, *amounts in documents.connection.execute(_query(documents, collection, columns)):
            for column, amount in zip((ROWS, *columns), amounts, strict=True):
                found.add(currency, collection, column, amount)
    return found


def _query(documents: Documents, collection: str, columns: Iterable[str]) -> sa.Select[Any]:
    row, currency = relation(documents.rulebook.live, collection, "row"), documents.picked.c[CURRENCY]
    wanted: list[Any] = [currency, sa.func.count(), *(sa.func.sum(row.c[name]) for name in columns)]
    return sa.select(*wanted).select_from(documents.with_picked(row, collection)).group_by(currency)


def of_objects(table: pa.Table, layout: Layout) -> Totals:
    """Of documents that were read from an object."""
    found = Totals()
    currencies = table[layout.currency].combine_chunks()
    own = layout.documents.collection
    _add_up(found, own, currencies, {name: table[name] for name in layout.totals[own]})
    for part in layout.children:
        lists = table[part.collection].combine_chunks()
        rows = pc.list_flatten(lists)
        of_rows = currencies.take(pc.list_parent_indices(lists))
        names = layout.totals[part.collection]
        _add_up(found, part.collection, of_rows, {name: pc.struct_field(rows, name) for name in names})
    return found


def _add_up(found: Totals, collection: str, currencies: pa.Array, amounts: Mapping[str, Any]) -> None:
    table = pa.table(
        {"currency": currencies, **{f"sum of {name}": column for name, column in amounts.items()}}
    )
    wanted: list[tuple[Any, str]] = [("currency", "count"), *((f"sum of {name}", "sum") for name in amounts)]
    wanted[0] = ([], "count_all")
    for row in table.group_by("currency").aggregate(wanted).to_pylist():
        found.add(row["currency"], collection, ROWS, row["count_all"])
        for name in amounts:
            found.add(row["currency"], collection, name, row[f"sum of {name}_sum"])
