"""No run of a request leaves an identifier anywhere: not a complete one, and not one of which every step failed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lifecycle.holds.targets import Subject
from lifecycle.requests.receipt import issue
from support.asking import by_email, verified
from support.leaks import leaks, leaks_in_control_schema, leaks_in_folder, spellings
from support.subjects import AS_OF, MARI

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("G1", "R7")

NAME = "subject_erasure"
VISITOR = "00000000-0000-4000-8000-000000000100"
WORDS = (MARI, "mari.tamm", VISITOR)
STEPS = {
    "check_before": "lifecycle.runs.agreement.check_before",
    "plan": "lifecycle.requests.steps.plan",
    "check_plan": "lifecycle.requests.steps.check_plan",
    "approval": "lifecycle.requests.steps.approve_plan",
    "execute": "lifecycle.requests.steps.carry_out",
    "check_after": "lifecycle.runs.plans.check_after",
    "close": "lifecycle.requests.steps.close",
    "sign_what_is_new": "lifecycle.runs.signing.sign_what_is_new",
    "receipt": "lifecycle.requests.receipt.issue",
}
"""What each task calls."""


def by_both(company: Company) -> UUID:
    """A request of Mari's that names her browser, too."""
    return verified(company, by_email(), Subject(identity="visitor_id", value=VISITOR))


def failing(called: str, patch: pytest.MonkeyPatch, *, times: int) -> None:
    """Let a function fail some times, with an error that holds identifiers and follows from another that does."""
    module, _, name = called.rpartition(".")
    works = getattr(__import__(module, fromlist=[name]), name)
    left = [times]

    def fail(*arguments: Any, **named: Any) -> Any:
        if not left[0]:
            return works(*arguments, **named)
        left[0] -= 1
        known = {"email": MARI, "visitor": VISITOR}
        raise ValueError(f"{known}") from KeyError(MARI)

    patch.setattr(called, fail)


@pytest.mark.parametrize(
    "written", [MARI, MARI.upper(), "mari.tamm%40example.test", f"<{MARI}>".encode().hex()]
)
def test_what_is_looked_for_is_found(tmp_path, written):
    (tmp_path / "log").write_text(f"a line with {written} in it")
    assert leaks_in_folder(WORDS, tmp_path)


def test_what_is_looked_for_is_found_in_base64():
    import base64

    for before in ("", "x", "xy", "xyz"):
        assert leaks([MARI], base64.b64encode(f"{before}{MARI} and more".encode()))
    assert len(spellings(MARI)) > 3


def test_a_run_of_which_every_step_failed_once_leaves_nothing(
    airflow_alone: Airflow, people, database: Database, monkeypatch, capfd, caplog
):
    request_id = by_both(people)
    for called in STEPS.values():
        failing(called, monkeypatch, times=1)
    found = airflow_alone.run(
        NAME, AS_OF, given={"request_id": str(request_id)}, ask=airflow_alone.replying("Approve", [])
    )
    assert found.state == "success"
    assert {task for task in STEPS if found.tries[task] == 2} == set(STEPS)
    captured = capfd.readouterr()
    assert "ValueError at test_leaks.py" in captured.out + captured.err + caplog.text
    assert "dump" in airflow_alone.leaks([str(request_id)])
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}
    assert leaks_in_control_schema(WORDS, database) == {}
    with people.engine.connect() as connection:
        assert leaks(WORDS, json.dumps(issue(connection, request_id)).encode()) == set()
    assert database.execute("SELECT FROM lifecycle.request_identity WHERE sealed IS NOT NULL") == []


@pytest.mark.parametrize("task", ["plan", "execute", "close"])
def test_a_run_that_fails_for_good_leaves_nothing(
    airflow_alone: Airflow, people, monkeypatch, capfd, caplog, task
):
    request_id = by_both(people)
    failing(STEPS[task], monkeypatch, times=99)
    found = airflow_alone.run(
        NAME, AS_OF, given={"request_id": str(request_id)}, ask=airflow_alone.replying("Approve", [])
    )
    assert (found.state, found.having("failed")) == ("failed", {task})
    captured = capfd.readouterr()
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}


def test_what_was_left_goes_without_a_trace(
    airflow_alone: Airflow, people, database: Database, monkeypatch, capfd, caplog
):
    request_id = by_both(people)
    airflow_alone.run(
        NAME, AS_OF, given={"request_id": str(request_id)}, ask=airflow_alone.replying("Approve", [])
    )
    failing("lifecycle.requests.remainders.resume_all", monkeypatch, times=1)
    found = airflow_alone.run("request_remainders", AS_OF + timedelta(days=1))
    assert (found.state, found.tries["resume"]) == ("success", 2)
    captured = capfd.readouterr()
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}
    assert leaks_in_control_schema(WORDS, database) == {}


SERVE = """
import sys, warnings
warnings.simplefilter("ignore")
import uvicorn
from airflow.api_fastapi.app import create_app
uvicorn.run(create_app(apps="core"), host="127.0.0.1", port=int(sys.argv[1]), access_log=True)
"""


@pytest.fixture
def served(airflow_alone: Airflow, people, tmp_path: Path):
    """A client of Airflow's web server, in a process of its own that writes access logs; and what that wrote."""
    assert people
    airflow_alone.register()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", SERVE, str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers=airflow_alone.as_operator("Olivia"), timeout=60
            ) as client:
                _wait_for(client)
                yield client, tmp_path / "server.log"
        finally:
            server.terminate()
            server.wait()


def _wait_for(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            client.get("/api/v2/version")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


def test_the_server_of_the_page_writes_no_identifier(airflow_alone: Airflow, served, database: Database):
    page, log = served
    here, named = "/lifecycle/requests", [{"kind": "email", "value": MARI}]
    sent = [
        {"subjects": named},
        {"subjects": named},
        {"subjects": [{"kind": MARI, "value": VISITOR}]},
        {"subjects": named, MARI: VISITOR},
        {"subjects": [], "rows": [f"mari.tamm:{VISITOR}"]},
        {"subjects": [{"kind": "email", "value": f"{MARI}\x00"}]},
    ]
    answers = [page.post(here, json=one) for one in sent]
    answers.append(page.post(here, data={"identity": "email", "value": MARI}))
    answers.append(
        page.post(here, content=MARI.encode() * 500_000, headers={"Content-Type": "application/json"})
    )
    answers.append(page.post(here, json=sent[0], headers={"Authorization": ""}))
    assert [one.status_code for one in answers] == [201, 201, 400, 400, 400, 400, 403, 413, 401]
    database.execute("REVOKE INSERT ON lifecycle.request_event FROM lifecycle_intake")
    answers.append(page.post(here, json={"subjects": named}))
    assert answers[-1].status_code in {500, 503}
    assert "POST /lifecycle/requests" in log.read_text()
    said = "".join(f"{one.text}{one.headers}" for one in answers)
    assert airflow_alone.leaks(WORDS, log.read_text(), said) == {}
    assert leaks_in_control_schema(WORDS, database) == {}
