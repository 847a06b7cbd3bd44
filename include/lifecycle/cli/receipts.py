"""``receipt verify``: what was done for a request, checked with nothing but the ledger's public key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lifecycle.cli.ledgers import read_json, read_key
from lifecycle.cli.session import Json, emit, placed_at
from lifecycle.errors import PromiseBroken
from lifecycle.requests.receipt import verify_receipt

app = typer.Typer(help="Receipts of what was done for a request.", no_args_is_help=True)


ReceiptFile = Annotated[Path, typer.Argument(help="The receipt, as lifecycle request receipt wrote it.")]
TrustedKey = Annotated[
    Path, typer.Option("--key", help="PEM file of the ledger's public key, not from the receipt's sender.")
]


@app.callback()
def _receipts() -> None:
    """Make verify a command of its own, however few there are."""


@app.command()
def verify(receipt: ReceiptFile, *, key: TrustedKey, json: Json = False) -> None:
    """Check a receipt. Needs no database and no network."""
    trusted = read_key(key)
    with placed_at(receipt):
        verdict = verify_receipt(read_json(receipt), [trusted])
    emit(verdict.to_json(), [verdict.reason], as_json=json)
    if not verdict.holds:
        raise PromiseBroken(
            "the receipt does not hold", place=str(receipt), next_step="ask its sender for the ledger itself"
        )
