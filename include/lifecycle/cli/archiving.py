"""``archive build|verify|expire|rewrite|fetch|list``: documents that a law asks for, written once, kept for years."""

from __future__ import annotations

import csv
import io
import sys
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecycle.archive import building, expiring, fetching, listing, rewriting, verifying
from lifecycle.cli.session import (
    AsOf,
    By,
    Json,
    emit,
    moment,
    open_company,
    open_to_change,
    past_moment,
    policy_zone,
    progress_bar,
)
from lifecycle.errors import UsageError
from lifecycle.operators import require_name
from lifecycle.pages import printable
from lifecycle.runs import agreement, signing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lifecycle.archive.manifest import Manifest
    from lifecycle.runs.company import Company

app = typer.Typer(
    help="Archives: documents that a law asks for, written once, verified, retrievable.", no_args_is_help=True
)

Name = Annotated[
    str | None,
    typer.Option("--archive", help="Which one, where the policy has several. Default: all of them."),
]
MEGABYTE = 1_000_000


class Form(StrEnum):
    """How a document is printed."""

    TEXT = "text"
    CSV = "csv"
    HTML = "html"


@app.command()
def build(
    *,
    archive: Name = None,
    year: Annotated[
        str | None, typer.Option(help="Only the financial year that ends on this day, such as 2025-12-31.")
    ] = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Write the documents of every month that is over and that the archive does not have as they are."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    agreement.check_before(company, as_of=at)
    written = [one for name in _archives(company, archive, at) for one in _build(company, name, year, at)]
    lines = [_written_line(one) for one in written]
    emit([one.to_json() for one in written], lines or ["nothing was to be written"], as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))


def _build(company: Company, name: str, year: str | None, at: datetime) -> Iterator[Manifest]:
    years = building.years(company, name, as_of=at)
    if year is not None:
        ends = _year_end(year)
        years = [one for one in years if one.ends == ends]
        if not years:
            raise UsageError(
                f"the tables have no document of a month of that year that is over for long enough, of {name}",
                place="--year",
                next_step="give the last day of a financial year; leave it out to write all that there is",
            )
    for one in years:
        with progress_bar(f"{name} {one.ends}") as progress:
            yield from building.build(company, name, one, as_of=at, progress=progress)


@app.command()
def verify(*, archive: Name = None, json: Json = False) -> None:
    """Read every object everywhere; put back what is missing or was changed. Exit 1 where that cannot be."""
    company = open_to_change()
    at = moment(None, policy_zone(company))
    found = []
    for name in _archives(company, archive, at):
        with progress_bar(name) as progress:
            found.append(verifying.verify(company, name, as_of=at, progress=progress))
    lines = [line for one in found for line in _verified_lines(one)]
    emit([one.to_json() for one in found], lines, as_json=json)
    signing.sign_what_is_new(company, as_of=at)
    for one in found:
        one.require_whole()


@app.command()
def expire(
    *,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve whatever the guard would stop.")
    ] = False,
    by: By = "",
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Destroy documents whose time is over, with their keys: all but what is held."""
    company = open_to_change()
    if approve:
        require_name(by, place="--by")
    at = past_moment(as_of, policy_zone(company))
    agreement.check_before(company, as_of=at)
    with progress_bar("archives") as progress:
        expired = expiring.expire(company, as_of=at, approved_by=by if approve else None, progress=progress)
    emit(expired.to_json(), list(_expired_lines(expired)) or ["nothing is over"], as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))


@app.command()
def rewrite(
    *,
    year: Annotated[str, typer.Option(help="The financial year that ends on this day, such as 2025-12-31.")],
    owner: Annotated[
        bool, typer.Option("--owner", help="Only documents of one owner; whose is read from standard input.")
    ] = False,
    archive: Name = None,
    by: By = "",
    json: Json = False,
) -> None:
    """Write documents anew with what the policy asks for now, and destroy the keys of what they were."""
    company = open_to_change()
    require_name(by, place="--by")
    at = moment(None, policy_zone(company))
    name, ends = _only_archive(company, archive, at), _year_end(year)
    whose = sys.stdin.readline().strip() if owner else None
    written = rewriting.rewrite(company, name, ends, owner=whose, as_of=at)
    expired = expiring.expire(company, as_of=at, approved_by=by)
    lines = [_written_line(one) for one in written] + list(_expired_lines(expired))
    emit([one.to_json() for one in written], lines, as_json=json)
    signing.sign_what_is_new(company, as_of=at)


@app.command()
def fetch(
    *,
    number: Annotated[str, typer.Option("--invoice", "--number", help="Number of the document.")],
    archive: Name = None,
    form: Annotated[Form, typer.Option("--format", help="How it is printed.")] = Form.TEXT,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON: its newest state, then the earlier ones.")
    ] = False,
) -> None:
    """Print one document with all that belongs to it, from the archive alone."""
    company = open_company()
    name = _only_archive(company, archive, moment(None, policy_zone(company)))
    found = [one.to_json() for one in fetching.fetch(company, name, number)]
    emit(found, [_printed(found[0], form)], as_json=json)


@app.command("list")
def listing_of(*, archive: Name = None, as_of: AsOf = None, json: Json = False) -> None:
    """List the parts of archives: what each holds, and until when."""
    company = open_company()
    at = moment(as_of, policy_zone(company))
    found = [
        one for name in _archives(company, archive, at) for one in listing.listed(company, name, as_of=at)
    ]
    emit(
        [one.to_json() for one in found],
        [_part_line(one) for one in found] or ["there is none"],
        as_json=json,
    )


def _only_archive(company: Company, wanted: str | None, at: datetime) -> str:
    """The one that is meant; the policy's, where it has one."""
    (name, *others) = _archives(company, wanted, at)
    if others:
        raise UsageError(
            "the policy has several archives",
            place="--archive",
            next_step=f"name one of {', '.join((name, *others))}",
        )
    return name


