"""The page of requests adds to the register, and can read neither whom a request is about nor a row of the company."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import ProgrammingError

from lifecycle.holds.targets import Subject, UnseenTarget
from lifecycle.keys.keyring import FileKeyring
from lifecycle.keys.parted import INTAKE_KEYS, PartedKeyring
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register
from lifecycle.requests.asked import Asked
from lifecycle.requests.corrections import Correction, corrected, open_corrections
from lifecycle.requests.purposes import Decision
from lifecycle.requests.subject import DOMAIN, SEALING_KEY, open_whom
from lifecycle.requests.weighing import weigh
from lifecycle.settings import Settings
from lifecycle.store.roles import Role
from support.subjects import AS_OF, MARI, create_people, open_people

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("G1")

FORBIDDEN = [
    "SELECT sealed FROM lifecycle.request_identity",
    "SELECT * FROM lifecycle.request_identity",
    "UPDATE lifecycle.request_identity SET sealed = NULL",
    "UPDATE lifecycle.request_identity SET fingerprint = ''",
    "DELETE FROM lifecycle.request_identity",
    "UPDATE lifecycle.request SET opened_by = 'Mallory'",
    "UPDATE lifecycle.request SET receipt = '{}'",
    "UPDATE lifecycle.request SET closed_at = now()",
    "UPDATE lifecycle.request SET tenant_key = NULL",
    "DELETE FROM lifecycle.request",
    "UPDATE lifecycle.request_event SET what = 'nothing'",
    "DELETE FROM lifecycle.request_event",
    "SELECT sealed FROM lifecycle.request_correction",
    "UPDATE lifecycle.request_correction SET sealed = NULL",
    "DELETE FROM lifecycle.request_correction",
    "UPDATE lifecycle.request_purpose SET purpose = 'other'",
    "DELETE FROM lifecycle.request_purpose",
    "INSERT INTO lifecycle.processing_stop DEFAULT VALUES",
    "SELECT FROM lifecycle.processing_stop_subject",
    "SELECT FROM lifecycle.processing_stop_row",
    "SELECT FROM lifecycle.hold",
    "INSERT INTO website.marketing_consent DEFAULT VALUES",
    "SELECT key FROM lifecycle.request_remainder",
    "SELECT fingerprint FROM lifecycle.suppression",
    "SELECT keys FROM lifecycle.plan_item",
    "UPDATE lifecycle.plan SET approved_by = 'Mallory'",
    "INSERT INTO lifecycle.ledger_entry DEFAULT VALUES",
    "SELECT FROM lifecycle.hold_subject",
    "SELECT id FROM app.person",
    "SELECT email FROM website.enquiry",
]


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_it_is_refused_what_it_does_not_need(database: Database, company: Company, statement: str):
    assert company
    with (
        database.connect(Role.INTAKE).begin() as connection,
        pytest.raises(ProgrammingError, match="SQLSTATE 42501"),
    ):
        connection.exec_driver_sql(statement)


def test_it_takes_a_request_that_only_the_engine_can_open(database: Database, company: Company):
    rulebook = company.rulebook(AS_OF)
    with database.connect(Role.INTAKE).begin() as connection:
        number = register.open_request(
            connection, rulebook, company.keys,
            [Subject(identity="email", value=MARI), UnseenTarget.parse("app.person:999999")],
            kind=RequestKind.ERASURE, opened_by="Op", as_of=AS_OF, tenant=UnseenTarget.parse("app.customer:2"),
        )  # fmt: skip
    with (
        database.connect(Role.INTAKE).begin() as connection,
        pytest.raises(ProgrammingError, match="SQLSTATE 42501"),
    ):
        open_whom(connection, rulebook, number, company.keys)
    with company.engine.connect() as connection:
        assert MARI in [one.normal for one in open_whom(connection, rulebook, number, company.keys).subjects]


def test_it_takes_corrections_that_only_the_engine_can_open(database: Database, company: Company):
    rulebook = company.rulebook(AS_OF)
    given = [("email", "mari.kuusk@example.test"), ("user.name.last", "Kuusk")]
    with database.connect(Role.INTAKE).begin() as connection:
        number = register.open_request(
            connection, rulebook, company.keys, [Subject(identity="email", value=MARI)],
            kind=RequestKind.RECTIFICATION, opened_by="Op", as_of=AS_OF,
            asked=Asked(
                corrections=tuple(
                    Correction(what=corrected(rulebook, name), named=name, value=value) for name, value in given
                )
            ),
        )  # fmt: skip
        assert register.get(connection, number).corrects == ("email", "user.name.last")
    with (
        database.connect(Role.INTAKE).begin() as connection,
        pytest.raises(ProgrammingError, match="SQLSTATE 42501"),
    ):
        open_corrections(connection, number, company.keys)
    with company.engine.connect() as connection:
        found = open_corrections(connection, number, company.keys)
    assert [(one.named, one.value) for one in found] == given


def test_it_says_which_purposes_end_and_decides_what_is_weighed(database: Database, company: Company):
    rulebook = company.rulebook(AS_OF)
    with database.connect(Role.INTAKE).begin() as connection:
        number = register.open_request(
            connection, rulebook, company.keys, [Subject(identity="email", value=MARI)],
            kind=RequestKind.OBJECTION, opened_by="Op", as_of=AS_OF, asked=Asked(purposes=("service_improvement",)),
        )  # fmt: skip
        weigh(connection, rulebook.policy, number, decision=Decision.STOP, by="Op", as_of=AS_OF)


def test_its_login_can_step_into_no_other_role(database: Database):
    login = "intake_login"
    database.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'secret' NOINHERIT")
    try:
        database.execute(f"GRANT lifecycle_intake TO {login}")
        for role in set(Role) - {Role.INTAKE}:
            with database.connect().begin() as connection, pytest.raises(ProgrammingError):
                connection.exec_driver_sql(f"SET SESSION AUTHORIZATION {login}; SET ROLE {role}")
    finally:
        database.execute(f"DROP ROLE {login}")


def test_the_keys_of_requests_are_kept_apart_from_all_others(tmp_path: Path):
    intake, others = (FileKeyring(tmp_path / name, environment={}) for name in ("intake", "others"))
    keys = PartedKeyring(intake=intake, others=others)
    keys.secret(SEALING_KEY)
    keys.fingerprint(DOMAIN, MARI)
    keys.fingerprint("operator", "Olivia")
    keys.signing_key("ledger")
    assert set(intake.names()) == {SEALING_KEY, f"fingerprint.{DOMAIN}"} == INTAKE_KEYS
    assert set(others.names()) == {"fingerprint.operator", "ledger"}
    assert keys.names() == tuple(sorted({*intake.names(), *others.names()}))


def test_the_folder_of_the_keys_of_requests_is_a_setting():
    given = Settings.from_environment({"LIFECYCLE_INTAKE_KEYRING": "/somewhere"})
    assert str(given.intake_keyring) == "/somewhere"
    assert Settings.from_environment({}).intake_keyring is None
