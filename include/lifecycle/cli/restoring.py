"""``replay``: after a restore from a backup, whom was erased since is erased again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle.cli.session import (
    By,
    Json,
    deciding_moment,
    emit,
    end_text,
    moment,
    open_company,
    policy_zone,
)
from lifecycle.requests.replay import replay as replay_erasures
from lifecycle.runs import signing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from lifecycle.requests.lost import Lost

Since = Annotated[
    str,
    typer.Option(
        help="When the backup was made. What came back by itself after an erasure that the backup knows goes too,"
        " where this is earlier."
    ),
]
HeldAgain = Annotated[
    bool,
    typer.Option(
        "--held-again",
        help="Holds and restrictions that the backup does not know were placed again, or need not be.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(*, since: Since, by: By, held_again: HeldAgain = False, json: Json = False) -> None:
    """Do again, after a restore from a backup, every erasure that the backup does not know."""
    company = open_company()
    zone = policy_zone(company)
    at = deciding_moment(company, None)
    done = replay_erasures(
        company,
        since=moment(since, zone, option="--since"),
        replayed_by=by,
        as_of=at,
        are_held_again=held_again,
    )
    lines = [
        f"{done.entries:>10,}  entries of the ledger put back",
        f"{done.requests:>10,}  erasures looked at",
        f"{done.rows:>10,}  rows of erased subjects found, and erased as far as nothing keeps them",
        *(
            [f"{done.packages:>10,}  copies destroyed: who has not fetched asks again"]
            if done.packages
            else []
        ),
        *_by_a_person(done.to_do, zone),
    ]
    emit(done.to_json(), lines, as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, zone))


def _by_a_person(to_do: tuple[Lost, ...], zone: ZoneInfo) -> Iterator[str]:
    """What only a person can do again, since it stands in the files of the cases alone."""
    if to_do:
        yield "to be done again by a person, unless it was: the backup does not know it"
    for one in to_do:
        reason = f", {one.reason}" if one.reason else ""
        until = f", until {end_text(datetime.fromisoformat(one.until), zone)}" if one.until else ""
        yield f"  {one.to_do:<8} {one.kind} {one.number}{reason}{until}"
