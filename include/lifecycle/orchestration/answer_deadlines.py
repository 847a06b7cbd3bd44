"""Deadlines of runs that answer requests: they count from the request's own last day, and not from the run's times.

Airflow asks when it makes a run, in the process that does so: the API server, where an operator starts it. The run is
told the request's number alone; its last day stands in the register.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import BaseDeadlineReference, DeadlineAlert

from lifecycle.errors import place_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)

DAYS_BEFORE = (10, 3)
"""Days before the last one on which an answer that is not given yet is reported."""


@dataclass
class BeforeLastDay(BaseDeadlineReference):  # type: ignore[misc]  # Airflow's SDK is not typed
    """The local day that comes so many days before the last one of the request that a run answers.

    None, so that the run has no such deadline, where the process that makes it cannot read the register: the daily look
    at all requests does not need it.
    """

    days: int = 0

    required_kwargs = frozenset({"dag_id", "run_id"})

    def serialize_reference(self) -> dict[str, Any]:
        """As the metadata database keeps it."""
        return {**super().serialize_reference(), "days": self.days}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> BeforeLastDay:
        """From what the metadata database keeps."""
        return cls(days=reference_data["days"])

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        from airflow.models import DagRun
        from sqlalchemy import select

        of_run = DagRun.dag_id == dag_id, DagRun.run_id == run_id
        told = session.scalar(select(DagRun.conf).where(*of_run)) or {}
        try:
            return _begins(UUID(told["request_id"]), self.days)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is more than its alert
            logger.warning("run %s has no deadline: %s at %s", run_id, type(error).__name__, place_of(error))
            return None


def of_answers() -> list[DeadlineAlert]:
    """What a DAG that answers requests has: a report when ten days are left, and when three are."""
    return [
        DeadlineAlert(
            name=f"{days} days before the last one",
            reference=BeforeLastDay(days=days),
            interval=timedelta(0),
            callback=SyncCallback(report_answer_due, kwargs={"days": days}),
        )
        for days in DAYS_BEFORE
    ]


def report_answer_due(context: dict[str, Any] | None = None, *, days: int) -> None:
    """Say, at the level of an error, that a run has not answered its request; alerting listens to the log.

    Not where it was answered by another run, or its last day was put off since.
    """
    from lifecycle.orchestration.tasks import opened
    from lifecycle.requests.register import get
    from lifecycle.timelimits import local_day

    run, at = (context or {})["dag_run"], datetime.now(UTC)
    with opened() as company, company.engine.connect() as connection:
        found = get(connection, UUID(run["conf"]["request_id"]))
        left = (found.due_on - local_day(at, company.version(at).policy.zone)).days
    if found.is_open and left <= days:
        logger.error(
            "request %s has to be answered by %s: %s days are left, and run %s of %s has not answered it",
            found.request_id,
            found.due_on,
            left,
            run["dag_run_id"],
            run["dag_id"],
        )


def _begins(request_id: UUID, days: int) -> datetime:
    """When the day begins that comes so many days before the request's last one, by the register."""
    from lifecycle.requests.register import get
    from lifecycle.runs.company import Company
    from lifecycle.settings import Settings
    from lifecycle.store.roles import Role
    from lifecycle.timelimits import first_instant

    company = Company.open(Settings.from_environment(), role=Role.INTAKE)
    try:
        with company.engine.connect() as connection:
            due_on = get(connection, request_id).due_on
        zone = company.version(datetime.now(UTC)).policy.zone
        return first_instant(due_on - timedelta(days=days), zone)
    finally:
        company.engine.dispose()
