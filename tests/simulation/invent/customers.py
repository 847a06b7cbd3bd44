"""What happens with customers: contracts, contacts, persons, notes, and what of it is passed on."""

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

ENDED = (
    *((0.0, 0.3), (0.3, 0.95), (0.6, 0.95), (1.1, 2.0), (1.5, 2.5)),
    *((1.7, 2.4), (1.9, 2.6), (2.0, 2.9), (2.2, 2.8), (2.4, 2.97), (2.6, 2.97), (2.8, 2.97)),
)
"""How many years ago the contracts of the first customers ended: at least, at most."""

DISCLOSED = (
    ("person_id", "app.person"),
    ("contact_id", "app.contact"),
    ("subscription_id", "website.marketing_subscription"),
    ("enquiry_id", "website.enquiry"),
)


class Customers:
    """The application's customers on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def happenings(self) -> Happenings:
        """What may happen on a day."""
        return {
            self._new_customer: 1.5,
            self._new_person: 5,
            self._new_note: 5,
            self._new_contact: 3,
            self._moved_note: 2,
            self._new_manager: 2,
            self._end: 5,
            self._reinstatement: 1,
            self._renewal: 3,
            self._new_disclosure: 4,
        }

    def before(self) -> Iterator[Event]:
        """Customers of all ages, some with a contract that ended."""
        for least, most in ENDED:
            yield from self._customer(self.stage.past(least * YEAR, most * YEAR))
        for _ in range(4):
            yield from self._customer(None)

    def disclosures_before(self) -> Iterator[Event]:
        """What was passed on in the last three years."""
        for _ in range(12):
            yield from self._disclosure(self.stage.past(timedelta(0), 2.97 * YEAR))

    def note_on(self, person: Key, customer: Key) -> Iterator[Event]:
        """A contact of the customer writes a note on a person."""
        author = self._of("app.contact", customer)
        yield self.stage.add(
            "app.note", person_id=person, author_contact_id=author, created_at=self.stage.now
        )

    def live_again(self, customer: Key) -> Iterator[Event]:
        """A contract of the customer is reinstated, or the customer signs one."""
        stage = self.stage
        if contract := stage.pick("app.contract", lambda row: row["customer_id"] == customer):
            yield stage.change(
                "app.contract", contract[0], ended_at=None, reinstated_at=stage.now, updated_at=stage.now
            )
        else:
            yield stage.add("app.contract", customer_id=customer, starts_at=stage.now, updated_at=stage.now)

    def _of(self, table: str, customer: Key) -> Key | None:
        """A row of a customer to refer to; sometimes none, and sometimes another's, which nothing forbids."""
        anywhere = self.stage.chance(0.25)
        found = self.stage.pick(table, lambda row: anywhere or row["customer_id"] == customer)
        return found[0] if found and self.stage.chance(0.75) else None

    def _new_customer(self) -> Iterator[Event]:
        yield from self._customer(None)

    def _customer(self, ended_at: datetime | None) -> Iterator[Event]:
        """A customer with its people; without a contract now and then."""
        stage = self.stage
        start = min(stage.now, ended_at or stage.now) - timedelta(days=stage.random.randrange(30, 900))
        customer = stage.add("app.customer", created_at=start)
        yield customer
        if stage.chance(0.85):
            yield stage.add(
                "app.contract",
                customer_id=customer.key,
                starts_at=start,
                ended_at=ended_at,
                updated_at=stage.now,
            )
        for _ in range(stage.few(1.2)):
            yield stage.add("app.contact", customer_id=customer.key, created_at=start)
        for _ in range(stage.few(2)):
            yield from self._person_of(customer.key, start)

    def _new_person(self) -> Iterator[Event]:
        if customer := self.stage.pick("app.customer"):
            yield from self._person_of(customer[0], self.stage.now)

    def _person_of(self, customer: Key, created_at: datetime) -> Iterator[Event]:
        stage = self.stage
        manager = self._of("app.person", customer)
        person = stage.add(
            "app.person", customer_id=customer, manager_person_id=manager, created_at=created_at
        )
        yield person
        if stage.chance(0.5):
            yield from self.note_on(person.key, customer)
        if stage.chance(0.3):
            yield stage.add("app.activity", person_id=person.key, occurred_at=created_at)

    def _new_note(self) -> Iterator[Event]:
        if person := self.stage.pick("app.person"):
            yield from self.note_on(person[0], person[1]["customer_id"])

    def _moved_note(self) -> Iterator[Event]:
        """A note turns out to be about somebody else, of whichever customer."""
        note, person = self.stage.pick("app.note"), self.stage.pick("app.person")
        if note and person:
            yield self.stage.change("app.note", note[0], person_id=person[0])

    def _new_contact(self) -> Iterator[Event]:
        if customer := self.stage.pick("app.customer"):
            yield self.stage.add("app.contact", customer_id=customer[0], created_at=self.stage.now)

    def _new_manager(self) -> Iterator[Event]:
        if person := self.stage.pick("app.person"):
            manager = self._of("app.person", person[1]["customer_id"])
            to = None if manager == person[0] else manager
            yield self.stage.change("app.person", person[0], manager_person_id=to)

    def _end(self) -> Iterator[Event]:
        """Notice is given for later, the contract ends now, or its end turns out to be long past."""
        stage = self.stage
        if contract := stage.pick("app.contract", lambda row: row["ended_at"] is None):
            today = day_of(stage.now)
            ended_at = stage.random.choice(
                (
                    stage.now,
                    at(today),
                    at(today + timedelta(days=stage.random.randrange(1, 120))),
                    stage.past(timedelta(0), 0.2 * YEAR),
                    stage.past(timedelta(0), 1.2 * YEAR),
                    stage.past(2 * YEAR, 3.1 * YEAR),
                )
            )
            ended_at = max(ended_at, contract[1]["starts_at"])
            yield stage.change("app.contract", contract[0], ended_at=ended_at, updated_at=stage.now)

    def _reinstatement(self) -> Iterator[Event]:
        """An ended contract is taken up again."""
        stage = self.stage
        if contract := stage.pick("app.contract", lambda row: row["ended_at"] is not None):
            yield stage.change(
                "app.contract", contract[0], ended_at=None, reinstated_at=stage.now, updated_at=stage.now
            )

    def _renewal(self) -> Iterator[Event]:
        """A contract ends and another continues it, now and then for whoever took the customer over."""
        stage = self.stage
        if contract := stage.pick("app.contract"):
            key, row = contract
            if row["ended_at"] is None and row["starts_at"] < stage.now:
                yield stage.change("app.contract", key, ended_at=stage.now, updated_at=stage.now)
            other = stage.pick("app.customer") if stage.chance(0.5) else None
            yield stage.add(
                "app.contract",
                customer_id=other[0] if other else row["customer_id"],
                renews_contract_id=key,
                starts_at=stage.now,
                updated_at=stage.now,
            )

    def _new_disclosure(self) -> Iterator[Event]:
        yield from self._disclosure(self.stage.now)

    def _disclosure(self, disclosed_at: datetime) -> Iterator[Event]:
        column, table = self.stage.random.choice(DISCLOSED)
        about = self.stage.pick(table)
        facts = {column: about[0] if about else None}
        yield self.stage.add("app.disclosure", disclosed_at=disclosed_at, **facts)
