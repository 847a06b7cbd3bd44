"""One Airflow for all tests of DAGs: its own home, its own metadata database, the project's DAG folder."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import pytest

from lifecycle.settings import PROJECT
from support.airflow import Airflow
from support.companies import AGENCY, create_agency, open_agency

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.databases import Database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep them in one process, where Airflow is started once; its own warnings are not ours to mend."""
    for item in items:
        if item.path.is_relative_to(PROJECT / "tests/dags"):
            item.add_marker(pytest.mark.xdist_group("airflow"))
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Airflow, configured by the environment before anything imports it, with a migrated database."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the tests" * 4,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in environment.items():
            patch.setenv(name, value)
        from airflow.utils.db import upgradedb

        upgradedb()
        yield home


@pytest.fixture
def agency(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The agency's database, which tasks find through the environment as they would in production."""
    create_agency(database)
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", database.url)
    monkeypatch.setenv("LIFECYCLE_POLICY_DIR", str(AGENCY / "policies"))
    monkeypatch.setenv("LIFECYCLE_DATAMAP_DIR", str(AGENCY / "datamap"))
    monkeypatch.setenv("LIFECYCLE_KEYRING", str(tmp_path / "keyring"))
    monkeypatch.setenv("LIFECYCLE_STATE_DIR", str(tmp_path / "state"))
    return database


@pytest.fixture
def airflow(airflow_home: Path, agency: Database) -> Airflow:
    """Airflow over the agency."""
    assert os.environ["AIRFLOW_HOME"] == str(airflow_home)
    assert agency.url == os.environ["LIFECYCLE_DATABASE_URL"]
    return Airflow(home=airflow_home)


@pytest.fixture
def company(agency: Database, tmp_path: Path):
    """The agency as the tasks open it."""
    return open_agency(agency, tmp_path / "keyring")


@pytest.fixture
def airflow_over_the_reference(airflow_home: Path, monkeypatch: pytest.MonkeyPatch):
    """The DAGs of the reference company, parsed."""
    monkeypatch.delenv("LIFECYCLE_POLICY_DIR", raising=False)
    return Airflow(home=airflow_home).dags()
