"""How the tasks hang together by which archives are written and looked after."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, TriggerRule, task, task_group

from lifecycle.orchestration import archives, tasks
from lifecycle.orchestration.wiring import check_before, step, time_zone_of

ON_THE_ELEVENTH = "30 3 11 * *"
ON_THE_TWENTIETH = "30 3 20 * *"


def every_month(schedule: str, when: str) -> CronTriggerTimetable:
    """On a day of each month, in the policy's time zone."""
    return CronTriggerTimetable(when, timezone=time_zone_of(schedule))


def write_archives() -> None:
    """Year by year write, read again, seal; then whatever did not go into one part; sign the ledger."""
    before, years = check_before(), step(archives.years)()
    written = part.expand(year=years)
    before >> years
    written >> step(tasks.sign_what_is_new, TriggerRule.ALL_DONE)()


@task_group  # type: ignore[untyped-decorator]  # Airflow's are not typed
def part(year: dict[str, str]) -> None:
    """One financial year of one archive."""
    written = task(map_index_template="{{ task.op_kwargs['year']['archive'] }}")(archives.write)(year)
    sealed = step(archives.seal)(step(archives.check)(written))
    sealed >> step(archives.rest)(year)


def verify_archives() -> None:
    """Read everything again; fail where something is lost; sign what was found."""
    names = step(archives.names)()
    verified = task(archives.verify).expand(name=names)
    verified >> step(tasks.sign_what_is_new, TriggerRule.ALL_DONE)()
