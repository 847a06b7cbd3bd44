"""The register of requests: opened, verified, extended, listed. Each step is told and kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from psycopg.types.json import Jsonb

from lifecycle.errors import NotFound, UsageError
from lifecycle.identity.forms import Identifier
from lifecycle.identity.names import PersonName
from lifecycle.identity.scripts import mixes_scripts
from lifecycle.operators import require_name
from lifecycle.policy.model import RequestKind
from lifecycle.requests.asked import NOTHING_MORE, Asked
from lifecycle.requests.subject import Source, fingerprints, keep
from lifecycle.requests.tables import (
    request,
    request_correction,
    request_event,
    request_identity,
    request_purpose,
)
from lifecycle.store.prepared import Prepared, bound
from lifecycle.timelimits import Period, last_day, local_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection

    from lifecycle.holds.targets import Subject, Target
    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.model import Right
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.naming import NamedSubject

WORD = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
REFUSAL_ASKED = "refusal_asked"
SEVERAL_SCRIPTS = "letters_of_several_scripts"
"""An identity has letters that may be taken for others: it is what it is, and somebody should look again."""


class State(StrEnum):
    """How far a request is."""

    RECEIVED = "received"
    VERIFIED = "verified"
    """The person who asks is the subject, or may ask for the subject."""
    PLANNED = "planned"
    APPROVED = "approved"
    DONE = "done"
    REFUSED = "refused"


AFTER = {
    State.RECEIVED: {State.VERIFIED, State.REFUSED},
    State.VERIFIED: {State.PLANNED, State.DONE, State.REFUSED},
    State.PLANNED: {State.PLANNED, State.APPROVED, State.REFUSED},
    State.APPROVED: {State.PLANNED, State.DONE, State.REFUSED},
    State.DONE: set[State](),
    State.REFUSED: set[State](),
}
"""Which states may follow: a plan may be made anew, and where nothing is held of a subject there is none."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it stands, without whom it is about.

    Attributes:
        tenant: collection of the organisation whose content alone is meant; None for all there is.
        due_on: last local day on which it may be answered.
        identities: the kinds of what it names its subject by.
        corrects: the names of what it corrects.
        purposes: those that it is to end.
    """

    request_id: UUID
    kind: RequestKind
    state: State
    tenant: str | None
    received_at: datetime
    opened_by: str
    due_on: date
    extension_reason: str | None
    verified_by: str | None
    verified_how: str | None
    refusal_reason: str | None
    closed_at: datetime | None
    identities: tuple[str, ...]
    corrects: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it still waits for an answer."""
        return self.closed_at is None

    def is_overdue(self, today: date) -> bool:
        """Whether it should have been answered by the day before ``today``."""
        return self.is_open and self.due_on < today

    def to_json(self) -> dict[str, Any]:
        """As JSON, without whom it is about."""
        return {
            "request": str(self.request_id),
            "kind": self.kind.value,
            "state": self.state.value,
            "tenant": self.tenant,
            "received_at": self.received_at.isoformat(),
            "opened_by": self.opened_by,
            "due_on": self.due_on.isoformat(),
            "extension_reason": self.extension_reason,
            "verified_by": self.verified_by,
            "verified_how": self.verified_how,
            "refusal_reason": self.refusal_reason,
            "closed_at": self.closed_at.isoformat() if self.closed_at else None,
            "identities": list(self.identities),
            "corrects": list(self.corrects),
            "purposes": list(self.purposes),
        }


