"""``notice`` and ``ropa``: what subjects and authorities are told of what is processed, made from policy and map."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle.cli.session import AsOf, Json, emit, moment
from lifecycle.datamap.load import load_datamap
from lifecycle.pages import printable
from lifecycle.policy.load import in_force, load_policies
from lifecycle.policy.notice import notice as notice_of
from lifecycle.policy.ropa import as_markdown, record_of_processing
from lifecycle.settings import Settings

if TYPE_CHECKING:
    from lifecycle.datamap.model import DataMap
    from lifecycle.policy.model import Policy


class Written(StrEnum):
    """How a notice is written."""

    HTML = "html"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(notice)
    app.command()(ropa)


def notice(
    *,
    written: Annotated[
        Written, typer.Option("--as", help="A page that can be printed, or JSON.")
    ] = Written.HTML,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Print what subjects are told: purposes, bases, sources, recipients, periods, rights (GDPR Art. 13 and 14)."""
    policy, datamap = _stated(as_of)
    document = notice_of(policy, datamap)
    if json or written is Written.JSON:
        emit(document, [], as_json=True)
        return
    sys.stdout.write(printable("lifecycle.requests.copies", "notice.html", document) + "\n")


def ropa(*, as_of: AsOf = None, json: Json = False) -> None:
    """Print the record of processing activities (GDPR Art. 30), as Markdown."""
    record = record_of_processing(*_stated(as_of))
    emit(record, as_markdown(record).splitlines(), as_json=json)


def _stated(as_of: str | None) -> tuple[Policy, DataMap]:
    """Policy and map; no database is asked."""
    settings = Settings.from_environment()
    policies = load_policies(settings.policy_dir)
    version = in_force(policies, moment(as_of, policies[-1].policy.zone))
    return version.policy, load_datamap(settings.datamap_dir)
