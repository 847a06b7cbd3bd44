"""The control schema is built once, in order, from files that nobody changes afterwards."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy

from lifecycle.errors import StoreError
from lifecycle.store.engine import connect
from lifecycle.store.migrate import MIGRATIONS, migrate, pending
from lifecycle.store.roles import Role
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.databases import Database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project's migrations, to be changed."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


@pytest.fixture
def new_server() -> Iterator[EmbeddedServer]:
    """A server of its own: on the shared one the project's roles are there already."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        server = EmbeddedServer(Path(name), fast=True)
        server.start()
        yield server
        server.destroy()


def create_database(server: EmbeddedServer, name: str) -> str:
    """The address of a new database on ``server``."""
    with connect(server.url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return sqlalchemy.make_url(server.url).set(database=name).render_as_string(hide_password=False)


def add(folder: Path, name: str, sql: str) -> None:
    (folder / f"{name}.sql").write_text(sql)


def tables(database: Database) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'lifecycle'"
    return {row[0] for row in database.execute(query)}


def test_an_empty_database_lacks_every_migration_and_then_none(empty_database: Database):
    engine = empty_database.connect()
    waiting = pending(engine)
    assert waiting == sorted(path.stem for path in MIGRATIONS.glob("*.sql"))
    assert migrate(engine) == waiting
    assert pending(engine) == []
    assert migrate(engine) == []


def test_a_hold_on_a_subject_that_was_placed_before_covers_what_it_covered(
    empty_database: Database, folder: Path
):
    """Migration 0009 keeps addresses as they were compared, in lower case, and everything else as it stands."""
    later = [path for path in folder.glob("*.sql") if path.name >= "0009"]
    for path in later:
        path.unlink()
    migrate(empty_database.connect(), folder=folder)
    empty_database.script("""
        INSERT INTO lifecycle.hold (hold_id, kind, reason, placed_by, placed_at, until)
        VALUES (gen_random_uuid(), 'hold', 'dispute', 'counsel', '2026-01-01', '2030-01-01');
        INSERT INTO lifecycle.hold_subject (hold_id, position, identity, value)
        SELECT hold_id, position, identity, value FROM lifecycle.hold,
            (VALUES (0, 'email', ' Ann@Example.org'), (1, 'phone_number', '+372 1'), (2, 'email', NULL))
                AS named (position, identity, value)
    """)
    migrate(empty_database.connect())
    held = "SELECT identity, form, spellings FROM lifecycle.hold_subject ORDER BY position"
    assert [tuple(row) for row in empty_database.execute(held)] == [
        ("email", "email", ["ann@example.org"]),
        ("phone_number", "exact", ["+372 1"]),
        ("email", "email", None),
    ]
    with empty_database.connect(Role.ENGINE).begin() as connection:
        connection.exec_driver_sql("UPDATE lifecycle.hold_subject SET spellings = NULL")


def test_what_was_applied_is_remembered_with_its_digest(database: Database):
    rows = database.execute(
        "SELECT version, name, length(sha256), applied_at IS NOT NULL FROM lifecycle.migration"
    )
    assert (1, "schemas_and_roles", 64, True) in rows
    assert len(rows) == len(list(MIGRATIONS.glob("*.sql")))


def test_a_new_file_is_applied_to_a_database_that_has_the_others(database: Database, folder: Path):
    add(folder, "9001_two_tables", "CREATE TABLE lifecycle.one (); CREATE TABLE lifecycle.two ()")
    assert pending(database.connect(), folder=folder) == ["9001_two_tables"]
    assert migrate(database.connect(), folder=folder) == ["9001_two_tables"]
    assert {"one", "two"} <= tables(database)


def test_a_changed_file_is_refused_by_name_and_nothing_is_applied(database: Database, folder: Path):
    add(folder, "9001_more", "CREATE TABLE lifecycle.more ()")
    with (folder / "0001_schemas_and_roles.sql").open("a") as file:
        file.write("-- a harmless remark\n")
    for act in (migrate, pending):
        with pytest.raises(StoreError, match="changed") as caught:
            act(database.connect(), folder=folder)
        assert caught.value.place == "0001_schemas_and_roles.sql"
    assert "more" not in tables(database)


def test_a_missing_file_is_refused_by_name(database: Database, folder: Path):
    (folder / "0001_schemas_and_roles.sql").unlink()
    with pytest.raises(StoreError, match=r"0001_schemas_and_roles\.sql: .*gone"):
        migrate(database.connect(), folder=folder)


def test_a_migration_that_fails_leaves_nothing_and_is_named(database: Database, folder: Path):
    add(folder, "9001_good", "CREATE TABLE lifecycle.good ()")
    add(folder, "9002_bad", "CREATE TABLE lifecycle.half (); SELECT FROM lifecycle.nothing")
    with pytest.raises(StoreError, match=r"9002_bad\.sql: a table does not exist"):
        migrate(database.connect(), folder=folder)
    assert "good" in tables(database)
    assert "half" not in tables(database)
    assert pending(database.connect(), folder=folder) == ["9002_bad"]


def test_a_migration_names_its_schemas(database: Database, folder: Path):
    database.execute("CREATE SCHEMA elsewhere")
    add(folder, "9001_careless", "CREATE TABLE somewhere ()")
    with pytest.raises(StoreError, match="permission denied for schema pg_catalog"):
        migrate(database.connect(), folder=folder)


def test_a_function_is_nobodys_until_it_is_granted(database: Database, folder: Path):
    add(folder, "9001_function", "CREATE FUNCTION lifecycle.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    migrate(database.connect(), folder=folder)
    allowed = "SELECT has_function_privilege(:role, 'lifecycle.one()', 'EXECUTE')"
    assert [database.execute(allowed, {"role": role.value}) for role in Role] == [[(False,)]] * len(Role)


@pytest.mark.parametrize("name", ["0001_twice", "12_short", "0012-dash", "notes"])
def test_a_file_that_is_not_numbered_properly_is_named(database: Database, folder: Path, name: str):
    add(folder, name, "SELECT 1")
    with pytest.raises(StoreError, match=rf"{name}\.sql"):
        pending(database.connect(), folder=folder)


def test_several_that_migrate_at_once_apply_each_file_once(empty_database: Database):
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda _: migrate(empty_database.connect()), range(4)))
    assert sorted(label for run in runs for label in run) == sorted(
        path.stem for path in MIGRATIONS.glob("*.sql")
    )
    assert pending(empty_database.connect()) == []


