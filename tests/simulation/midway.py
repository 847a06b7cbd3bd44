"""Histories that begin midway: the company as it is at a moment, and what happens from then on.

What came before need not be played, so a failure after years is looked into in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation.books.written import BOOKS, INVOICE, archived
from simulation.history import Add, Amend, Ask, Build, Change, Event, Place, Verify, Weigh
from simulation.tables import FACTS, links_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from simulation.history import Hold
    from simulation.policy import Policy
    from simulation.requests.asked import Asked
    from simulation.tables import Key, Row, Snapshot
    from simulation.world import World


@dataclass(frozen=True, kw_only=True)
class Midway:
    """The company at a moment: rows, books that the archive has, holds, requests that are open, versions of its policy.

    Attributes:
        archived: invoices with what belongs to them that the archive has as they stand, or alone.
    """

    at: datetime
    rows: Snapshot
    archived: Snapshot
    holds: Mapping[int, Hold]
    asked: Mapping[int, Asked]
    policies: Sequence[Policy]

    @classmethod
    def of(cls, world: World, at: datetime) -> Midway:
        """The company as it is now."""
        return cls(
            at=at,
            rows={table: dict(rows) for table, rows in world.rows.items()},
            archived=_archived(world),
            holds=dict(world.holds),
            asked={number: one for number, one in world.desk.copy().requests.items() if one.is_open},
            policies=tuple(world.policies),
        )

    def events(self, *, with_archive: bool = True) -> Iterator[Event]:
        """A history that leads there: all that there is is added, published and placed at once.

        Args:
            with_archive: what only the archive has is added, too, and goes with the first run after it was written;
                otherwise nothing was written so far, which takes less time.
        """
        for table in _TARGETS_FIRST:
            if table not in BOOKS:
                yield from self._adds(table, self.rows[table])
        yield from self._amendments()
        if with_archive and self.archived[INVOICE]:
            for table in BOOKS:
                yield from self._adds(table, self.archived[table])
            yield Build(at=self.at)
        for table in BOOKS:
            yield from self._adds(table, self.rows[table])
        yield from self._placements()
        yield from self._requests()

    def _adds(self, table: str, rows: Mapping[Key, Row]) -> Iterator[Event]:
        """Rows of a table, and then how they refer to each other; one that is there already is not added."""
        own = [link.column for link in links_from(table) if link.target == table]
        for key, row in rows.items():
            yield Add(at=self.at, table=table, key=key, row=row | dict.fromkeys(own))
        for key, row in rows.items():
            links = {column: row[column] for column in own if row[column] is not None}
            if links:
                yield Change(at=self.at, table=table, key=key, to=links)

    def _amendments(self) -> Iterator[Event]:
        for before, policy in zip(self.policies, self.policies[1:], strict=False):
            yield Amend(at=self.at, policy=policy, changed=policy.changed(before))

    def _placements(self) -> Iterator[Event]:
        for number, hold in self.holds.items():
            targets = tuple(target for target in hold.targets if self._can_be_held(*target))
            if hold.is_active(self.at) and (targets or hold.subjects):
                yield Place(
                    at=self.at,
                    hold=number,
                    kind=hold.kind,
                    until=hold.until,
                    targets=targets,
                    subjects=tuple(sorted(hold.subjects, key=str)),
                )

    def _requests(self) -> Iterator[Event]:
        for number, one in self.asked.items():
            yield Ask(
                at=self.at,
                request=number,
                kind=one.kind,
                subjects=tuple(sorted(one.subjects)),
                rows=tuple(sorted(one.rows)),
                tenant=one.tenant,
                corrections=tuple(sorted(one.corrections)),
                purposes=tuple(sorted(one.purposes)),
            )
            if one.state == "verified":
                yield Verify(at=self.at, request=number)
            if one.decision is not None:
                yield Weigh(at=self.at, request=number, decision=one.decision)

    def _can_be_held(self, table: str, key: Key | None) -> bool:
        return key is None or key in self.rows[table] or key in self.archived.get(table, ())


def _archived(world: World) -> Snapshot:
    """Books that the archive has as they stand, or alone; without references that would lead nowhere."""
    found: Snapshot = {table: {} for table in BOOKS}
    stand = archived(world)
    for key, documents in world.written.items():
        if key in stand or key not in world.rows[INVOICE]:
            for table, rows in documents[-1].rows.items():
                found[table] |= {
                    one: world.rows[table].get(one) or _alone(table, row) for one, row in rows.items()
                }
    return found


def _alone(table: str, row: Row) -> Row:
    return row | dict.fromkeys(link.column for link in links_from(table) if not link.belongs)


def _targets_first() -> list[str]:
    """The tables, each after those that its rows refer to."""
    found: list[str] = []
    while len(found) < len(FACTS):
        found += [
            table
            for table in FACTS
            if table not in found and all(link.target in (*found, table) for link in links_from(table))
        ]
    return found


_TARGETS_FIRST = _targets_first()
