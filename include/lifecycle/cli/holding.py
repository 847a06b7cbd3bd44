"""``hold place|extend|release|list|show``: legal holds and restrictions of processing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from lifecycle.cli.keeping import require_kept, sweep_each
from lifecycle.cli.session import (
    AsOf,
    By,
    Json,
    ask_subjects,
    deciding_moment,
    emit,
    end,
    end_text,
    moment,
    moment_text,
    open_company,
    open_to_change,
    open_to_hold,
    past_moment,
    policy_zone,
)
from lifecycle.holds import register
from lifecycle.holds.targets import Subject, Target
from lifecycle.identity.scripts import mixes_scripts
from lifecycle.requests.remainders import resume_all
from lifecycle.retention.release import freed_rules
from lifecycle.retention.sweep import sweep
from lifecycle.runs import signing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.remainders import Resumed
    from lifecycle.retention.sweep import Swept
    from lifecycle.runs.company import Company

app = typer.Typer(help="Legal holds and restrictions of processing.", no_args_is_help=True)

Number = Annotated[UUID, typer.Argument(help="Number of the hold, as hold list prints it.")]
ByFingerprint = Annotated[str, typer.Option("--by", help="Who does this; the ledger keeps a fingerprint.")]


@app.command()
def place(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="schema.table:key for a row and what belongs to it (key,key where the key has several columns),"
            " or schema.table for all of it."
        ),
    ] = None,
    *,
    subject: Annotated[
        list[str] | None,
        typer.Option(
            "--subject",
            metavar="KIND",
            help="A subject by a kind of identity, such as email: all rows that name it, now or later. The"
            " identity itself is asked for, or read from standard input, a line for each --subject.",
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="One word: a kind of matter or a case number. Goes into the ledger.")
    ],
    until: Annotated[
        str,
        typer.Option(
            help="Until when it lasts unless extended: through the end of a day (2027-06-30, in the policy's"
            " time zone), or to a moment."
        ),
    ],
    by: By,
    restriction: Annotated[
        bool, typer.Option(help="A restriction of processing (GDPR Art. 18), not a hold.")
    ] = False,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Keep rows from deletion, whatever falls due."""
    company = open_to_hold()
    zone = policy_zone(company)
    at = past_moment(as_of, zone)
    rulebook = company.rulebook(at)
    named = _named(rulebook, targets or (), subject or ())
    with company.engine.begin() as connection:
        number = register.place(
            connection,
            rulebook,
            named,
            kind="restriction" if restriction else "hold",
            reason=reason,
            placed_by=by,
            until=end(until, zone),
            as_of=at,
        )
    # Not in the transaction that placed it: counting may take a while, and deletions would wait for its end.
    with company.engine.connect() as connection:
        covered = register.covered_counts(connection, rulebook, number, as_of=at)
    doubtful = _doubtful(rulebook, named)
    document = {"hold": str(number), "covered": covered, "mixed_scripts": doubtful}
    emit(document, [str(number), *_covered(covered), *map(doubt, doubtful)], as_json=json)


def _named(rulebook: Rulebook, targets: Iterable[str], kinds: Iterable[str]) -> list[Target | Subject]:
    return [*map(Target.parse, targets), *ask_subjects(rulebook, kinds)]


def _covered(covered: Mapping[str, int]) -> Iterator[str]:
    for name, rows in sorted(covered.items()):
        yield f"{rows:>10,}  {name} covered now"
    if not covered:
        yield "         0  rows are covered now; those that arrive will be, until it ends"


def _doubtful(rulebook: Rulebook, named: Iterable[Target | Subject]) -> list[str]:
    """Kinds of identity of which a value has letters that may be mistaken for others."""
    identifiers = (one.identifier(rulebook) for one in named if isinstance(one, Subject))
    return sorted({one.kind for one in identifiers if mixes_scripts(one)})


def doubt(kind: str) -> str:
    """What is said of an identity that was given and may be mistaken for another."""
    return f"            the {kind} has letters of scripts that are not written together: is it the one that was meant?"