def test_databases_that_share_a_server_create_its_roles_at_once(new_server: EmbeddedServer):
    urls = [create_database(new_server, f"company_{number}") for number in range(4)]
    with ThreadPoolExecutor(len(urls)) as threads:
        applied = list(threads.map(lambda url: migrate(connect(url)), urls))
    assert all(run == applied[0] != [] for run in applied)
    with connect(urls[0], role=Role.ENGINE).connect():
        pass


def test_a_role_that_exists_and_may_do_too_much_is_not_taken_over(new_server: EmbeddedServer):
    url = create_database(new_server, "company")
    with connect(url).begin() as connection:
        connection.exec_driver_sql("CREATE ROLE auditor CREATEDB")
    with pytest.raises(StoreError, match="the role auditor exists and may do more than it should"):
        migrate(connect(url))


def test_an_existing_schema_of_the_company_is_not_taken_over(empty_database: Database):
    empty_database.script("CREATE SCHEMA analytics; CREATE TABLE analytics.secret ()")
    with pytest.raises(StoreError, match=r'0001_schemas_and_roles\.sql: .*"analytics" already exists'):
        migrate(empty_database.connect())
    assert tables(empty_database) == set()


def test_a_user_who_may_not_create_schemas_is_told_what_is_missing(empty_database: Database):
    empty_database.script("CREATE ROLE nobody_in_particular; GRANT nobody_in_particular TO CURRENT_USER")
    engine = empty_database.connect()
    sqlalchemy.event.listen(
        engine, "begin", lambda connection: connection.exec_driver_sql("SET ROLE nobody_in_particular")
    )
    try:
        with pytest.raises(StoreError, match="lacks a right") as caught:
            migrate(engine)
        assert "create roles and schemas" in caught.value.next_step
    finally:
        empty_database.script("DROP ROLE nobody_in_particular")
