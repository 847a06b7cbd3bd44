"""What happens in accounting: invoices with lines and payments, and credit notes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulation.invent.stage import YEAR
from simulation.moments import at, day_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from simulation.history import Event
    from simulation.invent.stage import Happenings, Stage
    from simulation.tables import Key

LEAST_YEARS_AGO = (0, 0, 1, 2, 2.5, 5, 6, 6.5, 7, 7.5, 8, 8.5, 9, 9, 9.2, 9.5, 9.5, 9.9)
MOST_YEARS_AGO = 11


class Invoices:
    """Accounting on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def happenings(self) -> Happenings:
        """What may happen on a day."""
        return {self._new_invoice: 6, self._credit_note: 3}

    def before(self) -> Iterator[Event]:
        """Invoices of the last eleven years."""
        for least in LEAST_YEARS_AGO:
            yield from self.invoice(self.stage.past(least * YEAR, MOST_YEARS_AGO * YEAR))
            if self.stage.chance(0.3):
                yield from self._credit_note()

    def _new_invoice(self) -> Iterator[Event]:
        yield from self.invoice(self.stage.now)

    def invoice(self, issued: datetime, credited: Key | None = None, **more: str) -> Iterator[Event]:
        """An invoice with a line, perhaps paid."""
        stage = self.stage
        contract = stage.pick("app.contract")
        invoice = stage.add(
            "app.invoice",
            customer_id=contract[1]["customer_id"] if contract else None,
            contract_id=contract[0] if contract and stage.chance(0.8) else None,
            credited_invoice_id=credited,
            issued_on=day_of(issued),
            gross="-100.00" if credited else "100.00",
            contact_name="Mari Tamm",
            **({} if stage.chance(0.6) else {"contact_email": None}),
            **more,
        )
        yield invoice
        yield stage.add("app.invoice_line", invoice_id=invoice.key)
        if stage.chance(0.6):
            yield stage.add("app.payment", invoice_id=invoice.key, paid_on=day_of(stage.now))

    def _credit_note(self) -> Iterator[Event]:
        stage = self.stage
        if invoice := stage.pick("app.invoice", lambda row: row["credited_invoice_id"] is None):
            later = at(invoice[1]["issued_on"]) + timedelta(days=stage.random.randrange(400))
            yield from self.invoice(stage.random.choice((stage.now, min(later, stage.now))), invoice[0])
