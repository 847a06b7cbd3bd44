"""``ledger list|checkpoint|verify|check|prove|consistency|key``: the proof of what was done."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecycle.cli.session import (
    AsOf,
    Json,
    emit,
    open_company,
    past_moment,
    placed_at,
    policy_zone,
    progress_bar,
    read_file,
)
from lifecycle.errors import PromiseBroken, UsageError
from lifecycle.keys import PublicKey
from lifecycle.ledger.book import read_newest
from lifecycle.ledger.checkpoints import SIGNING_KEY
from lifecycle.ledger.entries import instant_text
from lifecycle.ledger.notes import read_note
from lifecycle.ledger.proofs import verify_proof
from lifecycle.ledger.prove import prove as prove_inclusion
from lifecycle.ledger.prove import prove_consistency
from lifecycle.ledger.verification import verify as verify_ledger
from lifecycle.runs.signing import sign_ledger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.ledger.entries import Entry
    from lifecycle.ledger.notes import Checkpoint
    from lifecycle.runs.company import Company

app = typer.Typer(help="The tamper-evident ledger of everything that was done.", no_args_is_help=True)

NEGATIVE = {"ignore_unknown_options": True}
"""A number below zero is an argument that is refused as one, and no unknown option."""
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="PEM file of the trusted public key. Default: the keyring's own.")
]


@app.command("list")
def listing(
    *,
    last: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, the newest.")] = 20,
    json: Json = False,
) -> None:
    """List the newest entries, the newest last: number, time, kind and fields."""
    company = open_company()
    with company.engine.connect() as connection:
        entries = read_newest(connection, last)
    lines = [
        f"{entry.sequence:>8}  {instant_text(entry.as_of)}  {entry.kind:<19}  {_fields(entry)}"
        for entry in entries
    ]
    emit([entry.to_json() for entry in entries], lines or ["the ledger is empty"], as_json=json)


def _fields(entry: Entry) -> str:
    """The body on one line; a value that is no text in its JSON form."""
    shown = {
        name: value if isinstance(value, str) else jsonlib.dumps(value, separators=(",", ":"))
        for name, value in sorted(entry.body.items())
    }
    return "  ".join(f"{name}={value}" for name, value in shown.items())


@app.command()
def checkpoint(*, as_of: AsOf = None, json: Json = False) -> None:
    """Sign the ledger as it stands. Keep the printed note elsewhere: it shows any later change."""
    company = open_company()
    signed = sign_ledger(company, as_of=past_moment(as_of, policy_zone(company)))
    emit(signed.to_json(), [signed.note.rstrip()], as_json=json)


@app.command()
def verify(
    *,
    key: KeyFile = None,
    kept: Annotated[
        list[Path] | None, typer.Option("--checkpoint", help="A checkpoint's note that was kept elsewhere.")
    ] = None,
    json: Json = False,
) -> None:
    """Recompute every entry, the tree and each signature, compare with the copy; exit 1 and name what is wrong."""
    company = open_company()
    trusted = [read_key(key)] if key else company.keys.public_keys()
    elsewhere = [_read_checkpoint(path, trusted) for path in kept or ()]
    with company.engine.connect() as connection, progress_bar("ledger") as progress:
        verdict = verify_ledger(connection, trusted, kept_elsewhere=elsewhere, progress=progress)
    differing = _differing(company)
    lines = [
        f"{verdict.entries:,} entries, {verdict.covered:,} under {verdict.checkpoints:,} signed checkpoints",
        *(finding.sentence for finding in verdict.findings),
        *([differing.message] if differing else []),
    ]
    document = {**verdict.to_json(), "differs_from_copy": differing.message if differing else None}
    emit(document, lines, as_json=json)
    if not verdict.sound:
        raise PromiseBroken(
            "the ledger is not as it was written",
            place="ledger",
            next_step="restore it and find out who changed it",
        )
    if differing:
        raise differing


def _differing(company: Company) -> PromiseBroken | None:
    """What the ledger's copy knows otherwise; None where all of it stands in the ledger."""
    try:
        company.require_same_as_copy()
    except PromiseBroken as error:
        return error
    return None


def read_key(path: Path) -> PublicKey:
    """The public key in a PEM file.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    with placed_at(path):
        return PublicKey.from_pem(read_file(path))


def _read_checkpoint(path: Path, trusted: Iterable[PublicKey]) -> Checkpoint:
    with placed_at(path):
        found = read_note(read_file(path), trusted)
    if found is None:
        raise UsageError(
            "is no checkpoint signed by a trusted key",
            place=str(path),
            next_step="give the note that was kept",
        )
    return found


@app.command("check")
def check_proof(
    proof: Annotated[Path, typer.Argument(help="A proof, as ledger prove or consistency printed it.")],
    *,
    key: Annotated[Path, typer.Option(help="PEM file of the trusted public key.")],
    json: Json = False,
) -> None:
    """Check a proof offline: no database, only the proof and the public key."""
    trusted = read_key(key)
    with placed_at(proof):
        verdict = verify_proof(read_json(proof), [trusted])
    emit(verdict.to_json(), [verdict.reason], as_json=json)
    if not verdict.holds:
        raise PromiseBroken(
            "the proof does not hold", place=str(proof), next_step="ask for the ledger itself"
        )


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        UsageError: it cannot be read, is no JSON, or says something twice: one reader would see the first of both,
            another the last.
    """
    try:
        return jsonlib.loads(read_file(path), object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise UsageError(
            "is no JSON, or has two members of one name",
            place=str(path),
            next_step="give the JSON as lifecycle wrote it, unchanged",
        ) from None


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object.

    Raises:
        ValueError: two have one name.
    """
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("two members of one name")
    return found


@app.command(context_settings=NEGATIVE)
def prove(
    sequence: Annotated[int, typer.Argument(help="Number of the entry, as ledger list prints it.")],
    *,
    json: Json = False,  # noqa: ARG001 - a proof is JSON in any case; the option is taken like everywhere
) -> None:
    """Print the proof that an entry stands in the signed ledger."""
    company = open_company()
    with company.engine.connect() as connection:
        proof = prove_inclusion(connection, sequence)
    sys.stdout.write(jsonlib.dumps(proof.to_json(), indent=2) + "\n")


@app.command()
def consistency(
    first: Annotated[int, typer.Argument(help="Tree size of the earlier checkpoint.")],
    second: Annotated[
        int | None, typer.Argument(help="Tree size of the later one. Default: the newest.")
    ] = None,
    *,
    json: Json = False,  # noqa: ARG001 - a proof is JSON in any case; the option is taken like everywhere
) -> None:
    """Print the proof that nothing was changed between two checkpoints."""
    company = open_company()
    with company.engine.connect() as connection:
        proof = prove_consistency(connection, first, second)
    sys.stdout.write(jsonlib.dumps(proof.to_json(), indent=2) + "\n")


@app.command("key")
def public_key(*, json: Json = False) -> None:
    """Print the public key that verifies checkpoints and proofs, for whoever shall check them."""
    company = open_company()
    public = company.keys.signing_key(SIGNING_KEY).public_key
    emit({"key_id": public.key_id, "public_key": public.to_pem()}, [public.to_pem().rstrip()], as_json=json)
