"""After a restore from a real backup, whoever was erased since is erased again, and the ledger goes on as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.errors import ApprovalRequired, PromiseBroken
from lifecycle.holds import register as holds
from lifecycle.holds.targets import Subject, Target
from lifecycle.ledger.copy import LedgerCopy
from lifecycle.ledger.verification import verify
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register, steps
from lifecycle.requests.replay import replay
from lifecycle.runs.signing import sign_ledger
from support.backups import back_up, restore
from support.commands import CommandLine
from support.samples import PROJECT, REFERENCE
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from datetime import datetime
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


def erase(company: Company, email: str, *, tenant: str | None = None) -> UUID:
    with company.engine.begin() as connection:
        request_id = register.open_request(
            connection, company.rulebook(AS_OF), company.keys, [Subject(identity="email", value=email)],
            kind=RequestKind.ERASURE, opened_by="Op", as_of=AS_OF,
            tenant=Target.parse(tenant) if tenant else None,
        )  # fmt: skip
        register.verify(connection, request_id, verified_by="Op", how="callback", as_of=AS_OF)
    steps.erase(company, request_id, approved_by="Op", as_of=AS_OF)
    sign_ledger(company, as_of=AS_OF)
    return request_id


def test_a_restored_backup_is_brought_up_to_date(database: Database, company: Company, tmp_path: Path):
    erase(company, "nobody@example.test")
    backup = back_up(database, tmp_path / "backup")
    erase(company, MARI)
    after = rows_of(database)
    entries = database.execute("SELECT payload FROM lifecycle.ledger_entry ORDER BY sequence")

    company.engine.dispose()
    restore(database, backup)
    assert rows_of(database) != after
    with pytest.raises(PromiseBroken, match="lifecycle replay"):
        steps.erase(company, erase_number(database), approved_by="Op", as_of=LATER)

    replayed = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert (replayed.requests, replayed.entries > 0, replayed.to_do) == (2, True, {})
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


# --- what a backup does not know, and what it knows


def hold(company: Company, *targets: str, as_of: datetime = AS_OF) -> UUID:
    with company.engine.begin() as connection:
        return holds.place(
            connection, company.rulebook(AS_OF), [Target.parse(one) for one in targets], kind="hold",
            reason="litigation", placed_by="Counsel", until=AS_OF + timedelta(days=900), as_of=as_of,
        )  # fmt: skip


def test_a_hold_that_the_backup_does_not_know_is_placed_again_before_anything_goes(
    database: Database, company: Company, tmp_path: Path
):
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    number = hold(company, "app.person:101")
    erase(company, MARI)
    after = rows_of(database)
    company.engine.dispose()
    restore(database, backup)
    before = rows_of(database)

    with pytest.raises(ApprovalRequired, match=f"hold {number} .litigation.: place"):
        replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert rows_of(database) == before
    with pytest.raises(PromiseBroken, match="not erased again yet"):
        company.require_continued()
    company.require_whole_ledger()
    hold(company, "app.person:101", as_of=LATER)
    replayed = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER, are_held_again=True)
    assert replayed.to_do == {"hold_to_place": 1}
    assert rows_of(database) == after
    company.require_continued()


def test_a_hold_that_was_released_since_is_ended_again_by_a_person(
    database: Database, company: Company, tmp_path: Path
):
    number = hold(company, "app.person:101")
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    with company.engine.begin() as connection:
        holds.release(connection, number, released_by="Counsel", as_of=AS_OF)
        brief = holds.place(
            connection, company.rulebook(AS_OF), [Target.parse("app.person:100")], kind="restriction",
            reason="claim", placed_by="Counsel", until=AS_OF + timedelta(hours=1), as_of=AS_OF,
        )  # fmt: skip
    sign_ledger(company, as_of=AS_OF)
    company.engine.dispose()
    restore(database, backup)
    replayed = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert replayed.to_do == {"hold_to_end": 1}, f"{brief} is over"


def test_who_wrote_again_after_an_erasure_that_the_backup_knows_is_welcome(
    database: Database, company: Company, tmp_path: Path
):
    erase(company, MARI)
    database.execute(
        "INSERT INTO website.enquiry (kind, first_name, last_name, email, employer, submitted_at)"
        " VALUES ('contact', 'Mari', 'Tamm', :email, 'Puu AS', :at)",
        {"email": MARI, "at": AS_OF + timedelta(hours=1)},
    )
    backup = back_up(database, tmp_path / "backup")
    before = rows_of(database)
    erase(company, "nobody@example.test")
    company.engine.dispose()
    restore(database, backup)
    replay(company, since=AS_OF + timedelta(hours=2), replayed_by="Op", as_of=LATER)
    assert rows_of(database) == before


@pytest.mark.commitment("A5")
def test_what_one_organisation_had_erased_stays_with_another(
    database: Database, company: Company, tmp_path: Path
):
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    erase(company, MARI, tenant="app.customer:2")
    after = rows_of(database)
    assert ("app.person", "100") not in after
    assert ("app.person", "101") in after
    assert steps.flag_returned(company, as_of=LATER) == {}
    company.engine.dispose()
    restore(database, backup)
    assert replay(company, since=AS_OF, replayed_by="Op", as_of=LATER).rows == 1
    assert rows_of(database) == after


@pytest.mark.commitment("A5")
def test_what_one_organisation_imports_again_is_known_by_its_own_erasure(
    database: Database, company: Company
):
    erase(company, MARI, tenant="app.customer:2")
    before = rows_of(database)
    database.execute(
        "INSERT INTO app.person (customer_id, first_name, last_name, work_email, country, created_at)"
        " SELECT customer, 'Mari', 'Tamm', :email, 'EE', :at FROM unnest(ARRAY[1, 2]) AS customer",
        {"email": MARI, "at": LATER},
    )
    flagged = steps.flag_returned(company, as_of=LATER)
    assert sum(flagged.values()) == 1
    for request_id in flagged:
        steps.resume(company, request_id, as_of=LATER)
    (added,) = set(rows_of(database)) - set(before)
    (row,) = database.execute(f"SELECT customer_id FROM app.person WHERE id = {added[1]}")
    assert row.customer_id == 1


def test_a_plan_that_waits_in_the_backup_is_given_up(database: Database, company: Company, tmp_path: Path):
    with company.engine.begin() as connection:
        request_id = register.open_request(
            connection, company.rulebook(AS_OF), company.keys, [Subject(identity="email", value=MARI)],
            kind=RequestKind.ERASURE, opened_by="Op", as_of=AS_OF,
        )  # fmt: skip
        register.verify(connection, request_id, verified_by="Op", how="callback", as_of=AS_OF)
    assert steps.plan(company, request_id, as_of=AS_OF).digest
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    steps.erase(company, request_id, approved_by="Op", as_of=AS_OF)
    sign_ledger(company, as_of=AS_OF)
    after = rows_of(database)
    company.engine.dispose()
    restore(database, backup)
    replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert {name for name, _ in rows_of(database).items() ^ after.items()} == set()
