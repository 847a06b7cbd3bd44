"""What corrects, restricts and ends purposes is written by the engine alone, which neither deletes nor rewrites it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError, ProgrammingError

from lifecycle.store.grants import grant
from lifecycle.store.roles import Role
from support.subjects import create_people

if TYPE_CHECKING:
    from support.databases import Database

pytestmark = pytest.mark.commitment("G1", "R4", "R5", "R6")

REQUEST = "00000000-0000-4000-8000-000000000001"
DIGEST = "0" * 64
MADE = f"""
    INSERT INTO lifecycle.request (request_id, kind, received_at, opened_by, due_on)
    VALUES ('{REQUEST}', 'objection', '2026-03-01', 'Op', '2026-04-01');
    INSERT INTO lifecycle.request_correction (request_id, position, what, named, fingerprint, sealed)
    VALUES ('{REQUEST}', 0, 'identity', 'email', '{DIGEST}', '\\x00');
    INSERT INTO lifecycle.request_purpose (request_id, purpose) VALUES ('{REQUEST}', 'marketing');
    INSERT INTO lifecycle.processing_stop (stop_id, request_id, purpose, since, placed_at)
    VALUES ('{REQUEST}', '{REQUEST}', 'marketing', '2026-03-01', '2026-03-02');
    INSERT INTO lifecycle.processing_stop_subject (stop_id, position, identity, form, fingerprint, spellings)
    VALUES ('{REQUEST}', 0, 'email', 'email', '{DIGEST}', '{{a@example.test}}');
    INSERT INTO lifecycle.processing_stop_row (stop_id, position, collection, key, fingerprint)
    VALUES ('{REQUEST}', 0, 'app.person', '{{1}}', '{DIGEST}');
"""
TABLES = (
    "request_correction", "request_purpose", "processing_stop", "processing_stop_subject", "processing_stop_row"
)  # fmt: skip


@pytest.fixture(scope="module")
def made(module_database: Database) -> Database:
    create_people(module_database)
    with module_database.connect(Role.ENGINE).begin() as connection:
        for statement in filter(str.strip, MADE.split(";")):
            connection.exec_driver_sql(statement)
    return module_database


def act(database: Database, role: Role, statement: str) -> list:
    with database.connect(role).begin() as connection:
        result = connection.exec_driver_sql(statement)
        return list(result) if result.returns_rows else []


FORBIDDEN = [
    *((Role.ENGINE, f"DELETE FROM lifecycle.{table}") for table in TABLES),
    (Role.ENGINE, "UPDATE lifecycle.request_correction SET named = 'phone_number'"),
    (Role.ENGINE, "UPDATE lifecycle.request_correction SET fingerprint = ''"),
    (Role.ENGINE, "UPDATE lifecycle.request_purpose SET purpose = 'other'"),
    (Role.ENGINE, "UPDATE lifecycle.processing_stop SET since = now()"),
    (Role.ENGINE, "UPDATE lifecycle.processing_stop_subject SET fingerprint = ''"),
    (Role.ENGINE, "UPDATE lifecycle.processing_stop_row SET collection = ''"),
    (Role.READER, "SELECT sealed FROM lifecycle.request_correction"),
    (Role.READER, "SELECT fingerprint FROM lifecycle.request_correction"),
    (Role.READER, "SELECT spellings FROM lifecycle.processing_stop_subject"),
    (Role.READER, "SELECT key FROM lifecycle.processing_stop_row"),
    (Role.READER, "UPDATE lifecycle.request_purpose SET decision = 'stop'"),
    *(
        (role, f"SELECT FROM lifecycle.{table}")
        for role in (Role.BUILDER, Role.DATA_TEAM, Role.AUDITOR)
        for table in TABLES
    ),
    (Role.ENGINE, "INSERT INTO app.person DEFAULT VALUES"),
    (Role.ENGINE, "INSERT INTO website.marketing_subscription DEFAULT VALUES"),
]


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
def test_a_role_is_refused_what_it_does_not_need(made: Database, role: Role, statement: str):
    with pytest.raises(ProgrammingError, match="SQLSTATE 42501"):
        act(made, role, statement)


def test_the_reader_sees_what_is_corrected_and_ended_and_not_for_whom(made: Database):
    assert act(made, Role.READER, "SELECT named FROM lifecycle.request_correction") == [("email",)]
    assert act(made, Role.READER, "SELECT identity FROM lifecycle.processing_stop_subject") == [("email",)]
    assert act(made, Role.READER, "SELECT purpose FROM lifecycle.processing_stop") == [("marketing",)]


@pytest.mark.parametrize(
    "change",
    [
        "lifecycle.request_purpose SET decision = 'perhaps', decided_by = 'Op', decided_at = now()",
        "lifecycle.request_purpose SET decision = 'stop'",
        "lifecycle.request_purpose SET decision = 'stop', decided_by = '', decided_at = now()",
        "lifecycle.processing_stop_subject SET spellings = '{}'",
        "lifecycle.processing_stop_subject SET spellings = '{NULL}'",
    ],
)
def test_no_row_says_what_cannot_be(made: Database, change: str):
    with pytest.raises(IntegrityError):
        act(made, Role.ENGINE, f"UPDATE {change}")


def test_only_a_restriction_follows_from_a_request(made: Database):
    placed = (
        "INSERT INTO lifecycle.hold (kind, reason, placed_by, placed_at, until, request_id)"
        " VALUES ('{}', 'request', 'Op', '2026-03-01', '2026-04-01', '" + REQUEST + "')"
    )
    with pytest.raises(IntegrityError, match="hold_of_a_request"):
        act(made, Role.ENGINE, placed.format("hold"))
    act(made, Role.ENGINE, placed.format("restriction"))
    with pytest.raises(IntegrityError, match="hold_request"):
        act(made, Role.ENGINE, placed.format("restriction"))


def test_a_word_is_recorded_where_the_policy_says_and_the_right_is_taken_back_with_it(made: Database):
    allowed = "SELECT has_table_privilege('lifecycle_engine', :table, 'INSERT') AS may"
    may = {
        table: made.execute(allowed, {"table": table})[0].may
        for table in ("website.marketing_consent", "website.cookie_choice", "website.marketing_subscription")
    }
    assert list(may.values()) == [True, True, False]
    with made.connect().begin() as connection:
        grant(connection, [("website", "marketing_consent")])
        connection.exec_driver_sql("SET LOCAL ROLE lifecycle_engine")
        with pytest.raises(ProgrammingError, match="SQLSTATE 42501"):
            connection.exec_driver_sql("INSERT INTO website.marketing_consent DEFAULT VALUES")
        connection.rollback()
