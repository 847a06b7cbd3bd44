"""How the tasks hang together by which archives are written and looked after."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, TaskGroup, TriggerRule, task, task_group

from lifecycle.orchestration import archives, tasks
from lifecycle.orchestration.approval import PlanApproval
from lifecycle.orchestration.wiring import (
    HOLD_RELEASED,
    HOURS_TO_ANSWER,
    check_before,
    step,
    time_zone_of,
)

FOUR_O_CLOCK = "0 4 * * *"
ON_THE_ELEVENTH = "30 3 11 * *"
ON_THE_TWENTIETH = "30 3 20 * *"
YEAR = "{{ task.op_kwargs['year']['archive'] }} {{ task.op_kwargs['year']['year_end'] }}"
"""How a year is called on Airflow's page."""


def every_month(schedule: str, when: str) -> CronTriggerTimetable:
    """On a day of each month, in the policy's time zone."""
    return CronTriggerTimetable(when, timezone=time_zone_of(schedule))


def write_archives() -> None:
    """Year by year write, read again, seal, write the rest; sign; succeed only where all of that did."""
    before, years = check_before(), step(archives.years)()
    before >> years
    _end(part.expand(year=years))


@task_group  # type: ignore[untyped-decorator]  # Airflow's are not typed
def part(year: dict[str, str]) -> None:
    """One financial year of one archive."""
    written = step(archives.write, map_index_template=YEAR)(year=year)
    sealed = step(archives.seal)(step(archives.check)(written))
    sealed >> step(archives.rest)(year=year)


def verify_archives() -> None:
    """Read everything again; sign what was found; succeed only where nothing is lost."""
    names = step(archives.names)()
    _end(task(archives.verify).expand(name=names))


def every_day_at_four(schedule: str) -> AssetOrTimeSchedule:
    """An hour after the rules in the policy's time zone, and at once when a hold was released."""
    return AssetOrTimeSchedule(
        timetable=CronTriggerTimetable(FOUR_O_CLOCK, timezone=time_zone_of(schedule)), assets=[HOLD_RELEASED]
    )


def expire_archives() -> None:
    """Keep what is held, plan, check, let a person approve where it must be, destroy; see that nothing is left."""
    before = check_before()
    with TaskGroup("expiry"):
        held = step(archives.keep_held)()
        planned = step(archives.plan_expiry, task_id="plan")()
        digest = step(archives.check_expiry, task_id="check_plan")(planned)
        gate = task.branch(tasks.guard)(planned)
        approval = PlanApproval(
            task_id="approval", planned=planned, response_timeout=timedelta(hours=HOURS_TO_ANSWER)
        )
        execute = step(archives.execute_expiry, TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, task_id="execute")
        executed = execute(digest)
        destroyed = step(archives.destroy, TriggerRule.NONE_FAILED)()
    before >> held >> planned
    digest >> gate >> [approval, executed]
    approval >> executed >> destroyed
    _end(destroyed)


def _end(done: Any) -> None:
    """Sign the ledger whatever happened."""
    done >> step(tasks.sign_what_is_new, TriggerRule.ALL_DONE)()
    done >> EmptyOperator(task_id="all_done", trigger_rule=TriggerRule.NONE_FAILED)
