"""Objection and withdrawal as procedures: purposes end for the subject, from when that was said on (GDPR Art. 7, 21).

The register of stops says so to whatever processes rows, for rows that are there and rows that come. What the company's
own tables are told stands in the policy: a word that is recorded, or a column that is set. Nothing is deleted by it;
what was processed before stays lawful.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from lifecycle.errors import ApprovalRequired
from lifecycle.holds.stops import Stops, place_stops
from lifecycle.holds.targets import Target
from lifecycle.plan import Action, Kept
from lifecycle.planning.planner import one_state
from lifecycle.requests.belongings import belongings, named_rows
from lifecycle.requests.left import require_nothing_left
from lifecycle.requests.listed import Listed
from lifecycle.requests.procedure import Handling, Settled
from lifecycle.requests.purposes import Decision, Ending, purposes_of, undecided
from lifecycle.requests.register import get, note
from lifecycle.requests.restricting import uncovered
from lifecycle.requests.subject import fingerprints
from lifecycle.requests.touching import Touch, Touched
from lifecycle.requests.wishes import Wishes
from lifecycle.requests.writing import count_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, FromClause

    from lifecycle.execute.door import Handler
    from lifecycle.holds.cover import Cover
    from lifecycle.plan import Item
    from lifecycle.policy.model import RequestKind
    from lifecycle.requests.listed import Key
    from lifecycle.requests.procedure import Case

STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class EndingProcedure:
    """How a request that ends purposes is answered.

    Attributes:
        kind: objection or withdrawal.
    """

    looks_at_rows: ClassVar[bool] = True
    kind: RequestKind

    def find(self, connection: Connection, case: Case) -> Touched:
        """Rows of the purposes that end, and what the company's tables are told.

        Raises:
            ApprovalRequired: nobody has weighed an objection that has to be.
        """
        endings = self._decided(connection, case)
        rows = belongings(connection, case.rulebook, case.whom, as_of=case.as_of)
        ended = [one.purpose for one in endings if self._ends(one)]
        goes_on = [one.purpose for one in endings if not self._ends(one)]
        return Touched(
            connection,
            case.rulebook,
            [*_used_rows(case, ended, rows), *Wishes(case, ended).touches(connection, rows)],
            kind=self.kind,
            as_of=case.as_of,
            spared=tuple(_going_on(case, goes_on, rows)),
        )

    def ground(self, case: Case) -> Listed:
        """They were the subject's a moment ago; what is written asks again whether it is."""
        with one_state(case.company.engine) as connection:
            return Listed(case.rulebook, belongings(connection, case.rulebook, case.whom, as_of=case.as_of))

    def handling(self, case: Case) -> Handling:
        """The stops are placed with the first batch."""
        with case.company.engine.connect() as connection:
            ended = [one.purpose for one in purposes_of(connection, case.request_id) if self._ends(one)]
        wishes = Wishes(case, ended)

        def before(connection: Connection, _plan_id: int, _items: list[Item]) -> None:
            _stop(connection, case, ended)

        def count(connection: Connection, item: Item, planned: FromClause, _cover: Cover) -> int:
            return count_rows(connection, case.rulebook, item, planned)

        handlers: dict[Action, Handler] = {
            Action.RESTRICT: count,
            Action.RECORD: wishes.record,
            Action.SET: wishes.set_columns,
        }
        return Handling(before=before, handlers=handlers)

    def settle(self, connection: Connection, case: Case, *, answered_at: datetime) -> Settled:
        """Look whether every purpose is over that should be, for every row.

        Of a subject of whom nothing is held the stops are placed now: they count for rows that come.

        Raises:
            ApprovalRequired: nobody has weighed an objection that has to be.
            CheckFailed: a row would still be used, or a word is not written.
        """
        endings = self._decided(connection, case)
        rows = belongings(connection, case.rulebook, case.whom, as_of=case.as_of)
        ended = [one.purpose for one in endings if self._ends(one)]
        _stop(connection, replace(case, as_of=answered_at), ended)
        left: dict[str, int] = {}
        for purpose in ended:
            of_purpose = _of_purpose(case, purpose, rows)
            stops = Stops(connection, case.rulebook, purpose, answered_at)
            left |= uncovered(connection, case.rulebook, of_purpose, stops)
        wishes = list(Wishes(case, ended).touches(connection, rows))
        written = Touched(connection, case.rulebook, wishes, kind=self.kind, as_of=case.as_of)
        require_nothing_left(connection, case.request_id, left | written.left(), "are used as before")
        goes_on = [one.purpose for one in endings if not self._ends(one)]
        return Settled(
            kept=(*_going_on(case, goes_on, rows), *written.kept()),
            told={
                "purposes": {
                    one.purpose: STOPPED if self._ends(one) else Decision.COMPELLING_GROUNDS.value
                    for one in endings
                },
                "since": get(connection, case.request_id).received_at.isoformat(),
            },
        )

    def _ends(self, one: Ending) -> bool:
        """Nothing but compelling grounds keeps a purpose from ending."""
        return one.decision is not Decision.COMPELLING_GROUNDS

    def _decided(self, connection: Connection, case: Case) -> tuple[Ending, ...]:
        """Which purposes end, when somebody has weighed what has to be: a stop counts for rows that come, too."""
        endings = purposes_of(connection, case.request_id)
        if waiting := undecided(case.rulebook.policy, self.kind, endings):
            raise ApprovalRequired(
                f"an objection to {', '.join(waiting)} is weighed by a person first",
                place=f"request {case.request_id}",
                next_step="decide it: lifecycle request weigh NUMBER --decision stop, or compelling_grounds",
            )
        return endings


