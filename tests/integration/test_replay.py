"""After a restore from a real backup, whoever was erased since is erased again, and the ledger goes on as it was."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from lifecycle.errors import PromiseBroken
from lifecycle.holds.targets import Subject
from lifecycle.ledger.copy import LedgerCopy
from lifecycle.ledger.verification import verify
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register, steps
from lifecycle.requests.asked import Asked
from lifecycle.requests.replay import replay
from lifecycle.runs.signing import sign_ledger
from lifecycle.store.binaries import installed_programs
from support.commands import CommandLine
from support.samples import PROJECT, REFERENCE
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "G1")

LATER = AS_OF + timedelta(days=2)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring", LedgerCopy(tmp_path / "copy"))


def tool(name: str, url: str, *arguments: str) -> None:
    """A PostgreSQL program on a test's database."""
    address = sa.make_url(url)
    environment = {**os.environ, "PGPASSWORD": str(address.password)}
    where = ["-h", str(address.host), "-p", str(address.port), "-U", str(address.username)]
    command = [installed_programs() / name, *where, *arguments]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)  # noqa: S603 - the wheel's own program
    assert done.returncode == 0, done.stderr


def erase(company: Company, email: str) -> UUID:
    with company.engine.begin() as connection:
        request_id = register.open_request(
            connection, company.rulebook(AS_OF), company.keys, [Subject(identity="email", value=email)],
            kind=RequestKind.ERASURE, opened_by="Op", as_of=AS_OF,
        )  # fmt: skip
        register.verify(connection, request_id, verified_by="Op", how="callback", as_of=AS_OF)
    steps.answer(company, request_id, approved_by="Op", as_of=AS_OF)
    sign_ledger(company, as_of=AS_OF)
    return request_id


def object_to_marketing(company: Company, email: str) -> None:
    with company.engine.begin() as connection:
        request_id = register.open_request(
            connection, company.rulebook(AS_OF), company.keys, [Subject(identity="email", value=email)],
            kind=RequestKind.OBJECTION, opened_by="Op", as_of=AS_OF, asked=Asked(purposes=("marketing",)),
        )  # fmt: skip
        register.verify(connection, request_id, verified_by="Op", how="callback", as_of=AS_OF)
    steps.answer(company, request_id, approved_by="Op", as_of=AS_OF)
    sign_ledger(company, as_of=AS_OF)


def test_a_restored_backup_is_brought_up_to_date(database: Database, company: Company, tmp_path: Path):
    erase(company, "nobody@example.test")
    name = sa.make_url(database.url).database
    backup = tmp_path / "backup"
    tool("pg_dump", database.url, "-Fc", "-f", str(backup), str(name))
    object_to_marketing(company, "jaan.kask@example.test")
    erase(company, MARI)
    database.execute(
        "DELETE FROM website.marketing_consent WHERE event = 'withdrawn'"
    )  # what is lost is told
    after = rows_of(database)
    entries = database.execute("SELECT payload FROM lifecycle.ledger_entry ORDER BY sequence")

    company.engine.dispose()
    database.script("DROP SCHEMA app, website, lifecycle, analytics, pseudonymised CASCADE")
    tool("pg_restore", database.url, "-d", str(name), str(backup))
    assert rows_of(database) != after
    with pytest.raises(PromiseBroken, match="lifecycle replay"):
        steps.answer(company, erase_number(database), approved_by="Op", as_of=LATER)

    replayed = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert (replayed.requests, replayed.entries > 0, replayed.to_do) == (
        2, True, {"objection": 1}
    )  # fmt: skip
    assert rows_of(database) == after
    now = database.execute("SELECT payload FROM lifecycle.ledger_entry ORDER BY sequence")
    assert now[: len(entries)] == entries
    sign_ledger(company, as_of=LATER)
    with company.engine.connect() as connection:
        assert verify(connection, company.keys.public_keys()).sound
    assert replay(company, since=AS_OF, replayed_by="Op", as_of=LATER).rows == 0


def test_replaying_on_the_command_line(
    database: Database, company: Company, tmp_path: Path, monkeypatch, capsys, caplog
):
    erase(company, MARI)
    settings = {
        "DATABASE_URL": database.url, "KEYRING": tmp_path / "keyring", "LEDGER_COPY": tmp_path / "copy",
        "STATE_DIR": tmp_path, "POLICY_DIR": PROJECT / "include/policies", "DATAMAP_DIR": REFERENCE.datamap,
    }  # fmt: skip
    command = CommandLine(monkeypatch, capsys, caplog, settings, now=LATER)
    done = command("replay", "--since", AS_OF.isoformat(), "--by", "Op", "--json")
    assert done.document == {"entries": 0, "requests": 1, "rows": 0, "to_do": {}}
    assert command("replay", "--since", "long ago", "--by", "Op").code == 2
    assert command("replay", "--since", AS_OF.isoformat(), "--by", " ").code == 2


def erase_number(database: Database) -> UUID:
    """Any request of the backup."""
    found: UUID = database.execute("SELECT request_id FROM lifecycle.request")[0].request_id
    return found


def test_an_import_that_brings_a_subject_back_is_erased_by_the_next_run(database: Database, company: Company):
    erase(company, MARI)
    before = rows_of(database)
    database.execute(
        "INSERT INTO app.person (customer_id, first_name, last_name, work_email, country, created_at)"
        " VALUES (2, 'Mari', 'Tamm', ' Mari.TAMM@example.test ', 'EE', :at)",
        {"at": LATER},
    )
    database.execute(
        "INSERT INTO website.enquiry (kind, first_name, last_name, email, employer, submitted_at)"
        " VALUES ('contact', 'Mari', 'Tamm', :email, 'Puu AS', :at)",
        {"email": MARI, "at": LATER},
    )
    written_again = {row for row in rows_of(database) if row[0] == "website.enquiry"} - set(before)
    flagged = steps.flag_returned(company, as_of=LATER)
    assert sum(flagged.values()) == 1
    for request_id in flagged:
        steps.resume(company, request_id, as_of=LATER)
    assert set(rows_of(database)) == set(before) | written_again
