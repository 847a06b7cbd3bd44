"""The register of draws as it should be: what was drawn, what it took of the budget, what is lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.releases.counted import Counted
    from simulation.releases.promised import Feed, Promised

Period = tuple[str, date]
"""A release and the first day of the period."""
KNOWN = {"released", "forgotten"}
"""States of a draw of which somebody may have seen the numbers."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """That numbers were drawn, or began to be.

    Attributes:
        state: ``reserved``, ``released``, ``failed``, or ``forgotten`` by a restore.
        entry: its number in the ledger, which no restore takes away; None while it is reserved.
    """

    period: Period
    last_day: date
    feed: str
    takes: Fraction
    state: str
    entry: int | None = None


@dataclass(kw_only=True)
class Register:
    """What the database knows, and what the ledger does.

    Attributes:
        draws: in the order in which they were made.
        lost: periods that are never released, and the number of the entry of the ledger.
        counted: how many events the periods had when they were counted last before anything was released.
        late: the most that were seen to have come since.
        ledger: draws that ended, and lost periods, by their number; no restore takes it away.
        tried: what was counted of a period last, to see what became otherwise.
    """

    draws: list[Draw] = field(default_factory=list)
    lost: dict[Period, int] = field(default_factory=dict)
    counted: dict[Period, int] = field(default_factory=dict)
    late: dict[Period, int] = field(default_factory=dict)
    ledger: dict[int, Draw | Period] = field(default_factory=dict)
    tried: dict[Period, Counted] = field(default_factory=dict)

    def copy(self) -> Register:
        """As it is now."""
        return replace(
            self,
            draws=list(self.draws),
            lost=dict(self.lost),
            counted=dict(self.counted),
            late=dict(self.late),
        )

    def restored(self, backup: Register) -> None:
        """What the backup knows, and what the ledger knows besides."""
        self.draws, self.lost = list(backup.draws), dict(backup.lost)
        self.counted, self.late = dict(backup.counted), dict(backup.late)
        there = {one.entry for one in self.draws} | set(self.lost.values())
        for entry, one in self.ledger.items():
            if entry in there:
                continue
            if isinstance(one, Draw):
                state = "forgotten" if one.state == "released" else one.state
                self.draws.append(replace(one, state=state, entry=entry))
            else:
                self.lost[one] = entry

    def of(self, period: Period, feed: str, *states: str) -> list[Draw]:
        """The draws of a period for a feed that are in one of some states."""
        return [one for one in self.draws if (one.period, one.feed) == (period, feed) and one.state in states]

    def is_known(self, period: Period) -> bool:
        """Whether somebody may have seen numbers of a period."""
        return any(one.period == period and one.state in KNOWN for one in self.draws)

    def is_done(self, promised: Promised, first: date) -> bool:
        """Whether a period is released to everybody, or lost."""
        period = (promised.name, first)
        return period in self.lost or all(self.of(period, feed.name, *KNOWN) for feed in promised.feeds)

    def first_known(self, name: str) -> date | None:
        """The first period that anything is known of."""
        periods = [*self.counted, *self.lost, *(one.period for one in self.draws if one.state in KNOWN)]
        return min((first for release, first in periods if release == name), default=None)

    def burn(self, period: Period, feed: str) -> int:
        """Draws that nobody ended have failed; what they took stays taken. Says how many there were."""
        abandoned = self.of(period, feed, "reserved")
        for one in abandoned:
            self._end(one, "failed")
        return len(abandoned)

    def lose(self, promised: Promised, first: date) -> None:
        """A period is never released."""
        period = (promised.name, first)
        for feed in promised.feeds:
            if not self.of(period, feed.name, *KNOWN):
                self.burn(period, feed.name)
        self.lost[period] = self._enter(period)

    def reserve(self, promised: Promised, feed: Feed, first: date) -> bool:
        """Take what a draw needs of the budget; whether there is so much."""
        last = promised.last_day(first)
        of_feed = [one for one in self.draws if one.period[0] == promised.name and one.feed == feed.name]
        is_spent = any(
            feed.takes + taken(of_feed, first, last, days) > most
            for days, most in (
                (last.toordinal() - first.toordinal() + 1, feed.of_period),
                (30, feed.of_30_days),
                (365, feed.of_365_days),
            )
        )
        if not is_spent:
            drawn = Draw(
                period=(promised.name, first),
                last_day=last,
                feed=feed.name,
                takes=feed.takes,
                state="reserved",
            )
            self.draws.append(drawn)
        return not is_spent

    def release(self, period: Period, feed: str) -> None:
        """What is reserved is drawn."""
        for one in self.of(period, feed, "reserved"):
            self._end(one, "released")

    def _end(self, draw: Draw, state: str) -> None:
        ended = replace(draw, state=state)
        self.draws[self.draws.index(draw)] = replace(ended, entry=self._enter(ended))

    def _enter(self, what: Draw | Period) -> int:
        self.ledger[len(self.ledger)] = what
        return len(self.ledger) - 1


def taken(draws: list[Draw], first: date, last: date, days: int) -> Fraction:
    """The most that draws have taken of so many days on end, of which some are between two days."""
    return max(
        (
            sum((one.takes for one in draws if one.last_day >= start and one.period[1] <= end), Fraction(0))
            for start, end in _windows(first, last, days)
        ),
        default=Fraction(0),
    )


def _windows(first: date, last: date, days: int) -> Iterator[tuple[date, date]]:
    start = first - timedelta(days=days - 1)
    while start <= last:
        yield start, start + timedelta(days=days - 1)
        start += timedelta(days=1)
