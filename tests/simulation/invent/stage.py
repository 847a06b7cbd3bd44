"""What every part of the invention shares: chance, the moment, the world, and how rows are added and changed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import count
from math import ceil
from random import Random
from typing import TYPE_CHECKING

from simulation import people
from simulation.history import Add, Change
from simulation.moments import at, day_of
from simulation.tables import FACTS, USUAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from simulation.history import Event, Hold
    from simulation.requests.asked import Asked
    from simulation.tables import Key, Name, Row
    from simulation.world import World

    Happenings = dict[Callable[[], Iterator[Event]], float]
    """What may happen, and how often in comparison with the rest."""

YEAR = timedelta(days=365)
APART = range(10**7, 10**8)
"""Keys and numbers of what is told by another chance than the rest, which leaves it alone and so stays as it was."""
WALL_TIMES = (time(0, 0), time(23, 59, 59, 999_999), time(0, 30), time(2, 30), time(3, 30), time(23, 30))


class Stage:
    """Where it happens.

    Args:
        seed: the same seed makes the same choices.
        world: what there is; the player keeps it up to date while the history is told.

    Attributes:
        now: the moment of what is happening.
        run_time: the time of day at which runs are scheduled.
    """

    def __init__(self, seed: int, world: World) -> None:
        self.random = Random(seed)  # noqa: S311 - the same seed has to tell the same history
        self.world = world
        self.now = at(self._first_day())
        self.run_time = self.random.choice((time(3, 10), time(0, 0), time(0, 20), time(23, 40), time(2, 30)))
        self._keys = count(1)

    def _first_day(self) -> date:
        """Some day, by preference weeks before the end of a year, when books are closed."""
        day = date(2025, 3, 1) + timedelta(days=self.random.randrange(5 * 365))
        if self.chance(0.4):
            day = date(day.year, 12, 31) - timedelta(days=self.random.randrange(5, 45))
        return day

    # --- chance

    def chance(self, probability: float) -> bool:
        """True so often."""
        return self.random.random() < probability

    def few(self, average: float) -> int:
        """A small number, of which the average is given."""
        trials = 2 * ceil(average) + 2
        return sum(self.chance(average / trials) for _ in range(trials))

    def pick(self, table: str, where: Callable[[Row], bool] = lambda _: True) -> tuple[Key, Row] | None:
        """Some row of a table."""
        rows = [
            (key, row)
            for key, row in self.world.rows[table].items()
            if not _is_apart(key, row) and where(row)
        ]
        return self.random.choice(rows) if rows else None

    def apart(self, table: str) -> set[Key]:
        """The rows of a table that are told by another chance."""
        return {key for key, row in self.world.rows[table].items() if _is_apart(key, row)}

    def known(self, names: Iterable[Name]) -> set[Name]:
        """Of some rows those that are not told by another chance."""
        return {(table, key) for table, key in names if not _is_apart(key, self.world.rows[table][key])}

    def requests(self) -> dict[int, Asked]:
        """The requests by number, but those that are told by another chance."""
        return {number: one for number, one in self.world.desk.requests.items() if number not in APART}

    def holds(self) -> dict[int, Hold]:
        """The holds and restrictions by number, but those that are told by another chance."""
        return {number: one for number, one in self.world.holds.items() if number not in APART}

    def visitor(self) -> Key | None:
        """A visitor to refer to, or none."""
        found = self.pick("website.visitor") if self.chance(0.5) else None
        return found[0] if found else None

    # --- moments

    def moment(self, day: date) -> datetime:
        """A moment of a day, by preference near its ends."""
        if self.chance(0.4):
            return at(day, self.random.choice(WALL_TIMES))
        return at(day) + timedelta(seconds=self.random.randrange(23 * 3600))

    def past(self, least: timedelta, most: timedelta) -> datetime:
        """A moment so long ago, by preference on an awkward day."""
        span = int((most - least).total_seconds())
        latest = self.now - least
        day = day_of(latest - timedelta(seconds=self.random.randrange(span)))
        if self.chance(0.3) and (near := [one for one in awkward_days(day.year) if at(one) <= latest]):
            day = self.random.choice(near)
        return min(self.moment(day), self.now)

    # --- rows

    def new_key(self) -> Key:
        """A key that nothing has."""
        return next(self._keys)

    def add(self, table: str, **row: object) -> Add:
        """The application inserts a row; facts that are not given are null."""
        key = self.new_key()
        said = {**self._about_somebody(table, key), **self._written(table)}
        if table == "app.invoice":
            said["number"] = str(key)
        return Add(
            at=self.now,
            table=table,
            key=key,
            row=dict.fromkeys(FACTS[table]) | USUAL.get(table, {}) | said | row,
        )

    def change(self, table: str, key: Key, **to: object) -> Change:
        """The application changes a row."""
        return Change(at=self.now, table=table, key=key, to=to)

    def person(self) -> int:
        """One of the people who turn up everywhere."""
        return self.random.choice(people.PEOPLE)

    def _about_somebody(self, table: str, key: Key) -> dict[str, str | None]:
        """Whom a row is about: one of these people, or somebody who never turns up again."""
        columns = people.IDENTITIES.get(table, {})
        person, found = self.person(), dict[str, str | None]()
        is_known = self.chance(0.4)
        for column, kind in columns.items():
            if kind == "email":
                found[column] = f"{table[-3:]}{key}@example.com"
                if is_known:
                    found[column] = people.written(people.address(person), self.random)
                if table == "website.chat" and self.chance(0.3):
                    found[column] = None
            elif kind == "phone_number" and is_known and self.chance(0.5):
                found[column] = people.written(people.number(person), self.random)
        return found

    def _written(self, table: str) -> dict[str, str]:
        """What is written in a row, now and then about somebody."""
        column = people.TEXTS.get(table)
        if column is None:
            return {}
        kinds = (people.address, people.number)
        mentions = [
            people.mentioned(self.random.choice(kinds)(self.person()), self.random)
            for _ in range(self.few(0.3))
        ]
        return {column: people.text(table, mentions)}


def _is_apart(key: Key, row: Row) -> bool:
    """Whether a row is told by another chance, or says something of such a row."""
    return key in APART or (row.get("visitor_id") or 0) in APART


def awkward_days(year: int) -> tuple[date, ...]:
    """The end of February and of the year, and the days on which clocks change."""
    end_of_february = date(year, 3, 1) - timedelta(days=1)
    return end_of_february, date(year, 12, 31), _clocks_change(year, 3), _clocks_change(year, 10)


def _clocks_change(year: int, month: int) -> date:
    """The last Sunday of March or October."""
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)
