"""Task bodies of what is done after a restore from a backup: each opens the company and makes one call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import get_current_context

from lifecycle.errors import UsageError
from lifecycle.orchestration.requests import moment_of_answer
from lifecycle.orchestration.tasks import opened


def moment_of_backup() -> datetime:
    """When the backup was made, as the operator says.

    Raises:
        UsageError: there is no such moment, or it has not come.
    """
    given = get_current_context()["params"]["since"]
    try:
        since = datetime.fromisoformat(given)
    except ValueError:
        raise UsageError("is no moment", place="since", next_step="start it again with one") from None
    if since > datetime.now(UTC):
        raise UsageError(
            "lies in the future", place="since", next_step="start it again with the backup's moment"
        )
    return since


def check_before() -> dict[str, Any]:
    """Check database, map and policy against each other, however much of the ledger is lost."""
    from lifecycle.runs.agreement import check_agreement

    moment_of_backup()  # before anything is opened
    with opened(is_restored=True) as company:
        return check_agreement(company, as_of=moment_of_answer(company)).to_json()


def put_back() -> dict[str, int]:
    """Put the ledger's lost entries back."""
    from lifecycle.requests.replay import put_back

    with opened(is_restored=True) as company:
        return {"entries": put_back(company, as_of=moment_of_answer(company))}


def survey() -> dict[str, Any]:
    """What is to be done again: counts, numbers and words."""
    from lifecycle.requests.replay import survey

    with opened(is_restored=True) as company:
        found = survey(company, since=moment_of_backup(), as_of=moment_of_answer(company))
    return {**found.to_json(), "since": moment_of_backup().isoformat()}


def replay(approved_by: str) -> dict[str, Any]:
    """Erase again. Killed and run again, it goes on."""
    from lifecycle.requests.replay import replay

    with opened(is_restored=True) as company:
        as_of = moment_of_answer(company)
        done = replay(
            company, since=moment_of_backup(), replayed_by=approved_by, as_of=as_of, are_held_again=True
        )
    return done.to_json()


def check_after() -> None:
    """See that the ledger is whole, and that nothing waits to be done again."""
    with opened() as company:
        company.require_continued()


def summary(replayed: dict[str, Any]) -> dict[str, Any]:
    """What was done, and what a person has to do again."""
    return replayed
