"""The ledger is written by the engine alone and changed by nobody; others read it or do not even that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DBAPIError

from lifecycle.keys import FileKeyring, SigningKey
from lifecycle.ledger.checkpoints import checkpoint
from lifecycle.ledger.merkle import Builder
from lifecycle.ledger.verification import verify
from lifecycle.store.roles import Role
from support.ledgers import START, fill, rows_of

if TYPE_CHECKING:
    from support.databases import Database

pytestmark = pytest.mark.commitment("G1")

RELATIONS = ["ledger_entry", "ledger_checkpoint", "ledger"]
TABLES = RELATIONS[:2]
READERS = {Role.ENGINE, Role.READER, Role.INTAKE, Role.AUDITOR}
CHANGES = {
    "ledger_entry": "UPDATE lifecycle.ledger_entry SET payload = ''",
    "ledger_checkpoint": "UPDATE lifecycle.ledger_checkpoint SET signature = ''",
}


@pytest.fixture(scope="module")
def ledger(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Database:
    fill(module_database, 4)
    keys = FileKeyring(tmp_path_factory.mktemp("keys") / "keyring", environment={})
    with module_database.connect(Role.ENGINE).begin() as connection:
        checkpoint(connection, keys, as_of=START)
    return module_database


def attempt(
    ledger: Database, role: Role | None, statement: str, parameters: dict | None = None
) -> str | None:
    """Why the role may not run this; None if it may. Nothing stays of it either way."""
    with ledger.connect(role).connect() as connection:
        try:
            connection.exec_driver_sql(statement, parameters or {})
        except DBAPIError as error:
            return str(error.orig)
        finally:
            connection.rollback()
    return None


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("role", list(Role))
def test_reading_is_for_engine_page_and_auditor(ledger, role, relation):
    refused = attempt(ledger, role, f"SELECT * FROM lifecycle.{relation}")
    assert (refused is None) == (role in READERS)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("change", ["UPDATE", "DELETE", "TRUNCATE", "DROP", "TRIGGER", "ALTER"])
def test_no_role_changes_what_stands(ledger, role, table, change):
    statement = {
        "UPDATE": CHANGES[table],
        "DELETE": f"DELETE FROM lifecycle.{table}",
        "TRUNCATE": f"TRUNCATE lifecycle.{table}",
        "DROP": f"DROP TABLE lifecycle.{table}",
        "TRIGGER": f"ALTER TABLE lifecycle.{table} DISABLE TRIGGER ALL",
        "ALTER": f"ALTER TABLE lifecycle.{table} ADD COLUMN surplus text",
    }[change]
    assert "SQLSTATE 42501" in attempt(ledger, role, statement)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ENGINE])
def test_only_the_engine_appends(ledger, role):
    for table in TABLES:
        refused = attempt(ledger, role, f"INSERT INTO lifecycle.{table} SELECT * FROM lifecycle.{table}")
        assert "permission denied" in refused


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("role", list(Role))
def test_grants_are_no_wider_than_reading_and_for_the_engine_appending(ledger, role, relation):
    """The trigger would refuse a change too; the grant must not lean on it."""
    given = {
        privilege
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
        if ledger.execute(f"SELECT has_table_privilege('{role}', 'lifecycle.{relation}', '{privilege}')")[0][
            0
        ]
    }
    appends = {"INSERT"} if role is Role.ENGINE and relation in TABLES else set()
    assert given == ({"SELECT"} | appends if role in READERS else set())


@pytest.mark.parametrize("table", TABLES)
def test_the_owner_changes_nothing_either(ledger, table):
    """The owner must take the protection away first, in a statement of its own that the server can log."""
    for statement in (CHANGES[table], f"DELETE FROM lifecycle.{table}", f"TRUNCATE lifecycle.{table}"):
        assert f"lifecycle.{table} is append-only" in attempt(ledger, None, statement)


@pytest.mark.parametrize("table", TABLES)
def test_a_replicating_session_is_protected_against_too(ledger, table):
    """Every trigger is enabled ALWAYS, so session_replication_role does not switch it off."""
    modes = ledger.execute(f"SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'lifecycle.{table}'::regclass")
    assert [mode[0] for mode in modes] == ["A", "A"]


INSERT = "INSERT INTO lifecycle.ledger_entry VALUES (%(sequence)s, %(hashes)s, %(payload)s)"


def forged(**changed) -> dict:
    """The row that would come next, with something about it changed."""
    sequence, hashes, payload = rows_of(5)[4]
    return {"sequence": sequence, "hashes": hashes, "payload": payload, **changed}


def test_the_engine_itself_appends_the_next_row(ledger):
    assert attempt(ledger, Role.ENGINE, INSERT, forged()) is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (dict(zip(("sequence", "hashes", "payload"), rows_of(7)[6], strict=True)), "not the next one"),
        (forged(sequence=-1), "not the next one"),
        (forged(sequence=3), "not the next one"),
        (forged(payload=b"{}"), "ledger_entry_"),
        (forged(hashes=bytes(32)), "ledger_entry_is_hashed"),
        (forged(hashes=rows_of(5)[4][1] + bytes(32)), "ledger_entry_completes_its_nodes"),
        (
            forged(payload=rows_of(4)[3][2], hashes=Builder().extend([rows_of(4)[3][2]])[0]),
            "ledger_entry_names_its_place",
        ),
    ],
)
def test_even_the_engine_cannot_append_a_row_that_does_not_belong_there(ledger, row, reason):
    assert reason in attempt(ledger, Role.ENGINE, INSERT, row)


@pytest.mark.parametrize(("number", "size"), [(1, 4), (3, 4), (2, 3)])
def test_even_the_engine_cannot_add_a_checkpoint_out_of_order(ledger, number, size):
    refused = attempt(
        ledger,
        Role.ENGINE,
        "INSERT INTO lifecycle.ledger_checkpoint "
        f"SELECT {number}, origin, {size}, root_hash, as_of, public_key, signature "
        "FROM lifecycle.ledger_checkpoint",
    )
    assert "does not continue" in refused


def test_the_auditor_needs_nothing_else_to_verify(ledger):
    """A key from elsewhere will do here: it is the reading that counts."""
    key = SigningKey.from_private_bytes("stranger", b"1" * 32)
    with ledger.connect(Role.AUDITOR).connect() as connection:
        assert verify(connection, [key.public_key]).entries == 4


def test_the_auditor_sees_nothing_of_the_control_schema_but_the_ledger(ledger):
    tables = ledger.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = 'lifecycle' AND relkind IN ('r', 'p', 'v', 'm') "
        "AND has_table_privilege('auditor', pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE')"
    )
    assert {row[0] for row in tables} == {*RELATIONS, "ledger_identity"}
