"""What happens with requests: asked, verified, answered or not; who comes back; backups, and restores from them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulation import people
from simulation.history import (
    Answer,
    Ask,
    BackUp,
    Expire,
    Extend,
    Fetch,
    Lift,
    Prolong,
    Refuse,
    Restore,
    SeeTo,
    Verify,
    Weigh,
)
from simulation.requests.asked import ENDABLE
from simulation.requests.backups import CHANGES
from simulation.requests.rectification import LAST_NAME
from simulation.requests.restriction import restricted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from simulation.history import Event
    from simulation.invent.holds import Holds
    from simulation.invent.stage import Happenings, Stage
    from simulation.people import Identity
    from simulation.requests.asked import Asked
    from simulation.tables import Name

NEWER = 10
"""Added to the number of a person: who has the address and number that they have since they were corrected."""
OLDEST_RESTORED = timedelta(days=40)


class Requests:
    """What data subjects ask for, on a stage."""

    def __init__(self, stage: Stage, holds: Holds) -> None:
        self.stage = stage
        self.holds = holds

    def happenings(self) -> Happenings:
        """What may happen on a day."""
        return {
            self._asks: 2.5,
            self._restriction: 1,
            self._rectification: 1,
            self._ending: 1.2,
            self._weighing: 0.5,
            self._copy: 1,
            self._fetching: 0.8,
            self._lifting: 1,
            self._verification: 3,
            self._prolonging: 0.4,
            self._refusal: 0.3,
            self._answer: 3,
            self._seen_to: 5,
            self._comes_back: 1,
            self._backup: 0.5,
            self._restore: 0.5,
        }

    def _asks(self) -> Iterator[Event]:
        """Somebody asks, by whatever names somebody; now and then a second time."""
        stage = self.stage
        named = stage.random.choice(self._ways)()
        if stage.chance(0.2):
            person = stage.person()
            yield from self._one_browser(person)
            named = {"subjects": (people.address(person),)}
        asked = Ask(at=stage.now, request=stage.new_key(), **named)
        yield asked
        if stage.chance(0.1):
            yield Ask(
                at=stage.now,
                request=stage.new_key(),
                subjects=asked.subjects,
                rows=asked.rows,
                tenant=asked.tenant,
            )
        if stage.chance(0.6):
            yield Verify(at=stage.now, request=asked.request)

    def _restriction(self) -> Iterator[Event]:
        """Somebody wants to be left as he is until a matter is settled; most are answered at once."""
        stage = self.stage
        named = stage.random.choice([self._by_person, self._by_person, self._by_row, *self._ways])()
        yield from self._taken("restriction", named)

    def _rectification(self) -> Iterator[Event]:
        """An address, a number or a name was wrong; what is right may be somebody else's already."""
        stage, person = self.stage, self._corrected()
        one = stage.random.choice((people.address, people.address, people.number))
        if (rows := sorted(stage.world.named.get(one(person), ()))) and stage.chance(0.2):
            yield self.holds.placed_on(*stage.random.choice(rows))
        (kind, value), named = one(person), self._written(one(person))
        if kind == "email" and stage.chance(0.2):
            at_one_customer = self._of_one_customer()
            named = at_one_customer if "tenant" in at_one_customer else named
        right = str(one(person + NEWER if stage.chance(0.7) else stage.person())[1])
        corrections = {kind: right, LAST_NAME: stage.random.choice(("Kask", "Saar"))}
        if right == value or stage.chance(0.3):
            del corrections[kind]
        elif stage.chance(0.6):
            del corrections[LAST_NAME]
        yield from self._taken("rectification", named, corrections=tuple(corrections.items()))

    def _corrected(self) -> int:
        """Somebody; by preference one of those who are restricted until it is known what is right."""
        stage = self.stage
        numbers = self._restricted() if stage.chance(0.5) else []
        subjects = {one for number in numbers for one in stage.world.holds[number].subjects}
        known = [one for one in people.PEOPLE if {people.address(one), people.number(one)} & subjects]
        return stage.random.choice(known) if known else stage.person()

    def _written(self, *identities: Identity) -> dict[str, object]:
        spellings = (people.written(one, self.stage.random) for one in identities)
        return {
            "subjects": tuple((kind, value) for (kind, _), value in zip(identities, spellings, strict=True))
        }

    def _ending(self) -> Iterator[Event]:
        """Somebody objects, or takes back consent: to one purpose, or to all."""
        stage = self.stage
        kind = stage.random.choice(("objection", "withdrawal"))
        named = stage.random.choice([self._by_person, self._by_person, *self._ways])()
        if stage.chance(0.6):
            named = stage.random.choice((self._by_consent, self._by_choice))()
        purposes = (stage.random.choice(ENDABLE[kind]),) if stage.chance(0.6) else ()
        events = list(self._taken(kind, named, purposes=purposes))
        if stage.chance(0.4):
            events.insert(1, Weigh(at=stage.now, request=events[0].request, decision=self._decision()))
        yield from events

    def _by_consent(self) -> dict[str, object]:
        """By an address whose owner said something of marketing."""
        found = self.stage.pick("website.marketing_consent")
        if not found:
            return self._by_person()
        row = self.stage.world.rows["website.marketing_subscription"][found[1]["subscription_id"]]
        return self._written(("email", people.read("email", row["email"])))

    def _by_choice(self) -> dict[str, object]:
        """By a browser in which somebody chose cookies."""
        found = self.stage.pick("website.cookie_choice")
        return {"subjects": (("visitor_id", found[1]["visitor_id"]),)} if found else self._by_visitor()

    def _decision(self) -> str:
        return self.stage.random.choice(("stop", "stop", "compelling_grounds"))

    def _weighing(self) -> Iterator[Event]:
        """An operator decides about an objection."""
        if number := self._some(lambda one: one.is_open and one.kind == "objection"):
            yield Weigh(at=self.stage.now, request=number, decision=self._decision())

    def _copy(self) -> Iterator[Event]:
        """Somebody wants to see, or to take along, what is held; most fetch it at once."""
        stage = self.stage
        kind = stage.random.choice(
            ("access", "access", "access", "portability", "portability", "information")
        )
        named = stage.random.choice([self._by_person, self._by_person, *self._ways])()
        events = list(self._taken(kind, named))
        yield from events
        if isinstance(events[-1], Answer) and stage.chance(0.7):
            yield Fetch(at=stage.now, request=events[-1].request)

    def _fetching(self) -> Iterator[Event]:
        """Somebody fetches a package late, or once more."""
        is_waiting = self.stage.chance(0.7)
        if number := self._some(lambda one: one.package is not None or (not is_waiting and one.is_copied)):
            yield Fetch(at=self.stage.now, request=number)

    def _taken(self, kind: str, named: dict[str, object], **more: object) -> Iterator[Event]:
        """A request of another kind, and what becomes of it on the same day."""
        stage = self.stage
        asked = Ask(at=stage.now, request=stage.new_key(), kind=kind, **named, **more)
        yield asked
        if stage.chance(0.8):
            yield Verify(at=stage.now, request=asked.request)
            if stage.chance(0.7):
                yield self._answered(asked.request)

    def _restricted(self) -> list[int]:
        """Requests of which a restriction is in force."""
        known = self.stage.holds()
        return [number for number in restricted(self.stage.world, self.stage.now) if number in known]

    def _lifting(self) -> Iterator[Event]:
        """A matter is settled, or will be in a few days; now and then all requests are seen to at once."""
        stage = self.stage
        if numbers := self._restricted():
            number = stage.random.choice(numbers)
            if stage.chance(0.4):
                days = timedelta(days=stage.random.randrange(1, 8))
                yield Extend(at=stage.now, hold=number, until=stage.now + days)
            else:
                yield Lift(at=stage.now, request=number)
            if stage.chance(0.5):
                yield SeeTo(at=stage.now)

    @property
    def _ways(self) -> list[Callable[[], dict[str, object]]]:
        """How somebody is named; by an address most often."""
        ways = [self._by_row, self._by_customer, self._by_visitor, *[self._of_one_customer] * 2]
        return [*[self._by_person] * 5, *ways]

    def _one_browser(self, person: int) -> Iterator[Event]:
        """Somebody wrote from a browser, and somebody else perhaps, too."""
        stage = self.stage
        if browser := stage.pick("website.visitor"):
            for one in (person, *([stage.person()] if stage.chance(0.6) else [])):
                spelling = people.written(people.address(one), stage.random)
                yield stage.add(
                    "website.enquiry", submitted_at=stage.now, visitor_id=browser[0], email=spelling
                )

    def _by_person(self) -> dict[str, object]:
        """By an address, a number, or both."""
        stage, person = self.stage, self.stage.person()
        if stage.chance(0.15):
            person += NEWER
        named = stage.random.choice(
            ((people.address,), (people.address,), (people.number,), (people.address, people.number))
        )
        found = tuple(one(person) for one in named)
        if stage.chance(0.1):
            found = (("email", "nobody@example.com"),)
        return self._written(*found)

    def _by_row(self) -> dict[str, object]:
        """By a person's own row, as a customer would ask."""
        return {"rows": self._picked(self.stage.random.choice(("app.person", "app.contact")))}

    def _by_customer(self) -> dict[str, object]:
        """A customer wants all its content gone; one whose contract is over, mostly."""
        return {"rows": self._picked("app.customer")}

    def _by_visitor(self) -> dict[str, object]:
        """Whoever uses this browser."""
        found = self._picked("website.visitor")
        return {"subjects": tuple(("visitor_id", key) for _, key in found)}

    def _of_one_customer(self) -> dict[str, object]:
        """One customer wants its copy gone of somebody whom others may have, too."""
        stage = self.stage
        table, column = stage.random.choice((("app.person", "work_email"), ("app.contact", "email")))
        known = [str(people.address(one)[1]) for one in people.PEOPLE]
        found = stage.pick(table, lambda row: people.read("email", row[column]) in known)
        if not found:
            return self._by_person()
        return {"subjects": (("email", found[1][column]),), "tenant": found[1]["customer_id"]}

    def _picked(self, table: str) -> tuple[Name, ...]:
        found = self.stage.pick(table)
        return ((table, found[0]),) if found else ()

    def _verification(self) -> Iterator[Event]:
        if number := self._some(lambda one: one.state == "received"):
            yield Verify(at=self.stage.now, request=number)

    def _prolonging(self) -> Iterator[Event]:
        if number := self._some(lambda one: one.is_open):
            yield Prolong(at=self.stage.now, request=number)

    def _refusal(self) -> Iterator[Event]:
        if number := self._some(lambda one: one.is_open):
            yield Refuse(at=self.stage.now, request=number)

    def _answer(self) -> Iterator[Event]:
        stage = self.stage
        if number := self._some(lambda one: one.state == "verified"):
            yield self._answered(number)
            if stage.chance(0.3):
                yield SeeTo(at=stage.now)

    def _answered(self, number: int) -> Answer:
        stage = self.stage
        return Answer(
            at=stage.now,
            request=number,
            shared=stage.random.choice(("confirm", "decline", "decline", None)),
            is_planned_anew=stage.chance(0.1),
            killed_after=stage.random.choice((0, 1)) if stage.chance(0.1) else None,
            is_checked=stage.chance(0.05),
        )

    def _seen_to(self) -> Iterator[Event]:
        yield SeeTo(at=self.stage.now)

    def _comes_back(self) -> Iterator[Event]:
        """A customer imports somebody who was erased, among others."""
        stage = self.stage
        done = (one for one in stage.requests().values() if one.state == "done")
        answered = [one for one in done if one.kind == "erasure"]
        known = [
            value for one in answered[-6:] for kind, value in sorted(one.subjects, key=str) if kind == "email"
        ]
        customer = stage.pick("app.customer")
        if known and customer:
            spelling = people.written(("email", stage.random.choice(known)), stage.random)
            if stage.chance(0.5):
                yield stage.add(
                    "app.person", customer_id=customer[0], created_at=stage.now, work_email=spelling
                )
            else:
                yield stage.add("app.contact", customer_id=customer[0], created_at=stage.now, email=spelling)

    def _backup(self) -> Iterator[Event]:
        yield BackUp(at=self.stage.now, backup=self.stage.new_key())

    def _restore(self) -> Iterator[Event]:
        stage = self.stage
        young = [
            number
            for number, backup in stage.world.backups.items()
            if stage.now - backup.at <= OLDEST_RESTORED and backup.at < stage.now
        ]
        if young:
            lost = self._answered_since(stage.world.backups[young[-1]].at)
            yield Restore(at=stage.now, backup=young[-1])
            yield Expire(at=stage.now)  # the index has again what was destroyed since
            for asked in lost:
                yield from self._asked_again(asked)

    def _answered_since(self, moment: datetime) -> list[Asked]:
        """Requests whose answers are lost with a restore: what they changed stands nowhere else."""
        done = (one for one in self.stage.requests().values() if one.done_at and one.done_at > moment)
        return [one for one in done if one.kind in CHANGES and one.state == "done"]

    def _asked_again(self, asked: Asked) -> Iterator[Event]:
        """An operator takes a request once more, from the file of the case, and answers it."""
        stage = self.stage
        again = Ask(
            at=stage.now,
            request=stage.new_key(),
            kind=asked.kind,
            subjects=tuple(sorted(asked.subjects)),
            rows=tuple(sorted(asked.rows)),
            tenant=asked.tenant,
            corrections=tuple(sorted(asked.corrections)),
            purposes=tuple(sorted(asked.purposes)),
        )
        yield again
        yield Verify(at=stage.now, request=again.request)
        if asked.decision is not None:
            yield Weigh(at=stage.now, request=again.request, decision=asked.decision)
        yield self._answered(again.request)

    def _some(self, where: Callable[[Asked], bool]) -> int | None:
        """Some request, by preference an old one."""
        numbers = [number for number, one in self.stage.requests().items() if where(one)]
        if not numbers:
            return None
        return numbers[0] if self.stage.chance(0.5) else self.stage.random.choice(numbers)
