"""How the tasks hang together by which a restored database is brought up to date."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, TriggerRule

from lifecycle.orchestration import restored, tasks
from lifecycle.orchestration.restore_approval import ReplayApproval
from lifecycle.orchestration.wiring import deliveries, step

MOMENT = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})$"
DAYS_TO_ANSWER = 7


def after_restore(schedule: str) -> dict[str, Any]:
    """What the DAG has: no schedule, one run at a time, and the moment of the backup as its only input."""
    moment = Param(
        type="string",
        pattern=MOMENT,
        title="When the backup was made",
        description="A moment with its offset, such as 2026-03-10T03:00:00+02:00.",
    )
    return {**deliveries(schedule), "params": {"since": moment}}


def replay_erasures() -> None:
    """Put the ledger back, count, let an operator approve, erase again, see that it is whole, sign, tell."""
    before, put_back = step(restored.check_before)(), step(restored.put_back)()
    surveyed = step(restored.survey)()
    approval = ReplayApproval(
        task_id="approval", surveyed=surveyed, response_timeout=timedelta(days=DAYS_TO_ANSWER)
    )
    replayed, checked = step(restored.replay)(approval.output), step(restored.check_after)()
    signed = step(tasks.sign_what_is_new, TriggerRule.ALL_DONE)()
    before >> put_back >> surveyed
    replayed >> checked >> signed
    [checked, signed] >> step(restored.summary, TriggerRule.NONE_FAILED)(replayed)