@app.command()
def extend(
    number: Number,
    *,
    until: Annotated[
        str,
        typer.Option(
            help="Until when it lasts now: through the end of a day (2027-06-30, in the policy's time zone),"
            " or to a moment. It may be earlier than before."
        ),
    ],
    by: ByFingerprint,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Move the end of a hold that is in force."""
    company = open_to_hold()
    zone = policy_zone(company)
    at, ends = past_moment(as_of, zone), end(until, zone)
    with company.engine.begin() as connection:
        before = register.extend(connection, number, until=ends, extended_by=by, keys=company.keys, as_of=at)
    line = f"{'now ends' if ends < before else 'extended until'} {end_text(ends, zone)}"
    emit({"hold": str(number), "until": ends.isoformat()}, [line], as_json=json)


@app.command()
def release(number: Number, *, by: By, as_of: AsOf = None, json: Json = False) -> None:
    """Release a hold, and keep at once the promises that it may have kept from being kept."""
    company = open_to_change()
    at = deciding_moment(company, as_of)
    with company.engine.begin() as connection:
        released = register.release(connection, number, released_by=by, as_of=at)
    keep_freed(company, released, "released", as_of=at, as_json=json)


def keep_freed(
    company: Company, released: register.Hold, said: str, *, as_of: datetime, as_json: bool
) -> None:
    """Keep at once the promises that a hold may have kept from being kept, sign, and tell what went.

    Raises:
        LifecycleError: a promise could not be kept.
    """
    rules = freed_rules(company.rulebook(as_of), released)
    swept, failed = sweep_each(rules, partial(sweep, company, as_of=as_of))
    resumed = resume_all(company, as_of=as_of)
    emit(
        {
            **released.to_json(),
            "swept": [one.to_json() for one in swept if one.first.digest],
            "resumed": resumed.to_json(),
        },
        [said, *(line for one in swept for line in _gone(one)), *_resumed(resumed)],
        as_json=as_json,
    )
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))
    require_kept(swept, [*failed, *resumed.failed.values()])


def _gone(swept: Swept) -> Iterator[str]:
    """What was due under a rule when the hold was released, whether it was held or not."""
    for (collection, what), rows in sorted(swept.rows.items()):
        yield f"  {rows:>10,}  {collection} {what}, due under {swept.rule}"


def _resumed(resumed: Resumed) -> Iterator[str]:
    """What earlier erasures had to leave, and has gone now."""
    for number, outcome in resumed.outcomes.items():
        for (collection, what), rows in sorted(outcome.rows.items()):
            yield f"  {rows:>10,}  {collection} {what}, left by request {number}"


@app.command("list")
def listing(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """List holds and restrictions, those that end first in front."""
    company = open_company()
    zone = policy_zone(company)
    at = moment(as_of, zone)
    with company.engine.connect() as connection:
        found = register.listing(connection, as_of=at, all_of_them=everything)
    lines = [
        f"{one.hold_id}  {one.kind:<11} until {end_text(one.until, zone)}  {one.reason}  {', '.join(one.names)}"
        + ("  released" if one.released_at else "")
        for one in found
    ]
    emit([one.to_json() for one in found], lines or ["there are none"], as_json=json)


@app.command()
def show(number: Number, *, as_of: AsOf = None, json: Json = False) -> None:
    """Show a hold and what it names: rows by key, collections, and subjects by the kind of identity alone."""
    company = open_company()
    zone = policy_zone(company)
    at = moment(as_of, zone)
    with company.engine.connect() as connection:
        found = register.show(connection, number, as_of=at)
    emit(found.to_json(), list(_shown(found, at, zone)), as_json=json)


def _shown(found: register.Named, at: datetime, zone: ZoneInfo) -> Iterator[str]:
    hold = found.hold
    yield f"{hold.hold_id}  {hold.kind} until {end_text(hold.until, zone)}  {hold.reason}"
    yield f"  placed by {hold.placed_by}, {moment_text(hold.placed_at, zone)}"
    if hold.released_at:
        yield f"  released, {moment_text(hold.released_at, zone)}"
    elif hold.until <= at:
        yield "  has ended"
    for row in found.rows:
        what = "a row whose key is forgotten" if row.key is None else ",".join(row.key) or "all of it"
        yield f"  {row.collection}  {what}"
    for subject in found.subjects:
        yield f"  a subject by {subject.identity}{', who is forgotten' if subject.is_forgotten else ''}"