def open_request(  # noqa: PLR0913 - all that somebody says who takes a request
    connection: Connection,
    rulebook: Rulebook,
    keys: KeyProvider,
    named: Sequence[Subject | NamedSubject | Target],
    *,
    kind: RequestKind,
    opened_by: str,
    as_of: datetime,
    tenant: Target | None = None,
    asked: Asked = NOTHING_MORE,
) -> UUID:
    """Take a request; one that is open already and says the same is that request.

    Args:
        connection: as the engine, in the caller's transaction.
        rulebook: of the policy in force.
        keys: seal whom it is about.
        named: whom it is about: identities, names with employers, and rows by their keys; at least one.
        kind: what is asked for.
        opened_by: the operator.
        as_of: when it was received.
        tenant: the organisation whose content alone is meant (A5).
        asked: what else such a request says: corrections, purposes.

    Raises:
        UsageError: the policy grants no such request, nobody is named, an unknown kind of identity, a key that no row
            has, a collection that is no organisation; what else it says does not belong to its kind, or cannot be.
    """
    right = _right(rulebook, kind)
    require_name(opened_by)
    _require_somebody(named)
    found = tuple(dict.fromkeys(one.found(connection, rulebook) for one in named))
    given = tuple(one for one in found if not isinstance(one, PersonName))
    whose = _tenant(connection, rulebook, tenant)
    asked = asked.found(connection, rulebook, kind, given)
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('lifecycle.request'))"))
    known = _the_same(connection, fingerprints(found, keys), kind, whose, asked, keys)
    if known:
        note(connection, known, "repeated", by_whom=opened_by, as_of=as_of)
        return known
    request_id = uuid4()
    row = {
        "request_id": request_id,
        "kind": kind.value,
        "state": State.RECEIVED.value,
        "tenant": whose.collection if whose else None,
        "tenant_key": list(whose.key) if whose else None,
        "received_at": as_of,
        "opened_by": opened_by,
        "due_on": last_day(local_day(as_of, rulebook.policy.zone), right.answer_within),
    }
    _OPEN.run(connection, row)
    keep(connection, request_id, given, keys, Source.GIVEN)
    keep(connection, request_id, (one for one in found if one not in given), keys, Source.NAMED)
    asked.keep(connection, request_id, keys)
    note(connection, request_id, "received", by_whom=opened_by, as_of=as_of)
    _note_doubts(connection, request_id, given, as_of=as_of)
    return request_id


def _require_somebody(named: Sequence[object]) -> None:
    if not named:
        raise UsageError(
            "a request names at least one identity or row", next_step="for example --subject email"
        )


def _note_doubts(
    connection: Connection, request_id: UUID, given: Iterable[Identifier | Target], *, as_of: datetime
) -> None:
    """Point out identities that may be mistaken for others, by their kinds."""
    kinds = sorted({one.kind for one in given if isinstance(one, Identifier) and mixes_scripts(one)})
    if kinds:
        note(connection, request_id, SEVERAL_SCRIPTS, as_of=as_of, kinds=kinds)


def doubtful_kinds(connection: Connection, request_id: UUID) -> list[str]:
    """Kinds of identity of which a value that was given may be mistaken for another."""
    found = events(connection, request_id)
    return sorted({kind for event in found if event["what"] == SEVERAL_SCRIPTS for kind in event["kinds"]})


def verify(connection: Connection, request_id: UUID, *, verified_by: str, how: str, as_of: datetime) -> None:
    """Record that whoever asks may ask: nothing is disclosed or erased before.

    Args:
        connection: in the caller's transaction.
        request_id: the request's number.
        verified_by: the operator.
        how: one word, such as ``id_document`` or ``callback``.
        as_of: now.

    Raises:
        UsageError: there is no such request, it was verified before, or what was given is no word.
    """
    require_name(verified_by)
    require_word(how, "how")
    move(connection, request_id, State.VERIFIED, verified_by=verified_by, verified_how=how)
    note(connection, request_id, "verified", by_whom=verified_by, as_of=as_of, how=how)


