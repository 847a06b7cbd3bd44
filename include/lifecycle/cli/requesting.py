"""``request open|list|show|verify|run|…``: what data subjects ask for, and what becomes of it."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from lifecycle.cli.holding import doubt, keep_freed
from lifecycle.cli.proposals import candidate_lines, plan_lines, proposal_lines
from lifecycle.cli.session import (
    AsOf,
    By,
    Json,
    ask_secretly,
    deciding_moment,
    emit,
    moment,
    moment_text,
    open_company,
    open_to_change,
    past_moment,
    policy_zone,
    progress_bar,
)
from lifecycle.errors import PromiseBroken, UsageError
from lifecycle.holds.targets import Target, require_kind
from lifecycle.identity.names import NAME
from lifecycle.operators import require_name
from lifecycle.planning.items import find_open_of_request
from lifecycle.policy.model import RequestKind
from lifecycle.requests import lifting, packages, register, steps
from lifecycle.requests.answering import Approval, answer, propose
from lifecycle.requests.asked import Asked
from lifecycle.requests.candidates import answer_for, candidates
from lifecycle.requests.corrections import Correction, corrected
from lifecycle.requests.naming import subject_by
from lifecycle.requests.purposes import Decision
from lifecycle.requests.receipt import issue
from lifecycle.requests.weighing import weigh
from lifecycle.runs import signing
from lifecycle.timelimits import local_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

    from lifecycle.holds.targets import Subject
    from lifecycle.plan import Plan
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.naming import NamedSubject
    from lifecycle.requests.register import Request

app = typer.Typer(help="What data subjects ask for.", no_args_is_help=True)

Number = Annotated[UUID, typer.Argument(help="Number of the request, as request list prints it.")]
NewFile = Annotated[
    Path, typer.Option("--to", help="File for the encrypted archive; there must be none yet.")
]
Deciding = Annotated[
    Decision,
    typer.Option("--decision", help="That the objection counts, or that there are grounds to go on."),
]
Corrects = Annotated[
    list[str] | None,
    typer.Option(
        "--correct",
        metavar="WHAT",
        help="What is wrong: a kind of identity, a data category, or schema.table.column. What is right is asked for,"
        " or read from standard input, after the subjects.",
    ),
]
Purposes = Annotated[
    list[str] | None,
    typer.Option(
        "--purpose", help="A purpose of the policy that is to end; all that can, where none is named."
    ),
]
Word = "One word, such as id_document: it goes into the ledger or the receipt."


@app.command("open")
def open_request(  # noqa: PLR0913 - typer makes an option of each
    rows: Annotated[
        list[str] | None,
        typer.Argument(help="schema.table:key for a row that is the subject's, or the organisation itself."),
    ] = None,
    *,
    subject: Annotated[
        list[str] | None,
        typer.Option(
            "--subject",
            metavar="KIND",
            help="A kind of identity, such as email, or name, for a name with the employer. What it is is asked for, or"
            " read from standard input, a line for each --subject.",
        ),
    ] = None,
    kind: Annotated[RequestKind, typer.Option(help="What is asked for.")] = RequestKind.ERASURE,
    of: Annotated[
        str | None,
        typer.Option("--of", help="schema.table:key of the organisation whose content alone is meant."),
    ] = None,
    correct: Corrects = None,
    purpose: Purposes = None,
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Take a request; one that is open already and says the same is that request."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    rulebook = company.rulebook(at)
    meant = [(what, corrected(rulebook, what)) for what in correct or ()]
    named = [*map(Target.parse, rows or ()), *_ask(rulebook, subject or ())]
    asked = Asked(corrections=_ask_what_is_right(meant), purposes=tuple(purpose or ()))
    with company.engine.begin() as connection:
        number = register.open_request(
            connection,
            rulebook,
            company.keys,
            named,
            kind=kind,
            opened_by=by,
            as_of=at,
            tenant=Target.parse(of) if of else None,
            asked=asked,
        )
        found = register.get(connection, number)
        doubtful = register.doubtful_kinds(connection, number)
    lines = [f"{number}", f"  to be answered by {found.due_on}", *map(doubt, doubtful)]
    emit({**found.to_json(), "mixed_scripts": doubtful}, lines, as_json=json)


@app.command()
def verify(
    number: Number,
    *,
    how: Annotated[str, typer.Option(help=Word)],
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Record that whoever asks may ask: nothing is looked up before."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    with company.engine.begin() as connection:
        register.verify(connection, number, verified_by=by, how=how, as_of=at)
        found = register.get(connection, number)
    emit(found.to_json(), ["verified"], as_json=json)


@app.command()
def extend(
    number: Number,
    *,
    reason: Annotated[str, typer.Option(help=Word)],
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Take longer for an answer, for a reason that the subject is told inside the first month."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    with company.engine.begin() as connection:
        due_on = register.extend(
            connection, company.rulebook(at), number, reason=reason, extended_by=by, as_of=at
        )
    emit(
        {"request": str(number), "due_on": due_on.isoformat()}, [f"to be answered by {due_on}"], as_json=json
    )


@app.command()
def refuse(
    number: Number,
    *,
    reason: Annotated[str, typer.Option(help=Word)],
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Refuse a request, for a reason that the subject is told."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    steps.refuse(company, number, reason=reason, refused_by=by, as_of=at)
    with company.engine.connect() as connection:
        found = register.get(connection, number)
    emit(found.to_json(), ["refused"], as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))


@app.command("weigh")
def weighed(
    number: Number,
    *,
    decision: Deciding,
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Decide whether an objection counts that is weighed; the receipt names the decision."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    with company.engine.begin() as connection:
        policy = company.version(at).policy
        purposes = weigh(connection, policy, number, decision=decision, by=by, as_of=at)
    document = {"request": str(number), "decision": decision.value, "purposes": list(purposes)}
    emit(document, [f"{decision}: {', '.join(purposes)}"], as_json=json)


@app.command()
def lift(
    number: Number,
    *,
    informed_by: Annotated[
        str,
        typer.Option("--informed-by", help="How the subject was told before, in one word, such as letter."),
    ],
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Lift the restriction that a request asked for, and keep at once the promises that it kept from being kept."""
    company = open_to_change()
    at = deciding_moment(company, as_of)
    lifted = lifting.lift(company, number, informed_by=informed_by, lifted_by=by, as_of=at)
    keep_freed(company, lifted, "lifted", as_of=at, as_json=json)


