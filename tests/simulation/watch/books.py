"""What is promised of books: the tables let go of what the archive has, whole, and the archive of what is over."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from simulation.books.written import BOOKS, INVOICE, content, invoice_of, rows_of
from simulation.broken import Broken
from simulation.policy import in_force
from simulation.watch.cover import Cover, active
from simulation.watch.limits import end_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from simulation.books.written import Document
    from simulation.history import Expire
    from simulation.tables import Key, Name, Snapshot
    from simulation.world import World


class Law:
    """What the law asks for at a moment, and whether the archive has it.

    Args:
        world: policy, and what was written.
        rows: the tables as they are, or were.
    """

    def __init__(self, world: World, rows: Snapshot, as_of: datetime) -> None:
        self.world = world
        self.rows = rows
        self.as_of = as_of
        self.books = in_force(world.policies, as_of).books

    def keeps(self, invoice: Key) -> bool:
        """Whether the tables have to keep an invoice."""
        written = self.world.written.get(invoice)
        has = written is not None and written[-1].content == content(rows_of(self.rows, invoice))
        return self._asks_for(invoice) and not has

    def complaint(self, gone: Name) -> str | None:
        """What is wrong with it that a row is gone."""
        invoice = invoice_of(gone, self.rows[gone[0]][gone[1]])
        if invoice is None or not self._asks_for(invoice):
            return None
        if self.keeps(invoice):
            return "the law asks for it, and the archive does not have it as it stood"
        if self.world.find((INVOICE, invoice)):
            return f"invoice {invoice}, to which it belongs, is there without it"
        return None

    def _asks_for(self, invoice: Key) -> bool:
        return _limit(self.rows[INVOICE][invoice]["issued_on"], self) > self.as_of


def watch_expiry(event: Expire, before: Mapping[Key, tuple[Document, ...]], world: World) -> None:
    """Ask after an expiry: is all gone of which the years are over, and nothing that is held or was asked for?

    Raises:
        Broken: late or early.
    """
    law, cover = Law(world, world.rows, event.at), Cover(world.rows, active(world, event.at))
    late, early = [], []
    for key, documents in before.items():
        left = world.written.get(key, ())
        for one in documents:
            may_go = _limit(one.issued_on, law) <= event.at and not _is_held(cover, key)
            if may_go and one in left:
                late.append(f"invoice {key} of {one.issued_on}")
            elif not may_go and one not in left:
                early.append(f"invoice {key} of {one.issued_on}")
    for kind, found in (("late", late), ("early", early)):
        if found:
            has = "still has" if kind == "late" else "does not have any more"
            told = f"after {event} as of {event.at} the archive {has} {', '.join(found)}"
            raise Broken(kind, told, late=len(late), early=len(early))


def _limit(issued_on: date, law: Law) -> datetime:
    return end_of(date(issued_on.year, 12, 31), law.books)


def _is_held(cover: Cover, invoice: Key) -> bool:
    """Whether somebody holds an invoice, or something of it that the tables have."""
    if cover.targets & {(INVOICE, invoice), *((table, None) for table in BOOKS)}:
        return True
    if invoice not in cover.rows[INVOICE]:
        return False
    parts = rows_of(cover.rows, invoice)
    return any(cover.covers((table, key)) for table, rows in parts.items() for key in rows)
