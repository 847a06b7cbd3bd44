"""Airflow as the tests of DAGs need it: killed in the middle, asked too late, and looked through afterwards."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demonstration.local_airflow import LocalAirflow, Question, metadata_of
from lifecycle.store.file_lock import exclusive_lock
from support.leaks import contents_of, leaks, leaks_in_folder
from support.processes import run_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
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
class Airflow(LocalAirflow):
    """One Airflow in this process."""

    operator: str = OPERATOR

    def prepare_like(self, template: Path) -> None:
        """Copy the metadata database that the first worker of this test run made."""
        self.configure()
        own = metadata_of(self.home)
        with exclusive_lock(template.with_suffix(".lock")):
            if template.exists():
                shutil.copy(template, own)
                return
            self.prepare()
            with closing(sqlite3.connect(own)) as made, closing(sqlite3.connect(template)) as copy:
                made.backup(copy)

    def as_viewer(self) -> dict[str, str]:
        """The header by which a request comes from somebody who may only look."""
        return self._as("victor", "viewer")

    def as_operator(self, name: str) -> dict[str, str]:
        """The header by which a request comes from another operator."""
        return self._as(name, "op")

    def _as(self, name: str, role: str) -> dict[str, str]:
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        self.api()
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role))
        return {"Authorization": f"Bearer {token}"}

    def run_until(self, name: str, as_of: datetime, has_come: Callable[[], bool]) -> None:
        """Run a DAG in a process of its own, and kill that (SIGKILL) as soon as something is so."""
        arguments = [str(self.home), name, as_of.isoformat()]
        run_until(has_come, _RUN, *arguments, output=self.home / f"{name}.log")

    def replying(self, choice: str, asked: list[Question]) -> Callable[[Question], None]:
        """Answer whatever a run asks, and keep the questions."""

        def reply(question: Question) -> None:
            asked.append(question)
            self.answer(question, choice)

        return reply

    def let_the_time_pass(self, question: Question) -> None:
        """Nobody answers until the time to answer is over; the scheduler sees to it, as it does every few seconds."""
        from airflow.jobs.job import Job
        from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

        assert question.subject
        self.change("UPDATE task_instance SET trigger_timeout = '2000-01-01' WHERE state = 'awaiting_input'")
        SchedulerJobRunner(job=Job()).check_awaiting_input_timeouts()

    def register(self) -> None:
        """Put the DAGs into the metadata database as the DAG processor does, deadlines included."""
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

        manager = DagBundlesManager()
        manager.sync_bundles_to_db()
        (bundle,) = manager.get_all_dag_bundles()
        bundle.initialize()
        bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        sync_bag_to_db(bag, bundle.name, bundle.version)

    def unpause(self) -> None:
        """Let runs of every DAG begin, as an operator does once."""
        self.change("UPDATE dag SET is_paused = 0")

    def trigger(self, name: str, as_of: datetime) -> str:
        """Trigger a run as a person does; it waits for a scheduler, and there is none. Its id."""
        self.register()
        asked = {"logical_date": as_of.isoformat()}
        run = self.api().post(f"/api/v2/dags/{name}/dagRuns", json=asked).raise_for_status().json()
        return str(run["dag_run_id"])

    def miss_deadline(self, run_id: str) -> dict[str, Any]:
        """Handle the one deadline of a run as the scheduler does when it has passed: the call that is to be made."""
        (call,) = self.miss_deadlines(run_id)
        return call

    def miss_deadlines(self, run_id: str) -> list[dict[str, Any]]:
        """Handle all deadlines of a run as the scheduler does when they have passed: the calls that are to be made."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session

        with create_session() as session:
            (run,) = session.query(DagRun).filter_by(run_id=run_id)
            for deadline in run.deadlines:
                deadline.handle_miss(session)
            return [dict(deadline.callback.data) for deadline in run.deadlines]

    def deadlines(self, run_id: str) -> list[datetime]:
        """When the deadlines of a run pass, the first in front."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session

        with create_session() as session:
            (run,) = session.query(DagRun).filter_by(run_id=run_id)
            return sorted(deadline.deadline_time for deadline in run.deadlines)

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
        with closing(sqlite3.connect(metadata_of(self.home))) as connection:
            return connection.execute(statement, values).fetchall()

    def change(self, statement: str) -> None:
        """Change the metadata database."""
        with closing(sqlite3.connect(metadata_of(self.home))) as connection, connection:
            connection.execute(statement)

    def traces(self, word: str) -> list[str]:
        """The places in Airflow that hold a word, whatever its case: the dump of its database, files of its home."""
        held = {"dump": self._dump(), **dict(contents_of(self.home))}
        return [place for place, content in held.items() if word.encode() in content.lower()]

    def leaks(self, words: Iterable[str], *outputs: str) -> dict[str, set[bytes]]:
        """Identifiers in Airflow, however they are written: in its metadata, in its files, in what a process wrote."""
        words = tuple(words)
        found = {
            "dump": leaks(words, self._dump()),
            "output": leaks(words, "".join(outputs).encode()),
            **leaks_in_folder(words, self.home),
        }
        return {place: hits for place, hits in found.items() if hits}

    def _dump(self) -> bytes:
        with closing(sqlite3.connect(metadata_of(self.home))) as connection:
            return "\n".join(connection.iterdump()).encode()
