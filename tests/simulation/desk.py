"""Drives requests through the engine: what operators and the DAGs of requests call."""

from __future__ import annotations

from collections import Counter
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from lifecycle.errors import ApprovalRequired, CheckFailed, UsageError
from lifecycle.holds import register as holds
from lifecycle.holds.cover import Cover
from lifecycle.holds.stops import Stops
from lifecycle.holds.targets import Target
from lifecycle.policy.model import RequestKind
from lifecycle.requests import asked, packages, register, steps
from lifecycle.requests.candidates import answer_for, told_candidates
from lifecycle.requests.corrections import Correction, corrected
from lifecycle.requests.deadlines import overdue
from lifecycle.requests.lifting import end_restrictions, lift
from lifecycle.requests.purposes import Decision
from lifecycle.requests.remainders import resume_all
from lifecycle.requests.replay import put_back, replay, survey
from lifecycle.requests.weighing import weigh
from lifecycle.runs import agreement, plans, signing
from simulation.broken import Broken
from simulation.engine import OPERATOR, Killed, subject, target
from simulation.history import Answer, Ask, Lift, Prolong, Refuse, SeeTo, Verify, Weigh
from simulation.package import opened
from simulation.requests.purposes import USED
from simulation.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from simulation.engine import Engine
    from simulation.history import Asking, Fetch
    from simulation.package import Fetched
    from simulation.tables import Key, Name


