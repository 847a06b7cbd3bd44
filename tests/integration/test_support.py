"""The databases that tests get are their own, and nothing of them is left."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy

from lifecycle.store.migrate import pending
from lifecycle.store.server import EmbeddedServer
from support import server_folder as module

if TYPE_CHECKING:
    from support.databases import Database, DatabaseServer


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


def test_a_server_is_kept_in_memory_only_where_there_is_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    on_disk = Path(tempfile.gettempdir())
    monkeypatch.setattr(module, "_MEMORY", tmp_path)
    assert module._where() in {tmp_path, on_disk}  # on a disk that runs no programs, or is full
    monkeypatch.setattr(module, "_ROOM", 2**80)
    assert module._where() == on_disk
    monkeypatch.setattr(module, "_MEMORY", tmp_path / "none")
    assert module._where() == on_disk


def test_a_company_is_made_once_and_copied(database_server: DatabaseServer):
    made = []

    def make(database: Database) -> None:
        made.append(database.url)
        database.script("CREATE TABLE public.company (); INSERT INTO public.company DEFAULT VALUES")

    for _ in range(2):
        with database_server.database() as database:
            database.start_as("company_of_this_test", make)
            assert database.execute("SELECT count(*) FROM public.company") == [(1,)]
    assert len(made) == 1
    with database_server.database() as used:
        used.execute("CREATE TABLE public.mine ()")
        used.start_as("company_of_this_test", make)
        assert used.execute("SELECT to_regclass('public.mine')::text") == [("mine",)]
