"""Runs DAGs as Airflow's own ``dag.test()`` does, answers what they ask, and looks at what Airflow keeps of it."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from lifecycle.settings import PROJECT
from support.processes import run_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

OPERATOR = "olivia"
"""Who answers; her name must not reach the ledger."""

_RUN = """
import sys, warnings
warnings.simplefilter("ignore")
from datetime import datetime
from pathlib import Path
from support.airflow import Airflow
Airflow(home=Path(sys.argv[1])).run(sys.argv[2], datetime.fromisoformat(sys.argv[3]))
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of a run.

    Attributes:
        tasks: state of each task.
        tries: how often each was tried.
        results: what each returned, where it did.
    """

    run_id: str
    state: str
    tasks: dict[str, str]
    tries: dict[str, int]
    results: dict[str, Any]

    def having(self, state: str) -> set[str]:
        """The tasks in a state."""
        return {task for task, found in self.tasks.items() if found == state}


@dataclass(frozen=True, kw_only=True)
class Airflow:
    """One Airflow in this process."""

    home: Path

    def dags(self) -> Any:
        """Every DAG of the project, parsed now."""
        from airflow.dag_processing.dagbag import DagBag

        return DagBag(PROJECT / "dags")

    def run(self, name: str, as_of: datetime) -> Run:
        """Run a DAG for a moment to its end; what is tried again is tried at once."""
        dag = self.dags().dags[name]
        dag.deadline = None  # dag.test() cannot have one
        for task in dag.tasks:
            task.retry_delay = task.max_retry_delay = timedelta(0)
        with _short_naps():
            run = dag.test(logical_date=as_of)
        return self._described(run)

    def run_until(self, name: str, as_of: datetime, has_come: Callable[[], bool]) -> None:
        """Run a DAG in a process of its own, and kill that (SIGKILL) as soon as something is so."""
        arguments = [str(self.home), name, as_of.isoformat()]
        run_until(has_come, _RUN, *arguments, output=self.home / f"{name}.log")

    @contextmanager
    def answering(self, choice: str) -> Iterator[list[dict[str, Any]]]:
        """Answer every question of a run meanwhile, through the API, as a person with the role of an operator.

        Yields:
            The questions, as the API shows them.
        """
        asked: list[dict[str, Any]] = []
        over = Event()
        thread = Thread(target=self._answer, args=(choice, asked, over))
        thread.start()
        try:
            yield asked
        finally:
            over.set()
            thread.join()

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the events of an asset carry, oldest first."""
        rows = self.query(
            "SELECT event.extra FROM asset_event AS event JOIN asset ON asset.id = event.asset_id"
            " WHERE asset.name = ? ORDER BY event.id",
            name,
        )
        return [json.loads(extra) for (extra,) in rows]

    def query(self, statement: str, *values: str) -> list[Any]:
        """Ask the metadata database."""
        with sqlite3.connect(self.home / "airflow.db") as connection:
            return connection.execute(statement, values).fetchall()

    def traces(self, word: str) -> list[str]:
        """Where a word stands: lines of the dumped metadata database, files under Airflow's home."""
        with sqlite3.connect(self.home / "airflow.db") as connection:
            found = [line[:100] for line in connection.iterdump() if word in line.lower()]
        files = (path for path in self.home.rglob("*") if path.is_file() and not path.is_symlink())
        return found + [str(path) for path in files if word.encode() in path.read_bytes().lower()]

    def _answer(self, choice: str, asked: list[dict[str, Any]], over: Event) -> None:
        from airflow.api_fastapi.app import create_app
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from fastapi.testclient import TestClient

        app = create_app()
        token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username=OPERATOR, role="op"))
        client = TestClient(app, headers={"Authorization": f"Bearer {token}"})
        while not over.wait(0.2):
            waiting = client.get(
                "/api/v2/dags/~/dagRuns/~/hitlDetails",
                params={"response_received": False, "state": "awaiting_input"},
            ).json()
            for question in waiting["hitl_details"]:
                asked.append(question)
                instance = question["task_instance"]
                client.patch(
                    f"/api/v2/dags/{instance['dag_id']}/dagRuns/{instance['dag_run_id']}"
                    f"/taskInstances/{instance['task_id']}/-1/hitlDetails",
                    json={"chosen_options": [choice], "params_input": {}},
                ).raise_for_status()

    def _described(self, run: Any) -> Run:
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            instances = session.query(TaskInstance).filter_by(dag_id=run.dag_id, run_id=run.run_id).all()
            values = session.query(XComModel).filter_by(dag_id=run.dag_id, run_id=run.run_id).all()
            return Run(
                run_id=run.run_id,
                state=str(run.state),
                tasks={one.task_id: str(one.state) for one in instances},
                tries={one.task_id: one.try_number for one in instances},
                results={
                    one.task_id: XComModel.deserialize_value(one)
                    for one in values
                    if one.key == "return_value"
                },
            )


@contextmanager
def _short_naps() -> Iterator[None]:
    """``dag.test()`` sleeps a second wherever nothing can run yet; a moment is enough."""
    sleep = time.sleep
    with patch("time.sleep", lambda seconds: sleep(min(seconds, 0.05))):
        yield
