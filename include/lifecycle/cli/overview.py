"""``status``: how things stand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle.cli.session import AsOf, Json, emit, end_text, moment, moment_text, open_company, policy_zone
from lifecycle.retention import status as standing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    *,
    as_of: AsOf = None,
    days: Annotated[
        int, typer.Option(min=1, max=36_525, help="Name holds that end within so many days.")
    ] = 30,
    json: Json = False,
) -> None:
    """Show which plans wait, which deletions come, which holds end soon, and how far the ledger is signed.

    Exit 1 where the database was restored from a backup, and what was erased since is not erased again yet.
    """
    company = open_company()
    zone = policy_zone(company)
    at = moment(as_of, zone)
    found = standing.status(company, as_of=at, within=timedelta(days=days))
    emit(found.to_json(), list(_lines(found, zone)), as_json=json)
    if found.broken:
        raise found.broken


def _lines(found: standing.Status, zone: ZoneInfo) -> Iterator[str]:
    if found.broken:
        yield f"{found.broken.message} {found.broken.next_step}"
    yield "no plan waits" if not found.plans else "plans that wait:"
    for plan in found.plans:
        why = f"for a person: {'; '.join(plan.waits_for)}" if plan.waits_for else plan.state
        what = f"{plan.rule} of request {plan.request}" if plan.request else plan.rule
        yield f"  {plan.digest}  {what} as of {moment_text(plan.as_of, zone)}, {plan.rows:,} rows, {why}"
    if found.coming:
        yield "deletions that were noticed:"
    for one in found.coming:
        yield f"  {one.planned_on}  {one.rows:>10,}  {one.rule}, at the latest {one.last_day}"
    if found.ending:
        yield "holds that end soon:"
    for hold in found.ending:
        until, names = end_text(hold.until, zone), ", ".join(hold.names)
        yield f"  {hold.hold_id}  {hold.kind} until {until}, {hold.reason}, {names}"
    yield f"ledger: {found.entries:,} entries, {found.signed:,} signed"
