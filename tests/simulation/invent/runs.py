"""When runs come, what goes wrong with them, and what the application does meanwhile.

Runs are scheduled once a day. Now and then one is late, made twice, made for a past day, killed, not answered by
the person who has to approve it, or missed, and so are those of the next days; missed runs are caught up with or
not.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from simulation import model
from simulation.history import Expire, Run
from simulation.moments import at, day_of
from simulation.policy import in_force

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.history import Event
    from simulation.invent.books import Books
    from simulation.invent.customers import Customers
    from simulation.invent.holds import Holds
    from simulation.invent.stage import Stage
    from simulation.policy import Promise
    from simulation.tables import Key, Name


class Runs:
    """Runs on a stage."""

    def __init__(self, stage: Stage, customers: Customers, holds: Holds, books: Books) -> None:
        self.stage = stage
        self.customers = customers
        self.holds = holds
        self.books = books
        self._days_to_miss = 0
        self._missed: list[datetime] = []

    def moments(self, day: date) -> list[datetime]:
        """When runs begin on a day: mostly once, in time."""
        stage = self.stage
        if not self._days_to_miss and stage.chance(0.02):
            self._days_to_miss = stage.random.randrange(1, 12)
        scheduled = at(day, stage.run_time)
        if self._days_to_miss:
            self._days_to_miss -= 1
            self._missed.append(scheduled)
            return []
        moments = [scheduled if stage.chance(0.9) else stage.moment(day)]
        if stage.chance(0.03):
            moments.append(stage.moment(day))
        return moments

    def run(self) -> Iterator[Event]:
        """A run, after those that were missed where it catches up with them."""
        stage = self.stage
        if self._missed and stage.chance(0.4):
            for as_of in self._missed:
                yield Run(at=stage.now, as_of=as_of)
        self._missed.clear()
        if stage.chance(0.02):
            yield Run(at=stage.now, as_of=stage.now - timedelta(hours=stage.random.randrange(1, 200)))
        is_checked = stage.chance(0.01)
        if is_checked:
            yield from self._fresh_evidence()
        yield Run(
            at=stage.now,
            as_of=stage.now,
            batch_rows=stage.random.choice((1, 3, 10, 50_000)),
            is_checked=is_checked and bool(stage.world.rows["app.contract"]),
            is_repeated=stage.chance(0.03),
            killed_after=stage.random.choice((0, 1, 2)) if stage.chance(0.05) else None,
            unanswered=frozenset(self._unanswered()) if stage.chance(0.03) else frozenset(),
            meanwhile=self._meanwhile(),
        )
        yield Expire(at=stage.now)

    def _fresh_evidence(self) -> Iterator[Event]:
        """The application touches a contract: a run with all its checks asks when one last changed."""
        if contract := self.stage.pick("app.contract"):
            yield self.stage.change("app.contract", contract[0], updated_at=self.stage.now)

    def _unanswered(self) -> Iterator[str]:
        """Rules whose lead has room for a person who answers a day late."""
        for rule, promise in self._promises().items():
            if promise.lead_days > 0 and self.stage.chance(0.5):
                yield rule

    def _meanwhile(self) -> dict[str, tuple[Event, ...]]:
        """What happens between plan and execution of a rule: something about a row that is due, going or staying."""
        is_busy = self.stage.chance(0.1)
        found: dict[str, tuple[Event, ...]] = {}
        for rule, promise in self._promises().items():
            if rows := self._of_interest(rule, is_busy=is_busy):
                key = self.stage.random.choice(sorted(rows))[1]
                found[rule] = tuple(self._interference(promise.table, key))
        return {rule: events for rule, events in found.items() if events}

    def _of_interest(self, rule: str, *, is_busy: bool) -> set[Name]:
        """Rows to do something about: by preference those that stay while what is part of them goes, which are few."""
        stage = self.stage
        left = stage.known(model.left_by_parts(stage.world, rule, stage.now))
        if left and stage.chance(0.8):
            return left
        if not is_busy or stage.chance(0.3):
            return set()
        staying = model.staying(stage.world, rule, stage.now) if stage.chance(0.3) else set()
        return stage.known(staying) or stage.known(model.due(stage.world, rule, stage.now))

    def _promises(self) -> dict[str, Promise]:
        return dict(in_force(self.stage.world.policies, self.stage.now).promises)

    def _interference(self, table: str, key: Key) -> Iterator[Event]:
        stage = self.stage
        if stage.chance(0.3):
            yield self.holds.placed_on(table, key)
        elif stage.chance(0.2):
            yield from self.holds.release()
        elif table == "app.invoice":
            yield from self.books.about(key)
        elif table == "website.enquiry":
            yield stage.add("website.message", enquiry_id=key, sent_at=stage.now)
        elif table == "app.person" and stage.chance(0.4):
            yield from self._about_person(key)
        else:
            yield from self._stopped_clock(table, key)

    def _stopped_clock(self, table: str, key: Key) -> Iterator[Event]:
        """What makes a row no longer due."""
        stage = self.stage
        if table == "website.visitor":
            yield stage.change(table, key, last_seen_at=stage.now)
            if stage.chance(0.5):
                yield stage.add("website.page_view", visitor_id=key, occurred_at=stage.now)
        elif table == "website.marketing_subscription":
            yield stage.add(
                "website.marketing_consent", subscription_id=key, event="withdrawn", occurred_at=stage.now
            )
        elif table == "app.person":
            yield from self._about_customer(stage.world.rows[table][key]["customer_id"])
        elif table == "app.customer":
            yield from self._about_customer(key)

    def _about_person(self, person: Key) -> Iterator[Event]:
        """Somebody writes a note on a person, or one turns out to be about another."""
        stage = self.stage
        customer = stage.world.rows["app.person"][person]["customer_id"]
        note = stage.pick("app.note", lambda row: row["person_id"] == person)
        other = stage.pick("app.person", lambda row: row["customer_id"] != customer)
        if note and other and stage.chance(0.5):
            yield stage.change("app.note", note[0], person_id=other[0])
        else:
            yield from self.customers.note_on(person, customer)

    def _about_customer(self, customer: Key) -> Iterator[Event]:
        """The customer's contract lives again, or an invoice is sent."""
        stage = self.stage
        if stage.chance(0.8):
            yield from self.customers.live_again(customer)
            return
        yield stage.add(
            "app.invoice",
            customer_id=customer,
            issued_on=day_of(stage.now),
            gross="1.00",
            contact_name="Mari Tamm",
        )
