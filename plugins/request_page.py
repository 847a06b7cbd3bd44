"""The page of requests in Airflow: who may open it is who may start ``subject_erasure``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

from lifecycle.orchestration.answer_deadlines import BeforeLastDay

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

PREFIX = "/lifecycle"


@cache
def page() -> FastAPI:
    """The page, behind Airflow's doors."""
    from lifecycle.intake.page import Doors, create_page
    from lifecycle.orchestration import doors

    return create_page(
        Doors(
            operator=doors.operator,
            is_running=doors.is_running,
            require_unpaused=doors.require_unpaused,
            start=doors.start,
            secret=doors.secret,
            clock=doors.clock,
        )
    )


async def page_when_asked(scope: Scope, receive: Receive, send: Send) -> None:
    """The page, made when somebody opens it: every process of Airflow loads its plugins, tasks included."""
    await page()(scope, receive, send)


class RequestPage(AirflowPlugin):
    """The page, the way to it, and what deadlines of runs that answer requests count from."""

    name = "lifecycle_requests"
    fastapi_apps = [  # noqa: RUF012 - Airflow's own form
        {"app": page_when_asked, "url_prefix": PREFIX, "name": "Requests of data subjects"}
    ]
    deadline_references = [BeforeLastDay]  # noqa: RUF012 - Airflow's own form
    external_views = [  # noqa: RUF012 - Airflow's own form
        {
            "name": "Requests",
            "href": f"{PREFIX}/requests",
            "destination": "nav",
            "category": "browse",
        }
    ]
