"""The databases that tests get are their own, and nothing of them is left."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest
import sqlalchemy

from lifecycle.store.migrate import pending
from lifecycle.store.server import EmbeddedServer
from support import server_folder as module

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import DatabaseServer


def test_each_test_has_a_database_of_its_own_with_the_control_schema(database_server: DatabaseServer):
    with database_server.database() as one, database_server.database() as other:
        one.execute("CREATE TABLE public.mine ()")
        assert other.execute("SELECT to_regclass('public.mine')") == [(None,)]
        assert pending(other.connect()) == []


def test_a_database_is_dropped_even_while_somebody_is_connected(database_server: DatabaseServer):
    with database_server.database() as database:
        connection = database.connect().connect()
    with pytest.raises(sqlalchemy.exc.DBAPIError):
        connection.execute(sqlalchemy.text("SELECT 1"))
    connection.invalidate()
    connection.close()
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="does not exist"):
        database.connect().connect()


def test_a_server_whose_run_was_killed_is_removed_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    abandoned = tmp_path / "lifecycle-tests-killed"
    server = EmbeddedServer(abandoned, fast=True)
    server.start()
    os.utime(abandoned, (0, 0))
    with module.server_folder() as running:
        os.utime(running, (0, 0))
        module.remove_abandoned_servers()
        assert running.exists()
        assert not abandoned.exists()
        assert not server.is_running
    assert list(tmp_path.iterdir()) == []
