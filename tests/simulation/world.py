"""The company as it should be: rows, holds and policies in memory, and what events do to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from simulation.history import Add, Amend, Change, Event, Extend, Hold, Place, Release
from simulation.moments import day_of
from simulation.people import identities
from simulation.releases.register import Register
from simulation.requests.asked import Desk, Missing
from simulation.tables import FACTS, UNIQUE, Key, Link, Name, Row, image, links_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from simulation.books.written import Document
    from simulation.history import Stop, Target
    from simulation.people import Identity
    from simulation.policy import Policy
    from simulation.requests.backups import Backup
    from simulation.tables import Snapshot

PARTITIONED = ("website.page_view", "website.interaction")

Image = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """That the persons of a customer will be deleted.

    Attributes:
        event_day: the day from which the period is counted.
        planned_on: the day on which they go.
        announced: days ahead for which it was announced.
    """

    event_day: date
    last_day: date
    planned_on: date
    noticed_at: datetime
    announced: tuple[int, ...] = ()


@dataclass(kw_only=True)
class World:
    """Everything there is.

    Attributes:
        rows: by table and key.
        images: each row as PostgreSQL would print it.
        parts: the rows that are part of a row, where there are any.
        named: the rows that say they are about somebody, by what they say.
        days: of telemetry that have a partition, by table.
        policies: the versions that have been published.
        notices: that are open, by customer.
        written: what the archive knows of each invoice, in the order in which it was written.
        in_places: what its places have of it, which no restore takes back.
        register: what was released, is lost, and was taken of budgets.
        desk: what was asked for, and what became of it.
        backups: that were made, by number.
        missing: what a person had to do after the last restore.
        stops: purposes that are over for subjects, by request and purpose.
        recorded: how many records the answers of requests have written so far.
        lost: holds that restores took away, and when the backups had been made.
        restored: the rows as the last restore put them back, before anything was erased again.
    """

    policies: list[Policy]
    rows: dict[str, dict[Key, Row]] = field(default_factory=lambda: {table: {} for table in FACTS})
    images: dict[Name, Image] = field(default_factory=dict)
    parts: dict[Name, set[Name]] = field(default_factory=dict)
    named: dict[Identity, set[Name]] = field(default_factory=dict)
    days: dict[str, set[date]] = field(default_factory=lambda: {table: set() for table in PARTITIONED})
    holds: dict[int, Hold] = field(default_factory=dict)
    notices: dict[Key, Notice] = field(default_factory=dict)
    written: dict[Key, tuple[Document, ...]] = field(default_factory=dict)
    in_places: dict[Key, tuple[Document, ...]] = field(default_factory=dict)
    register: Register = field(default_factory=Register)
    desk: Desk = field(default_factory=Desk)
    backups: dict[int, Backup] = field(default_factory=dict)
    stops: dict[tuple[int, str], Stop] = field(default_factory=dict)
    recorded: int = 0
    lost: list[tuple[datetime, Hold]] = field(default_factory=list)
    missing: Missing = field(default_factory=Missing)
    restored: Snapshot = field(default_factory=dict)

    def put(self, table: str, key: Key, row: Row) -> None:
        """Insert or replace a row."""
        self._part((table, key))
        self.rows[table][key] = row
        self.images[table, key] = (table, *image(table, key, row))
        for one in identities((table, key), row):
            self.named.setdefault(one, set()).add((table, key))
        if whole := self.whole((table, key)):
            self.parts.setdefault(whole, set()).add((table, key))

    def remove(self, table: str, key: Key) -> None:
        """Delete a row."""
        self._part((table, key))
        del self.rows[table][key]
        del self.images[table, key]

    def _part(self, name: Name) -> None:
        """Take a row out of what it is part of, and of whom it names."""
        if name not in self.images:
            return
        for one in identities(name, self.rows[name[0]][name[1]]):
            self.named[one].discard(name)
        if whole := self.whole(name):
            self.parts[whole].remove(name)
            if not self.parts[whole]:
                del self.parts[whole]

    def find(self, name: Name) -> Row | None:
        """A row by table and key."""
        return self.rows[name[0]].get(name[1])

    def can_be_held(self, target: Target) -> bool:
        """Whether a hold can name it: a table, a row, or an invoice that only the archive has."""
        table, key = target
        return key is None or key in self.rows[table] or (table == "app.invoice" and key in self.written)

    def mentioned(self, name: Name) -> Iterator[tuple[Link, Name]]:
        """The rows that a row refers to, and by which link."""
        row = self.rows[name[0]][name[1]]
        for link in links_from(name[0]):
            if row[link.column] is not None:
                yield link, (link.target, row[link.column])

    def whole(self, name: Name) -> Name | None:
        """The row that this one is part of."""
        return next((target for link, target in self.mentioned(name) if link.belongs), None)

    def with_parts(self, names: Iterable[Name]) -> set[Name]:
        """The rows and all that is part of them."""
        found = set(names)
        pending = list(found)
        while pending:
            new = self.parts.get(pending.pop(), set()) - found
            found |= new
            pending += new
        return found

    def forget_ended(self, as_of: datetime) -> None:
        """Forget which rows were named by holds that have ended, as whoever plans does; tables are remembered.

        A restriction that a subject asked for is known until recipients were told of its end.
        """
        for number, hold in self.holds.items():
            is_told_first = hold.request is not None and not hold.is_released
            if not hold.is_active(as_of) and not is_told_first:
                targets = frozenset(target for target in hold.targets if target[1] is None)
                self.holds[number] = replace(hold, targets=targets, subjects=frozenset())

    @singledispatchmethod
    def apply(self, event: Event) -> bool:
        """Let an event happen; False where it cannot, because what it is about is not there (any more)."""
        raise TypeError(event)

    @apply.register
    def _(self, event: Add) -> bool:
        if event.key in self.rows[event.table] or not self._may_stand(event.table, event.row):
            return False
        if not self._is_the_only_one(event.table, event.row):
            return False
        self.put(event.table, event.key, event.row)
        if event.table in PARTITIONED:
            for table in PARTITIONED:
                self.days[table].add(day_of(event.row["occurred_at"]))
        return True

    @apply.register
    def _(self, event: Change) -> bool:
        before = self.find((event.table, event.key))
        if before is None or not self._may_stand(event.table, after := {**before, **event.to}):
            return False
        self.put(event.table, event.key, after)
        return True

    @apply.register
    def _(self, event: Place) -> bool:
        missing = not all(self.can_be_held(target) for target in event.targets)
        if missing or event.hold in self.holds or event.until <= event.at:
            return False
        self.holds[event.hold] = Hold(
            kind=event.kind,
            until=event.until,
            targets=frozenset(event.targets),
            subjects=frozenset(event.subjects),
        )
        return True

    @apply.register
    def _(self, event: Extend) -> bool:
        hold = self.holds.get(event.hold)
        if hold is None or not hold.is_active(event.at) or event.until <= event.at:
            return False
        self.holds[event.hold] = replace(hold, until=event.until)
        return True

    @apply.register
    def _(self, event: Release) -> bool:
        hold = self.holds.get(event.hold)
        if hold is None or hold.is_released or hold.request is not None:
            return False
        self.holds[event.hold] = replace(hold, is_released=True)
        return True

    @apply.register
    def _(self, event: Amend) -> bool:
        if any(one.since == event.policy.since for one in self.policies):
            return False
        self.policies.append(event.policy)
        return True

    def _may_stand(self, table: str, row: Row) -> bool:
        """What the schema asks of a row: that the rows it refers to exist, and that its dates are in order."""
        linked = all(
            row[link.column] is None or row[link.column] in self.rows[link.target]
            for link in links_from(table)
        )
        if table == "app.contract" and row["ended_at"] is not None:
            reinstated = row["reinstated_at"]
            return linked and row["starts_at"] <= row["ended_at"] and not _after(reinstated, row["ended_at"])
        if table == "website.visitor":
            return linked and row["first_seen_at"] <= row["last_seen_at"]
        return linked

    def _is_the_only_one(self, table: str, row: Row) -> bool:
        """Whether no other row has what only one may have."""
        columns, is_trimmed = UNIQUE.get(table, ((), False))
        own = alike(row, columns, is_trimmed=is_trimmed)
        return not columns or all(
            alike(other, columns, is_trimmed=is_trimmed) != own for other in self.rows[table].values()
        )


def alike(row: Row, columns: tuple[str, ...], *, is_trimmed: bool) -> tuple[str, ...]:
    """What no two rows of a table may have alike."""
    found = (str(row[column]).lower() for column in columns)
    return tuple(one.strip() if is_trimmed else one for one in found)


def _after(earlier: object, later: object) -> bool:
    return earlier is not None and earlier >= later  # type: ignore[operator]  # both are moments
