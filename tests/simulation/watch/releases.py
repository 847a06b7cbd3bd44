"""The promise of releases: once and for good, within the budget, of nobody; and nothing goes before it was its turn.

It asks the ledger, which no restore takes away, and the tables that whoever reads them sees.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from simulation.broken import Broken
from simulation.moments import day_of
from simulation.policy import RUN_EVERY_DAYS
from simulation.releases.promised import LOOKS_BACK, RELEASES
from simulation.watch.limits import Limits, days_before

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from simulation.history import Aggregate, Run
    from simulation.policy import Policy
    from simulation.releases.promised import Feed
    from simulation.releases.register import Period
    from simulation.tables import Name
    from simulation.watch.watch import Before
    from simulation.world import World

_NAMES_SOMEBODY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-|@|\+372|\b192\.0\.2\.")
"""What identifiers of this company look like: browsers, addresses of mail and of connections, phone numbers."""
_MILLION = 1_000_000


@dataclass(kw_only=True)
class Releases:
    """Watches what is released from run to run.

    Attributes:
        seen: what the tables said of a period when it was seen first.
        looked: when somebody entered what was late, and the first period that was known of each release.
        counts: rows that went after their period was released or lost, and those for which nobody came.
    """

    world: World
    seen: dict[tuple[str, date], frozenset[str]] = field(default_factory=dict)
    looked: list[tuple[date, Mapping[str, date]]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def aggregated(self, event: Aggregate) -> None:
        """Somebody enters what is late; what is known of each release by then is what counts."""
        known = {name: self.world.register.first_known(name) for name in RELEASES}
        self.looked.append((day_of(event.at), {name: first for name, first in known.items() if first}))

    # --- what is released

    def tables(self, released: Mapping[tuple[str, date], frozenset[str]], event: Aggregate) -> None:
        """Nothing is otherwise than it was, and nothing names anybody.

        Raises:
            Broken: republished, or traced.
        """
        for of, rows in released.items():
            if self.seen.setdefault(of, rows) != rows:
                raise Broken("republished", f"after {event} as of {event.at} {of} is not what it was")
            if named := [row for row in rows if _NAMES_SOMEBODY.search(row)]:
                raise Broken(
                    "traced", f"after {event} as of {event.at} somebody is named in {of}: {named[0]}"
                )
        self.counts["rows released"] = sum(len(rows) - 1 for rows in self.seen.values())

    def workplace(self, at_work: Sequence[str], *, is_dead: bool, event: Aggregate) -> None:
        """Nothing is left of what statistics were made of, unless the process died.

        Raises:
            Broken: traced.
        """
        if at_work and not is_dead:
            raise Broken("traced", f"after {event} as of {event.at} there is {', '.join(at_work)}")

    def ledger(self, entries: Iterable[Any], event: Aggregate) -> None:
        """Nothing was released twice, whatever a restore took away; and no budget was overdrawn.

        Raises:
            Broken: republished, or overdrawn.
        """
        entries = list(entries)
        times = Counter(
            (one.release, one.feed, one.first_day) for one in entries if one.kind == "release_drawn"
        )
        if twice := [of for of, count in times.items() if count > 1]:
            raise Broken("republished", f"after {event} as of {event.at} {twice} were released twice")
        for promised in RELEASES.values():
            for feed in promised.feeds:
                drawn = [one for one in entries if (one.release, one.feed) == (promised.name, feed.name)]
                if complaint := _overdrawn(drawn, promised.days, feed):
                    raise Broken("overdrawn", f"after {event} as of {event.at} {promised.name}: {complaint}")

    # --- what goes

    def after(self, run: Run, before: Before, gone: Collection[Name], policy: Policy) -> None:
        """Of what is gone by its own limit the period was released or declared lost.

        Raises:
            Broken: expired unreleased.
        """
        limits = Limits(before.rows)
        own = {one.table: one for one in policy.promises.values() if one.table in _OF_TABLE}
        unreleased = []
        for table, key in gone:
            promise = own.get(table)
            limit = limits.of(promise, key) if promise else None
            if promise is None or limit is None:
                continue
            if days_before(limit, promise.lead_days + RUN_EVERY_DAYS) > run.as_of:
                continue  # it went with something else
            promised = _OF_TABLE[table]
            first = promised.first_day(day_of(before.rows[table][key]["occurred_at"]))
            if self.world.register.is_done(promised, first):
                self.counts["rows gone after their release"] += 1
            elif self._was_seen_to((promised.name, first)):
                unreleased.append(f"{table} {key} of {first} is gone at {run.as_of}")
            else:
                self.counts["rows gone, and nobody came to release them"] += 1
        if unreleased:
            raise Broken("expired unreleased", "; ".join(unreleased), early=len(unreleased))

    def _was_seen_to(self, period: Period) -> bool:
        """Whether somebody came when the period was late and not forgotten, and knew of one before it."""
        name, first = period
        return any(
            name in known
            and known[name] <= first
            and day - LOOKS_BACK <= first
            and not RELEASES[name].is_in_time(first, day)
            for day, known in self.looked
        )


def _overdrawn(draws: Sequence[Any], days: int, feed: Feed) -> str | None:
    """Where draws have taken more of days on end than there was; a window that took most begins with a last day."""
    for length, most in ((days, feed.of_period), (30, feed.of_30_days), (365, feed.of_365_days)):
        for one in draws:
            end = one.last_day + timedelta(days=length - 1)
            took = sum(
                other.millionths
                for other in draws
                if other.last_day >= one.last_day and other.first_day <= end
            )
            if took > most * _MILLION:
                return f"{feed.name} took {took} millionths of {length} days from {one.last_day} on"
    return None


_OF_TABLE = {one.events: one for one in RELEASES.values()}
