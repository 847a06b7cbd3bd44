"""Histories that begin midway: the company as it is at a moment, and what happens from then on.

What came before need not be played, so a failure after years is looked into in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation.history import Add, Amend, Ask, Change, Event, Place, Verify, Weigh
from simulation.tables import FACTS, links_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from simulation.history import Hold
    from simulation.policy import Policy
    from simulation.requests.asked import Asked
    from simulation.tables import Key, Snapshot
    from simulation.world import World


@dataclass(frozen=True, kw_only=True)
class Midway:
    """The company at a moment: rows, holds, requests that are open, and the versions of its policy."""

    at: datetime
    rows: Snapshot
    holds: Mapping[int, Hold]
    asked: Mapping[int, Asked]
    policies: Sequence[Policy]

    @classmethod
    def of(cls, world: World, at: datetime) -> Midway:
        """The company as it is now."""
        return cls(
            at=at,
            rows={table: dict(rows) for table, rows in world.rows.items()},
            holds=dict(world.holds),
            asked={number: one for number, one in world.desk.copy().requests.items() if one.is_open},
            policies=tuple(world.policies),
        )

    def events(self) -> Iterator[Event]:
        """A history that leads there: all that there is is added, published and placed at once."""
        for table in _TARGETS_FIRST:
            yield from self._adds(table)
        yield from self._amendments()
        yield from self._placements()
        yield from self._requests()

    def _adds(self, table: str) -> Iterator[Event]:
        """The rows of a table, and then how they refer to each other."""
        own = [link.column for link in links_from(table) if link.target == table]
        for key, row in self.rows[table].items():
            yield Add(at=self.at, table=table, key=key, row=row | dict.fromkeys(own))
        for key, row in self.rows[table].items():
            links = {column: row[column] for column in own if row[column] is not None}
            if links:
                yield Change(at=self.at, table=table, key=key, to=links)

    def _amendments(self) -> Iterator[Event]:
        for before, policy in zip(self.policies, self.policies[1:], strict=False):
            changed = tuple(
                rule for rule in policy.promises if policy.promises[rule] != before.promises[rule]
            )
            yield Amend(at=self.at, policy=policy, changed=changed)

    def _placements(self) -> Iterator[Event]:
        for number, hold in self.holds.items():
            targets = tuple(target for target in hold.targets if self._is_there(*target))
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

    def _is_there(self, table: str, key: Key | None) -> bool:
        return key is None or key in self.rows[table]


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
