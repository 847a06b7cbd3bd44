"""The end of a restriction: the subject is told before, recipients are told with it (GDPR Art. 18(3) and 19)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from lifecycle.errors import UsageError
from lifecycle.holds import register as holds
from lifecycle.holds.subjects import named_subjects
from lifecycle.operators import require_name
from lifecycle.recipients.audience import find_audience
from lifecycle.recipients.notice import Matter
from lifecycle.recipients.outbox import queue
from lifecycle.recipients.tables import Kind
from lifecycle.requests.deadlines import NearEnd, is_to_be_told
from lifecycle.requests.register import events, get, note, require_word
from lifecycle.requests.restricting import RESTRICTED
from lifecycle.timelimits import local_day

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from lifecycle.holds.register import Hold
    from lifecycle.runs.company import Company

ASKED = "lifting_asked"
LIFTED = "lifted"
ENDED = "last_day"
"""Who lifts a restriction that nobody lifted, and how its subject was told: by the receipt, which names the day."""


def lift(company: Company, request_id: UUID, *, informed_by: str, lifted_by: str, as_of: datetime) -> Hold:
    """Lift the restriction that a request asked for; what fell due meanwhile is then kept by nothing.

    Args:
        company: opened.
        request_id: the request's number.
        informed_by: how the subject was told before: one word, such as ``letter``.
        lifted_by: the operator.
        as_of: now.

    Returns:
        The restriction as it stands in the register of holds.

    Raises:
        UsageError: no restriction of this request is in force, nobody lifts it, or what was given is no word.
    """
    require_name(lifted_by)
    require_word(informed_by, "informed by")
    with company.engine.begin() as connection:
        placed = _in_force(connection, request_id, as_of)
        _tell(connection, company, request_id, placed, as_of=as_of)
        released = holds.release(
            connection, placed.hold_id, released_by=lifted_by, as_of=as_of, request=request_id
        )
        note(connection, request_id, LIFTED, by_whom=lifted_by, as_of=as_of, informed_by=informed_by)
    return released


def end_restrictions(company: Company, *, as_of: datetime) -> tuple[UUID, ...]:
    """Tell recipients of restrictions whose last day has passed, and forget whom they named; of which requests."""
    ended = []
    with company.engine.begin() as connection:
        for one in holds.listing(connection, as_of=as_of, all_of_them=True):
            if one.request is None or one.released_at is not None or one.until > as_of:
                continue
            _tell(connection, company, one.request, one, as_of=one.until - timedelta(microseconds=1))
            holds.release(connection, one.hold_id, released_by=ENDED, as_of=as_of, request=one.request)
            note(connection, one.request, LIFTED, as_of=as_of, informed_by=ENDED)
            ended.append(one.request)
    return tuple(ended)


def near_restriction_ends(connection: Connection, zone: ZoneInfo, *, as_of: datetime) -> tuple[NearEnd, ...]:
    """Restrictions of which it has to be told now that they end soon, so that somebody tells the subject before."""
    today, found = local_day(as_of, zone), []
    for one in holds.listing(connection, as_of=as_of):
        if one.request is None:
            continue
        ends_on = local_day(one.until - timedelta(microseconds=1), zone)
        left = (ends_on - today).days
        if is_to_be_told(connection, one.request, ends_on, left, as_of=as_of):
            found.append(NearEnd(request_id=one.request, due_on=ends_on, days_left=left, what="restriction"))
    return tuple(found)


def ask_lifting(
    connection: Connection, request_id: UUID, *, informed_by: str, asked_by: str, as_of: datetime
) -> None:
    """Record that an operator lifts a restriction; the next run of its request does so.

    Raises:
        UsageError: no restriction of this request is in force as far as its events tell, nobody lifts it, or what was
            given is no word.
    """
    require_name(asked_by)
    require_word(informed_by, "informed by")
    get(connection, request_id)
    if not is_restricted(connection, request_id):
        raise _nothing_to_lift(request_id)
    note(connection, request_id, ASKED, by_whom=asked_by, as_of=as_of, informed_by=informed_by)


def lifting_asked(connection: Connection, request_id: UUID) -> tuple[str, str] | None:
    """How the subject was told, and the operator who has the restriction lifted; None where nobody does, or it is."""
    asked = [event for event in events(connection, request_id) if event["what"] == ASKED]
    if not asked or not is_restricted(connection, request_id):
        return None
    return asked[-1]["informed_by"], asked[-1]["by"]


def is_restricted(connection: Connection, request_id: UUID) -> bool:
    """Whether a request has placed a restriction that nobody has lifted, for whoever may not look at holds."""
    found = [event["what"] for event in events(connection, request_id)]
    return RESTRICTED in found and LIFTED not in found


def _in_force(connection: Connection, request_id: UUID, as_of: datetime) -> Hold:
    get(connection, request_id)
    placed = holds.of_request(connection, request_id, as_of=as_of)
    if placed is None:
        raise _nothing_to_lift(request_id)
    return placed


def _nothing_to_lift(request_id: UUID) -> UsageError:
    return UsageError(
        "no restriction of this request is in force",
        place=f"request {request_id}",
        next_step="see lifecycle request show, and lifecycle hold list",
    )


def _tell(
    connection: Connection, company: Company, request_id: UUID, placed: Hold, *, as_of: datetime
) -> None:
    """Queue what recipients of the covered rows are to be told, while it is known whom the restriction names."""
    rulebook = company.rulebook(as_of)
    rows = holds.covered_keys(connection, rulebook, placed.hold_id, as_of=as_of)
    audience = find_audience(connection, rulebook, rows)
    named = named_subjects(connection, rulebook, placed.hold_id)
    identities = tuple((one.kind, one.normal) for one in named)
    told = [one for one in audience.addressees if identities or one.disclosures]
    matter = Matter(kind=Kind.RESTRICTION_LIFTED, request=request_id, identities=identities)
    audience = replace(audience, addressees=tuple(told))
    queue(connection, company.keys, rulebook.policy, audience, matter, as_of=as_of)