@app.command()
def confirm(
    number: Number,
    candidate: Annotated[int, typer.Argument(help="Its number, as request plan and request show print it.")],
    *,
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Say that an identity or a row which may be somebody else's is the subject's."""
    _answer(number, candidate, is_subjects=True, by=by, as_of=as_of, as_json=json)


@app.command()
def decline(
    number: Number,
    candidate: Annotated[int, typer.Argument(help="Its number, as request plan and request show print it.")],
    *,
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Say that it is not the subject's."""
    _answer(number, candidate, is_subjects=False, by=by, as_of=as_of, as_json=json)


@app.command("plan")
def planned(number: Number, *, as_of: AsOf = None, json: Json = False) -> None:
    """Plan what a request asks for, and show it: what would be done, what stays and why, what it means."""
    company = open_to_change()
    proposal = propose(company, number, as_of=deciding_moment(company, as_of))
    emit(proposal.to_json(), list(proposal_lines(proposal)), as_json=json)


@app.command()
def run(
    number: Number,
    *,
    approve: Annotated[
        str | None,
        typer.Option(
            "--approve",
            metavar="DIGEST",
            help="Approve exactly the plan of this digest, as request plan showed it; any other one waits.",
        ),
    ] = None,
    by: By = "",
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Answer a request: plan, check, carry out what was approved, look once more, close it; exit 3 where it waits."""
    company = open_to_change()
    at = deciding_moment(company, as_of)
    if approve is not None:
        require_name(by, place="--by")
    approval = None if approve is None else Approval(digest=approve, by=by)
    with progress_bar(f"request {str(number)[:8]}") as progress:
        answer(company, number, as_of=at, approval=approval, progress=progress)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))
    with company.engine.connect() as connection:
        receipt = issue(connection, number)
    emit(receipt, list(_receipt_lines(receipt["body"])), as_json=json)


@app.command("list")
def listing(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are closed, too.")] = False,
    overdue: Annotated[
        bool, typer.Option(help="Only those that should have been answered; exit 1 where there are any.")
    ] = False,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """List requests, those that are due first in front."""
    company = open_company()
    zone = policy_zone(company)
    today = local_day(moment(as_of, zone), zone)
    with company.engine.connect() as connection:
        found = register.listing(connection, is_closed_too=everything)
    late = [one for one in found if one.is_overdue(today)]
    shown = late if overdue else found
    emit(
        [one.to_json() for one in shown],
        [_line(one, today, zone) for one in shown] or ["there are none"],
        as_json=json,
    )
    if overdue and late:
        raise PromiseBroken(
            f"{len(late)} requests should have been answered",
            place="request list",
            next_step="answer them: lifecycle request run, or refuse with a reason",
        )


@app.command()
def show(number: Number, *, as_of: AsOf = None, json: Json = False) -> None:
    """Show a request: how far it is, what became of it, which plan waits, and what only an operator can say."""
    company = open_company()
    zone = policy_zone(company)
    at = moment(as_of, zone)
    with company.engine.connect() as connection:
        found = register.get(connection, number)
        events = register.events(connection, number)
        waiting = candidates(connection, company.rulebook(at), number, company.keys) if found.is_open else ()
        package = packages.find(connection, number)
        stored = find_open_of_request(connection, number)
    document = {
        **found.to_json(),
        "events": events,
        "plan": {"digest": stored.plan.digest, "counts": stored.plan.counts()} if stored else None,
        "candidates": [one.to_json() for one in waiting],
        "package": package.to_json() if package else None,
    }
    lines = [
        _line(found, local_day(at, zone), zone),
        *_happened(events, zone),
        *(_waiting(stored.plan) if stored else ()),
        *candidate_lines(waiting),
    ]
    emit(document, lines, as_json=json)


@app.command()
def receipt(
    number: Number,
    *,
    json: Json = False,  # noqa: ARG001 - a receipt is JSON in any case; the option is taken like everywhere
) -> None:
    """Print the receipt of a request that has ended; lifecycle receipt verify checks it anywhere."""
    company = open_company()
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))
    with company.engine.connect() as connection:
        issued = issue(connection, number)
    sys.stdout.write(jsonlib.dumps(issued, indent=2, ensure_ascii=False) + "\n")


@app.command()
def fetch(
    number: Number,
    *,
    to: NewFile,
    by: By,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Fetch what was put together for a subject, once; lifecycle request passphrase has what opens it."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    with company.engine.begin() as connection:
        archive = packages.fetch(connection, number, company.keys, by=by, as_of=at)
        packages.enter_handed_out(connection, as_of=at)
        _write(to, archive)
    emit({"request": str(number), "size": len(archive)}, [f"{len(archive):,} bytes"], as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))


@app.command()
def passphrase(number: Number, *, by: By, as_of: AsOf = None, json: Json = False) -> None:
    """Print, once, what opens the archive of a request; give it to the subject by another way than the archive."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    with company.engine.begin() as connection:
        shown = packages.show_passphrase(connection, number, company.keys, by=by, as_of=at)
        packages.enter_handed_out(connection, as_of=at)
    emit({"request": str(number), "passphrase": shown}, [shown], as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))


def _write(file: Path, archive: bytes) -> None:
    """Write a new file that nobody else may read; where that fails, nothing was fetched."""
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:  # noqa: PTH123 - the mode is given when it is made
            opened.write(archive)
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", place=str(file), next_step="name a file that is not there"
        ) from None


