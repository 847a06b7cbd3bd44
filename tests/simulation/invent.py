"""Invents histories: from a seed, what a company lives through, day by day.

The inventor looks at the world as it is, so what happens is about customers and rows that are there. Moments lie
by preference where counting goes wrong: at midnight, a microsecond before it, on the last of February, on the
days on which clocks change, at the end of the year.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import count
from math import ceil
from random import Random
from typing import TYPE_CHECKING

from simulation import model
from simulation.history import Add, Amend, Change, Event, Extend, Place, Release, Run
from simulation.moments import Period, at, day_of
from simulation.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulation.tables import Key, Row
    from simulation.world import World

YEAR = timedelta(days=365)
WALL_TIMES = (time(0, 0), time(23, 59, 59, 999_999), time(0, 30), time(2, 30), time(3, 30), time(23, 30))

AMENDMENTS: tuple[dict[str, tuple[Period, int]], ...] = (
    {rule: (Period(days=20), 1) for rule in ("page_views_30_days", "interactions_30_days", "visitors_30_days")},
    {rule: (Period(days=45), 3) for rule in ("page_views_30_days", "interactions_30_days", "visitors_30_days")},
    {"persons_after_contract": (Period(months=6), 7), "chats_three_years": (Period(months=18), 0)},
    {"persons_after_contract": (Period(months=18), 14), "enquiries_three_years": (Period(months=24), 7)},
    {"customer_data_after_contract": (Period(months=24), 7), "disclosures_three_years": (Period(months=13), 7)},
    {"subscriptions_three_years": (Period(months=12), 30), "customer_data_after_contract": (Period(months=40), 3)},
    {"billing_ten_years": (Period(months=84), 0)},
    {"billing_ten_years": (Period(months=132), 0)},
)
"""What an amended policy changes."""


class Inventor:
    """Invents one history.

    Args:
        seed: the same seed makes the same history.
        days: how many days it lasts.
        world: what there is; the player keeps it up to date while the history is told.
    """

    def __init__(self, seed: int, days: int, world: World) -> None:
        self.random = Random(seed)
        self.days = days
        self.world = world
        self.keys = count(1)
        self.now = at(date(2025, 3, 1) + timedelta(days=self.random.randrange(5 * 365)))
        self.run_time = self.random.choice((time(3, 10), time(0, 0), time(0, 20), time(23, 40), time(2, 30)))
        self.missing = 0
        self.missed: list[datetime] = []

    def history(self) -> Iterator[Event]:
        """The events, in order."""
        yield from self._before_the_first_day()
        first = day_of(self.now)
        for number in range(self.days):
            yield from self._day(first + timedelta(days=number))

    def _day(self, day: date) -> Iterator[Event]:
        """What happens on a day: a few events, and the runs among them."""
        moments = [(self._moment(day), self._happening()) for _ in range(self._few(0.9))]
        moments += [(moment, self._run) for moment in self._runs(day)]
        for moment, invent in sorted(moments, key=lambda one: one[0]):
            self.now = moment
            yield from invent()

    # --- chance

    def _few(self, average: float) -> int:
        """A small number, of which the average is given."""
        trials = 2 * ceil(average) + 2
        return sum(self._chance(average / trials) for _ in range(trials))

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _key(self) -> Key:
        return next(self.keys)

    def _pick(self, table: str, where: Callable[[Row], bool] = lambda _: True) -> tuple[Key, Row] | None:
        """Some row of a table."""
        rows = [(key, row) for key, row in self.world.rows[table].items() if where(row)]
        return self.random.choice(rows) if rows else None

    def _moment(self, day: date) -> datetime:
        """A moment of a day, by preference near its ends."""
        if self._chance(0.4):
            return at(day, self.random.choice(WALL_TIMES))
        return at(day) + timedelta(seconds=self.random.randrange(23 * 3600))

    def _past(self, least: timedelta, most: timedelta) -> datetime:
        """A moment in the past, by preference on an awkward day."""
        day = day_of(self.now - least - timedelta(seconds=self.random.randrange(int((most - least).total_seconds()))))
        awkward = [_end_of_february(day.year), date(day.year, 12, 31), _clocks_change(day.year, 3), _clocks_change(day.year, 10)]
        if self._chance(0.3) and (near := [one for one in awkward if at(one) <= self.now - least]):
            day = self.random.choice(near)
        return min(self._moment(day), self.now)

    def _of(self, table: str, customer: Key) -> Key | None:
        """A row of a customer to refer to; sometimes none, and sometimes another's, which nothing forbids."""
        anywhere = self._chance(0.2)
        found = self._pick(table, lambda row: anywhere or row["customer_id"] == customer)
        return found[0] if found and self._chance(0.75) else None

    def _visitor_or_none(self) -> Key | None:
        found = self._pick("website.visitor") if self._chance(0.5) else None
        return found[0] if found else None

    # --- rows

    def _add(self, table: str, **row: object) -> Add:
        facts = dict.fromkeys(FACTS[table]) | row
        return Add(at=self.now, table=table, key=self._key(), row=facts)

    def _change(self, table: str, key: Key, **to: object) -> Change:
        return Change(at=self.now, table=table, key=key, to=to)

    def _before_the_first_day(self) -> Iterator[Event]:
        """What had happened before: enough for something to fall due from the first weeks on."""
        for least, most in ((0.3, 0.95), (0.6, 0.95), (1.1, 2.0), (1.5, 2.5), (2.0, 2.9), (2.6, 2.97), (0.0, 0.3)):
            yield from self._customer(self._past(least * YEAR, most * YEAR))
        for _ in range(4):
            yield from self._customer(None)
        for _ in range(10):
            yield from self._enquiry(self._past(timedelta(0), 2.97 * YEAR))
        for _ in range(8):
            yield from self._subscription(self._past(timedelta(0), 2.97 * YEAR))
        for least in (0, 2, 5, 6, 6.5, 7, 7.5, 8, 8.5, 9, 9.2, 9.5):
            yield from self._invoice(self._past(least * YEAR, 9.99 * YEAR))
            if self._chance(0.3):
                yield from self._new_credit_note()
        for _ in range(12):
            yield from self._disclosure(self._past(timedelta(0), 2.97 * YEAR))
        for _ in range(4):
            yield from self._chat(self._past(timedelta(0), 2.97 * YEAR))

    def _customer(self, ended_at: datetime | None) -> Iterator[Event]:
        """A customer with its people; without a contract now and then."""
        start = min(self.now, ended_at or self.now) - timedelta(days=self.random.randrange(30, 900))
        customer = self._add("app.customer", created_at=start)
        yield customer
        if self._chance(0.85):
            yield self._add(
                "app.contract", customer_id=customer.key, starts_at=start, ended_at=ended_at, updated_at=self.now
            )
        for _ in range(self._few(1.2)):
            yield self._add("app.contact", customer_id=customer.key, created_at=start)
        for _ in range(self._few(2)):
            yield from self._person_of(customer.key, start)

    def _person_of(self, customer: Key, created_at: datetime) -> Iterator[Event]:
        person = self._add(
            "app.person", customer_id=customer, manager_person_id=self._of("app.person", customer), created_at=created_at
        )
        yield person
        if self._chance(0.5):
            yield from self._note_on(person.key, customer)
        if self._chance(0.3):
            yield self._add("app.activity", person_id=person.key, occurred_at=created_at)

    def _note_on(self, person: Key, customer: Key) -> Iterator[Event]:
        author = self._of("app.contact", customer)
        yield self._add("app.note", person_id=person, author_contact_id=author, created_at=self.now)

    # --- what happens

    def _happening(self) -> Callable[[], Iterator[Event]]:
        kinds = {
            self._visits: 5,
            self._new_customer: 1.5,
            self._new_person: 5,
            self._new_note: 5,
            self._new_contact: 3,
            self._move_note: 1,
            self._new_manager: 2,
            self._end_contract: 4,
            self._reinstate: 2,
            self._renew: 2,
            self._new_invoice: 6,
            self._new_credit_note: 3,
            self._new_enquiry: 4,
            self._new_message: 3,
            self._new_chat: 4,
            self._new_subscription: 3,
            self._new_consent: 4,
            self._new_cookie_choice: 2,
            self._new_disclosure: 4,
            self._place: 2.5,
            self._extend: 1,
            self._release: 2,
            self._amend: 0.3,
        }
        return self.random.choices(list(kinds), list(kinds.values()))[0]

    def _visits(self) -> Iterator[Event]:
        """A day on which the website is visited; on most days of this small company it is not."""
        for _ in range(self.random.randrange(1, 5)):
            yield from self._visit()

    def _visit(self) -> Iterator[Event]:
        """Somebody looks at a few pages, for the first time or again."""
        known = self._pick("website.visitor", lambda row: row["first_seen_at"] <= self.now) if self._chance(0.5) else None
        if known:
            visitor = known[0]
            yield self._change("website.visitor", visitor, last_seen_at=max(self.now, known[1]["last_seen_at"]))
        else:
            added = self._add("website.visitor", first_seen_at=self.now, last_seen_at=self.now)
            visitor = added.key
            yield added
        for _ in range(self._few(1.5)):
            yield self._add("website.page_view", visitor_id=visitor, occurred_at=self.now)
        if self._chance(0.5):
            yield self._add("website.interaction", visitor_id=visitor, occurred_at=self.now)

    def _new_cookie_choice(self) -> Iterator[Event]:
        if visitor := self._pick("website.visitor"):
            yield self._add("website.cookie_choice", visitor_id=visitor[0], chosen_at=self.now)

    def _new_enquiry(self) -> Iterator[Event]:
        yield from self._enquiry(self.now)

    def _enquiry(self, submitted_at: datetime) -> Iterator[Event]:
        enquiry = self._add("website.enquiry", submitted_at=submitted_at, visitor_id=self._visitor_or_none())
        yield enquiry
        for _ in range(self._few(0.8)):
            yield self._add("website.message", enquiry_id=enquiry.key, sent_at=self.now)

    def _new_message(self) -> Iterator[Event]:
        if enquiry := self._pick("website.enquiry"):
            yield self._add("website.message", enquiry_id=enquiry[0], sent_at=self.now)

    def _new_chat(self) -> Iterator[Event]:
        yield from self._chat(self.now)

    def _chat(self, started_at: datetime) -> Iterator[Event]:
        enquiry = self._pick("website.enquiry") if self._chance(0.6) else None
        yield self._add(
            "website.chat",
            visitor_id=self._visitor_or_none(),
            enquiry_id=enquiry[0] if enquiry else None,
            started_at=started_at,
            ended_at=started_at + timedelta(minutes=self.random.randrange(60)),
        )

    def _new_subscription(self) -> Iterator[Event]:
        yield from self._subscription(self.now)

    def _subscription(self, created_at: datetime) -> Iterator[Event]:
        subscription = self._add(
            "website.marketing_subscription", created_at=created_at, visitor_id=self._visitor_or_none()
        )
        yield subscription
        if self._chance(0.7):
            yield self._add(
                "website.marketing_consent", subscription_id=subscription.key, event="given", occurred_at=created_at
            )

    def _new_consent(self) -> Iterator[Event]:
        """Consent is withdrawn, or given again."""
        if subscription := self._pick("website.marketing_subscription"):
            event = self.random.choice(("given", "withdrawn"))
            yield self._add(
                "website.marketing_consent", subscription_id=subscription[0], event=event, occurred_at=self.now
            )

    def _new_customer(self) -> Iterator[Event]:
        yield from self._customer(None)

    def _new_contact(self) -> Iterator[Event]:
        if customer := self._pick("app.customer"):
            yield self._add("app.contact", customer_id=customer[0], created_at=self.now)

    def _new_person(self) -> Iterator[Event]:
        if customer := self._pick("app.customer"):
            yield from self._person_of(customer[0], self.now)

    def _new_note(self) -> Iterator[Event]:
        if person := self._pick("app.person"):
            yield from self._note_on(person[0], person[1]["customer_id"])

    def _move_note(self) -> Iterator[Event]:
        """A note turns out to be about somebody else, of whichever customer."""
        note, person = self._pick("app.note"), self._pick("app.person")
        if note and person:
            yield self._change("app.note", note[0], person_id=person[0])

    def _new_manager(self) -> Iterator[Event]:
        if person := self._pick("app.person"):
            manager = self._of("app.person", person[1]["customer_id"])
            yield self._change("app.person", person[0], manager_person_id=None if manager == person[0] else manager)

    def _end_contract(self) -> Iterator[Event]:
        """Notice is given for later, the contract ends now, or its end turns out to be long past."""
        if contract := self._pick("app.contract", lambda row: row["ended_at"] is None):
            ended_at = self.random.choice(
                (
                    self.now,
                    at(day_of(self.now)),
                    at(day_of(self.now) + timedelta(days=self.random.randrange(1, 120))),
                    self._past(timedelta(0), 0.2 * YEAR),
                    self._past(timedelta(0), 1.2 * YEAR),
                    self._past(2 * YEAR, 3.1 * YEAR),
                )
            )
            ended_at = max(ended_at, contract[1]["starts_at"])
            yield self._change("app.contract", contract[0], ended_at=ended_at, updated_at=self.now)

    def _reinstate(self) -> Iterator[Event]:
        """An ended contract is taken up again."""
        if contract := self._pick("app.contract", lambda row: row["ended_at"] is not None):
            yield self._change(
                "app.contract", contract[0], ended_at=None, reinstated_at=self.now, updated_at=self.now
            )

    def _renew(self) -> Iterator[Event]:
        """A contract ends and another continues it, now and then for whoever took the customer over."""
        if contract := self._pick("app.contract"):
            key, row = contract
            if row["ended_at"] is None and row["starts_at"] < self.now:
                yield self._change("app.contract", key, ended_at=self.now, updated_at=self.now)
            other = self._pick("app.customer") if self._chance(0.3) else None
            yield self._add(
                "app.contract",
                customer_id=other[0] if other else row["customer_id"],
                renews_contract_id=key,
                starts_at=self.now,
                updated_at=self.now,
            )

    def _new_invoice(self) -> Iterator[Event]:
        yield from self._invoice(self.now)

    def _invoice(self, issued: datetime, credited: Key | None = None) -> Iterator[Event]:
        contract = self._pick("app.contract")
        invoice = self._add(
            "app.invoice",
            customer_id=contract[1]["customer_id"] if contract else None,
            contract_id=contract[0] if contract and self._chance(0.8) else None,
            credited_invoice_id=credited,
            issued_on=day_of(issued),
            gross="-100.00" if credited else "100.00",
            contact_name="Mari Tamm",
            contact_email=self.random.choice(("mari@example.com", None)),
        )
        yield invoice
        yield self._add("app.invoice_line", invoice_id=invoice.key)
        if self._chance(0.6):
            yield self._add("app.payment", invoice_id=invoice.key, paid_on=day_of(self.now))

    def _new_credit_note(self) -> Iterator[Event]:
        if invoice := self._pick("app.invoice", lambda row: row["credited_invoice_id"] is None):
            later = at(invoice[1]["issued_on"]) + timedelta(days=self.random.randrange(400))
            yield from self._invoice(self.random.choice((self.now, min(later, self.now))), invoice[0])

    def _new_disclosure(self) -> Iterator[Event]:
        yield from self._disclosure(self.now)

    def _disclosure(self, disclosed_at: datetime) -> Iterator[Event]:
        column, table = self.random.choice(
            (
                ("person_id", "app.person"),
                ("contact_id", "app.contact"),
                ("subscription_id", "website.marketing_subscription"),
                ("enquiry_id", "website.enquiry"),
            )
        )
        about = self._pick(table)
        yield self._add("app.disclosure", disclosed_at=disclosed_at, **{column: about[0] if about else None})

    # --- holds and policies

    def _place(self) -> Iterator[Event]:
        """A hold or restriction, on a row, a customer, several rows, or for a short time on a whole table."""
        length = timedelta(days=self.random.choice((3, 10, 30, 60, 120)))
        targets: list[tuple[str, Key | None]] = []
        if self._chance(0.12):
            targets, length = [(self.random.choice(list(FACTS)), None)], timedelta(days=self.random.randrange(1, 25))
        else:
            for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                table = "app.customer" if self._chance(0.3) else self.random.choice(list(FACTS))
                if found := self._pick(table):
                    targets.append((table, found[0]))
        if targets:
            yield Place(
                at=self.now,
                hold=self._key(),
                kind=self.random.choice(("hold", "restriction")),
                until=self._end_of_hold(length),
                targets=tuple(dict.fromkeys(targets)),
            )

    def _end_of_hold(self, length: timedelta) -> datetime:
        """An end, by preference at the very moment of a run or at midnight."""
        day = day_of(self.now + length) + timedelta(days=1)
        return self.random.choice((self.now + length, at(day), at(day, self.run_time)))

    def _extend(self) -> Iterator[Event]:
        active = [key for key, hold in self.world.holds.items() if hold.is_active(self.now)]
        if active:
            until = self._end_of_hold(timedelta(days=self.random.randrange(1, 200)))
            yield Extend(at=self.now, hold=self.random.choice(active), until=until)

    def _release(self) -> Iterator[Event]:
        held = [key for key, hold in self.world.holds.items() if not hold.is_released]
        if held:
            yield Release(at=self.now, hold=self.random.choice(held))

    def _amend(self) -> Iterator[Event]:
        today = day_of(self.now)
        newest = max(self.world.policies, key=lambda one: one.since)
        if newest.since < today:
            yield Amend(at=self.now, policy=newest.amended(today, self.random.choice(AMENDMENTS)))

    # --- runs

    def _runs(self, day: date) -> list[datetime]:
        """When runs begin on a day: mostly once, in time; now and then late, twice, or not at all for a while."""
        if not self.missing and self._chance(0.02):
            self.missing = self.random.randrange(1, 12)
        scheduled = at(day, self.run_time)
        if self.missing:
            self.missing -= 1
            self.missed.append(scheduled)
            return []
        moments = [scheduled if self._chance(0.9) else self._moment(day)]
        if self._chance(0.03):
            moments.append(self._moment(day))
        return moments

    def _run(self) -> Iterator[Event]:
        """One run, after those that were missed where it catches up."""
        if self.missed and self._chance(0.4):
            for as_of in self.missed:
                yield Run(at=self.now, as_of=as_of)
        self.missed.clear()
        batch_rows = self.random.choice((1, 3, 10, 50_000))
        yield Run(
            at=self.now,
            as_of=self.now,
            batch_rows=batch_rows,
            repeated=self._chance(0.03),
            meanwhile=self._meanwhile() if self._chance(0.1) else {},
        )

    def _meanwhile(self) -> dict[str, tuple[Event, ...]]:
        """What happens between plan and execution of a rule: something about a row that is due."""
        policy = max(self.world.policies, key=lambda one: one.since)
        found = {}
        for rule, promise in policy.promises.items():
            due = sorted(model.due(self.world, rule, self.now))
            if due and self._chance(0.7):
                key = self.random.choice(due)[1]
                found[rule] = tuple(self._interfere(promise.table, key))
        return {rule: events for rule, events in found.items() if events}

    def _interfere(self, table: str, key: Key) -> Iterator[Event]:
        row = self.world.rows[table][key]
        if self._chance(0.3):
            yield Place(
                at=self.now,
                hold=self._key(),
                kind="hold",
                until=self.now + timedelta(days=20),
                targets=((table, key),),
            )
        elif self._chance(0.2):
            yield from self._release()
        elif table == "website.visitor":
            yield self._change(table, key, last_seen_at=self.now)
            yield self._add("website.page_view", visitor_id=key, occurred_at=self.now)
        elif table == "website.enquiry":
            yield self._add("website.message", enquiry_id=key, sent_at=self.now)
        elif table == "website.marketing_subscription":
            yield self._add(
                "website.marketing_consent", subscription_id=key, event="withdrawn", occurred_at=self.now
            )
        elif table == "app.person":
            yield from self._interfere_with_person(key, row["customer_id"])
        elif table == "app.customer":
            yield from self._interfere_with_customer(key)

    def _interfere_with_person(self, person: Key, customer: Key) -> Iterator[Event]:
        if self._chance(0.3):
            yield from self._note_on(person, customer)
        elif self._chance(0.5):
            note = self._pick("app.note", lambda row: row["person_id"] == person)
            other = self._pick("app.person", lambda row: row["customer_id"] != customer)
            if note and other:
                yield self._change("app.note", note[0], person_id=other[0])
        else:
            yield from self._interfere_with_customer(customer)

    def _interfere_with_customer(self, customer: Key) -> Iterator[Event]:
        if self._chance(0.3):
            yield self._add(
                "app.invoice", customer_id=customer, issued_on=day_of(self.now), gross="1.00", contact_name="Mari Tamm"
            )
        elif contract := self._pick("app.contract", lambda row: row["customer_id"] == customer):
            yield self._change(
                "app.contract", contract[0], ended_at=None, reinstated_at=self.now, updated_at=self.now
            )
        else:
            yield self._add("app.contract", customer_id=customer, starts_at=self.now, updated_at=self.now)


def _end_of_february(year: int) -> date:
    return date(year, 3, 1) - timedelta(days=1)


def _clocks_change(year: int, month: int) -> date:
    """The last Sunday of March or October."""
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)