def _of_purpose(case: Case, purpose: str, rows: Mapping[str, Sequence[Key]]) -> dict[str, Sequence[Key]]:
    """The subject's rows that a purpose uses."""
    used = case.rulebook.policy.purposes[purpose].collections
    return {name: keys for name, keys in rows.items() if name in used}


def _used_rows(case: Case, ended: Sequence[str], rows: Mapping[str, Sequence[Key]]) -> Iterator[Touch]:
    """Rows that at least one of the purposes uses, and that are kept from it from now on."""
    used = {name: keys for purpose in ended for name, keys in _of_purpose(case, purpose, rows).items()}
    for name, keys in used.items():
        yield Touch(collection=name, action=Action.RESTRICT, keys=keys)


def _going_on(case: Case, purposes: Sequence[str], rows: Mapping[str, Sequence[Key]]) -> Iterator[Kept]:
    """Rows that are used as before, because somebody decided so."""
    for purpose in purposes:
        for name, keys in _of_purpose(case, purpose, rows).items():
            yield Kept(
                collection=name,
                reason=Decision.COMPELLING_GROUNDS.value,
                source=purpose,
                until=None,
                rows=len(keys),
            )


def _stop(connection: Connection, case: Case, ended: Sequence[str]) -> None:
    """Place the stops, each once; of one organisation's content for the rows that name the subject there, by key."""
    whom, keys = case.whom, case.company.keys
    subjects = {mark: one for one in whom.subjects for _, mark in fingerprints([one], keys)}
    targets = [Target(collection=row.collection, key=row.key) for row in whom.rows]
    if whom.tenant:
        named = named_rows(connection, case.rulebook, whom, as_of=case.as_of, name="stopping")
        targets = [Target(collection=name, key=key) for name, found in named.items() for key in found]
    placed = place_stops(
        connection,
        case.request_id,
        ended,
        subjects={} if whom.tenant else subjects,
        rows={mark: one for one in targets for _, mark in fingerprints([one], keys)},
        since=get(connection, case.request_id).received_at,
        as_of=case.as_of,
    )
    if placed:
        note(connection, case.request_id, STOPPED, as_of=case.as_of, purposes=list(ended))
