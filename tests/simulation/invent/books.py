"""What happens with books that the archive has: they are paid late, corrected, held, and their numbers given anew."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from simulation.books.happen import is_over
from simulation.books.written import INVOICE, archived
from simulation.history import Build, LookAfter, Place
from simulation.invent.invoices import MOST_YEARS_AGO
from simulation.invent.stage import YEAR
from simulation.moments import at, day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from simulation.history import Event
    from simulation.invent.invoices import Invoices
    from simulation.invent.stage import Happenings, Stage
    from simulation.tables import Key

BUILT_ON, LOOKED_AFTER_ON = 11, 20
"""Days of the month."""


class Books:
    """The archive on a stage."""

    def __init__(self, stage: Stage, invoices: Invoices) -> None:
        self.stage = stage
        self.invoices = invoices

    def happenings(self) -> Happenings:
        """What may happen on a day."""
        return {
            self._change: 2,
            self._placement: 0.8,
            self._entered_late: 1.2,
            self._number_given_anew: 0.6,
        }

    def on(self, day: date) -> Iterator[Callable[[], Iterator[Event]]]:
        """What is done on a day with the archive; now and then it is not, or once more."""
        if day.day == BUILT_ON and self.stage.chance(0.9):
            yield self._built
        if day.day == LOOKED_AFTER_ON or self.stage.chance(0.01):
            yield self._looked_after
        if self.stage.chance(0.01):
            yield self._built

    def about(self, invoice: Key) -> Iterator[Event]:
        """An invoice is paid late, or corrected."""
        stage = self.stage
        if stage.chance(0.6):
            yield stage.add("app.payment", invoice_id=invoice, paid_on=day_of(stage.now))
        else:
            gross = f"{stage.random.randrange(1, 999)}.00"
            yield stage.change(INVOICE, invoice, gross=gross)

    def _built(self) -> Iterator[Event]:
        yield Build(at=self.stage.now)

    def _looked_after(self) -> Iterator[Event]:
        yield LookAfter(at=self.stage.now)

    def _change(self) -> Iterator[Event]:
        """An invoice changes, by preference one that the archive has."""
        stage = self.stage
        written = sorted(archived(stage.world)) if stage.chance(0.8) else sorted(stage.world.rows[INVOICE])
        if written:
            yield from self.about(stage.random.choice(written))

    def _placement(self) -> Iterator[Event]:
        """A hold on an invoice that the archive has, or on a payment of it; by preference its time is over soon."""
        stage = self.stage
        soon = stage.now + timedelta(days=60)
        keys = sorted(
            key
            for key, documents in stage.world.written.items()
            if stage.chance(0.2) or is_over(stage.world, documents[-1].issued_on, soon)
        )
        if not keys:
            return
        key = stage.random.choice(keys)
        payment = stage.pick("app.payment", lambda row: row["invoice_id"] == key)
        target = ("app.payment", payment[0]) if payment and stage.chance(0.5) else (INVOICE, key)
        yield Place(
            at=stage.now,
            hold=stage.new_key(),
            kind=stage.random.choice(("hold", "hold", "restriction")),
            until=stage.now + timedelta(days=stage.random.choice((10, 30, 100))),
            targets=(target,),
        )

    def _number_given_anew(self) -> Iterator[Event]:
        """An invoice gets a number that only the archive has."""
        stage = self.stage
        gone = sorted(key for key in stage.world.written if key not in stage.world.rows[INVOICE])
        if gone:
            number = stage.world.written[stage.random.choice(gone)][-1].number
            yield from self.invoices.invoice(self._old(), number=number)

    def _entered_late(self) -> Iterator[Event]:
        """An invoice of a closed year turns up that nobody had entered."""
        yield from self.invoices.invoice(self._old())

    def _old(self) -> datetime:
        """A moment of the last eleven years, by preference of the year of which the ten years end next."""
        next_year = day_of(self.stage.now).year - 10
        if self.stage.chance(0.6):
            return at(date(next_year, self.stage.random.randrange(1, 13), 15))
        return self.stage.past(timedelta(0), MOST_YEARS_AGO * YEAR)
