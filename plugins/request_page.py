"""The page of requests in Airflow: who may open it is who may start ``subject_erasure``."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends

from lifecycle.intake.page import Doors, create_page

if TYPE_CHECKING:
    from uuid import UUID

    from airflow.models import DagRun

NAME = "subject_erasure"
PREFIX = "/lifecycle"
_may_start = requires_access_dag(method="POST", access_entity=DagAccessEntity.RUN, param_dag_id=NAME)


def operator(user: GetUserDep, _may: Annotated[None, Depends(_may_start)]) -> str:
    """Who is logged in, by the name that Airflow knows; 401 where nobody is, 403 who may not start a run."""
    return str(user.get_name())


def runs_of(request_id: UUID) -> list[DagRun]:
    """The runs that answer a request, or did."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        of_request = DagRun.run_id.startswith(_run_id(request_id, ""), autoescape=True)
        return list(session.scalars(select(DagRun).where(DagRun.dag_id == NAME, of_request)))


def is_running(request_id: UUID) -> bool:
    """Whether one of them has not ended."""
    return any(run.state in {"queued", "running"} for run in runs_of(request_id))


def start(request_id: UUID, by: str) -> str:
    """Start a run: all that it is told is the request's number. Of two that start one at once, one does.

    Raises:
        LifecycleError: somebody else has just done so, or Airflow does not know the DAG.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import DagNotFound, DagRunAlreadyExists
    from airflow.utils.types import DagRunTriggeredByType

    from lifecycle.errors import LifecycleError

    number = str(len(runs_of(request_id)) + 1)
    place = f"request {request_id}"
    try:
        run: Any = trigger_dag(
            NAME,
            run_id=_run_id(request_id, number),
            conf={"request_id": str(request_id)},
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name=by,
        )
    except DagRunAlreadyExists:
        raise LifecycleError("somebody else has just started it", place=place) from None
    except DagNotFound:
        raise LifecycleError(
            f"Airflow does not know {NAME} yet", place=place, next_step="try again in a minute"
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


def _run_id(request_id: UUID, number: str) -> str:
    return f"request__{request_id}__{number}"


class RequestPage(AirflowPlugin):
    """The page, and the way to it."""

    name = "lifecycle_requests"
    fastapi_apps = [  # noqa: RUF012 - Airflow's own form
        {
            "app": create_page(
                Doors(operator=operator, is_running=is_running, start=start, secret=secret, clock=clock)
            ),
            "url_prefix": PREFIX,
            "name": "Requests of data subjects",
        }
    ]
    external_views = [  # noqa: RUF012 - Airflow's own form
        {
            "name": "Requests",
            "href": f"{PREFIX}/requests",
            "destination": "nav",
            "category": "browse",
        }
    ]