def extend(
    connection: Connection,
    rulebook: Rulebook,
    request_id: UUID,
    *,
    reason: str,
    extended_by: str,
    as_of: datetime,
) -> date:
    """Take longer for an answer, as the policy allows; returns the last day now (GDPR Art. 12(3)).

    Raises:
        UsageError: no such request is open, it was extended before, or the first limit has passed.
    """
    require_name(extended_by)
    require_word(reason, "reason")
    found = get(connection, request_id)
    right = _right(rulebook, found.kind)
    today = local_day(as_of, rulebook.policy.zone)
    if not found.is_open or found.extension_reason or today > found.due_on:
        raise UsageError(
            "it can be extended once, while it is open and before its first limit has passed",
            place=f"request {request_id}",
            next_step="see lifecycle request show",
        )
    both = Period(
        months=right.answer_within.months + right.extend_by.months,
        days=right.answer_within.days + right.extend_by.days,
    )
    due_on = last_day(local_day(found.received_at, rulebook.policy.zone), both)
    connection.execute(
        sa.update(request)
        .values(due_on=due_on, extension_reason=reason)
        .where(request.c.request_id == request_id, request.c.extension_reason.is_(None))
    )
    note(connection, request_id, "extended", by_whom=extended_by, as_of=as_of, reason=reason)
    return due_on


def ask_refusal(
    connection: Connection, request_id: UUID, *, reason: str, asked_by: str, as_of: datetime
) -> None:
    """Record that an operator refuses a request; the next run of it does so.

    Raises:
        UsageError: no such request is open, nobody refuses it, or the reason is no word.
    """
    require_name(asked_by)
    require_word(reason, "reason")
    if not get(connection, request_id).is_open:
        raise UsageError("it is closed already", place=f"request {request_id}", next_step="see its receipt")
    note(connection, request_id, REFUSAL_ASKED, by_whom=asked_by, as_of=as_of, reason=reason)


def refusal_asked(connection: Connection, request_id: UUID) -> tuple[str, str] | None:
    """The reason for which an operator refuses a request, and the operator; None where nobody does."""
    asked = [event for event in events(connection, request_id) if event["what"] == REFUSAL_ASKED]
    return (asked[-1]["reason"], asked[-1]["by"]) if asked else None


def move(connection: Connection, request_id: UUID, state: State, **values: Any) -> None:
    """Bring a request into another state.

    Raises:
        UsageError: there is no such request, or that state does not follow its own.
    """
    before = [one.value for one, after in AFTER.items() if state in after]
    wanted = {"request": request_id, "before": before, "state": state.value, **values}
    if not _moving(tuple(sorted(values))).run(connection, wanted):
        found = get(connection, request_id)
        raise UsageError(
            f"it is {found.state}, and cannot be {state} after that",
            place=f"request {request_id}",
            next_step="see lifecycle request show",
        )


def note(
    connection: Connection,
    request_id: UUID,
    what: str,
    *,
    as_of: datetime,
    by_whom: str | None = None,
    **detail: Any,
) -> None:
    """Keep what became of a request."""
    row = {"request_id": request_id, "happened_at": as_of, "what": what, "by_whom": by_whom}
    _NOTE.run(connection, {**row, "detail": Jsonb(detail)})


def get(connection: Connection, request_id: UUID) -> Request:
    """One request.

    Raises:
        NotFound: there is none of this number.
    """
    found = _ONE.rows(connection, {"request": request_id})
    if not found:
        raise NotFound(
            "there is no such request", place=f"request {request_id}", next_step="see lifecycle request list"
        )
    return _request(found[0])


def listing(connection: Connection, *, is_closed_too: bool = False) -> list[Request]:
    """Open requests, or all, those due first before the others."""
    wanted = sa.true() if is_closed_too else request.c.closed_at.is_(None)
    return [_request(row) for row in connection.execute(_select(wanted))]


def events(connection: Connection, request_id: UUID) -> list[dict[str, Any]]:
    """What became of a request, in order."""
    return [
        {"at": row.happened_at.isoformat(), "what": row.what, "by": row.by_whom, **row.detail}
        for row in _EVENTS.rows(connection, {"request": request_id})
    ]


def _select(condition: ColumnElement[bool]) -> sa.Select[Any]:
    """Requests that meet a condition, those due first before the others."""
    kinds, corrects, purposes = (
        _of_it(column)
        for column in (request_identity.c.kind, request_correction.c.named, request_purpose.c.purpose)
    )
    columns = [
        column for column in request.c if column.name not in {"tenant_key", "receipt", "entry_sequence"}
    ]
    return (
        sa.select(*columns, kinds.label("identities"), corrects.label("corrects"), purposes.label("purposes"))
        .where(condition)
        .order_by("due_on", "received_at", "request_id")
    )