class Desk:
    """The desk at which requests are taken, of the company as the engine has it.

    Attributes:
        numbers: that the engine gave to the requests of a history.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.numbers: dict[int, UUID] = {}

    @singledispatchmethod
    def do(self, event: Asking) -> None:
        """Do what an operator or a DAG does."""
        raise TypeError(event)

    @do.register(Ask)
    def _(self, event: Ask) -> None:
        self.numbers[event.request] = self.ask(event)

    def ask(self, event: Ask) -> UUID:
        """Take a request; its number."""
        company = self.engine.company
        whom = [
            *(subject(kind, value) for kind, value in event.subjects),
            *(target(table, key, {}) for table, key in event.rows),
        ]
        rulebook = company.rulebook(event.at)
        corrections = tuple(
            Correction(what=corrected(rulebook, named), named=named, value=value)
            for named, value in event.corrections
        )
        tenant = None if event.tenant is None else Target(collection="app.customer", key=(str(event.tenant),))
        with self.engine.connections.begin() as connection:
            return register.open_request(
                connection,
                rulebook,
                company.keys,
                whom,
                kind=RequestKind(event.kind),
                opened_by=OPERATOR,
                as_of=event.at,
                tenant=tenant,
                asked=asked.Asked(corrections=corrections, purposes=event.purposes),
            )

    @do.register(Verify)
    def _(self, event: Verify) -> None:
        with self.engine.connections.begin() as connection:
            number = self.numbers[event.request]
            register.verify(connection, number, verified_by=OPERATOR, how="callback", as_of=event.at)

    @do.register(Prolong)
    def _(self, event: Prolong) -> None:
        rulebook = self.engine.company.rulebook(event.at)
        with self.engine.connections.begin() as connection:
            register.extend(
                connection,
                rulebook,
                self.numbers[event.request],
                reason="complexity",
                extended_by=OPERATOR,
                as_of=event.at,
            )

    @do.register(Refuse)
    def _(self, event: Refuse) -> None:
        number = self.numbers[event.request]
        steps.refuse(self.engine.company, number, reason="legal_claim", refused_by=OPERATOR, as_of=event.at)

    @do.register(Answer)
    def _(self, event: Answer) -> None:
        number, company = self.numbers[event.request], self.engine.company
        if event.is_checked:
            agreement.check_before(company, as_of=event.at)
        if event.shared or event.is_planned_anew:
            self._plan_anew(number, event)
        planned = steps.plan(company, number, as_of=event.at)
        if planned.digest:
            self._carry_out(number, planned.digest, event)
        steps.close(company, number, as_of=event.at)
        with company.engine.connect() as connection:
            restriction = holds.of_request(connection, number, as_of=event.at)
        if restriction:
            self.engine.holds[event.request] = restriction.hold_id

    def answer_in_vain(self, event: Answer) -> None:
        """Answer a request that cannot be: the database refuses what would be right, or nobody has weighed it.

        Raises:
            Broken: it was answered all the same.
        """
        try:
            self.do(event)
        except (ApprovalRequired, CheckFailed):
            return
        raise Broken("told", f"{event}, although it could not be")

    def fetch(self, event: Fetch) -> Fetched | None:
        """Fetch a package and open it; None where there is nothing to fetch."""
        number, keys = self.numbers[event.request], self.engine.company.keys
        try:
            with self.engine.connections.begin() as connection:
                archive = packages.fetch(connection, number, keys, by=OPERATOR, as_of=event.at)
            with self.engine.connections.begin() as connection:
                passphrase = packages.show_passphrase(connection, number, keys, by=OPERATOR, as_of=event.at)
        except UsageError:
            return None
        return opened(archive, passphrase)

    @do.register(Weigh)
    def _(self, event: Weigh) -> None:
        company, number = self.engine.company, self.numbers[event.request]
        policy, decision = company.version(event.at).policy, Decision(event.decision)
        with self.engine.connections.begin() as connection:
            weigh(connection, policy, number, decision=decision, by=OPERATOR, as_of=event.at)

    @do.register(Lift)
    def _(self, event: Lift) -> None:
        number = self.numbers[event.request]
        lift(self.engine.company, number, informed_by="letter", lifted_by=OPERATOR, as_of=event.at)

    @do.register(SeeTo)
    def _(self, event: SeeTo) -> None:
        steps.flag_returned(self.engine.company, as_of=event.at)
        end_restrictions(self.engine.company, as_of=event.at)
        self.resume(event.at)
        with self.engine.connections.begin() as connection:
            packages.destroy_expired(connection, as_of=event.at)
            packages.enter_handed_out(connection, as_of=event.at)

    def resume(self, as_of: datetime) -> None:
        """Erase what is kept no more, as whoever releases a hold has it done at once."""
        resume_all(self.engine.company, as_of=as_of).require_done()

    def overdue(self, as_of: datetime) -> set[int]:
        """The requests that the engine says are overdue."""
        company = self.engine.company
        with self.engine.connections.connect() as connection:
            late = set(overdue(connection, company.version(as_of).policy.zone, as_of=as_of))
        known = {number for number, given in self.numbers.items() if given in late}
        if len(known) != len(late):
            raise Broken("told", f"as of {as_of} requests are overdue that nobody made")
        return known

    def covered(self, as_of: datetime) -> set[Name]:
        """The rows that the engine says holds and restrictions cover."""
        company = self.engine.company
        with self.engine.connections.connect() as connection:
            return _rows(connection, Cover(connection, company.rulebook(as_of), as_of), FACTS)

    def restricted(self, as_of: datetime) -> set[int]:
        """The requests of which the engine says that a restriction is in force."""
        with self.engine.connections.connect() as connection:
            tied = {one.request for one in holds.listing(connection, as_of=as_of) if one.request}
        return {number for number, given in self.numbers.items() if given in tied}

    def left_out(self, purpose: str, as_of: datetime) -> set[Name]:
        """The rows that the engine says are left out of what is processed for a purpose."""
        company = self.engine.company
        with self.engine.connections.connect() as connection:
            stops = Stops(connection, company.rulebook(as_of), purpose, as_of)
            return _rows(connection, stops, USED[purpose])

    # --- backups

    def sign(self, as_of: datetime) -> None:
        """Sign the ledger and copy what is new, as each run does in the end."""
        signing.sign_what_is_new(self.engine.company, as_of=as_of)

    def put_back(self, as_of: datetime) -> None:
        """Put the ledger back; from now on lost holds can be placed again."""
        put_back(self.engine.company, as_of=as_of)

    def to_do(self, since: datetime, as_of: datetime) -> Counter[str]:
        """What the engine says that a person has to do again."""
        found = survey(self.engine.company, since=since, as_of=as_of)
        return Counter(f"{one.kind}_to_{one.to_do}" for one in found.to_do)

    def replay(self, since: datetime, as_of: datetime) -> None:
        """Erase again whom was erased since."""
        company = self.engine.company
        replay(company, since=since, replayed_by=OPERATOR, as_of=as_of, are_held_again=True)
        company.require_continued()

    def _plan_anew(self, number: UUID, event: Answer) -> None:
        """An operator looks at a first plan, says whose an identity is, and has it made anew."""
        company = self.engine.company
        steps.plan(company, number, as_of=event.at)
        with self.engine.connections.begin() as connection:
            for one in told_candidates(connection, number) if event.shared else ():
                answer_for(
                    connection,
                    number,
                    one.number,
                    is_subjects=event.shared == "confirm",
                    by=OPERATOR,
                    as_of=event.at,
                )
        steps.plan_anew(company, number, by=OPERATOR, as_of=event.at)

    def _carry_out(self, number: UUID, digest: str, event: Answer) -> None:
        company = self.engine.company
        if event.is_checked:
            steps.check_plan(company, digest)
        steps.approve_plan(company, number, digest, approved_by=OPERATOR, as_of=event.at)
        if event.killed_after is not None:
            self._die(digest, event.killed_after)
            again = steps.plan(company, number, as_of=event.at)
            if again.digest != digest:
                raise Broken("killed", f"request {event.request} was planned anew when it was started again")
        steps.carry_out(company, digest)
        end: Callable[..., object] = plans.check_after if event.is_checked else plans.end_unchecked
        end(company, digest)

    def _die(self, digest: str, batches: int) -> None:
        """Carry out so many batches, and die."""

        def kill(ended: int, _all: int) -> None:
            if ended >= batches:
                raise Killed

        try:
            if batches:
                steps.carry_out(self.engine.company, digest, progress=kill)
        except Killed:
            pass


def _rows(connection: sa.Connection, cover: Cover, tables: Iterable[str]) -> set[Name]:
    """The rows of some tables that are covered."""
    return {
        (table, _number(row.key))
        for table in tables
        if table in cover
        for row in connection.execute(_keys(cover, table))
    }


def _keys(cover: Cover, table: str) -> sa.Select[Any]:
    """The last column of the key of each row that is covered: the number, or what a browser is known by."""
    rows = cover.rows(table)
    last = [column for column in rows.c if str(column.name).startswith("key_")][-1]
    return sa.select(sa.cast(last, sa.Text).label("key"))


def _number(key: str) -> Key:
    return UUID(key).int if "-" in key else int(key)
