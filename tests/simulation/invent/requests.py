"""What happens with requests: asked, verified, answered or not; who comes back; backups, and restores from them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulation import people
from simulation.history import Answer, Ask, BackUp, Prolong, Refuse, Restore, SeeTo, Verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulation.history import Event
    from simulation.invent.stage import Happenings, Stage
    from simulation.requests.asked import Asked
    from simulation.tables import Name

OLDEST_RESTORED = timedelta(days=40)


class Requests:
    """What data subjects ask for, on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def happenings(self) -> Happenings:
        """What may happen on a day."""
        return {
            self._asks: 2.5,
            self._verification: 3,
            self._prolonging: 0.4,
            self._refusal: 0.3,
            self._answer: 3,
            self._seen_to: 5,
            self._comes_back: 1,
            self._backup: 0.25,
            self._restore: 0.25,
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

    @property
    def _ways(self) -> list[Callable[[], dict[str, object]]]:
        """How somebody is named; by an address most often."""
        ways = [self._by_row, self._by_customer, self._by_visitor, self._of_one_customer]
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
        named = stage.random.choice(
            ((people.address,), (people.address,), (people.number,), (people.address, people.number))
        )
        found = tuple(one(person) for one in named)
        if stage.chance(0.1):
            found = (("email", "nobody@example.com"),)
        return {
            "subjects": tuple((kind, people.written((kind, value), stage.random)) for kind, value in found)
        }

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
            yield Answer(
                at=stage.now,
                request=number,
                shared=stage.random.choice(("confirm", "decline", "decline", None)),
                is_planned_anew=stage.chance(0.1),
                killed_after=stage.random.choice((0, 1)) if stage.chance(0.1) else None,
                is_checked=stage.chance(0.05),
            )
            if stage.chance(0.3):
                yield SeeTo(at=stage.now)

    def _seen_to(self) -> Iterator[Event]:
        yield SeeTo(at=self.stage.now)

    def _comes_back(self) -> Iterator[Event]:
        """A customer imports somebody who was erased, among others."""
        stage = self.stage
        answered = [one for one in stage.world.desk.requests.values() if one.state == "done"]
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
            yield Restore(at=stage.now, backup=young[-1])

    def _some(self, where: Callable[[Asked], bool]) -> int | None:
        """Some request, by preference an old one."""
        numbers = [number for number, one in self.stage.world.desk.requests.items() if where(one)]
        if not numbers:
            return None
        return numbers[0] if self.stage.chance(0.5) else self.stage.random.choice(numbers)