def _request(row: sa.Row[Any]) -> Request:
    return Request(
        **{
            **row._asdict(),
            "kind": RequestKind(row.kind),
            "state": State(row.state),
            "identities": tuple(row.identities or ()),
            "corrects": tuple(row.corrects or ()),
            "purposes": tuple(row.purposes or ()),
        }
    )


def _of_it(column: Any) -> Any:
    """The different values of a column of another table that a request has, as a subquery."""
    return (
        sa.select(sa.func.array_agg(sa.distinct(column)))
        .where(column.table.c.request_id == request.c.request_id)
        .correlate(request)
        .scalar_subquery()
    )


_OPEN = Prepared.insert(
    request, "request_id", "kind", "state", "tenant", "tenant_key", "received_at", "opened_by", "due_on"
)
_NOTE = Prepared.insert(request_event, "request_id", "happened_at", "what", "by_whom", "detail")
_ONE = Prepared(_select(request.c.request_id == bound("request", sa.Uuid)))
_EVENTS = Prepared(
    sa.select(request_event)
    .where(request_event.c.request_id == bound("request", sa.Uuid))
    .order_by(request_event.c.event_id)
)


@cache
def _moving(changed: tuple[str, ...]) -> Prepared:
    """Sets the state, and these columns."""
    return Prepared(
        sa.update(request)
        .values({name: bound(name, request.c[name].type) for name in ("state", *changed)})
        .where(
            request.c.request_id == bound("request", sa.Uuid),
            request.c.state == sa.any_(bound("before", sa.ARRAY(sa.Text))),
        )
    )


def _the_same(
    connection: Connection,
    named: list[tuple[str, str]],
    kind: RequestKind,
    tenant: Target | None,
    asked: Asked,
    keys: KeyProvider,
) -> UUID | None:
    """An open request that asks for the same."""
    whom = sa.func.array_agg(sa.distinct(request_identity.c.fingerprint))
    wanted = sorted({fingerprint for _, fingerprint in named})
    of_tenant: list[ColumnElement[bool]] = [request.c.tenant.is_(None)]
    if tenant:
        of_tenant = [request.c.tenant == tenant.collection, request.c.tenant_key == list(tenant.key)]
    found = connection.scalars(
        sa.select(request.c.request_id)
        .join(request_identity, request_identity.c.request_id == request.c.request_id)
        .where(request.c.closed_at.is_(None), request.c.kind == kind.value, *of_tenant)
        .where(request_identity.c.source.in_([Source.GIVEN.value, Source.NAMED.value]))
        .group_by(request.c.request_id)
        .having(whom == sa.cast(wanted, sa.ARRAY(sa.Text)))
        .order_by(request.c.request_id)
    ).all()
    return next((one for one in found if asked.is_asked_by(connection, one, keys)), None)


def _tenant(connection: Connection, rulebook: Rulebook, tenant: Target | None) -> Target | None:
    if tenant is None:
        return None
    if tenant.collection not in rulebook.tenants or not tenant.key:
        raise UsageError(
            "this is no organisation whose content others are",
            place="organisation",
            next_step=f"name a row of {', '.join(sorted(rulebook.tenants)) or 'what a tenant edge leads to'}",
        )
    return tenant.found(connection, rulebook)


def _right(rulebook: Rulebook, kind: RequestKind) -> Right:
    right = rulebook.policy.rights.get(kind)
    if right is None:
        raise UsageError(
            f"the policy of {rulebook.policy.version} says nothing of requests for {kind}",
            place="rights",
            next_step="state in the policy which commitments such a request keeps",
        )
    return right


def require_word(word: str, place: str) -> None:
    """Refuse what is not one word: free text may hold anything.

    Raises:
        UsageError: it is not.
    """
    if not re.fullmatch(WORD, word):
        raise UsageError(
            "one word is kept of it: a letter, then letters, digits, _ and -",
            place=place,
            next_step="for example id_document; what else is to be said belongs in the file of the case",
        )
