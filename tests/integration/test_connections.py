"""Connections act as their role, do not wait for ever, and say what is wrong without saying who."""

from __future__ import annotations

import dataclasses
import socket
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy
from sqlalchemy.exc import DBAPIError, IntegrityError

from lifecycle.errors import StoreError
from lifecycle.settings import Settings
from lifecycle.store import engine as engine_module
from lifecycle.store.engine import connect, parse_url, place_of, reading, resolve_url, run_script
from lifecycle.store.failures import describe
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

SECRET = "s3cret"


def settings(url: str | None) -> Settings:
    return dataclasses.replace(Settings.from_environment({}), database_url=url)


def refused(url: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        resolve_url(settings(url))
    return caught.value


def changed(url: str, **parts: object) -> str:
    return sqlalchemy.make_url(url).set(**parts).render_as_string(hide_password=False)


def show(database: Database, name: str, role: Role | None = None) -> str:
    with database.connect(role).connect() as connection:
        return connection.scalar(sqlalchemy.text(f"SHOW {name}"))


# --- addresses


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"]
)
def test_every_way_to_write_a_postgresql_address_is_understood(module_database: Database, scheme: str):
    url = changed(module_database.url, drivername=scheme)
    assert resolve_url(settings(url)) == module_database.url


@pytest.mark.parametrize(
    "url",
    [
        f"sqlite:///{SECRET}.db",
        f"mysql://user:{SECRET}@host/db",
        f"host=db password={SECRET}",
        f"postgresql://user:{SECRET}@host:port/db",
        f"postgresql://user:{SECRET}@host:1,other:2/db",
        f"postgresql://user:{SECRET}",
        f"/{SECRET}",
    ],
)
def test_what_is_not_a_postgresql_address_is_refused_without_repeating_it(url: str):
    error = refused(url)
    assert error.place == "LIFECYCLE_DATABASE_URL"
    assert "postgresql://" in error.next_step
    assert SECRET not in "".join(traceback.format_exception(error))


def test_a_place_names_no_user_and_no_password():
    assert place_of(f"postgresql://user:{SECRET}@db.example:6543/shop") == "db.example:6543/shop"
    assert place_of("postgresql:///shop?host=/run/postgresql") == "/run/postgresql:5432/shop"


# --- servers that cannot be used


def test_a_server_that_does_not_answer_is_named():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: refused
        port = unused.getsockname()[1]
        error = refused(f"postgresql://user:{SECRET}@127.0.0.1:{port}/shop")
    assert error.message.startswith("the database cannot be reached")
    assert error.place == f"127.0.0.1:{port}/shop"
    assert "LIFECYCLE_DATABASE_URL" in error.next_step
    assert SECRET not in "".join(traceback.format_exception(error))


def test_a_wrong_password_and_a_wrong_name_are_told_apart(module_database: Database):
    wrong_password = refused(changed(module_database.url, password=SECRET))
    assert "password authentication failed" in wrong_password.message
    assert SECRET not in str(wrong_password)
    assert (
        'database "nowhere" does not exist'
        in refused(changed(module_database.url, database="nowhere")).message
    )


def test_a_read_only_server_is_refused(database: Database):
    name = sqlalchemy.make_url(database.url).database
    database.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    error = refused(database.url)
    assert error.message == "the database is read-only"
    assert name in error.place


def test_an_old_server_is_refused(module_database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine_module, "OLDEST_VERSION", 99)
    error = refused(module_database.url)
    assert "too old" in error.message
    assert "99" in error.next_step


def test_without_an_address_the_embedded_server_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    started = []

    def start(server: engine_module.EmbeddedServer) -> str:
        started.append(server._state_dir)
        return "postgresql+psycopg://embedded"

    monkeypatch.setattr(engine_module.EmbeddedServer, "start", start)
    without = dataclasses.replace(settings(None), state_dir=tmp_path)
    assert resolve_url(without) == "postgresql+psycopg://embedded"
    assert started == [tmp_path]


# --- what a connection is


@pytest.mark.parametrize("role", list(Role))
def test_a_connection_acts_as_its_role_even_after_a_rollback(module_database: Database, role: Role):
    who = sqlalchemy.text("SELECT current_user")
    with module_database.connect(role).connect() as connection:
        assert connection.scalar(who) == role.value
        connection.rollback()
        assert connection.scalar(who) == role.value


