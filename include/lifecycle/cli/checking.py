"""``check`` and ``coverage``: whether policy, map and database agree, and what keeps each commitment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.cli.session import AsOf, Json, emit, moment
from lifecycle.datamap.load import read_datamap
from lifecycle.errors import CheckFailed
from lifecycle.policy.check import check as check_policy
from lifecycle.policy.findings import Severity
from lifecycle.policy.load import in_force, load_policies
from lifecycle.settings import Settings
from lifecycle.store.engine import connect, resolve_url
from lifecycle.store.inspect import inspect

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(check)


def check(*, as_of: AsOf = None, json: Json = False) -> None:
    """Compare policy, data map and live schema; exit 1 where anything stands in the way of a run."""
    settings = Settings.from_environment()
    policies = load_policies(settings.policy_dir)
    version = in_force(policies, moment(as_of, policies[-1].policy.zone))
    datamap = read_datamap(settings.datamap_dir)
    with connect(resolve_url(settings)).connect() as connection:
        live = inspect(connection, datamap.schemas)
    found = check_policy(version, datamap, live)
    lines = [
        f"{one.severity}: {one.place}: {one.message} [{one.code}]\n  Next: {one.next_step}" for one in found
    ]
    errors = sum(one.severity is Severity.ERROR for one in found)
    lines.append(f"{errors} errors, {len(found) - errors} warnings in the policy of {version.policy.version}")
    emit([vars(one) for one in found], lines, as_json=json)
    if errors:
        raise CheckFailed(
            f"policy, data map and database disagree in {errors} places",
            place=str(version.file.path),
            next_step="mend what is named above; no DAG deletes anything before",
        )
