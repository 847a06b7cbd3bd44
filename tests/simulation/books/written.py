"""What the archive has of an invoice, and whether that is what the tables have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from simulation.moments import last_day
from simulation.tables import Snapshot, image, links_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulation.moments import Period
    from simulation.tables import Key, Name, Row
    from simulation.world import World

INVOICE = "app.invoice"
BOOKS = {INVOICE: None, "app.invoice_line": "invoice_id", "app.payment": "invoice_id"}
"""Accounting records, and the column by which they refer to their invoice."""
NEEDLESS = {INVOICE: ("contact_name", "contact_email")}
"""What an invoice says of persons that the law does not ask for."""
NOT_WRITTEN = {
    INVOICE: (*NEEDLESS[INVOICE], *(link.column for link in links_from(INVOICE))),
}
"""Columns that the archive does not have; what an invoice refers to may go before it."""

Content = frozenset[tuple[str | None, ...]]
"""What the law asks for of an invoice, its lines and payments: each row as PostgreSQL writes it, with its table."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """An invoice as it was written.

    Attributes:
        revision: 0 as it was first written, counted up each time that it had changed.
        rows: the facts that were written, the invoice's own and those of what belongs to it.
    """

    revision: int
    number: str
    issued_on: date
    content: Content
    rows: Snapshot


def asked_for_until(issued_on: date, books: Period) -> date:
    """The last day on which the law asks for an invoice and what belongs to it."""
    return last_day(date(issued_on.year, 12, 31), books)


def invoice_of(name: Name, row: Row) -> Key | None:
    """The invoice of an accounting record; None of any other row."""
    if name[0] not in BOOKS:
        return None
    column = BOOKS[name[0]]
    key: Key = row[column] if column else name[1]
    return key


def rows_of(rows: Snapshot, key: Key) -> Snapshot:
    """An invoice with all that belongs to it."""
    return {
        table: {
            one: row
            for one, row in (rows[table].items() if column else [(key, rows[table][key])])
            if column is None or row[column] == key
        }
        for table, column in BOOKS.items()
    }


def content(document: Snapshot) -> Content:
    """What the law asks for of it."""
    return frozenset(
        (table, *image(table, key, {**row, **dict.fromkeys(NOT_WRITTEN.get(table, ()))}))
        for table, rows in document.items()
        for key, row in rows.items()
    )


def written_now(world: World, key: Key) -> Document:
    """An invoice as it is written now."""
    rows, before = _rows_of(world, key), world.written.get(key, ())
    invoice = rows[INVOICE][key]
    return Document(
        revision=before[-1].revision + 1 if before else 0,
        number=invoice["number"],
        issued_on=invoice["issued_on"],
        content=content(rows),
        rows=rows,
    )


def is_as_it_stands(world: World, key: Key) -> bool:
    """Whether the archive has an invoice, and all that belongs to it, exactly as the tables do."""
    before = world.written.get(key)
    return bool(before) and before[-1].content == content(_rows_of(world, key))


def archived(world: World) -> set[Key]:
    """Invoices that the tables need not keep."""
    return {key for key in world.written if key in world.rows[INVOICE] and is_as_it_stands(world, key)}


def _rows_of(world: World, key: Key) -> Snapshot:
    """The same as :func:`rows_of`, by what the world knows of parts."""
    names: Iterable[Name] = world.with_parts({(INVOICE, key)})
    found: Snapshot = {table: {} for table in BOOKS}
    for table, one in names:
        found[table][one] = world.rows[table][one]
    return found