def test_without_a_role_it_stays_the_user_of_the_address(module_database: Database):
    with module_database.connect().connect() as connection:
        assert (
            connection.scalar(sqlalchemy.text("SELECT current_user"))
            == parse_url(module_database.url).username
        )


def test_a_role_that_does_not_exist_points_to_init(empty_database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Role.AUDITOR, "_value_", "nobody_made_this_role")
    with pytest.raises(StoreError, match="lifecycle init"), empty_database.connect(Role.AUDITOR).connect():
        pass


def test_a_user_who_may_not_act_as_the_role_is_told_so(database: Database):
    user = f"stranger_{sqlalchemy.make_url(database.url).database}"
    database.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{SECRET}'")
    try:
        url = changed(database.url, username=user, password=SECRET)
        with (
            pytest.raises(StoreError, match=f"{user} may not act as it"),
            connect(url, role=Role.ENGINE).connect(),
        ):
            pass
    finally:
        database.execute(f"DROP ROLE {user}")


def test_time_is_utc_and_waits_have_an_end(module_database: Database):
    assert show(module_database, "timezone") == "UTC"
    assert show(module_database, "lock_timeout") == "5s"
    assert show(module_database, "idle_in_transaction_session_timeout") == "5min"
    assert show(module_database, "statement_timeout") == "0"
    assert show(module_database, "statement_timeout", Role.READER) == "30s"
    assert show(module_database, "statement_timeout", Role.ENGINE) == "1h"
    assert show(module_database, "application_name") == "test"


def test_a_lock_that_somebody_holds_is_waited_for_only_so_long(database: Database):
    database.script("CREATE SCHEMA shop; CREATE TABLE shop.customer (id int)")
    impatient = connect(database.url, lock_timeout=timedelta(milliseconds=50))
    with database.connect().begin() as holder:
        holder.exec_driver_sql("LOCK TABLE shop.customer")
        with pytest.raises(DBAPIError) as caught, impatient.begin() as connection:
            connection.exec_driver_sql("DELETE FROM shop.customer")
    error = describe(caught.value, place="shop.customer")
    assert "locked by somebody else" in error.message
    assert error.place == "shop.customer"


def test_what_was_prepared_outlives_a_question(module_database: Database):
    engine = connect(module_database.url, keeps=1)
    for _ in range(10):
        with reading(engine) as connection:
            connection.exec_driver_sql("SELECT 'asked often'")
    kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%asked often%%'"
    with reading(engine) as connection:
        assert connection.exec_driver_sql(kept).scalar() == 1
    engine.dispose()


def test_a_question_leaves_the_connection_as_it_was(database: Database):
    """What is written on it afterwards, and not committed, is not there."""
    engine = connect(database.url, keeps=1)
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT 1")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE never (id bigint)")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT to_regclass('never')").scalar() is None
    engine.dispose()


def test_a_script_takes_no_parameters_and_a_percent_sign_is_itself(database: Database):
    with database.connect().begin() as connection:
        run_script(connection, "CREATE TABLE public.a (b text); INSERT INTO public.a VALUES ('5 % :of')")
    assert database.execute("SELECT b FROM public.a") == [("5 % :of",)]


def test_connections_are_closed_when_they_are_given_back(module_database: Database):
    with module_database.connect().connect() as connection:
        driver_connection = connection.connection.driver_connection
        assert not driver_connection.closed
    assert driver_connection.closed


# --- errors


REJECTED = {
    "a duplicate key": "INSERT INTO shop.person VALUES (:value, 1)",
    "a broken check": "INSERT INTO shop.person VALUES (concat(:value, '.'), -1)",
    "a missing value": "INSERT INTO shop.person VALUES (:value, null)",
    "a value of the wrong type": "SELECT CAST(:value AS integer)",
    "a trigger's own words": "UPDATE shop.person SET email = :value",
    "a trigger's own words under another code": "DELETE FROM shop.person WHERE email = :value",
}


