"""One Airflow for all tests of DAGs: its own home, its own metadata database, the project's DAG folder."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import pytest

from demonstration.local_airflow import environment
from lifecycle.settings import PROJECT
from support.airflow import Airflow
from support.companies import AGENCY, create_agency, open_agency
from support.subjects import create_people, open_people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Airflow's own warnings are not ours to mend."""
    for item in items:
        if item.path.is_relative_to(PROJECT / "tests/dags"):
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Iterator[Path]:
    """Airflow, configured by the environment before anything imports it, with a migrated database."""
    home = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in environment(home).items():
            patch.setenv(name, value)
        # A test registers the DAGs of its own company, however shortly after those of another.
        patch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0")
        Airflow(home=home).prepare_like(run_folder / "airflow.db")
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
def policies(agency: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Policies of the test's own instead of the agency's: write(version, (old, new) …)."""
    assert agency.url == os.environ["LIFECYCLE_DATABASE_URL"]

    def write(version: str, *changes: tuple[str, str]) -> None:
        text = (AGENCY / "policies/2025-01-01/policy.yaml").read_text()
        for old, new in (("last_updated: 2025-01-01", f"last_updated: {version}"), *changes):
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "policies" / version).mkdir(parents=True)
        (tmp_path / "policies" / version / "policy.yaml").write_text(text)

    monkeypatch.setenv("LIFECYCLE_POLICY_DIR", str(tmp_path / "policies"))
    return write


@pytest.fixture
def airflow_alone(airflow_home: Path) -> Airflow:
    """Airflow over whichever company the environment names."""
    assert os.environ["AIRFLOW_HOME"] == str(airflow_home)
    return Airflow(home=airflow_home)


@pytest.fixture
def airflow(airflow_alone: Airflow, agency: Database) -> Airflow:
    """Airflow over the agency."""
    assert agency.url == os.environ["LIFECYCLE_DATABASE_URL"]
    return airflow_alone


@pytest.fixture
def company(agency: Database, tmp_path: Path):
    """The agency as the tasks open it."""
    return open_agency(agency, tmp_path / "keyring")


@pytest.fixture
def people(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Company:
    """The reference company with a few people, which tasks and pages find through the environment."""
    create_people(database)
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", database.url)
    monkeypatch.setenv("LIFECYCLE_KEYRING", str(tmp_path / "keyring"))
    monkeypatch.setenv("LIFECYCLE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("LIFECYCLE_POLICY_DIR", raising=False)
    monkeypatch.delenv("LIFECYCLE_DATAMAP_DIR", raising=False)
    return open_people(database, tmp_path / "keyring")


@pytest.fixture
def dags(airflow_alone: Airflow, monkeypatch: pytest.MonkeyPatch):
    """The DAGs of the reference company, parsed."""
    monkeypatch.delenv("LIFECYCLE_POLICY_DIR", raising=False)
    return airflow_alone.dags()
