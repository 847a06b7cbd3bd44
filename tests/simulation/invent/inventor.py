"""Tells the days of a history, from what its parts offer."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from simulation.history import Build
from simulation.invent.books import Books
from simulation.invent.customers import Customers
from simulation.invent.holds import Holds
from simulation.invent.invoices import Invoices
from simulation.invent.policies import Policies
from simulation.invent.releases import Releases
from simulation.invent.requests import Requests
from simulation.invent.runs import Runs
from simulation.invent.stage import Stage
from simulation.invent.website import Website
from simulation.moments import day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulation.history import Event
    from simulation.invent.stage import Happenings
    from simulation.world import World

HAPPENINGS_A_DAY = 6


class Inventor:
    """Invents one history.

    Args:
        seed: the same seed makes the same history.
        days: how many days it lasts.
        world: what there is; the player keeps it up to date while the history is told.
    """

    def __init__(self, seed: int, days: int, world: World) -> None:
        self.stage = Stage(seed, world)
        self.days = days
        self.website = Website(self.stage)
        self.customers = Customers(self.stage)
        self.invoices = Invoices(self.stage)
        self.books = Books(self.stage, self.invoices)
        self.holds = Holds(self.stage)
        self.runs = Runs(self.stage, self.customers, self.holds, self.books)
        self.releases = Releases(self.stage, seed)
        self.happenings: Happenings = {
            **self.website.happenings(),
            **self.customers.happenings(),
            **self.invoices.happenings(),
            **self.books.happenings(),
            **self.holds.happenings(),
            **Policies(self.stage).happenings(),
            **Requests(self.stage, self.holds).happenings(),
        }

    def history(self) -> Iterator[Event]:
        """The events, in order."""
        yield from self._before()
        first = day_of(self.stage.now)
        for number in range(self.days):
            yield from self._day(first + timedelta(days=number))

    def _before(self) -> Iterator[Event]:
        """What had happened before: enough for something to fall due from the first weeks on."""
        yield from self.customers.before()
        yield from self.website.before()
        yield from self.invoices.before()
        yield from self.customers.disclosures_before()
        yield Build(at=self.stage.now)

    def _day(self, day: date) -> Iterator[Event]:
        """What happens on a day: a few events, and the runs among them."""
        stage = self.stage
        moments = [(stage.moment(day), self._happening()) for _ in range(stage.few(HAPPENINGS_A_DAY))]
        moments += [(moment, self.runs.run) for moment in self.runs.moments(day)]
        moments += [(stage.moment(day), invent) for invent in self.books.on(day)]
        moments += self.releases.on(day)
        for moment, invent in sorted(moments, key=lambda one: one[0]):
            stage.now = moment
            yield from invent()

    def _happening(self) -> Callable[[], Iterator[Event]]:
        return self.stage.random.choices(list(self.happenings), list(self.happenings.values()))[0]
