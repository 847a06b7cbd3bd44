"""How the tasks of a request hang together, and those that see to all requests every day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, Param, TriggerRule, task

from lifecycle.orchestration import daily_requests, requests, tasks
from lifecycle.orchestration.answer_deadlines import of_answers
from lifecycle.orchestration.request_approval import RequestApproval, reason_of_refusal
from lifecycle.orchestration.weighing import Weighing
from lifecycle.orchestration.wiring import HOLD_RELEASED, check_before, deliveries, step

REQUEST_NUMBER = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
DAYS_TO_ANSWER = 7
"""A plan that no operator answers by then is given up; the request stays open and can be started again."""
RUNS_AT_ONCE = 8

REQUEST_DUE = Asset(name="request_due", uri="lifecycle://request/due")
"""Told when the last day of a request's answer comes near; carries its number and that day."""


def on_request(schedule: str) -> dict[str, Any]:
    """What a DAG that answers one request has: no schedule, and the number of the request as its only input."""
    number = Param(
        type="string",
        pattern=REQUEST_NUMBER,
        title="Number of the request",
        description="As the page of requests or lifecycle request list shows it. Never a name or an address.",
    )
    return {
        **deliveries(schedule),
        "max_active_runs": RUNS_AT_ONCE,
        "params": {"request_id": number},
        "deadline": of_answers(),
    }


def answer_request(*, is_weighed: bool = False, can_be_lifted: bool = False) -> None:
    """Plan, check, let an operator approve, execute, check, close, sign, tell; or refuse where an operator did.

    Args:
        is_weighed: an operator may have to decide something before it is planned.
        can_be_lifted: what was done lasts, and a later run ends it where an operator says so.
    """
    chosen, refused = task.branch(requests.choose)(), step(requests.refuse)()
    before, planned = check_before(), step(requests.plan)()
    others = [refused, step(requests.lift, outlets=[HOLD_RELEASED])()] if can_be_lifted else [refused]
    digest = step(requests.check_plan)(planned)
    approval = RequestApproval(
        task_id="approval",
        planned=planned,
        params={"reason": reason_of_refusal()},
        response_timeout=timedelta(days=DAYS_TO_ANSWER),
    )
    executed, checked = step(requests.execute)(digest), step(tasks.check_after)(digest)
    closed = step(requests.close, TriggerRule.NONE_FAILED)(planned)
    signed = step(tasks.sign_what_is_new, TriggerRule.ALL_DONE)()
    told = step(requests.receipt, TriggerRule.NONE_FAILED)()
    chosen >> [*others, before]
    if is_weighed:
        before >> Weighing(task_id="weigh", response_timeout=timedelta(days=DAYS_TO_ANSWER)) >> planned
    before >> planned
    digest >> approval >> executed >> checked >> closed
    [*others, closed] >> signed
    [*others, closed, signed] >> told


def see_to_requests() -> None:
    """Erase what may go now, destroy packages that nobody fetched, say which answers are due, fail for late ones."""
    returned = step(daily_requests.flag_returned)()
    ended = step(daily_requests.end_restrictions, TriggerRule.ALL_DONE)()
    resumed = step(daily_requests.resume, TriggerRule.ALL_DONE)()
    expired = step(daily_requests.destroy_packages, TriggerRule.ALL_DONE)()
    entered = step(daily_requests.enter_handed_out, TriggerRule.ALL_DONE)()
    due = step(daily_requests.near_ends, TriggerRule.ALL_DONE)()
    signed = step(tasks.sign_what_is_new, TriggerRule.ALL_DONE)()
    returned >> ended >> resumed >> expired >> entered >> signed >> due
    step(daily_requests.tell_near_ends, outlets=[REQUEST_DUE])(due)
    [returned, ended, resumed, expired, entered, due] >> step(
        daily_requests.require_answers_in_time, TriggerRule.ALL_DONE
    )()
