"""Histories that begin midway: the company as it is at a moment, and what happens from then on.

What came before need not be played, so a failure after years is looked into in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation.books.written import BOOKS, INVOICE
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
        archived: books as the archive has them, those that only it has included.
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
            archived=_as_written(world),
            holds=dict(world.holds),
            asked={number: one for number, one in world.desk.copy().requests.items() if one.is_open},
            policies=tuple(world.policies),
        )

    def events(self, *, with_archive: bool = True) -> Iterator[Event]:
        """A history that leads there: all that there is is added, published and placed at once.

        Args:
            with_archive: what the archive has is added as it was written, and changed since; what only the archive has
                goes with the first run. Otherwise nothing was written so far, which takes less time.
        """
        for table in _TARGETS_FIRST:
            if table not in BOOKS:
                yield from self._adds(table, self.rows[table])
        yield from self._amendments()
        if with_archive and self.archived[INVOICE]:
            yield from self._written()
        for table in BOOKS:
            yield from self._adds(table, self.rows[table])
        yield from self._placements()
        yield from self._requests()

    def _written(self) -> Iterator[Event]:
        """Books that the archive has, and how they were changed since."""
        for table in BOOKS:
            yield from self._adds(table, self.archived[table])
        yield Build(at=self.at)
        for table in BOOKS:
            for key, row in self.archived[table].items():
                now = self.rows[table].get(key, row)
                if changed := {column: now[column] for column in row if now[column] != row[column]}:
                    yield Change(at=self.at, table=table, key=key, to=changed)

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


def _as_written(world: World) -> Snapshot:
    """Books as the archive has them, without references that may lead nowhere."""
    return {
        table: {
            key: _alone(table, row)
            for documents in world.written.values()
            for key, row in documents[-1].rows[table].items()
        }
        for table in BOOKS
    }


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
