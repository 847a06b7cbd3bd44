"""Airflow in this process: a home of its own, and its DAGs run to their end by Airflow's own ``dag.test()``.

Every task is a real one, with its states, retries, XCom and events in a metadata database; only scheduler and
executor are left out, so that what a task imports is imported once and not by a process for each.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from lifecycle.settings import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

_NAP = 0.05
_SLEEPER = "airflow.sdk.definitions.dag"


def environment(home: Path) -> dict[str, str]:
    """What Airflow reads when it is imported: everything it writes is under its home, none of it under the user's."""
    logs = home / "logs"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{metadata_of(home)}",
        "AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "dag_processor"),
    }


def metadata_of(home: Path) -> Path:
    """The file of Airflow's own database."""
    return home / "airflow.db"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a run asks a person.

    Attributes:
        path: of the waiting task in Airflow's API.
        task: its name.
        subject: one line; quotes the digest of the plan.
        body: reasons, counts and what stays, in Markdown.
    """

    path: str
    task: str
    subject: str
    body: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of a run.

    Attributes:
        tasks: state of each task, in the order of the DAG.
        tries: how often each was tried.
        results: what each returned, where it did, in that order too.
    """

    run_id: str
    state: str
    tasks: dict[str, str]
    tries: dict[str, int]
    results: dict[str, Any]

    def having(self, state: str) -> set[str]:
        """The tasks in a state."""
        return {task for task, found in self.tasks.items() if found == state}


def _nobody_answers(question: Question) -> None:
    raise RuntimeError(f"{question.task} waits for a person and nobody answers")


def _tell_nobody(_task: str, _number: int, _of: int) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class LocalAirflow:
    """One Airflow in this process, whose environment was set before anything imported it.

    Attributes:
        home: its folder.
        operator: in whose name questions are answered.
    """

    home: Path
    operator: str

    @property
    def log(self) -> Path:
        """What it logs in this process may be collected here."""
        return self.home / "demo.log"

    def prepare(self) -> None:
        """Make its configuration and its database, or bring that up to date."""
        from airflow.utils.db import upgradedb

        self.configure()
        upgradedb()

    def configure(self) -> None:
        """Make its configuration, where there is none.

        It holds the secret by which Airflow's parts trust each other. Each part makes one where it finds none, so
        that parts which are started side by side for the first time would not.
        """
        from airflow.configuration import write_default_airflow_configuration_if_needed

        write_default_airflow_configuration_if_needed()

    def dags(self) -> Any:
        """Every DAG of the project, parsed now."""
        return self._parsed(PROJECT / "dags")

    def _parsed(self, place: Path) -> Any:
        from airflow.dag_processing.dagbag import DagBag

        return DagBag(place)

    def run_without_input(self) -> list[str]:
        """The names of the DAGs that run by themselves, and not for a request whose number they are told."""
        return sorted(name for name, dag in self.dags().dags.items() if not dag.params)

    def run(
        self,
        name: str,
        as_of: datetime,
        *,
        ask: Callable[[Question], None] = _nobody_answers,
        at_work: Callable[[str, int, int], None] = _tell_nobody,
        given: dict[str, Any] | None = None,
    ) -> Run:
        """Run a DAG for a moment to its end; what is tried again is tried at once.

        Args:
            name: of the DAG.
            as_of: the moment.
            ask: called again and again with each question that the run waits for, until it is answered.
            at_work: called with each task that starts, its number in the DAG and how many there are.
            given: the input of the run, where the DAG takes any.
        """
        file = PROJECT / "dags" / f"{name}.py"
        dag = self._parsed(file).dags[name]
        dag.deadline = None  # dag.test() cannot have one
        for task in dag.tasks:
            task.retry_delay = task.max_retry_delay = timedelta(0)
        with self._attending(ask), _watching(list(dag.task_dict), at_work), _registering_only(file):
            run = dag.test(logical_date=as_of, run_conf=given)
        return _described(run, list(dag.task_dict))

    def api(self) -> Any:
        """A client of Airflow's API, as a person with the role of an operator."""
        return _client(self.operator)

    def answer(self, question: Question, choice: str, **said: str) -> None:
        """Answer as that person."""
        chosen = {"chosen_options": [choice], "params_input": said}
        self.api().patch(f"{question.path}/hitlDetails", json=chosen).raise_for_status()

    def _waiting(self) -> list[Question]:
        if not _is_anything_asked():
            return []
        asked = {"response_received": False, "state": "awaiting_input"}
        found = self.api().get("/api/v2/dags/~/dagRuns/~/hitlDetails", params=asked)
        return [_question(one) for one in found.raise_for_status().json()["hitl_details"]]

    @contextmanager
    def _attending(self, ask: Callable[[Question], None]) -> Iterator[None]:
        """Where ``dag.test()`` sleeps because nothing can run, ask what it waits for; a moment's sleep is enough."""
        sleep = time.sleep

        def nap(seconds: float) -> None:
            if sys._getframe(1).f_globals["__name__"] != _SLEEPER:  # noqa: SLF001 - nobody else's sleep is changed
                sleep(seconds)
                return
            for question in self._waiting():
                ask(question)
            sleep(_NAP)

        with patch("time.sleep", nap):
            yield


