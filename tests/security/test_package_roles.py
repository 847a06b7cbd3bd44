"""What was put together for a subject leaves the store once, by the two functions that destroy it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import ProgrammingError

from lifecycle.errors import UsageError
from lifecycle.policy.model import RequestKind
from lifecycle.requests import packages
from lifecycle.store.roles import Role
from support.asking import answer, verified
from support.subjects import AS_OF, create_people, open_people

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("G1", "R2")

READING = (
    "SELECT archive FROM lifecycle.request_package",
    "SELECT passphrase FROM lifecycle.request_package",
    "SELECT * FROM lifecycle.request_package",
)
CHANGING = (
    "UPDATE lifecycle.request_package SET expires_at = 'infinity'",
    "UPDATE lifecycle.request_package SET archive = NULL",
    "INSERT INTO lifecycle.request_package DEFAULT VALUES",
    "DELETE FROM lifecycle.request_package",
)
CALLING = (
    "SELECT lifecycle.fetch_package(gen_random_uuid(), 'Mallory', now())",
    "SELECT lifecycle.show_passphrase(gen_random_uuid(), 'Mallory', now())",
)
OTHERS = sorted(set(Role) - {Role.ENGINE, Role.INTAKE})


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


def answered(company: Company) -> UUID:
    request_id = verified(company, kind=RequestKind.ACCESS)
    answer(company, request_id, AS_OF)
    return request_id


def refused(database: Database, role: Role, statement: str) -> None:
    with (
        database.connect(role).begin() as connection,
        pytest.raises(ProgrammingError, match="SQLSTATE 42501"),
    ):
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("statement", READING)
@pytest.mark.parametrize("role", sorted(Role))
def test_nobody_reads_what_is_sealed_but_by_fetching_it(database: Database, role: Role, statement: str):
    refused(database, role, statement)


@pytest.mark.parametrize("statement", CHANGING)
@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ENGINE}))
def test_only_the_engine_makes_and_destroys_packages(database: Database, role: Role, statement: str):
    refused(database, role, statement)


@pytest.mark.parametrize("statement", CALLING)
@pytest.mark.parametrize("role", OTHERS)
def test_only_operators_and_the_engine_fetch(database: Database, role: Role, statement: str):
    refused(database, role, statement)


def test_the_page_fetches_a_package_once_and_knows_who_did(database: Database, company: Company):
    request_id = answered(company)
    with database.connect(Role.INTAKE).begin() as connection:
        assert packages.fetch(connection, request_id, company.keys, by="Olivia", as_of=AS_OF)
        assert packages.show_passphrase(connection, request_id, company.keys, by="Olivia", as_of=AS_OF)
    with database.connect(Role.INTAKE).begin() as connection, pytest.raises(UsageError, match="done once"):
        packages.fetch(connection, request_id, company.keys, by="Mallory", as_of=AS_OF)
    (known,) = database.execute("SELECT archive, passphrase, fetched_by FROM lifecycle.request_package")
    assert tuple(known) == (None, None, "Olivia")


def test_a_package_whose_time_is_over_is_not_handed_out(database: Database, company: Company):
    request_id, late = answered(company), AS_OF + timedelta(days=15)
    with database.connect(Role.INTAKE).begin() as connection, pytest.raises(UsageError, match="was over"):
        packages.fetch(connection, request_id, company.keys, by="Olivia", as_of=late)
    with company.engine.begin() as connection:
        assert packages.destroy_expired(connection, as_of=late) == [request_id]
        assert packages.destroy_expired(connection, as_of=late) == []


def test_a_package_of_a_request_that_is_not_answered_is_not_handed_out(database: Database, company: Company):
    request_id = answered(company)
    database.execute("UPDATE lifecycle.request SET state = 'approved', closed_at = NULL, receipt = NULL")
    with database.connect(Role.INTAKE).connect() as connection:
        sealed = connection.exec_driver_sql(
            f"SELECT lifecycle.fetch_package('{request_id}', 'Mallory', '2026-03-10')"
        ).scalar()
    assert sealed is None


def test_what_another_key_sealed_is_not_destroyed_by_trying(
    database: Database, company: Company, tmp_path: Path
):
    request_id = answered(company)
    other = open_people(database, tmp_path / "other")
    with pytest.raises(UsageError, match="another key sealed it"), company.engine.begin() as connection:
        packages.fetch(connection, request_id, other.keys, by="Olivia", as_of=AS_OF)
    with company.engine.begin() as connection:
        assert packages.fetch(connection, request_id, company.keys, by="Olivia", as_of=AS_OF)
