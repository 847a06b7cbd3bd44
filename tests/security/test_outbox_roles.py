"""Notices are written by the engine alone, which can neither change whom they are for nor make them vanish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError, ProgrammingError

from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from support.databases import Database

pytestmark = pytest.mark.commitment("G1", "G3")

INSERT = """
    INSERT INTO lifecycle.outbox (notice_id, recipient, kind, request, body, state, queued_at, deadline, next_attempt)
    VALUES (gen_random_uuid(), 'printer', 'erasure', gen_random_uuid(), '\\x00', 'pending', '2026-01-01', '2026-02-01',
        '2026-01-01')
"""
VISIBLE = (
    "notice_id, position, recipient, kind, request, state, queued_at, deadline, next_attempt, attempts, leased_until,"
    " outcome, acknowledgement, ended_at, settled_by, settled_reason"
)


@pytest.fixture(scope="module")
def queued(module_database: Database) -> Database:
    act(module_database, Role.ENGINE, INSERT)
    return module_database


def act(database: Database, role: Role, statement: str) -> list:
    with database.connect(role).begin() as connection:
        result = connection.exec_driver_sql(statement)
        return list(result) if result.returns_rows else []


FORBIDDEN = [
    *(
        (Role.ENGINE, f"UPDATE lifecycle.outbox SET {column} = DEFAULT")
        for column in ("notice_id", "position", "recipient", "kind", "request", "queued_at")
    ),
    (Role.ENGINE, "DELETE FROM lifecycle.outbox"),
    (Role.ENGINE, "TRUNCATE lifecycle.outbox"),
    (Role.READER, "SELECT body FROM lifecycle.outbox"),
    (Role.READER, "SELECT lease FROM lifecycle.outbox"),
    (Role.READER, "SELECT * FROM lifecycle.outbox"),
    (Role.READER, "UPDATE lifecycle.outbox SET attempts = 0"),
    (Role.READER, INSERT),
    *(
        (role, statement)
        for role in (Role.BUILDER, Role.DATA_TEAM, Role.AUDITOR)
        for statement in ("SELECT notice_id FROM lifecycle.outbox", INSERT)
    ),
]


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
def test_a_role_is_refused_what_it_does_not_need(queued: Database, role: Role, statement: str):
    with pytest.raises(ProgrammingError, match=r"SQLSTATE 42501"):
        act(queued, role, statement)


def test_the_reader_sees_everything_but_what_is_said_and_who_is_saying_it(queued: Database):
    assert len(act(queued, Role.READER, f"SELECT {VISIBLE} FROM lifecycle.outbox")) == 1
    columns = queued.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'lifecycle.outbox'::regclass AND attnum > 0"
    )
    assert {name for (name,) in columns} == {*VISIBLE.split(", "), "body", "lease"}


@pytest.mark.parametrize(
    "change",
    [
        "state = 'acknowledged', ended_at = '2026-01-02'",
        "state = 'settled', ended_at = '2026-01-02', settled_by = 'a', settled_reason = 'b'",
        "body = NULL",
        "state = 'acknowledged', body = NULL",
        "state = 'settled', body = NULL, ended_at = '2026-01-02'",
        "state = 'dead'",
        "state = 'lost'",
        "settled_by = 'olivia', settled_reason = 'letter'",
        "acknowledgement = 'early'",
        "state = 'acknowledged', body = NULL, ended_at = '2026-01-02', acknowledgement = 'somebody@example.test'",
        "outcome = 'somebody@example.test'",
        "lease = gen_random_uuid()",
        "state = 'dead', ended_at = '2026-01-02', lease = gen_random_uuid(), leased_until = '2026-01-02'",
        "attempts = -1",
        "deadline = 'infinity'",
    ],
)
def test_no_row_says_what_cannot_be(queued: Database, change: str):
    """Whatever is over has no body; whatever is not over has one; words are words."""
    with pytest.raises(IntegrityError):
        act(queued, Role.ENGINE, f"UPDATE lifecycle.outbox SET {change}")
