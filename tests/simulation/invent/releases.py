"""What happens about releases: a week or so in which many come, some refuse, and statistics are made, or are not.

It is told by a chance of its own, of rows and requests of its own, which nothing else of a history takes up: so the
rest is what it was without. Who else was on the website, or in the application, is counted all the same.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from simulation.history import Add, Aggregate, Answer, Ask, Change, Lift, Verify, Weigh
from simulation.invent.stage import APART
from simulation.moments import at, day_of
from simulation.requests.asked import WEIGHED
from simulation.tables import FACTS, USUAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from simulation.history import Event
    from simulation.invent.stage import Stage
    from simulation.tables import Key, Name

    Told = Callable[[], Iterator[Event]]

EVERY_DAYS = 60
LAST_DAY = 9
"""Of the days about releases, counted from 0; on some of them nobody comes to make any."""
CROWD, CUSTOMERS, PERSONS = 30, 4, 3
DEATHS = (("extract",), ("count",), ("reserve", "reserve"), ("draw",), ("publish",))
"""The steps after which runs of one day die, one after the other."""


class Releases:
    """Releases on a stage."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.seed = seed
        self.first = day_of(stage.now)
        self.random = Random(f"releases {seed}")  # noqa: S311 - the same seed has to tell the same history
        self._keys = count(APART.start)
        self._forgotten = 0

    def on(self, day: date) -> list[tuple[datetime, Told]]:
        """What happens on a day, and when."""
        number, day_of_window = divmod((day - self.first).days, EVERY_DAYS)
        begins = Random(f"{self.seed} {number}").randrange(3, 22)  # noqa: S311 - as above
        planned = self._plan(day_of_window - begins, DEATHS[(self.seed + number) % len(DEATHS)])
        if not planned and self._is_more_forgotten():
            planned = [(4, self._aggregate)]
        return [(at(day, time(hour)), told) for hour, told in planned]

    def _is_more_forgotten(self) -> bool:
        """Whether a restore took away draws since somebody asked last."""
        before, draws = self._forgotten, self.stage.world.register.draws
        self._forgotten = sum(one.state == "forgotten" for one in draws)
        return self._forgotten > before

    def _plan(self, day: int, deaths: tuple[str, ...]) -> list[tuple[int, Told]]:
        """Hours of a day, counted from the first of these, and what happens then."""
        if not 0 <= day <= LAST_DAY:
            return []
        plans: dict[int, list[tuple[int, Told]]] = {
            0: [(15, self._crowd), (16, self._customers)],
            1: [
                (4, self._aggregate),
                (14, self._come_back),
                (18, self._change_their_minds),
                (19, self._ask_each),
            ],
            2: [
                (3, lambda: self._die(deaths)),
                (9, self._late),
                (11, lambda: self._ask("objection", self._visitors(1), "website_operation")),
                (12, lambda: self._ask("erasure", self._visitors(1))),
                (13, self._aggregate),
                (14, self._come_back),
            ],
            3: [(5, lambda: self._aggregate(is_repeated=True)), (10, self._lift)],
            4: [(14, self._come_back)],
            5: [(8, self._object_at_work)],
            8: [(14, self._come_back)],
            9: [(4, self._aggregate)],
        }
        return plans.get(day, [])

    # --- who comes

    def _crowd(self) -> Iterator[Event]:
        """Many look at a few pages, some choose cookies first, and one has a page that reloads itself."""
        for number in range(CROWD):
            moment = self._moment()
            visitor = self._add("website.visitor", first_seen_at=moment, last_seen_at=self.stage.now)
            yield visitor
            if self.random.random() < 0.4:
                is_allowed = self.random.random() < 0.6
                yield self._choice(visitor.key, moment - timedelta(minutes=1), is_allowed=is_allowed)
            yield from self._views(visitor.key, 23 if number == 0 else self.random.randrange(1, 3))

    def _come_back(self) -> Iterator[Event]:
        """Some of them look again."""
        for visitor in self._some(sorted(self._ours("website.visitor")), 8):
            yield Change(
                at=self.stage.now, table="website.visitor", key=visitor, to={"last_seen_at": self.stage.now}
            )
            yield from self._views(visitor, self.random.randrange(1, 3))
        for person in self._some(sorted(self._ours("app.person")), 4):
            yield self._activity(person)

    def _late(self) -> Iterator[Event]:
        """A page view arrives of a day that is released."""
        for visitor in self._some(sorted(self._ours("website.visitor")), 1):
            seen = at(day_of(self.stage.now) - timedelta(days=2), time(12))
            yield self._add("website.page_view", visitor_id=visitor, occurred_at=seen)

    def _change_their_minds(self) -> Iterator[Event]:
        """Who allowed cookies refuses them, and the other way round."""
        choices = self.stage.world.rows["website.cookie_choice"]
        for key in self._some(sorted(self._ours("website.cookie_choice")), 6):
            row = choices[key]
            yield self._choice(row["visitor_id"], self.stage.now, is_allowed=row["analytical"] == "false")

    def _customers(self) -> Iterator[Event]:
        """Customers with a contract, whose persons use the application; the next time they are there already."""
        stage = self.stage
        if not self._ours("app.customer"):
            for _ in range(CUSTOMERS):
                customer = self._add("app.customer", created_at=stage.now)
                yield customer
                yield self._add(
                    "app.contract", customer_id=customer.key, starts_at=stage.now, updated_at=stage.now
                )
                for _ in range(PERSONS):
                    person = self._add("app.person", customer_id=customer.key, created_at=stage.now)
                    yield person
        for person in sorted(self._ours("app.person")):
            for _ in range(self.random.randrange(3)):
                yield self._activity(person)

    # --- what they say

    def _ask_each(self) -> Iterator[Event]:
        """One objects, one wants to be restricted, one to be erased: all before the day is released."""
        yield from self._ask("objection", self._visitors(0), "website_operation")
        yield from self._ask("restriction", self._visitors(0))
        yield from self._ask("erasure", self._visitors(0))

    def _object_at_work(self) -> Iterator[Event]:
        """A person does not want the service to be improved with what is done in it; another is restricted."""
        persons = [("app.person", key) for key in sorted(self._ours("app.person"))]
        yield from self._ask("objection", persons, WEIGHED)
        yield from self._ask("restriction", persons)

    def _ask(self, kind: str, whom: list[Name], *purposes: str) -> Iterator[Event]:
        """One of some asks for something, and is answered at once."""
        now, number = self.stage.now, next(self._keys)
        for table, key in self._some(whom, 1):
            named = (
                {"rows": ((table, key),)} if table == "app.person" else {"subjects": (("visitor_id", key),)}
            )
            yield Ask(at=now, request=number, kind=kind, purposes=purposes, **named)
            yield Verify(at=now, request=number)
            if WEIGHED in purposes:
                yield Weigh(at=now, request=number, decision="stop")
            yield Answer(at=now, request=number)

    def _lift(self) -> Iterator[Event]:
        """What was restricted is no more."""
        for number, hold in self.stage.world.holds.items():
            if number in APART and hold.is_active(self.stage.now):
                yield Lift(at=self.stage.now, request=number)

    # --- what is made of it

    def _aggregate(self, *, is_repeated: bool = False) -> Iterator[Event]:
        yield Aggregate(
            at=self.stage.now,
            is_by_steps=self.random.random() < 0.5,
            is_checked=self.random.random() < 0.15,
            is_repeated=is_repeated,
        )

    def _die(self, deaths: tuple[str, ...]) -> Iterator[Event]:
        for number, step in enumerate(deaths):
            moment = self.stage.now + timedelta(minutes=number)
            yield Aggregate(at=moment, dies_after=step, is_by_steps=self.random.random() < 0.5)

    # --- rows

    def _views(self, visitor: Key, pages: int) -> Iterator[Event]:
        for _ in range(pages):
            yield self._add("website.page_view", visitor_id=visitor, occurred_at=self._moment())

    def _choice(self, visitor: Key, moment: datetime, *, is_allowed: bool) -> Add:
        said = "true" if is_allowed else "false"
        return self._add("website.cookie_choice", visitor_id=visitor, chosen_at=moment, analytical=said)

    def _activity(self, person: Key) -> Add:
        detail = '{"minutes": 5, "subject": "Call"}'
        return self._add("app.activity", person_id=person, occurred_at=self._moment(), detail=detail)

    def _add(self, table: str, **row: object) -> Add:
        key = next(self._keys)
        usual = dict.fromkeys(FACTS[table]) | USUAL.get(table, {})
        if table == "app.person":
            usual["work_email"] = f"colleague{key}@example.com"
        return Add(at=self.stage.now, table=table, key=key, row=usual | row)

    def _moment(self) -> datetime:
        """A moment of the same day, before now."""
        return self.stage.now - timedelta(seconds=self.random.randrange(10 * 3600))

    def _ours(self, table: str) -> set[Key]:
        return self.stage.apart(table)

    def _visitors(self, days_ago: int) -> list[Name]:
        """Who was on the website on a day, allowed it, and has not said anything else since."""
        day = day_of(self.stage.now) - timedelta(days=days_ago)
        views = self.stage.world.rows["website.page_view"]
        seen = {
            views[key]["visitor_id"]
            for key in self._ours("website.page_view")
            if day_of(views[key]["occurred_at"]) == day
        }
        said = {row["visitor_id"] for row in self.stage.world.rows["website.cookie_choice"].values()}
        return [("website.visitor", key) for key in sorted(seen - said)]

    def _some(self, of: list[Any], most: int) -> list[Any]:
        return self.random.sample(of, min(most, len(of)))
