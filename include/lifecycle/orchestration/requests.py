"""Task bodies of requests: each opens the company that the environment names and makes one call.

The request's number is all that Airflow is told. Who answers it, and who is asked, stands in the register.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from lifecycle.orchestration.tasks import opened, run_moment

if TYPE_CHECKING:
    from lifecycle.runs.company import Company


def request_of_run() -> UUID:
    """The request that the run answers."""
    return UUID(get_current_context()["params"]["request_id"])


def moment_of_answer(company: Company) -> datetime:
    """The moment of the run, unless another version of the policy counts by now.

    Raises:
        PolicyAmended: the request has to be started again, by the policy that counts now.
    """
    as_of = run_moment()
    company.require_in_force(as_of, now=datetime.now(UTC))
    return as_of


def choose() -> str:
    """The task to go on with: what an operator has asked for on the page, a refusal or an end; the first check else."""
    from lifecycle.requests.lifting import lifting_asked
    from lifecycle.requests.register import refusal_asked

    request_id = request_of_run()
    with opened() as company, company.engine.connect() as connection:
        if lifting_asked(connection, request_id):
            return "lift"
        return "refuse" if refusal_asked(connection, request_id) else "check_before"


def lift() -> dict[str, Any]:
    """Lift a restriction as the operator said; skipped where it is lifted already."""
    from lifecycle.requests import lifting

    request_id = request_of_run()
    with opened() as company:
        with company.engine.connect() as connection:
            asked = lifting.lifting_asked(connection, request_id)
        if asked is None:
            raise AirflowSkipException("nothing is to be lifted any more")
        informed_by, by = asked
        lifted = lifting.lift(company, request_id, informed_by=informed_by, lifted_by=by, as_of=run_moment())
    return {"request": str(request_id), "hold": str(lifted.hold_id)}


def refuse() -> dict[str, Any]:
    """Refuse the request as the operator said."""
    from lifecycle.requests import steps
    from lifecycle.requests.register import get, refusal_asked

    request_id = request_of_run()
    with opened() as company:
        with company.engine.connect() as connection:
            asked, is_open = refusal_asked(connection, request_id), get(connection, request_id).is_open
        if asked and is_open:
            reason, by = asked
            steps.refuse(company, request_id, reason=reason, refused_by=by, as_of=datetime.now(UTC))
    return {"request": str(request_id)}


def plan() -> dict[str, Any]:
    """Plan what the request asks for: digest, counts, reasons, what only an operator can say, what it means."""
    from lifecycle.requests import steps
    from lifecycle.requests.proposal import describe

    request_id = request_of_run()
    with opened() as company:
        planned = steps.plan(company, request_id, as_of=moment_of_answer(company))
        return describe(company, request_id, planned).to_json()


def check_plan(planned: dict[str, Any]) -> str:
    """Check the plan; its digest. Skipped where nothing is to be done."""
    from lifecycle.requests.steps import check_plan

    if planned["digest"] is None:
        raise AirflowSkipException("nothing is to be done")
    with opened() as company:
        check_plan(company, planned["digest"])
    return str(planned["digest"])


def execute(digest: str) -> dict[str, Any]:
    """Carry out the plan. Killed and run again, it goes on where it stopped."""
    from lifecycle.requests.steps import carry_out

    with opened() as company:
        moment_of_answer(company)
        return carry_out(company, digest).to_json()


def close(planned: dict[str, Any] | None) -> dict[str, Any]:
    """Look for the subject without the plan, and close the request; skipped where it is closed."""
    from lifecycle.requests import steps
    from lifecycle.requests.register import get

    request_id = request_of_run()
    if planned is None:
        raise AirflowSkipException("the request was refused")
    with opened() as company:
        with company.engine.connect() as connection:
            found = get(connection, request_id)
        if not found.is_open:
            raise AirflowSkipException(f"the request is {found.state} already")
        return steps.close(company, request_id, as_of=run_moment(), closed_at=datetime.now(UTC))


def receipt() -> dict[str, Any]:
    """What the receipt says, in counts."""
    from lifecycle.requests.receipt import issue

    with opened() as company, company.engine.connect() as connection:
        issued = issue(connection, request_of_run())
    told = ("request", "kind", "answered_at", "policy_version", "done", "kept", "refused_because")
    return {name: issued["body"][name] for name in told if name in issued["body"]}
