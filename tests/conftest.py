"""Fixtures for every test: a PostgreSQL server shared by the whole run, and databases on it.

``database`` is a fresh, migrated database for one test, ``module_database`` one for all tests of a module,
``empty_database`` one without the control schema.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.databases import Database, DatabaseServer
from support.server_folder import server_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVER_FOLDER = pytest.StashKey[Path]()
_LONGEST = ("simulation", "dags", "generative")
"""Folders of which a file may take minutes."""


def pytest_configure(config: pytest.Config) -> None:
    """Choose the server's folder once for the run, and remove it in the end; its workers are told."""
    if told := getattr(config, "workerinput", {}).get("server_folder"):
        config.stash[_SERVER_FOLDER] = Path(told)
    else:
        run = ExitStack()
        config.stash[_SERVER_FOLDER] = run.enter_context(server_folder())
        config.add_cleanup(run.close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the run's server is."""
    node.workerinput["server_folder"] = str(node.config.stash[_SERVER_FOLDER])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that in the end no worker is left alone with it."""

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return _LONGEST.index(folder) if folder in _LONGEST else len(_LONGEST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """The folder that all workers of this run share."""
    return pytestconfig.stash[_SERVER_FOLDER]


@pytest.fixture(scope="session")
def database_server(run_folder: Path) -> DatabaseServer:
    """The run's PostgreSQL; started by the first test that asks."""
    return DatabaseServer(run_folder)


@pytest.fixture
def database(database_server: DatabaseServer) -> Iterator[Database]:
    """A fresh database with the control schema, for one test."""
    with database_server.database() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def module_database(database_server: DatabaseServer) -> Iterator[Database]:
    """A fresh database with the control schema, shared by the tests of one module."""
    with database_server.database() as fresh:
        yield fresh


@pytest.fixture
def empty_database(database_server: DatabaseServer) -> Iterator[Database]:
    """A fresh database without the control schema, for one test."""
    with database_server.database(migrated=False) as fresh:
        yield fresh