@contextmanager
def _watching(tasks: list[str], at_work: Callable[[str, int, int], None]) -> Iterator[None]:
    """Tell of each task that starts; and let Ctrl-C, which Airflow takes for a failure of the task, end the run."""
    from airflow.sdk.definitions import dag

    run_task = dag._run_task  # noqa: SLF001 - Airflow offers no other place between two tasks

    def watched(*, ti: Any, **arguments: Any) -> Any:
        at_work(ti.task_id, tasks.index(ti.task_id) + 1, len(tasks))
        result = run_task(ti=ti, **arguments)
        if result and isinstance(result.error, KeyboardInterrupt):
            raise result.error
        return result

    with patch.object(dag, "_run_task", watched):
        yield


@contextmanager
def _registering_only(file: Path) -> Iterator[None]:
    """``dag.test()`` parses and registers every DAG of the folder before each run; the one that runs is enough."""
    from airflow.dag_processing import dagbag

    bag = dagbag.BundleDagBag
    with patch.object(dagbag, "BundleDagBag", lambda **of: bag(**{**of, "dag_folder": file})):
        yield


@cache
def _client(operator: str) -> Any:
    """The API runs in this process too."""
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    app = create_app(apps="core")
    token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username=operator, role="op"))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


def _is_anything_asked() -> bool:
    """Whether a run waits for a person; the database knows it sooner than the API is made."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        return session.query(TaskInstance).filter_by(state="awaiting_input").first() is not None


def _question(detail: dict[str, Any]) -> Question:
    instance = detail["task_instance"]
    path = (
        f"/api/v2/dags/{instance['dag_id']}/dagRuns/{instance['dag_run_id']}"
        f"/taskInstances/{instance['task_id']}/{instance['map_index']}"
    )
    return Question(path=path, task=instance["task_id"], subject=detail["subject"], body=detail["body"])


def _described(run: Any, order: list[str]) -> Run:
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(TaskInstance).filter_by(dag_id=run.dag_id, run_id=run.run_id).all()
        values = session.query(XComModel).filter_by(dag_id=run.dag_id, run_id=run.run_id).all()
        instances = sorted(found, key=lambda one: order.index(one.task_id))
        returned = {
            one.task_id: XComModel.deserialize_value(one) for one in values if one.key == "return_value"
        }
        return Run(
            run_id=run.run_id,
            state=str(run.state),
            tasks={one.task_id: str(one.state) for one in instances},
            tries={one.task_id: one.try_number for one in instances},
            results={name: returned[name] for name in order if name in returned},
        )
