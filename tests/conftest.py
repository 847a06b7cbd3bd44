"""Fixtures for every test: a PostgreSQL server shared by the whole run, and databases on it.

``database`` is a fresh, migrated database for one test, ``module_database`` one for all tests of a module,
``empty_database`` one without the control schema.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.store.server import EmbeddedServer
from support.databases import Database, DatabaseServer

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVER_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the server's folder once for the run; its workers are told."""
    told = getattr(config, "workerinput", {}).get("server_folder")
    folder = Path(told or tempfile.mkdtemp(prefix="lifecycle-tests-"))
    folder.chmod(0o755)  # root's server runs as somebody else, who must be able to enter
    config.stash[_SERVER_FOLDER] = folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the run's server is."""
    node.workerinput["server_folder"] = str(node.config.stash[_SERVER_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the server when the last worker is done."""
    if not hasattr(config, "workerinput"):
        EmbeddedServer(config.stash[_SERVER_FOLDER]).destroy()
        shutil.rmtree(config.stash[_SERVER_FOLDER])


@pytest.fixture(scope="session")
def database_server(pytestconfig: pytest.Config) -> DatabaseServer:
    """The run's PostgreSQL; started by the first test that asks."""
    return DatabaseServer(pytestconfig.stash[_SERVER_FOLDER])


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
