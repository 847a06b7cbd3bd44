"""Restriction as a procedure: the subject's rows stay, out of deletion and out of use, until a day (GDPR Art. 18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from lifecycle.errors import PolicyError
from lifecycle.holds import register as holds
from lifecycle.holds.cover import Cover
from lifecycle.holds.targets import Subject, Target
from lifecycle.plan import Action
from lifecycle.planning.planner import one_state
from lifecycle.policy.model import RequestKind
from lifecycle.recipients.tables import Kind
from lifecycle.requests.belongings import belongings, named_rows
from lifecycle.requests.left import require_nothing_left
from lifecycle.requests.listed import Listed, rows_of
from lifecycle.requests.procedure import Handling, Settled
from lifecycle.requests.register import note
from lifecycle.requests.telling import Telling
from lifecycle.requests.touching import Touch, Touched
from lifecycle.requests.writing import count_rows
from lifecycle.timelimits import first_instant, last_day, local_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, FromClause

    from lifecycle.plan import Item
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.listed import Key
    from lifecycle.requests.procedure import Case

REASON = "request"
"""Why such a restriction was placed, in the words of holds."""
RESTRICTED = "restricted"


class RestrictionProcedure:
    """How a request for restriction is answered."""

    looks_at_rows: ClassVar[bool] = True

    def find(self, connection: Connection, case: Case) -> Touched:
        """The subject's own rows."""
        rows = belongings(connection, case.rulebook, case.whom, as_of=case.as_of)
        return Touched(
            connection,
            case.rulebook,
            [Touch(collection=name, action=Action.RESTRICT, keys=keys) for name, keys in rows.items()],
            kind=RequestKind.RESTRICTION,
            as_of=case.as_of,
        )

    def ground(self, case: Case) -> Listed:
        """They were the subject's a moment ago."""
        with one_state(case.company.engine) as connection:
            return Listed(case.rulebook, belongings(connection, case.rulebook, case.whom, as_of=case.as_of))

    def handling(self, case: Case) -> Handling:
        """The restriction is placed with the first batch; no row is changed."""
        placing = _Placing(case=case)
        return Handling(before=placing.before, handlers={Action.RESTRICT: placing.count})

    def settle(self, connection: Connection, case: Case, *, answered_at: datetime) -> Settled:
        """Look whether every row of the subject is covered.

        Raises:
            CheckFailed: some are not.
        """
        del answered_at
        rows = belongings(connection, case.rulebook, case.whom, as_of=case.as_of)
        left = uncovered(connection, case.rulebook, rows, Cover(connection, case.rulebook, case.as_of))
        require_nothing_left(connection, case.request_id, left, "are not restricted")
        placed = holds.of_request(connection, case.request_id, as_of=case.as_of)
        if placed is None:
            return Settled()
        until = local_day(placed.until - timedelta(microseconds=1), case.rulebook.policy.zone)
        return Settled(told={"restricted_until": until.isoformat()})


@dataclass(frozen=True, kw_only=True)
class _Placing:
    """Carries out the plan of one request."""

    case: Case

    def before(self, connection: Connection, plan_id: int, items: list[Item]) -> None:
        """Place the restriction, once, and tell recipients."""
        case = self.case
        if holds.of_request(connection, case.request_id, as_of=case.as_of) is None:
            self._place(connection)
        telling = Telling(
            rulebook=case.rulebook,
            keys=case.company.keys,
            request_id=case.request_id,
            subjects=case.whom.subjects,
            as_of=case.as_of,
            kind=Kind.RESTRICTION,
            concerned=frozenset({Action.RESTRICT}),
            of_the_subject=frozenset() if case.whom.subjects else frozenset({Action.RESTRICT}),
        )
        telling(connection, plan_id, items)

    def count(self, connection: Connection, item: Item, planned: FromClause, _cover: Cover) -> int:
        """How many of the rows are there: the restriction covers them, whatever else does."""
        return count_rows(connection, self.case.rulebook, item, planned)

    def _place(self, connection: Connection) -> None:
        case = self.case
        until = restricted_until(case.rulebook, case.as_of)
        hold = holds.place(
            connection,
            case.rulebook,
            targets_of(connection, case),
            kind="restriction",
            reason=REASON,
            placed_by=REASON,
            until=until,
            as_of=case.as_of,
        )
        holds.tie(connection, hold, case.request_id)
        note(
            connection, case.request_id, RESTRICTED, as_of=case.as_of, hold=str(hold), until=until.isoformat()
        )


def restricted_until(rulebook: Rulebook, as_of: datetime) -> datetime:
    """The first moment at which a restriction that is placed now no longer counts.

    Raises:
        PolicyError: the policy does not say how long one lasts.
    """
    lasts = rulebook.policy.rights[RequestKind.RESTRICTION].lasts
    if lasts is None:
        raise PolicyError(
            "nothing says how long a restriction lasts",
            place="rights restriction",
            next_step="state lasts: P3M, or as long as it takes to look into such a matter",
        )
    zone = rulebook.policy.zone
    return first_instant(last_day(local_day(as_of, zone), lasts) + timedelta(days=1), zone)


def targets_of(connection: Connection, case: Case) -> list[Target | Subject]:
    """What names a request's subject, for a register that outlives the request.

    Of one organisation's content, the rows that name the subject there, by key: an identity would reach further.
    """
    whom = case.whom
    if whom.tenant is None:
        return [
            *(Subject(identity=one.kind, value=one.normal) for one in whom.subjects),
            *(Target(collection=row.collection, key=row.key) for row in whom.rows),
        ]
    rows = named_rows(connection, case.rulebook, whom, as_of=case.as_of)
    return [Target(collection=name, key=key) for name, keys in rows.items() for key in keys]


def uncovered(
    connection: Connection, rulebook: Rulebook, rows: Mapping[str, Sequence[Key]], cover: Cover
) -> dict[str, int]:
    """How many of some rows nothing covers, by collection."""
    found: dict[str, Any] = {}
    for name, keys in rows.items():
        listed = rows_of(rulebook, name, keys)
        query = sa.select(sa.func.count()).select_from(listed).where(sa.not_(cover.covers(name, listed)))
        found[name] = connection.scalar(query)
    return {name: int(count) for name, count in found.items() if count}
