"""script/demo deletes in nobody's company, and what its page starts it also ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from demonstration import page
from demonstration.local_airflow import LocalAirflow, environment
from demonstration.terminal import Terminal
from lifecycle.errors import LifecycleError
from lifecycle.settings import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

# Stands for each part of Airflow: the API server answers that all is well, every part has a child of its own.
PART = """
import http.server, os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(f"{os.environ['AIRFLOW_HOME']}/{sys.argv[1]}.pids", "w").write(f"{os.getpid()} {child.pid}")
if sys.argv[1] == os.environ.get("ENDS"):
    sys.exit("no luck")
if sys.argv[1] != "api-server":
    time.sleep(600)
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        part = '{"status": "healthy"}'
        self.wfile.write(f'{{"scheduler": {part}, "dag_processor": {part}, "triggerer": {part}}}'.encode())
address = os.environ["AIRFLOW__API__HOST"], int(os.environ["AIRFLOW__API__PORT"])
http.server.HTTPServer(address, Healthy).serve_forever()
"""


@pytest.fixture
def airflow(tmp_path, monkeypatch):
    """An Airflow whose parts are stand-ins that start at once."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(page, "AIRFLOW", (sys.executable, "-c", PART))
    monkeypatch.setattr(LocalAirflow, "prepare", lambda _self: None)
    (tmp_path / "simple_auth_manager_passwords.json.generated").write_text('{"admin": "made up"}\n')
    return LocalAirflow(home=tmp_path, operator="olivia")


@pytest.fixture
def told(tmp_path):
    with (tmp_path / "told").open("w+", encoding="utf-8") as file:
        yield file


def outliving(home: Path) -> list[psutil.Process]:
    """The parts and their children that do not end."""
    started = [int(pid) for path in home.glob("*.pids") for pid in path.read_text().split()]
    assert started
    return psutil.wait_procs([psutil.Process(pid) for pid in started if psutil.pid_exists(pid)], timeout=10)[
        1
    ]


def test_a_database_of_ones_own_is_refused():
    ran = subprocess.run(
        [sys.executable, "-m", "demonstration"],
        env={
            "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'script'}",
            "LIFECYCLE_DATABASE_URL": "postgresql://company",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "LIFECYCLE_DATABASE_URL: the demo deletes in a company that it invents, not in yours" in ran.stderr


def test_the_page_is_told_of_when_it_is_ready_and_ctrl_c_ends_everything(airflow, told):
    def interrupt() -> None:
        end = time.monotonic() + 60
        while "password" not in (airflow.home / "told").read_text() and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    person = threading.Thread(target=interrupt)
    person.start()
    code = page.show_page(Terminal(told, told), airflow)
    person.join()
    text = (airflow.home / "told").read_text()
    assert code == 0
    assert "http://127.0.0.1:" in text
    assert "user admin, password made up" in text
    assert text.endswith("Airflow has ended.\n")
    assert len(list(airflow.home.glob("*.pids"))) == len(page.PARTS)
    assert outliving(airflow.home) == []


def test_a_part_that_ends_by_itself_ends_the_others_and_is_named(airflow, told, monkeypatch):
    monkeypatch.setenv("ENDS", "scheduler")
    with pytest.raises(LifecycleError, match="Airflow's scheduler ended") as raised:
        page.show_page(Terminal(told, told), airflow)
    assert raised.value.place == str(airflow.home / "scheduler.log")
    assert "no luck" in (airflow.home / "scheduler.log").read_text()
    assert outliving(airflow.home) == []


def test_another_port_is_taken_where_the_first_is_in_use(monkeypatch):
    with socket.socket() as taken:
        taken.bind((page.HOST, 0))
        taken.listen()
        busy = taken.getsockname()[1]
        monkeypatch.setattr(page, "PORTS", range(busy, busy + 1))
        assert page._free_port() != busy


def test_nothing_listens_to_other_machines():
    for name, command in page.PARTS.items():
        serves_logs = name in {"scheduler", "triggerer"}
        assert ("--skip-serve-logs" in command) == serves_logs
    assert page._environment("http://127.0.0.1:8080")["AIRFLOW__API__HOST"] == "127.0.0.1"
