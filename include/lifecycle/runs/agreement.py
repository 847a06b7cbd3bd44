"""Before anything is decided: database, data map and policy agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.errors import CheckFailed
from lifecycle.policy.check import check as check_policy
from lifecycle.policy.findings import Severity
from lifecycle.quality.before import Seen, check_schema

if TYPE_CHECKING:
    from datetime import datetime

    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.quality.suite import Checked
    from lifecycle.runs.company import Company


def check_before(company: Company, *, as_of: datetime) -> Checked:
    """The database is as the map describes it, and nothing in the policy in force stands in the way of a run.

    Raises:
        CheckFailed: it is not, or something does; nothing may be decided.
        PolicyError: the policy in force cannot be resolved.
        PromiseBroken: the database was restored from a backup, and not everything was done again yet.
    """
    company.require_continued()
    return check_agreement(company, as_of=as_of)


def check_agreement(company: Company, *, as_of: datetime) -> Checked:
    """The same of a database that may have been restored from a backup just now.

    The database is looked at each time; what an opened company has found to agree before does so again.

    Raises:
        CheckFailed: the three do not agree.
        PolicyError: the policy in force cannot be resolved.
    """
    seen, version = Seen.of(company.engine, company.datamap), company.version(as_of).policy.version
    before = company.agreed.get(version)
    if before is not None and before[0] == seen:
        return before[1]
    checked = check_schema(seen, company.datamap)
    _require_agreement(company, company.rulebook(as_of), as_of)
    company.agreed[version] = (seen, checked)
    return checked


def _require_agreement(company: Company, rulebook: Rulebook, as_of: datetime) -> None:
    """Policy, data map and live schema have no error that ``lifecycle check`` would find."""
    version = company.version(as_of)
    found = check_policy(version, company.datamap, rulebook.live, schedules=company.schedules)
    errors = [f"{one.place}: {one.message}" for one in found if one.severity is Severity.ERROR]
    if errors:
        raise CheckFailed(
            f"policy, data map and database disagree: {'; '.join(errors)}",
            place=str(version.file.path),
            next_step="see lifecycle check for what to do; nothing is deleted before",
        )
