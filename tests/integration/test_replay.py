"""After a restore from a real backup, whoever was erased since is erased again, and the ledger goes on as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from lifecycle.errors import ApprovalRequired, PromiseBroken, UsageError
from lifecycle.holds import register as holds
from lifecycle.holds.targets import Subject, Target
from lifecycle.ledger.copy import LedgerCopy
from lifecycle.ledger.verification import verify
from lifecycle.policy.load import load_policies
from lifecycle.policy.model import RequestKind
from lifecycle.requests import packages, register, steps
from lifecycle.requests import replay as replay_of
from lifecycle.requests.asked import Asked
from lifecycle.requests.replay import Replayed, replay
from lifecycle.runs.signing import sign_ledger
from lifecycle.store.roles import Role
from support.asking import answer, by_email, taken, verified
from support.backups import back_up, restore
from support.commands import CommandLine
from support.samples import PROJECT, REFERENCE
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "G1")

LATER = AS_OF + timedelta(days=2)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring", LedgerCopy(tmp_path / "copy"))


@pytest.fixture
def command(company: Company, database: Database, tmp_path: Path, monkeypatch, capsys, caplog) -> CommandLine:  # noqa: ARG001 - its tables are there first
    settings = {
        "DATABASE_URL": database.url, "KEYRING": tmp_path / "keyring", "LEDGER_COPY": tmp_path / "copy",
        "STATE_DIR": tmp_path, "POLICY_DIR": PROJECT / "include/policies", "DATAMAP_DIR": REFERENCE.datamap,
    }  # fmt: skip
    return CommandLine(monkeypatch, capsys, caplog, settings, now=LATER)


def erase(company: Company, email: str, *, tenant: str | None = None) -> UUID:
    request_id = verified(company, by_email(email), tenant=Target.parse(tenant) if tenant else None)
    answer(company, request_id, AS_OF)
    sign_ledger(company, as_of=AS_OF)
    return request_id


def to_do(replayed: Replayed) -> list[tuple[str, str, UUID]]:
    """What a person has to do again."""
    return [(one.kind, one.to_do, UUID(one.number)) for one in replayed.to_do]


def object_to_marketing(company: Company, email: str) -> UUID:
    request_id = verified(
        company, by_email(email), kind=RequestKind.OBJECTION, asked=Asked(purposes=("marketing",))
    )
    answer(company, request_id, AS_OF)
    sign_ledger(company, as_of=AS_OF)
    return request_id


def test_a_restored_backup_is_brought_up_to_date(database: Database, company: Company, tmp_path: Path):
    erase(company, "nobody@example.test")
    backup = back_up(database, tmp_path / "backup")
    objection = object_to_marketing(company, "jaan.kask@example.test")
    erase(company, MARI)
    database.execute(
        "DELETE FROM website.marketing_consent WHERE event = 'withdrawn'"
    )  # what is lost is told
    after = rows_of(database)
    entries = database.execute("SELECT payload FROM lifecycle.ledger_entry ORDER BY sequence")

    company.engine.dispose()
    restore(database, backup)
    assert rows_of(database) != after
    with pytest.raises(PromiseBroken, match="lifecycle replay"):
        answer(company, erase_number(database), LATER)

    replayed = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert (replayed.requests, replayed.entries > 0, to_do(replayed)) == (
        2, True, [("objection", "answer", objection)]
    )  # fmt: skip
    assert rows_of(database) == after
    now = database.execute("SELECT payload FROM lifecycle.ledger_entry ORDER BY sequence")
    assert now[: len(entries)] == entries
    sign_ledger(company, as_of=LATER)
    with company.engine.connect() as connection:
        assert verify(connection, company.keys.public_keys()).sound
    again = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert (again.rows, to_do(again)) == (0, to_do(replayed)), "nobody knows whether a person has done it"


def test_replaying_on_the_command_line(company: Company, command: CommandLine):
    erase(company, MARI)
    done = command("replay", "--since", AS_OF.isoformat(), "--by", "Op", "--json")
    assert done.document == {"entries": 0, "requests": 1, "rows": 0, "to_do": [], "packages": 0}
    assert command("replay", "--since", "long ago", "--by", "Op").code == 2
    assert command("replay", "--since", AS_OF.isoformat(), "--by", " ").code == 2


def test_what_a_person_has_to_do_again_is_printed_until_it_is_known_to_be_done(
    database: Database, company: Company, tmp_path: Path, command: CommandLine
):
    released = hold(company, "app.person:101")
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    objection = object_to_marketing(company, "jaan.kask@example.test")
    placed = hold(company, "app.person:201")
    release_hold(company, released, AS_OF)
    sign_ledger(company, as_of=AS_OF)
    company.engine.dispose()
    restore(database, backup)
    replaying = ("replay", "--since", AS_OF.isoformat(), "--by", "Op")
    assert command(*replaying).code == 3
    said = command(*replaying, "--held-again").out
    assert f"  place    hold {placed}, litigation, until 2028-08-26" in said
    assert f"  end      hold {released}, litigation" in said
    assert f"  answer   objection {objection}" in said
    release_hold(company, released, LATER)
    again = command(*replaying, "--json")
    assert again.code == 0, again.err
    left = {(one["kind"], one["to_do"], one["number"]) for one in again.document["to_do"]}
    assert left == {("hold", "place", str(placed)), ("objection", "answer", str(objection))}


def test_a_restored_database_is_noticed_by_whoever_looks(
    database: Database, company: Company, tmp_path: Path, command: CommandLine
):
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    erase(company, MARI)
    assert [command(*one).code for one in (("status",), ("ledger", "verify"))] == [0, 0]
    company.engine.dispose()
    restore(database, backup)
    for looking in (("status",), ("ledger", "verify")):
        said = command(*looking)
        assert (said.code, "lifecycle replay" in said.err) == (1, True)
    first = command("status").out.splitlines()[0]
    assert "restored from a backup" in first
    assert "lifecycle replay" in first
    assert "restored" in command("status", "--json").document["broken"]
    assert "restored" in command("ledger", "verify", "--json").document["differs_from_copy"]
    assert command("replay", "--since", AS_OF.isoformat(), "--by", "Op").code == 0
    assert [command(*one).code for one in (("status",), ("ledger", "verify"))] == [0, 0]


def release_hold(company: Company, number: UUID, as_of: datetime) -> None:
    with company.engine.begin() as connection:
        holds.release(connection, number, released_by="Counsel", as_of=as_of)


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


# --- copies that were fetched since


def answered_copy(company: Company) -> UUID:
    """A request for a copy that waits to be fetched."""
    request_id = verified(company, kind=RequestKind.ACCESS)
    answer(company, request_id)
    sign_ledger(company, as_of=AS_OF)
    return request_id


def fetch(database: Database, company: Company, request_id: UUID, by: str) -> bytes:
    """What the page hands out."""
    with database.connect(Role.INTAKE).begin() as connection:
        return packages.fetch(connection, request_id, company.keys, by=by, as_of=LATER)


def whats(company: Company, request_id: UUID) -> list[str]:
    with company.engine.connect() as connection:
        return [event["what"] for event in register.events(connection, request_id)]


@pytest.mark.commitment("R2")
def test_a_copy_that_was_fetched_since_the_backup_is_not_handed_out_again(
    database: Database, company: Company, tmp_path: Path
):
    request_id = answered_copy(company)
    backup = back_up(database, tmp_path / "backup")
    assert fetch(database, company, request_id, "Ada")
    with company.engine.begin() as connection:
        assert packages.enter_handed_out(connection, as_of=LATER) == 1
        assert packages.enter_handed_out(connection, as_of=LATER) == 0
    sign_ledger(company, as_of=LATER)
    company.engine.dispose()
    restore(database, backup)
    with pytest.raises(PromiseBroken, match="lifecycle replay"):
        company.require_continued()
    assert replay_of.put_back(company, as_of=LATER) == 1
    with pytest.raises(UsageError, match="it was destroyed"):
        fetch(database, company, request_id, "Ben")
    assert replay_of.survey(company, since=AS_OF, as_of=LATER).packages == 1
    assert replay(company, since=AS_OF, replayed_by="Op", as_of=LATER).packages == 1
    assert whats(company, request_id)[-2:] == ["package_withdrawn", "package_fetched_entered"]
    with company.engine.begin() as connection:
        assert packages.enter_handed_out(connection, as_of=LATER) == 0


@pytest.mark.commitment("R2")
def test_a_copy_of_a_request_that_was_answered_since_the_backup_is_destroyed_with_it(
    database: Database, company: Company, tmp_path: Path
):
    request_id = verified(company, kind=RequestKind.ACCESS)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    steps.carry_out(company, planned.digest)
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    answer(company, request_id)
    assert fetch(database, company, request_id, "Ada")
    sign_ledger(company, as_of=LATER)
    company.engine.dispose()
    restore(database, backup)
    assert replay(company, since=AS_OF, replayed_by="Op", as_of=LATER).packages == 1
    (left,) = database.execute("SELECT archive, passphrase FROM lifecycle.request_package")
    assert (left.archive, left.passphrase) == (None, None)


@pytest.mark.commitment("R2")
def test_a_replay_destroys_copies_though_the_ledger_knows_of_nothing_since(
    database: Database, company: Company, tmp_path: Path
):
    request_id = answered_copy(company)
    backup = back_up(database, tmp_path / "backup")
    assert fetch(database, company, request_id, "Ada")
    company.engine.dispose()
    restore(database, backup)
    replayed = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert (replayed.entries, replayed.packages) == (0, 1)
    with pytest.raises(UsageError, match="it was destroyed"):
        fetch(database, company, request_id, "Ben")


@pytest.mark.commitment("R2")
@pytest.mark.parametrize("handed_out", ["fetch", "passphrase"])
def test_what_the_command_line_hands_out_is_in_the_ledger_at_once(
    database: Database, company: Company, command: CommandLine, tmp_path: Path, handed_out: str
):
    request_id = str(answered_copy(company))
    backup = back_up(database, tmp_path / "backup")
    to = ("--to", str(tmp_path / "copy.zip")) if handed_out == "fetch" else ()
    assert command("request", handed_out, request_id, *to, "--by", "Ada").code == 0
    company.engine.dispose()
    restore(database, backup)
    again = command("request", "fetch", request_id, "--to", str(tmp_path / "again.zip"), "--by", "Ben")
    assert (again.code, "restored from a backup" in again.err) == (1, True)
    done = command("replay", "--since", AS_OF.isoformat(), "--by", "Op")
    assert "1  copies destroyed" in done.out
    again = command("request", "fetch", request_id, "--to", str(tmp_path / "again.zip"), "--by", "Ben")
    assert (again.code, "it was destroyed" in again.err) == (2, True)


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
    assert to_do(replayed) == [("hold", "place", number)]
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
    assert to_do(replayed) == [("hold", "end", number)], f"{brief} is over"


def move_end(company: Company, number: UUID, until: datetime, *, as_of: datetime) -> None:
    with company.engine.begin() as connection:
        holds.extend(
            connection, number, until=until, extended_by="Counsel", keys=company.keys, as_of=as_of
        )  # fmt: skip


def restored_after_moving_an_end(
    database: Database, company: Company, folder: Path, before: datetime, until: datetime
) -> UUID:
    """A hold of which the backup has another end than the one that it got since."""
    number = hold(company, "app.person:101")
    move_end(company, number, before, as_of=AS_OF)
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, folder / "backup")
    move_end(company, number, until, as_of=AS_OF)
    sign_ledger(company, as_of=AS_OF)
    company.engine.dispose()
    restore(database, backup)
    return number


def test_a_hold_that_had_ended_when_the_backup_came_back_is_extended_again(
    database: Database, company: Company, tmp_path: Path
):
    late = LATER + timedelta(days=300)
    number = restored_after_moving_an_end(database, company, tmp_path, AS_OF + timedelta(minutes=1), late)
    before = rows_of(database)
    with pytest.raises(ApprovalRequired, match=f"hold {number} .litigation.: extend"):
        replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    move_end(company, number, late, as_of=LATER)
    replayed = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER, are_held_again=True)
    assert to_do(replayed) == [], "it was extended"
    with company.engine.connect() as connection:
        assert [one.until for one in holds.listing(connection, as_of=LATER)] == [late]
    assert rows_of(database) == before


def test_a_hold_whose_end_was_brought_forward_is_ended_again_by_a_person(
    database: Database, company: Company, tmp_path: Path
):
    soon = AS_OF + timedelta(minutes=1)
    number = restored_after_moving_an_end(database, company, tmp_path, LATER + timedelta(days=300), soon)
    replayed = replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert to_do(replayed) == [("hold", "end", number)]
    with company.engine.begin() as connection:
        holds.release(connection, number, released_by="Counsel", as_of=LATER)
        assert not holds.listing(connection, as_of=LATER)


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
    request_id = verified(company)
    assert steps.plan(company, request_id, as_of=AS_OF).digest
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    answer(company, request_id, AS_OF)
    sign_ledger(company, as_of=AS_OF)
    after = rows_of(database)
    company.engine.dispose()
    restore(database, backup)
    replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert {name for name, _ in rows_of(database).items() ^ after.items()} == set()


# --- what others wrote of an erased subject

WRITTEN = {
    "app.note.body": (200, "Ask Mari.Tamm@Example.Test, or call 51 23-45 67."),
    "app.activity.detail": (200, '{"to": ["mari.tamm@example.test"], "number": 51234567, "minutes": 5}'),
    "website.message.body": (200, "I had it from <mailto:MARI.TAMM@example.test>."),
}


def write_of_mari(database: Database) -> None:
    for name, (number, text) in WRITTEN.items():
        table, _, column = name.rpartition(".")
        type_ = "jsonb" if column == "detail" else "text"
        database.execute(
            f"UPDATE {table} SET {column} = CAST(:text AS {type_}) WHERE id = {number}", {"text": text}
        )


def texts(database: Database) -> list[str]:
    found = []
    for name, (number, _) in WRITTEN.items():
        table, _, column = name.rpartition(".")
        (row,) = database.execute(f"SELECT {column}::text AS text FROM {table} WHERE id = {number}")
        found.append(row.text)
    return found


def erase_by_both(company: Company) -> None:
    request_id = verified(company, by_email(), Subject(identity="phone_number", value="+372 5123 4567"))
    answer(company, request_id, AS_OF)
    sign_ledger(company, as_of=AS_OF)


def test_texts_that_mention_an_erased_subject_are_masked_again(
    database: Database, company: Company, tmp_path: Path
):
    write_of_mari(database)
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    erase_by_both(company)
    after = rows_of(database)
    assert all("[erased]" in text for text in texts(database))
    company.engine.dispose()
    restore(database, backup)
    replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert rows_of(database) == after
    assert replay(company, since=AS_OF, replayed_by="Op", as_of=LATER).rows == 0


@pytest.mark.commitment("W9")
def test_a_text_that_is_held_is_masked_when_the_hold_ends_and_stays(database: Database, company: Company):
    write_of_mari(database)
    number = hold(company, "app.note:200", "website.message:200")
    erase_by_both(company)
    note, _, message = texts(database)
    assert (note, message) == (WRITTEN["app.note.body"][1], WRITTEN["website.message.body"][1])
    with company.engine.begin() as connection:
        holds.release(connection, number, released_by="Counsel", as_of=LATER)
        (request_id,) = steps.unfinished(connection)
    steps.resume(company, request_id, as_of=LATER)
    note, _, message = texts(database)
    assert note == "Ask [erased], or call [erased]."
    assert message == "I had it from <mailto:[erased]>."
    with company.engine.connect() as connection:
        assert steps.unfinished(connection) == []


def test_what_is_written_again_is_masked_every_day_where_the_policy_says_so(
    database: Database, company: Company, tmp_path: Path
):
    text = (PROJECT / "include/policies/2025-02-19/policy.yaml").read_text()
    listed = text.replace(
        "suppression: [app.person, app.contact]", "suppression: [app.person, app.contact, app.note]"
    )
    assert listed != text
    (tmp_path / "policies/2025-02-19").mkdir(parents=True)
    (tmp_path / "policies/2025-02-19/policy.yaml").write_text(listed)
    company = replace(company, policies=load_policies(tmp_path / "policies"), _rulebooks={})
    erase_by_both(company)
    before = rows_of(database)
    write_of_mari(database)
    flagged = steps.flag_returned(company, as_of=LATER)
    assert sum(flagged.values()) == 1
    for request_id in flagged:
        steps.resume(company, request_id, as_of=LATER)
    note, activity, message = texts(database)
    assert note == "Ask [erased], or call [erased]."
    assert MARI in activity
    assert MARI in message.lower()
    assert before.keys() == rows_of(database).keys()
    assert steps.flag_returned(company, as_of=LATER) == {}


@pytest.mark.commitment("A5")
def test_what_one_organisation_wrote_of_whom_it_erased_is_masked_again_and_anothers_is_not(
    database: Database, company: Company, tmp_path: Path
):
    for person in (201, 202):
        database.execute(
            "INSERT INTO app.activity (person_id, kind, detail, occurred_at) VALUES (:person, 'call', :text, :at)",
            {"person": person, "text": f'{{"to": "{MARI}"}}', "at": AS_OF},
        )
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    erase(company, MARI, tenant="app.customer:2")
    query = "SELECT person_id FROM app.activity WHERE detail::text LIKE '%erased%'"
    assert database.execute(query) == [(201,)]
    after = rows_of(database)
    company.engine.dispose()
    restore(database, backup)
    replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    assert rows_of(database) == after


def test_what_is_left_goes_also_where_nothing_on_it_says_whom_a_recipient_was_told_of(
    database: Database, company: Company
):
    number = hold(company, "app.note:100")
    erase(company, MARI)
    with company.engine.begin() as connection:
        holds.release(connection, number, released_by="Counsel", as_of=LATER)
        (request_id,) = steps.unfinished(connection)
    assert ("app.note", "100") in rows_of(database)
    steps.resume(company, request_id, as_of=LATER)
    assert ("app.note", "100") not in rows_of(database)


def test_a_request_that_was_refused_since_is_not_open_again(
    database: Database, company: Company, tmp_path: Path
):
    request_id = taken(company)
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, tmp_path / "backup")
    steps.refuse(company, request_id, reason="legal_claim", refused_by="Op", as_of=AS_OF)
    sign_ledger(company, as_of=AS_OF)
    company.engine.dispose()
    restore(database, backup)
    replay(company, since=AS_OF, replayed_by="Op", as_of=LATER)
    with company.engine.connect() as connection:
        found = register.get(connection, request_id)
    assert (found.state, found.refusal_reason) == (register.State.REFUSED, "legal_claim")
    assert database.execute(
        "SELECT count(*) AS sealed FROM lifecycle.request_identity WHERE sealed IS NOT NULL"
    ) == [(0,)]


# --- what goes later of a request for which nothing could be done at once


def test_somebody_of_whom_nothing_was_held_is_erased_when_an_import_brings_him(
    database: Database, company: Company
):
    erase(company, "late.comer@example.test")
    before = rows_of(database)
    database.execute(
        "INSERT INTO app.person (customer_id, first_name, last_name, work_email, country, created_at)"
        " VALUES (2, 'Late', 'Comer', 'Late.Comer@example.test', 'EE', :at)",
        {"at": LATER},
    )
    (request_id,) = steps.flag_returned(company, as_of=LATER)
    steps.resume(company, request_id, as_of=LATER)
    assert rows_of(database) == before


@pytest.mark.commitment("W9")
def test_what_was_all_held_goes_when_the_hold_ends(database: Database, company: Company):
    number = hold(company, "app.person:201")
    erase(company, "anu.lepp@example.test")
    with company.engine.begin() as connection:
        assert not connection.exec_driver_sql(
            "SELECT FROM lifecycle.plan WHERE approved_by IS NOT NULL"
        ).all()
        holds.release(connection, number, released_by="Counsel", as_of=LATER)
        (request_id,) = steps.unfinished(connection)
    steps.resume(company, request_id, as_of=LATER)
    assert ("app.person", "201") not in rows_of(database)
