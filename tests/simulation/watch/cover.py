"""Who may keep a row past its limit, and what a row may go with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from simulation.watch.letters import is_about

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from simulation.history import Target
    from simulation.people import Identity
    from simulation.tables import Name, Row, Snapshot
    from simulation.world import World

_OWNERS = {
    "visitor_id": "website.visitor",
    "enquiry_id": "website.enquiry",
    "subscription_id": "website.marketing_subscription",
    "customer_id": "app.customer",
    "contact_id": "app.contact",
    "person_id": "app.person",
    "invoice_id": "app.invoice",
}
_OWN_MASTERS = {"website.enquiry", "website.chat", "website.marketing_subscription", "app.invoice"}
"""Their references are to others, not to what they are part of."""


def _owner(table: str, row: Row) -> Name | None:
    """The row that this one may go with."""
    if table in _OWN_MASTERS:
        return None
    return next(((_OWNERS[column], row[column]) for column in row if column in _OWNERS and row[column]), None)


def _references(row: Row) -> Iterator[Name]:
    """Every row that this one refers to."""
    others = {
        "manager_person_id": "app.person",
        "author_contact_id": "app.contact",
        "renews_contract_id": "app.contract",
        "contract_id": "app.contract",
        "credited_invoice_id": "app.invoice",
        **_OWNERS,
    }
    return ((others[column], row[column]) for column in row if column in others and row[column])


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a hold or restriction names: rows and tables, and whoever has an identity."""

    targets: frozenset[Target]
    subjects: frozenset[Identity]


def active(world: World, as_of: datetime, *, kind: str | None = None) -> dict[int, Named]:
    """The holds and restrictions that count at a moment, or only those of a kind, and what they name."""
    return {
        number: Named(targets=hold.targets, subjects=hold.subjects)
        for number, hold in world.holds.items()
        if hold.until > as_of and not hold.is_released and kind in {None, hold.kind}
    }


class Cover:
    """Who may keep a row past its limit."""

    def __init__(self, rows: Snapshot, holds: Mapping[int, Named]) -> None:
        self.rows = rows
        self.targets = frozenset(chain.from_iterable(one.targets for one in holds.values()))
        self.subjects = frozenset(chain.from_iterable(one.subjects for one in holds.values()))

    def excuses(self, name: Name) -> bool:
        """Whether the row is covered, or needed by a covered row."""
        return self._is_any() and (self.covers(name) or name in self._needed)

    def covers(self, name: Name) -> bool:
        """Whether the row, or something it is part of, is named."""
        return self._is_any() and any(
            part in self.targets or (part[0], None) in self.targets or part in self._about
            for part in owners(self.rows, name)
        )

    def _is_any(self) -> bool:
        return bool(self.targets or self.subjects)

    @cached_property
    def _about(self) -> set[Name]:
        """Rows of somebody who is named by an identity."""
        return {
            (table, key)
            for table, rows in self.rows.items()
            for key, row in rows.items()
            if self.subjects and is_about((table, key), row, self.subjects)
        }

    @cached_property
    def _needed(self) -> set[Name]:
        """What covered rows refer to, and what that is part of."""
        return {
            part
            for table, rows in self.rows.items()
            for key, row in rows.items()
            if self.covers((table, key))
            for name in _references(row)
            for part in owners(self.rows, name)
        }


def owners(rows: Snapshot, name: Name | None) -> Iterator[Name]:
    """The row, what it is part of, what that is part of, and so on."""
    while name is not None:
        yield name
        name = _owner(name[0], rows[name[0]][name[1]])
