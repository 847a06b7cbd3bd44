"""``lifecycle check``: everything in which policy, data map and live schema disagree, in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.checks import (
    commitments,
    emptied,
    foreign_keys,
    identities,
    indexes,
    links,
    names,
    partitions,
    periods,
    purposes,
    reach,
    recipients,
    requests,
    schema,
    statutory,
    stops,
    values,
)
from lifecycle.policy.checks.examined import Examined
from lifecycle.policy.findings import Finding, Severity, error
from lifecycle.policy.rulebook import survey

if TYPE_CHECKING:
    from lifecycle.datamap.live import LiveSchema
    from lifecycle.datamap.model import DataMap
    from lifecycle.policy.load import PolicyVersion

__all__ = ["Finding", "Severity", "check"]

_CHECKS = (
    schema.check,
    names.check,
    commitments.check,
    purposes.check,
    recipients.check,
    values.check,
    periods.check,
    reach.check,
    foreign_keys.check,
    links.check,
    emptied.check,
    statutory.check,
    partitions.check,
    identities.check,
    requests.check,
    stops.check,
    indexes.check,
)


def check(
    version: PolicyVersion,
    datamap: DataMap,
    live: LiveSchema,
    *,
    schedules: frozenset[str] | None = None,
) -> tuple[Finding, ...]:
    """Compare the three with each other; errors come first, each group in the order of the files.

    Args:
        version: a policy as read.
        datamap: as :func:`~lifecycle.datamap.load.read_datamap` gives it, mistakes included.
        live: of the map's schemas, as :func:`lifecycle.store.inspect.inspect` gives it.
        schedules: names of the DAGs that there are; None where nobody knows.
    """
    if live.keys().isdisjoint(datamap.collections):
        return (_nothing_there(version),)
    resolved, mistakes = survey(version, datamap, live)
    examined = Examined(version=version, datamap=datamap, live=live, resolved=resolved, schedules=schedules)
    found = [
        error("policy.unresolved", mistake.message, mistake.place, mistake.next_step) for mistake in mistakes
    ]
    for one in _CHECKS:
        found += one(examined)
    return tuple(sorted(dict.fromkeys(found), key=_order))


def _nothing_there(version: PolicyVersion) -> Finding:
    """Instead of one finding for each table, column and reference."""
    return error(
        "database.empty",
        "the database has none of the tables that the data map describes",
        version.place("policy"),
        "set LIFECYCLE_DATABASE_URL to the company's database; in the embedded one, lifecycle seed invents a company",
    )


def _order(finding: Finding) -> tuple[bool, str, int, str, str]:
    path, _, line = finding.place.rpartition(":")
    number = int(line) if line.isdigit() else 0
    return finding.severity is Severity.WARNING, path, number, finding.code, finding.message