def _ask_what_is_right(meant: Iterable[tuple[str, Any]]) -> tuple[Correction, ...]:
    """Ask for what is right, for each thing that is wrong, after the subject."""
    return tuple(
        Correction(what=what, named=name, value=ask_secretly(f"what is right for {name}"))
        for name, what in meant
    )


def _ask(rulebook: Rulebook, kinds: Iterable[str]) -> list[Subject | NamedSubject]:
    """Ask for each identity, and for names with employers, in the order in which they are announced."""
    kinds = tuple(kinds)
    for kind in kinds:
        if kind != NAME:
            require_kind(rulebook, kind)
    asked = {NAME: "name; employer"}
    return [subject_by(kind, ask_secretly(f"{asked.get(kind, kind)} of the subject")) for kind in kinds]


def _answer(
    number: UUID, candidate: int, *, is_subjects: bool, by: str, as_of: str | None, as_json: bool
) -> None:
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    with company.engine.begin() as connection:
        answer_for(connection, number, candidate, is_subjects=is_subjects, by=by, as_of=at)
    said = "is the subject's" if is_subjects else "is not the subject's"
    emit(
        {"request": str(number), "candidate": candidate, "is_subjects": is_subjects}, [said], as_json=as_json
    )


def _line(found: Request, today: date, zone: ZoneInfo) -> str:
    late = "  OVERDUE" if found.is_overdue(today) else ""
    by = f"closed {local_day(found.closed_at, zone)}" if found.closed_at else f"by {found.due_on}"
    return f"{found.request_id}  {found.kind:<13} {found.state:<9} {by}  {', '.join(found.identities)}{late}"


def _happened(events: list[dict[str, Any]], zone: ZoneInfo) -> Iterator[str]:
    for event in events:
        by = f" by {event['by']}" if event["by"] else ""
        yield f"  {moment_text(datetime.fromisoformat(event['at']), zone)}  {event['what']}{by}"


def _waiting(plan: Plan) -> Iterator[str]:
    yield f"  the plan that waits, digest {plan.digest}; lifecycle request plan shows all of it"
    yield from plan_lines(plan)


def _receipt_lines(body: dict[str, Any]) -> Iterator[str]:
    for one in body["done"]:
        yield f"{one['rows']:>12,}  {one['collection']} {one['action']}"
    for one in body["kept"]:
        yield f"{one['rows']:>12,}  {one['collection']} stays: {one['reason']}, until {one['until'] or 'it ends'}"
    for purpose, what in body.get("purposes", {}).items():
        yield f"{'':>12}  {purpose}: {what.replace('_', ' ')}"
    if "restricted_until" in body:
        yield f"{'':>12}  restricted until {body['restricted_until']}"
    if "notice" in body:
        yield "answered by the notice that everybody is given: lifecycle notice"
    elif not body["done"] and not body["kept"]:
        yield "nothing is held of this subject"
