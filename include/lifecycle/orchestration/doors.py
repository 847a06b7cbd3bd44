"""What Airflow lends to the page of requests: who is logged in and may start runs, and a run's start."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends

from lifecycle.errors import LifecycleError
from lifecycle.policy.model import RequestKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

DAGS: Mapping[RequestKind, str] = {
    RequestKind.ERASURE: "subject_erasure",
    RequestKind.ACCESS: "subject_access",
    RequestKind.PORTABILITY: "subject_portability",
    RequestKind.RECTIFICATION: "subject_rectification",
    RequestKind.RESTRICTION: "subject_restriction",
    RequestKind.OBJECTION: "subject_objection",
    RequestKind.WITHDRAWAL: "consent_withdrawal",
    RequestKind.INFORMATION: "subject_information",
}
"""The DAG that answers each kind of request."""
_may_start = requires_access_dag(
    method="POST", access_entity=DagAccessEntity.RUN, param_dag_id=DAGS[RequestKind.ERASURE]
)


def operator(user: GetUserDep, _may: Annotated[None, Depends(_may_start)]) -> str:
    """Who is logged in, by the name that Airflow knows; 401 where nobody is, 403 who may not start a run."""
    return str(user.get_name())


def is_running(request_id: UUID) -> bool:
    """Whether a run that answers a request has not ended, whoever started it and however."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(DagRun.conf).where(
        DagRun.dag_id.in_(DAGS.values()), DagRun.state.in_(("queued", "running"))
    )
    with create_session() as session:
        return any((conf or {}).get("request_id") == str(request_id) for conf in session.scalars(query))


def require_unpaused(kind: RequestKind) -> None:
    """Refuse to start a run of a DAG that is paused, as all are at first: it would wait until somebody notices.

    Raises:
        LifecycleError: names the DAG that answers such requests.
    """
    from airflow.models import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    dag = DAGS[kind]
    with create_session() as session:
        is_paused = session.scalar(select(DagModel.is_paused).where(DagModel.dag_id == dag))
    if is_paused:
        raise LifecycleError(
            f"{dag} is paused in Airflow, so that its run would wait",
            place=f"request for {kind}",
            next_step=f"unpause it under Dags, or with airflow dags unpause {dag}; then do this again",
        )


def start(request_id: UUID, kind: RequestKind, by: str) -> str:
    """Start a run of the DAG that answers such a request, which is told the request's number and no more.

    Of two that start one at once, one does.

    Raises:
        LifecycleError: somebody else has just done so, or Airflow does not know the DAG.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import DagNotFound, DagRunAlreadyExists
    from airflow.utils.types import DagRunTriggeredByType

    dag, number = DAGS[kind], _started_before(request_id) + 1
    place = f"request {request_id}"
    try:
        run: Any = trigger_dag(
            dag,
            run_id=_run_id(request_id, number),
            conf={"request_id": str(request_id)},
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name=by,
        )
    except DagRunAlreadyExists:
        raise LifecycleError("somebody else has just started it", place=place) from None
    except DagNotFound:
        raise LifecycleError(
            f"Airflow does not know {dag} yet", place=place, next_step="try again in a minute"
        ) from None
    return str(run.run_id)


@cache
def secret() -> str:
    """Airflow's own, which its servers share."""
    from airflow.configuration import conf

    return str(conf.get_mandatory_value("api", "secret_key"))


def clock() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


def _started_before(request_id: UUID) -> int:
    """How many runs of it the page has started."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    of_page = DagRun.run_id.startswith(_run_id(request_id, ""), autoescape=True)
    with create_session() as session:
        return int(session.scalar(select(func.count()).where(DagRun.dag_id.in_(DAGS.values()), of_page)))


def _run_id(request_id: UUID, number: int | str) -> str:
    return f"request__{request_id}__{number}"
