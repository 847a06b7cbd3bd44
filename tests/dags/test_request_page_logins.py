"""The page of requests asks the same of everybody where Airflow's logins and roles are those of a deployment (FAB)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company

pytestmark = pytest.mark.commitment("G1")

ASK = """
import json, sys, warnings
warnings.simplefilter("ignore")
from airflow.utils.db import upgradedb
upgradedb()
from airflow.api_fastapi.app import create_app, get_auth_manager
from fastapi.testclient import TestClient

page = TestClient(create_app(apps="core"))
manager = get_auth_manager()
said = {}
from airflow.providers.fab.www.app import create_app as create_flask
with create_flask(enable_plugins=False).app_context():
    from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
    security = manager.security_manager
    security.sync_roles()
    tokens = {"nobody": None}
    for role in ("Viewer", "User", "Op", "Admin", "Public"):
        user = security.add_user(role, role, role, f"{role}@example.test", security.find_role(role), "secret")
        tokens[role] = manager.generate_jwt(user)
    for name, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        routes = json.loads(sys.argv[1])
        said[name] = [page.request(method, path, headers=headers).status_code for method, path in routes]
json.dump(said, open(sys.argv[2], "w"))
"""


def test_only_who_may_start_a_run_is_let_in(tmp_path: Path, people: Company):
    assert people
    home = tmp_path / "airflow"
    routes = [
        ("GET", "/lifecycle/requests"),
        ("GET", f"/lifecycle/requests/{uuid4()}"),
        ("GET", "/lifecycle/openapi.json"),
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        **_environment(home),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", ASK, json.dumps(routes), str(tmp_path / "said.json")],
        env=environment,
        check=True,
        capture_output=True,
    )
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["nobody"] == [401, 401, 401]
    assert said["Viewer"] == said["Public"] == [403, 403, 403]
    assert said["User"] == said["Op"] == said["Admin"] == [200, 404, 200]


def _environment(home: Path) -> dict[str, str]:
    from demonstration.local_airflow import environment

    return {
        **environment(home),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    }
