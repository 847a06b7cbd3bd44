"""How the tasks hang together by which periods are released."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Asset, CronPartitionTimetable, CronTriggerTimetable, TriggerRule, task_group

from lifecycle.orchestration import releases, tasks
from lifecycle.orchestration.wiring import check_before, step, time_zone_of

ONE_O_CLOCK = "0 1 * * *"
TWO_O_CLOCK = "0 2 * * *"
"""An hour before the rules by which events go."""
PERIOD = "{{ task.op_kwargs['period']['release'] }} {{ task.op_kwargs['period']['first_day'] }}"
"""How a period is called on Airflow's page."""
RELEASED = Asset(name="released", uri="lifecycle://released")
"""Told what a run has released; its partitions are ``<release>.<first day>``."""


def every_partition(schedule: str) -> CronPartitionTimetable:
    """Each day for the day before, in the policy's time zone; a day is a partition, and can be backfilled as such."""
    return CronPartitionTimetable(
        TWO_O_CLOCK, timezone=time_zone_of(schedule), run_offset=-1, key_format="%Y-%m-%d"
    )


def every_night(schedule: str) -> CronTriggerTimetable:
    """Each day, since a key that is not needed any more lives no day longer."""
    return CronTriggerTimetable(ONE_O_CLOCK, timezone=time_zone_of(schedule))


def release_periods() -> None:
    """Period by period; leave nothing behind that they were made of; sign; succeed only where all are released."""
    before, late, periods = check_before(), step(releases.record_late)(), step(releases.periods)()
    before >> late >> periods
    before >> step(releases.record_late_events)()
    made = period.expand(period=periods)
    cleared = step(releases.clear, TriggerRule.ALL_DONE)()
    made >> cleared >> step(tasks.sign_what_is_new, TriggerRule.ALL_DONE)()
    told = step(releases.tell_released, TriggerRule.ALL_DONE, outlets=[RELEASED])(periods)
    made >> told
    [made, told] >> EmptyOperator(task_id="all_done", trigger_rule=TriggerRule.NONE_FAILED)


def rotate_keys() -> None:
    """Make keys and destroy them; sign. Delete what builders know of periods of long ago."""
    before = check_before()
    before >> step(releases.rotate_keys)() >> step(tasks.sign_what_is_new)()
    before >> step(releases.forget_utility)()


@task_group  # type: ignore[untyped-decorator]  # Airflow's are not typed
def period(period: dict[str, str]) -> None:
    """One period of one release."""
    extracted = step(releases.extract, map_index_template=PERIOD)(period=period)
    counted = step(releases.count)(extracted)
    step(releases.draw)(counted)
