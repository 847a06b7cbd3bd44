"""``outbox list|deliver|resend|settle|show|key``: what recipients are told, and what to do where they do not answer."""

from __future__ import annotations

import json as jsonlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from lifecycle.cli.session import Json, emit, moment, moment_text, open_company, open_to_change, policy_zone
from lifecycle.recipients import outbox
from lifecycle.recipients.delivery import Courier, deliver_due, require_delivered
from lifecycle.recipients.signing import SIGNING_KEY
from lifecycle.runs import signing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from lifecycle.recipients.outbox import Notice
    from lifecycle.runs.company import Company

app = typer.Typer(
    help="Notices to recipients of data: of an erasure, a correction, a restriction.", no_args_is_help=True
)

Number = Annotated[UUID, typer.Argument(help="Number of the notice, as outbox list prints it.")]
Reason = Annotated[str, typer.Option(help="One word, such as told-by-letter. Goes into the ledger.")]
ByFingerprint = Annotated[str, typer.Option("--by", help="Who does this; the ledger keeps a fingerprint.")]


@app.command("list")
def listing(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    request: Annotated[UUID | None, typer.Option(help="Those of one request alone.")] = None,
    json: Json = False,
) -> None:
    """List notices that a recipient may not know yet; exit 1 where one was given up."""
    company = open_company()
    with company.engine.connect() as connection:
        found = outbox.listing(connection, all_of_them=everything, request=request)
        lines = list(_lines(found, policy_zone(company)))
        emit([one.to_json() for one in found], lines or ["there are none"], as_json=json)
        outbox.require_none_dead(connection)


def _lines(found: tuple[Notice, ...], zone: ZoneInfo) -> Iterator[str]:
    for one in found:
        envelope = one.envelope
        yield (
            f"{envelope.notice_id}  {one.state:<12}  {envelope.recipient}  {envelope.kind} for {envelope.request}"
            f"  {one.attempts} attempts, {one.outcome or 'none yet'}, until {moment_text(one.deadline, zone)}"
        )


@app.command()
def deliver(*, json: Json = False) -> None:
    """Deliver what is due now; exit 1 where a notice was given up, by this run or before it."""
    company = open_to_change()
    at = moment(None, policy_zone(company))
    courier = Courier(engine=company.engine, keys=company.keys, policy=company.version(at).policy)
    delivery = deliver_due(courier, as_of=at)
    summary = (
        f"{delivery.acknowledged} acknowledged, {delivery.again} to be tried again, {delivery.dead} given up"
    )
    emit(delivery.to_json(), [summary], as_json=json)
    _sign(company)
    with company.engine.connect() as connection:
        outbox.require_none_dead(connection)
    require_delivered(delivery.unreachable, delivery.unreadable)


@app.command()
def resend(number: Number, *, reason: Reason, by: ByFingerprint, json: Json = False) -> None:
    """Deliver a notice again that was given up: the next delivery takes it along, under the number that it had."""
    company = open_to_change()
    at = moment(None, policy_zone(company))
    policy = company.version(at).policy
    with company.engine.begin() as connection:
        outbox.resend(connection, company.keys, policy, number, reason=reason, by=by, as_of=at)
    emit({"notice": str(number), "state": "pending"}, ["to be delivered"], as_json=json)
    _sign(company)


@app.command()
def settle(number: Number, *, reason: Reason, by: ByFingerprint, json: Json = False) -> None:
    """End a notice by hand, and forget what it says: its recipient was told otherwise, or need not know."""
    company = open_to_change()
    at = moment(None, policy_zone(company))
    with company.engine.begin() as connection:
        outbox.settle(connection, company.keys, number, reason=reason, by=by, as_of=at)
    emit({"notice": str(number), "state": "settled"}, ["settled"], as_json=json)
    _sign(company)


@app.command()
def show(number: Number, *, reason: Reason, by: ByFingerprint, json: Json = False) -> None:
    """Print what a notice says, personal data included, to tell its recipient by hand; the ledger knows who looked."""
    company = open_to_change()
    at = moment(None, policy_zone(company))
    with company.engine.begin() as connection:
        body = outbox.open_notice(connection, company.keys, number, reason=reason, by=by, as_of=at)
    document = jsonlib.loads(body)
    emit(document, [jsonlib.dumps(document, indent=2, ensure_ascii=False)], as_json=json)
    _sign(company)


@app.command("key")
def public_key(*, json: Json = False) -> None:
    """Print the public key that notices are signed with, for recipients to check them."""
    public = open_company().keys.signing_key(SIGNING_KEY).public_key
    emit({"key_id": public.key_id, "public_key": public.to_pem()}, [public.to_pem().rstrip()], as_json=json)


def _sign(company: Company) -> None:
    signing.sign_what_is_new(company, as_of=datetime.now(UTC))