def _archives(company: Company, wanted: str | None, at: datetime) -> list[str]:
    """Those that are meant: one, or all of the policy in force."""
    if wanted is not None:
        return [building.archive_of(company, wanted, as_of=at).name]
    names = list(company.rulebook(at).archives)
    if not names:
        raise UsageError(
            "the policy has no archive", place="archives", next_step="state one, or leave the command be"
        )
    return names


def _year_end(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            "is no day", place="--year", next_step="write the last day of the year, such as 2025-12-31"
        ) from None


def _written_line(one: Manifest) -> str:
    revised = f", {one.revisions:,} of them changed since they were written" if one.revisions else ""
    missing = sum(series.missing for series in one.series)
    gaps = f", {missing:,} numbers missing between them" if missing else ""
    left = "".join(f", {count:,} left out: {reason}" for reason, count in one.left_out.to_json().items())
    return f"{one.folder}  {one.documents:>10,} documents{revised}, kept until {one.retain_until}{gaps}{left}"


def _verified_lines(one: verifying.Verified) -> Iterator[str]:
    yield f"{one.archive}: {one.parts:,} parts, {one.objects:,} objects, {one.size / MEGABYTE:,.1f} MB read"
    yield from (f"  {finding}" for finding in one.findings)


def _expired_lines(one: expiring.Expired) -> Iterator[str]:
    for folder in one.carried:
        yield f"{folder}  written anew, for what is held"
    for folder in one.destroyed.parts:
        yield f"{folder}  destroyed"
    for folder in one.destroyed.locked:
        yield f"{folder}  cannot be read by anybody any more; its objects are locked for a while"
    for kept in one.first.plan.kept:
        yield f"{kept.rows:>10,} of {kept.collection} stay: {kept.reason} {kept.source} until {kept.until}"


def _part_line(one: listing.Listed) -> str:
    part = one.part
    return (
        f"{part.folder}  {part.state:<9}  {part.documents or 0:>10,} documents  {one.size / MEGABYTE:>10,.1f} MB"
        f"  until {part.retain_until}"
    )


def _printed(document: dict[str, Any], form: Form) -> str:
    if form is Form.HTML:
        return printable("lifecycle.archive", "document.html", document)
    return _as_csv(document).rstrip("\n") if form is Form.CSV else "\n".join(_as_text(document))


def _as_text(document: dict[str, Any]) -> Iterator[str]:
    """Name and value, line by line."""
    yield f"{document['number']}, kept until {document['retain_until']}"
    yield from (f"  {name}: {value}" for name, value in document["document"].items() if value is not None)
    for collection, rows in document["rows"].items():
        for row in rows:
            yield f"{collection}: " + ", ".join(
                f"{name} {value}" for name, value in row.items() if value is not None
            )


def _as_csv(document: dict[str, Any]) -> str:
    """A table for the document and each collection that belongs to it, a blank line between them (RFC 4180)."""
    written = io.StringIO()
    writer = csv.writer(written)
    tables = {"document": [document["document"]], **document["rows"]}
    for number, (name, rows) in enumerate((name, rows) for name, rows in tables.items() if rows):
        if number:
            writer.writerow([])
        writer.writerow(["", *rows[0]])
        writer.writerows([name, *row.values()] for row in rows)
    return written.getvalue()
