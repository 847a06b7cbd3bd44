"""A run that answers a request is watched by Airflow itself, from ten and three days before the request's last one."""

from __future__ import annotations

import os
import pkgutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest

from lifecycle.holds.targets import Subject
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register, steps
from lifecycle.timelimits import first_instant
from support.processes import PATIENCE
from support.subjects import MARI

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.airflow import Airflow

pytestmark = pytest.mark.commitment("R7")

ZONE = ZoneInfo("Europe/Tallinn")
UNKNOWN = "2ca4540e-a66d-42eb-803f-9941ba61c152"


@pytest.fixture
def airflow(airflow_alone: Airflow, people: Company) -> Airflow:
    assert people
    airflow_alone.register()
    return airflow_alone


def verified(company: Company, *, days_ago: int) -> register.Request:
    """A request that was received some days ago."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    with company.engine.begin() as connection:
        request_id = register.open_request(
            connection, company.rulebook(at), company.keys, [Subject(identity="email", value=MARI)],
            kind=RequestKind.ERASURE, opened_by="Op", as_of=at,
        )  # fmt: skip
        register.verify(connection, request_id, verified_by="Op", how="callback", as_of=at)
        return register.get(connection, request_id)


def started(airflow: Airflow, request_id: UUID | str) -> str:
    """A run for a request, made as the API server makes it; its id."""
    asked = {"conf": {"request_id": str(request_id)}, "logical_date": None}
    answer = airflow.api().post("/api/v2/dags/subject_erasure/dagRuns", json=asked).raise_for_status()
    return str(answer.json()["dag_run_id"])


def missed(airflow: Airflow, run: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said when the scheduler finds the deadlines of a run passed, and an executor makes its calls."""
    logger = Mock()
    monkeypatch.setattr("lifecycle.orchestration.answer_deadlines.logger", logger)
    for call in airflow.miss_deadlines(run):
        pkgutil.resolve_name(call["path"])(**call["kwargs"])
    return [one.args[0] % one.args[1:] for one in logger.error.call_args_list]


def test_deadlines_count_from_the_requests_own_last_day(airflow: Airflow, people: Company):
    request = verified(people, days_ago=2)
    run = started(airflow, request.request_id)
    expected = [first_instant(request.due_on - timedelta(days=days), ZONE) for days in (10, 3)]
    assert airflow.deadlines(run) == [one.astimezone(UTC) for one in expected]


@pytest.mark.parametrize(("days_ago", "times"), [(2, 0), (23, 1), (28, 2)])
def test_an_answer_that_is_not_given_is_reported_when_ten_days_are_left_and_when_three_are(
    airflow: Airflow, people: Company, monkeypatch, days_ago: int, times: int
):
    request = verified(people, days_ago=days_ago)
    run = started(airflow, request.request_id)
    said = missed(airflow, run, monkeypatch)
    assert len(said) == times
    for one in said:
        assert str(request.request_id) in one
        assert f"has to be answered by {request.due_on}" in one
        assert run in one


def test_an_answer_that_was_given_meanwhile_is_not_reported(airflow: Airflow, people: Company, monkeypatch):
    request = verified(people, days_ago=28)
    run = started(airflow, request.request_id)
    steps.refuse(people, request.request_id, reason="excessive", refused_by="Op", as_of=datetime.now(UTC))
    assert missed(airflow, run, monkeypatch) == []


def test_a_last_day_that_was_put_off_meanwhile_counts(airflow: Airflow, people: Company, monkeypatch):
    request, at = verified(people, days_ago=28), datetime.now(UTC)
    run = started(airflow, request.request_id)
    with people.engine.begin() as connection:
        register.extend(
            connection, people.rulebook(at), request.request_id, reason="complexity", extended_by="Op", as_of=at
        )  # fmt: skip
    assert missed(airflow, run, monkeypatch) == []


def test_a_run_is_made_whether_or_not_its_deadline_can_be_told(
    airflow: Airflow, people: Company, monkeypatch, caplog
):
    assert airflow.deadlines(started(airflow, UNKNOWN)) == []
    request = verified(people, days_ago=2)
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", f"postgresql://{MARI}:secret@127.0.0.1:1/nowhere")
    assert airflow.deadlines(started(airflow, request.request_id)) == []
    assert not [word for word in (MARI, "secret") if word in caplog.text]


def test_every_dag_that_answers_a_request_has_them(dags):
    answering = {name: dag for name, dag in dags.dags.items() if "request_id" in dag.params}
    assert answering
    for name, dag in answering.items():
        assert [deadline.reference.days for deadline in dag.deadline] == [10, 3], name


def test_nothing_that_airflow_keeps_of_them_is_personal(airflow: Airflow, people: Company):
    run = started(airflow, verified(people, days_ago=28).request_id)
    kept: list[dict[str, Any]] = airflow.miss_deadlines(run)
    assert len(kept) == 2
    assert "mari" not in str(kept).lower()


@pytest.fixture
def scheduler(airflow: Airflow) -> Iterator[Path]:
    """Airflow's scheduler with its executor, in processes of their own; where it says what it does."""
    said = airflow.home / "scheduler.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "scheduler"],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            },
        )
        try:
            yield said
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # asked to end, it takes longer than all it did
            process.wait()


def test_the_scheduler_itself_sees_that_it_passed_and_has_it_reported(
    airflow: Airflow, people: Company, scheduler: Path
):
    """With nothing in between: what it finds in its database is called by its executor."""
    request = verified(people, days_ago=23)
    started(airflow, request.request_id)
    expected = f"request {request.request_id} has to be answered by {request.due_on}".encode()
    end = time.monotonic() + PATIENCE
    while not any(
        expected in path.read_bytes() for path in [scheduler, *airflow.home.rglob("logs/**/*.log")]
    ):
        assert time.monotonic() < end, scheduler.read_text()[-3000:]
        time.sleep(0.2)
