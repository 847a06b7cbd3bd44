"""How the steps hang together: a task group for each rule of a schedule, one after another.

One after another, because rules touch the same rows: each plans when the one before it is through. Each whatever
became of the one before it, because one promise that fails is no reason to break the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    TaskGroup,
    TriggerRule,
    task,
)
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from lifecycle.orchestration import tasks
from lifecycle.orchestration.alerts import report_late
from lifecycle.orchestration.approval import PlanApproval
from lifecycle.policy.schedule import schedule_of
from lifecycle.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lifecycle.policy.schedule import Schedule

THREE_O_CLOCK = "0 3 * * *"
EVERY_HOUR = "20 * * * *"
HOURS_TO_FINISH = 12
HOURS_TO_ANSWER = 20
"""A plan that nobody approves before the next run comes is refused; the next run asks anew."""

HOLD_RELEASED = Asset(name="hold_released", uri="lifecycle://hold/released")
"""An event of it starts every schedule at once: what fell due during a hold goes when it is released (W9)."""
LAST_NOTICE = Asset(name="deletion_announced", uri="lifecycle://deletion/announced")
"""Told when the last notice of a coming deletion is given; carries rule, planned day, counts, fingerprints."""

RETRY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception="lifecycle.errors.StoreError", action=RetryAction.RETRY),
        RetryRule(
            exception="lifecycle.errors.LifecycleError",
            action=RetryAction.FAIL,
            reason="trying again does not mend it",
        ),
    ]
)
DEFAULTS = {
    "owner": "privacy",
    "retries": 4,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 3.0,
    "max_retry_delay": timedelta(minutes=30),
    "retry_policy": RETRY,
}


def kept(schedule: str) -> Asset:
    """Told when all promises of a schedule are kept as of a moment; carries what was done, in counts."""
    return Asset(name=f"{schedule}_kept", uri=f"lifecycle://kept/{schedule}")


def every_day(schedule: str) -> AssetOrTimeSchedule:
    """At three in the policy's time zone, and at once when a hold was released."""
    return AssetOrTimeSchedule(
        timetable=CronTriggerTimetable(THREE_O_CLOCK, timezone=_stated(schedule).time_zone),
        assets=[HOLD_RELEASED],
    )


def in_common(schedule: str) -> dict[str, Any]:
    """What the DAGs have in common: one run at a time, tried again where that helps, never silently late.

    Days before the first policy have no runs; days that were missed need none, since each run deletes all that
    is due by its moment. Runs for past days can be made all the same (backfill): they delete what was due then.
    """
    stated = _stated(schedule)
    return {
        "start_date": datetime.combine(stated.since, datetime.min.time(), tzinfo=ZoneInfo(stated.time_zone)),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": DEFAULTS,
        "deadline": DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=HOURS_TO_FINISH),
            callback=SyncCallback(report_late, kwargs={"schedule": schedule, "hours": HOURS_TO_FINISH}),
        ),
    }


def time_zone_of(schedule: str) -> str:
    """The policy's time zone, in which the times of a DAG are meant."""
    return _stated(schedule).time_zone


def every_hour() -> CronTriggerTimetable:
    """Away from the full hour, when everybody else calls."""
    return CronTriggerTimetable(EVERY_HOUR, timezone="UTC")


def deliveries(schedule: str) -> dict[str, Any]:
    """What a DAG that only delivers has: one run at a time, and no run that makes up for another."""
    stated = _stated(schedule)
    return {
        "start_date": datetime.combine(stated.since, datetime.min.time(), tzinfo=ZoneInfo(stated.time_zone)),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": DEFAULTS,
    }


@dataclass(frozen=True, kw_only=True)
class Promise:
    """The task group of a rule: ``finished`` fails where the promise is not kept, ``settled`` never does."""

    group: TaskGroup
    finished: Any
    settled: EmptyOperator


def promises(schedule: str) -> list[Promise]:
    """A group for each rule of the schedule, in the order of the policy; wired one after another."""
    found = [promise(name) for name in _stated(schedule).rules]
    for earlier, later in pairwise(found):
        earlier.settled >> later.group
    return found


def promise(rule: str) -> Promise:
    """Plan, check, let a person approve where it must be, execute, check; then whatever had changed meanwhile."""
    with TaskGroup(rule) as group:
        evidence, planned = step(tasks.check_evidence)(rule), step(tasks.plan)(rule)
        digest = step(tasks.check_plan)(planned)
        gate = task.branch(tasks.guard)(planned)
        approval = PlanApproval(
            task_id="approval", planned=planned, response_timeout=timedelta(hours=HOURS_TO_ANSWER)
        )
        executed = step(tasks.execute, TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)(digest)
        checked = step(tasks.check_after)(digest)
        finished = step(tasks.finish, TriggerRule.NONE_FAILED)(planned)
        settled = EmptyOperator(task_id="settled", trigger_rule=TriggerRule.ALL_DONE)
        evidence >> planned
        digest >> gate >> [approval, executed]
        approval >> executed >> checked >> finished >> settled
    return Promise(group=group, finished=finished, settled=settled)


def check_before() -> Any:
    """Nothing is planned unless this passes."""
    return step(tasks.check_before)()


def announce() -> Any:
    """Take notice of what is coming; the last notice of a deletion is an event."""
    noticed = step(tasks.take_notice)()
    step(tasks.last_notices, outlets=[LAST_NOTICE])(noticed)
    return noticed


def settle_notices() -> Any:
    """Take notice of what was done, whatever became of the rules."""
    return step(tasks.take_notice, TriggerRule.ALL_DONE, task_id="settle_notices")()


def notify_recipients() -> None:
    """Deliver and sign what was done; fail where a recipient was given up or cannot be told."""
    delivered = step(tasks.deliver_notices)()
    step(tasks.check_outbox)(delivered)
    delivered >> step(tasks.sign_what_is_new, TriggerRule.ALL_DONE)()


def close(schedule: str, kept_promises: Iterable[Promise]) -> Any:
    """Sign the ledger whatever happened; succeed, and tell, only where every promise is kept."""
    signed = step(tasks.sign_ledger, TriggerRule.ALL_DONE)()
    finished = [one.finished for one in kept_promises]
    signed >> step(tasks.summary, TriggerRule.NONE_FAILED, outlets=[kept(schedule)])(finished)
    return signed


def step(
    body: Callable[..., Any], trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS, **options: Any
) -> Any:
    """A task of this body; what it returns is one value for the tasks after it."""
    return task(multiple_outputs=False, trigger_rule=trigger_rule, **options)(body)


def _stated(schedule: str) -> Schedule:
    return schedule_of(Settings.from_environment().policy_dir, schedule)
