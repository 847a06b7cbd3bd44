"""``replay``: after a restore from a backup, whom was erased since is erased again."""

from __future__ import annotations

from typing import Annotated

import typer

from lifecycle.cli.session import By, Json, deciding_moment, emit, moment, open_company, policy_zone
from lifecycle.requests.replay import replay as replay_erasures
from lifecycle.runs import signing

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
        *(
            f"{count:>10,}  {kind.replace('_', ' ')} again: the backup does not know it"
            for kind, count in done.to_do.items()
        ),
    ]
    emit(done.to_json(), lines, as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, zone))
