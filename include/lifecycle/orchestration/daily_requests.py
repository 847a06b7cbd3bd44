"""Task bodies of what is seen to for all requests every day."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from lifecycle.orchestration.tasks import deciding_moment, opened, run_moment, tell

logger = logging.getLogger(__name__)

_SAID = {
    "answer": "request %s has to be answered by %s: %s days are left",
    "restriction": "the restriction of request %s ends with %s, and its subject is told before: %s days are left",
}


def flag_returned() -> dict[str, int]:
    """Find erased subjects whom an import brought back, and leave their rows to be erased; how many, by request."""
    from lifecycle.requests.steps import flag_returned

    with opened() as company:
        flagged = flag_returned(company, as_of=deciding_moment(company))
    return {str(number): rows for number, rows in flagged.items()}


def resume() -> list[dict[str, Any]]:
    """Erase what erasures had to leave, as far as nothing keeps it any more."""
    from lifecycle.requests.remainders import resume_all

    with opened() as company:
        resumed = resume_all(company, as_of=deciding_moment(company))
    resumed.require_done()
    return resumed.to_json()


def destroy_packages() -> list[str]:
    """Destroy what was put together for subjects and not fetched in time; of which requests."""
    from lifecycle.requests.packages import destroy_expired

    as_of = run_moment()
    with opened() as company, company.engine.begin() as connection:
        return [str(number) for number in destroy_expired(connection, as_of=as_of)]


def enter_handed_out() -> int:
    """Let the ledger know what was fetched on the page, which cannot write into it; how many entries."""
    from lifecycle.requests.packages import enter_handed_out

    as_of = run_moment()
    with opened() as company, company.engine.begin() as connection:
        return enter_handed_out(connection, as_of=as_of)


def end_restrictions() -> list[str]:
    """Tell recipients of restrictions whose last day has passed; of which requests."""
    from lifecycle.requests.lifting import end_restrictions

    with opened() as company:
        return [str(number) for number in end_restrictions(company, as_of=deciding_moment(company))]


def near_ends() -> list[dict[str, Any]]:
    """Answers and restrictions that are due to end within ten days, or three, and of which it was not told yet."""
    from lifecycle.requests.deadlines import near_ends
    from lifecycle.requests.lifting import near_restriction_ends

    as_of = run_moment()
    with opened() as company, company.engine.begin() as connection:
        zone = company.version(as_of).policy.zone
        answers = near_ends(connection, zone, as_of=as_of)
        return [one.to_json() for one in (*answers, *near_restriction_ends(connection, zone, as_of=as_of))]


def tell_near_ends(due: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Say so in the log, to which alerting listens, and as an event; skipped where nothing is due soon."""
    if not due:
        raise AirflowSkipException("no answer is due soon")
    for one in due:
        logger.error(_SAID[one["what"]], one["request"], one["due_on"], one["days_left"])
    tell({"due": due})
    return due


def require_answers_in_time() -> None:
    """Fail while a request is overdue: by today, however late the run is."""
    from lifecycle.requests.deadlines import overdue, require_none_overdue

    at = datetime.now(UTC)
    with opened() as company, company.engine.connect() as connection:
        late = overdue(connection, company.version(at).policy.zone, as_of=at)
    require_none_overdue(late)