@pytest.mark.parametrize("statement", REJECTED.values(), ids=REJECTED.keys())
def test_no_error_repeats_a_value(database: Database, statement: str):
    value = "anna@example.org"
    database.script(f"""
        CREATE SCHEMA shop;
        CREATE TABLE shop.person (email text PRIMARY KEY, age integer NOT NULL CHECK (age > 0));
        INSERT INTO shop.person VALUES ('{value}', 1);
        CREATE FUNCTION shop.complain() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'not %', NEW.email; END $$;
        CREATE TRIGGER complain BEFORE UPDATE ON shop.person FOR EACH ROW EXECUTE FUNCTION shop.complain();
        CREATE FUNCTION shop.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'keep %', OLD.email USING ERRCODE = 'object_in_use'; END $$;
        CREATE TRIGGER refuse BEFORE DELETE ON shop.person FOR EACH ROW EXECUTE FUNCTION shop.refuse();
    """)
    with pytest.raises(DBAPIError) as caught, database.connect().begin() as connection:
        connection.execute(sqlalchemy.text(statement), {"value": value})
    assert value not in "".join(traceback.format_exception(caught.value))
    assert value not in str(describe(caught.value))
    assert "SQLSTATE" in str(caught.value)


def test_what_is_not_a_value_is_still_said(database: Database):
    database.script("CREATE SCHEMA shop; CREATE TABLE shop.person (email text UNIQUE)")
    insert = "INSERT INTO shop.person VALUES ('a'), ('a')"
    with pytest.raises(IntegrityError, match="person_email_key"):
        database.execute(insert)


MEANINGS = {
    "SELECT FROM shop.nothing": ("a table does not exist", "lifecycle check"),
    "SELECT nothing FROM lifecycle.migration": ("a column does not exist", "lifecycle check"),
    "SET transaction_read_only = on; CREATE TABLE public.a ()": ("the database is read-only", "primary"),
    "SET LOCAL ROLE auditor; DELETE FROM lifecycle.migration": ("lacks a right", "connect as"),
    "SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)": ("took too long", "run it again"),
    "SELECT pg_terminate_backend(pg_backend_pid())": ("closed the connection", "server runs"),
    "DO $$ BEGIN RAISE '' USING ERRCODE = 'disk_full'; END $$": ("no room left on its disk", "free some"),
    "DO $$ BEGIN RAISE '' USING ERRCODE = 'deadlock_detected'; END $$": ("in the way", "run it again"),
    "SELECT 1/0": ("refuses the statement: SQLSTATE 22012", "lifecycle check"),
}


@pytest.mark.parametrize("statement", MEANINGS)
def test_a_failure_is_said_with_what_to_do_next(module_database: Database, statement: str):
    meaning, next_step = MEANINGS[statement]
    with pytest.raises(DBAPIError) as caught, module_database.connect().begin() as connection:
        run_script(connection, statement)
    error = describe(caught.value, place="somewhere")
    assert meaning in error.message
    assert next_step in error.next_step
    assert str(error).startswith("somewhere: ")


# --- connections that are kept


def backend(engine: sqlalchemy.Engine) -> int:
    """The server's process that serves the next connection."""
    with engine.connect() as connection:
        return connection.scalar(sqlalchemy.text("SELECT pg_backend_pid()"))


def test_a_connection_is_kept_only_where_that_was_asked_for(module_database: Database):
    once, kept = connect(module_database.url), connect(module_database.url, role=Role.ENGINE, keeps=1)
    assert backend(once) != backend(once)
    assert backend(kept) == backend(kept)
    kept.dispose()


def test_a_connection_that_was_closed_meanwhile_is_opened_anew_with_its_role(module_database: Database):
    kept = connect(module_database.url, role=Role.ENGINE, keeps=1)
    first = backend(kept)
    module_database.execute("SELECT pg_terminate_backend(:first, 10000)", {"first": first})
    with kept.connect() as connection:
        again = connection.execute(
            sqlalchemy.text("SELECT pg_backend_pid() AS pid, current_user AS role")
        ).one()
    assert again.pid != first
    assert again.role == Role.ENGINE.value
    kept.dispose()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the child leaves it open
def test_a_connection_does_not_cross_a_fork(module_database: Database, monkeypatch: pytest.MonkeyPatch):
    kept = connect(module_database.url, keeps=1)
    parents = backend(kept)
    monkeypatch.setattr(engine_module.os, "getpid", lambda: -1)  # as the child of a fork sees itself
    assert backend(kept) != parents
    kept.dispose()
