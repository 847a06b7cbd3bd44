"""Erasing a subject on request, and a whole chain's ten thousand persons, against hand-written SQL in the same run."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import psycopg
from erasure_by_hand import CHAIN
from erasure_by_hand import erase as erase_by_hand
from measuring import Scratch
from store import TENTH, fill

from lifecycle.datamap.load import load_datamap
from lifecycle.holds.targets import Subject, Target
from lifecycle.keys.keyring import FileKeyring
from lifecycle.ledger.copy import LedgerCopy
from lifecycle.policy.load import load_policies
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register, steps
from lifecycle.requests.receipt import issue
from lifecycle.runs import plans
from lifecycle.runs.agreement import check_before
from lifecycle.runs.company import Company
from lifecycle.runs.signing import sign_ledger
from lifecycle.store.engine import connect, reading
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from uuid import UUID

AS_OF = datetime(2026, 3, 10, 3, tzinfo=UTC)
WARMED_BY = 8
"""Erasures before the first that is measured: as many as the driver needs to prepare its statements, on either side."""
SUBJECTS = 20
"""Subjects of one run, of which the median counts."""


def run(*, persons: int = 10 * TENTH, times: int = 5) -> dict[str, Any]:
    """From request to receipt: ratios to the hand-written transactions, and to a store of a tenth, medians."""
    with Scratch() as scratch:
        for name, size in (("small", persons // 10), ("large", persons)):
            fill(scratch, name, persons=size)
        small, large = (_Store(scratch, name) for name in ("small", "large"))
        singles = [(small.ours(), large.ours(), large.by_hand()) for _ in range(times)]
        crowds = [large.chains(number) for number in range(times)]
        return {
            "subject_seconds": median(ours for _, ours, _ in singles),
            "subject_by_hand_seconds": median(hand for *_, hand in singles),
            "subject_ratio": median(ours / hand for _, ours, hand in singles),
            "subject_ratio_at_most": 10,
            "tenfold_ratio": median(ours / tenth for tenth, ours, _ in singles),
            "tenfold_ratio_at_most": 1.3,
            "chain_seconds": median(ours for ours, _ in crowds),
            "chain_by_hand_seconds": median(hand for _, hand in crowds),
            "chain_ratio": median(ours / hand for ours, hand in crowds),
            "chain_ratio_at_most": 2,
        }


class _Store:
    """A store whose persons are erased one after another, each once."""

    def __init__(self, scratch: Scratch, name: str) -> None:
        url = scratch.url(name)
        self.next = 1_000
        self.plain = url.replace("+psycopg", "")
        self.company = Company(
            engine=connect(url, role=Role.ENGINE, keeps=2),
            policies=load_policies(scratch.files / "policies"),
            datamap=load_datamap(scratch.files / "datamap"),
            keys=FileKeyring(scratch.files / f"keyring-{name}"),
            ledger_copy=LedgerCopy(scratch.files / f"copy-{name}"),
        )

    def ours(self) -> float:
        """Seconds of one erasure, median."""
        taken = [self._answered(*_named(self._new())) for _ in range(WARMED_BY + SUBJECTS)]
        return median(taken[WARMED_BY:])

    def by_hand(self) -> float:
        """Seconds of the hand-written transaction, median."""
        taken = []
        with psycopg.connect(self.plain) as connection:
            for _ in range(WARMED_BY + SUBJECTS):
                number = self._new()
                begun = time.perf_counter()
                erase_by_hand(connection, number)
                taken.append(time.perf_counter() - begun)
        return median(taken[WARMED_BY:])

    def chains(self, number: int) -> tuple[float, float]:
        """Seconds for all persons of a chain, and for those of another by hand."""
        ours = self._answered(Target.parse(f"shop.chain:{10 + 2 * number}"))
        with psycopg.connect(self.plain) as connection:
            begun = time.perf_counter()
            connection.execute(CHAIN.format(chain=11 + 2 * number))
            connection.commit()
        return ours, time.perf_counter() - begun

    def _new(self) -> int:
        self.next += 1
        return self.next

    def _answered(self, *named: Subject | Target) -> float:
        """Seconds from the request to its receipt."""
        begun = time.perf_counter()
        request_id = self._requested(*named)
        check_before(self.company, as_of=AS_OF)
        digest = str(steps.plan(self.company, request_id, as_of=AS_OF).digest)
        steps.check_plan(self.company, digest)
        steps.approve_plan(self.company, request_id, digest, approved_by="Operator", as_of=AS_OF)
        steps.carry_out(self.company, digest)
        plans.check_after(self.company, digest)
        steps.close(self.company, request_id, as_of=AS_OF)
        sign_ledger(self.company, as_of=AS_OF)
        with reading(self.company.engine) as connection:
            issue(connection, request_id)
        return time.perf_counter() - begun

    def _requested(self, *named: Subject | Target) -> UUID:
        with self.company.engine.begin() as connection:
            request_id = register.open_request(
                connection,
                self.company.rulebook(AS_OF),
                self.company.keys,
                named,
                kind=RequestKind.ERASURE,
                opened_by="Operator",
                as_of=AS_OF,
            )
            register.verify(connection, request_id, verified_by="Operator", how="callback", as_of=AS_OF)
        return request_id


def _named(number: int) -> tuple[Subject, Subject]:
    mail = Subject(identity="email", value=f"person{number}@example.com")
    return mail, Subject(identity="phone_number", value=f"+372{50000000 + number}")
