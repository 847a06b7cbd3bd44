"""``check`` and ``coverage``: whether policy, map and database agree, and what keeps each commitment."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from lifecycle.cli.session import AsOf, Json, emit, moment
from lifecycle.datamap.load import read_datamap
from lifecycle.errors import CheckFailed
from lifecycle.policy.check import check as check_policy
from lifecycle.policy.coverage import coverage as cover
from lifecycle.policy.findings import Severity
from lifecycle.policy.load import in_force, load_policies
from lifecycle.policy.schedule import schedules_in
from lifecycle.settings import PROJECT, Settings
from lifecycle.store.engine import connect, resolve_url
from lifecycle.store.inspect import inspect

if TYPE_CHECKING:
    import typer

    from lifecycle.policy.coverage import Covered


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(check)
    app.command()(coverage)


def check(*, as_of: AsOf = None, json: Json = False) -> None:
    """Compare policy, data map and live schema; exit 1 where anything stands in the way of a run."""
    settings = Settings.from_environment()
    policies = load_policies(settings.policy_dir)
    version = in_force(policies, moment(as_of, policies[-1].policy.zone))
    datamap = read_datamap(settings.datamap_dir)
    with connect(resolve_url(settings)).connect() as connection:
        live = inspect(connection, datamap.schemas)
    found = check_policy(version, datamap, live, schedules=schedules_in(PROJECT / "dags"))
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


def coverage(*, as_of: AsOf = None, json: Json = False) -> None:
    """Show what keeps each commitment of the policy: rules, duties, parts, DAGs and tests."""
    settings = Settings.from_environment()
    policies = load_policies(settings.policy_dir)
    version = in_force(policies, moment(as_of, policies[-1].policy.zone))
    found = cover(version, PROJECT / "dags", PROJECT / "tests")
    lines = [line for one in found for line in _coverage_lines(one)]
    emit([asdict(one) for one in found], lines, as_json=json)


def _coverage_lines(one: Covered) -> list[str]:
    cited = {
        "rules": one.rules,
        "duties to keep": one.statutory,
        "archives": one.archives,
        "releases": one.releases,
        "purposes": one.purposes,
        "recipients": one.recipients,
        "rights": one.rights,
        "kept by": one.kept_by,
        "DAGs": one.dags,
        "tests": one.tests,
    }
    lines = [f"{one.commitment}  {one.promise}"]
    lines += [f"      {what}: {', '.join(names)}" for what, names in cited.items() if names]
    return lines if one.is_enforced else [*lines, "      nothing enforces it"]
