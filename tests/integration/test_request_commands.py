"""Requests on the command line: opened without a word of whom, run, and proven by a receipt."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import pyzipper

from support.commands import CommandLine
from support.samples import PROJECT, REFERENCE
from support.subjects import AS_OF, MARI, create_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "A10")

OPEN = ("request", "open", "--subject", "email", "--by", "Op", "--json")


@pytest.fixture
def command(database: Database, tmp_path: Path, monkeypatch, capsys, caplog) -> CommandLine:
    create_people(database)
    settings = {
        "DATABASE_URL": database.url,
        "POLICY_DIR": PROJECT / "include/policies",
        "DATAMAP_DIR": REFERENCE.datamap,
        "KEYRING": tmp_path / "keyring",
        "STATE_DIR": tmp_path,
    }
    return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)


def test_an_erasure_from_beginning_to_end(database: Database, command: CommandLine, tmp_path: Path):
    number = command(*OPEN, stdin=f"{MARI}\n").document["request"]
    assert command("request", "run", number).code == 2
    assert command("request", "verify", number, "--how", "callback", "--by", "Op").code == 0
    waits = command("request", "run", number)
    assert waits.code == 3
    assert "a person approves what is done on request" in waits.err
    before = rows_of(database)
    done = command("request", "run", number, "--approve", "--by", "Op", "--json")
    assert done.code == 0, done.err
    assert len(before) > len(rows_of(database))
    (tmp_path / "receipt.json").write_text(command("request", "receipt", number).out)
    (tmp_path / "key.pem").write_text(command("ledger", "key").out)
    verify = ("receipt", "verify", str(tmp_path / "receipt.json"), "--key", str(tmp_path / "key.pem"))
    assert command(*verify).code == 0
    whole = (tmp_path / "receipt.json").read_text()
    for forged in (
        f'{{"body": {{"done": []}}, {whole[1:]}',
        whole.replace('"done":', '"done": [], "done":', 1),
    ):
        (tmp_path / "receipt.json").write_text(forged)
        said = command(*verify)
        assert (said.code, "two members of one name" in said.err) == (2, True)
    changed = json.loads(whole)
    changed["body"]["done"] = []
    (tmp_path / "receipt.json").write_text(json.dumps(changed))
    assert command(*verify).code == 1


@pytest.mark.commitment("R1")
def test_who_asks_for_information_is_told_of_the_notice(command: CommandLine):
    number = command(*OPEN, "--kind", "information", stdin=f"{MARI}\n").document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    done = command("request", "run", number)
    assert (done.code, "lifecycle notice" in done.out) == (0, True)
    assert "nothing is held" not in done.out


def test_what_an_overdue_request_is_told_by(command: CommandLine):
    number = command(*OPEN, stdin=f"{MARI}\n").document["request"]
    on_time = ("request", "list", "--overdue", "--as-of", (AS_OF + timedelta(days=31)).isoformat())
    too_late = ("request", "list", "--overdue", "--as-of", (AS_OF + timedelta(days=32)).isoformat())
    assert command(*on_time).code == 0
    told = command(*too_late)
    assert (told.code, number in told.out, "OVERDUE" in told.out) == (1, True, True)
    assert command("request", "extend", number, "--reason", "complexity", "--by", "Op").code == 0
    assert command(*too_late).code == 0
    assert command("request", "extend", number, "--reason", "again", "--by", "Op").code == 2


def test_nothing_that_is_said_names_the_subject(command: CommandLine):
    said = [command(*OPEN, stdin=f"{MARI}\n")]
    number = said[0].document["request"]
    said += [
        command("request", "verify", number, "--how", "callback", "--by", "Op"),
        command("request", "run", number, "--approve", "--by", "Op"),
        command("request", "show", number),
        command("request", "list", "--all"),
        command("ledger", "list", "--json"),
        command("request", "open", "--subject", "email", "--by", "Op", stdin="no address of mari.tamm\n"),
    ]
    assert [one.code for one in said] == [0, 0, 0, 0, 0, 0, 2]
    assert "mari" not in "".join(one.everything for one in said).lower()


def test_a_subject_is_named_by_name_and_employer_and_an_operator_says_whose_the_rows_are(
    database: Database, command: CommandLine
):
    before = rows_of(database)
    opened = command(
        "request", "open", "--subject", "name", "--by", "Op", "--json", stdin="Tamm, Mari; Puu AS\n"
    )
    number = opened.document["request"]
    assert command("request", "verify", number, "--how", "callback", "--by", "Op").code == 0
    run = ("request", "run", number, "--approve", "--by", "Op")
    waits = command(*run)
    assert (waits.code, "an operator has to say" in waits.err) == (3, True)
    assert rows_of(database) == before
    shown = command("request", "show", number)
    (candidate,) = command("request", "show", number, "--json").document["candidates"]
    assert "under the name" in shown.out
    said = [
        opened,
        waits,
        shown,
        command("request", "confirm", number, str(candidate["candidate"]), "--by", "Op"),
    ]
    done = command(*run)
    assert done.code == 0, done.err
    assert len(rows_of(database)) < len(before)
    assert not [
        word for word in ("mari", "tamm", "puu") if word in "".join(one.everything for one in said).lower()
    ]


def test_a_line_of_ten_megabytes_is_refused_and_not_repeated(database: Database, command: CommandLine):
    refused = command(*OPEN, stdin="m" * 10_000_000 + "@example.test\n")
    assert refused.code == 2
    assert "mmmm" not in refused.everything
    assert database.execute("SELECT count(*) AS rows FROM lifecycle.request")[0].rows == 0


@pytest.mark.parametrize("line", ["Mari Tamm", "; Puu AS", ""])
def test_a_name_without_an_employer_is_refused(command: CommandLine, line: str):
    refused = command("request", "open", "--subject", "name", "--by", "Op", stdin=f"{line}\n")
    assert refused.code == 2
    assert "mari" not in refused.everything.lower()


@pytest.mark.commitment("R2")
def test_a_copy_is_fetched_once_into_a_file_of_its_own(command: CommandLine, tmp_path: Path):
    number = command(*OPEN, "--kind", "access", stdin=f"{MARI}\n").document["request"]
    assert command("request", "verify", number, "--how", "callback", "--by", "Op").code == 0
    done = command("request", "run", number, "--approve", "--by", "Op", "--json")
    assert done.code == 0, done.err
    file = tmp_path / "copy.zip"
    fetching = ("request", "fetch", number, "--to", str(file), "--by", "Op")
    (tmp_path / "there").write_text("")
    assert command(*fetching[:4], str(tmp_path / "there"), "--by", "Op").code == 2
    assert command(*fetching).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert command(*fetching).code == 2
    shown = command("request", "passphrase", number, "--by", "Op").out.strip()
    with pyzipper.AESZipFile(file) as archive:
        archive.setpassword(shown.encode())
        assert MARI in archive.read("copy.json").decode()
    assert command("request", "passphrase", number, "--by", "Op").code == 2
    assert command("request", "show", number, "--json").document["package"]["fetched_at"]


@pytest.mark.commitment("R1", "R9")
def test_the_notice_and_the_record_of_processing_come_from_policy_and_map(command: CommandLine):
    told = command("notice", "--json").document
    assert {one["right"] for one in told["rights"]} >= {"access", "erasure", "complaint"}
    assert "<h2>Your rights</h2>" in command("notice").out
    record = command("ropa", "--json").document
    by_name = {one["purpose"]: one for one in record["activities"]}
    assert "employee" in by_name["service"]["subjects"]
    assert "user.contact.email" in by_name["service"]["categories"]
    (language_model,) = (
        one for one in by_name["service"]["recipients"] if one["recipient"] == "language_model"
    )
    assert (language_model["region"], bool(language_model["safeguard"])) == ("US", True)
    (kept,) = by_name["service"]["kept"]
    assert (kept["rule"], kept["keep"]) == ("persons_after_contract", "P1Y")
    page = command("ropa").out
    assert page.startswith("# Record of processing: Sera Leads OÜ")
    assert "P1Y" in page


def test_what_is_right_is_asked_for_after_the_subject_and_stands_in_no_command_line(
    database: Database, command: CommandLine
):
    asked = command(
        *OPEN, "--kind", "rectification", "--correct", "email", "--correct", "user.name.last",
        stdin=f"{MARI}\nmari.kuusk@example.test\nKuusk\n",
    )  # fmt: skip
    assert asked.code == 0, asked.err
    assert asked.document["corrects"] == ["email", "user.name.last"]
    number = asked.document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    done = command("request", "run", number, "--approve", "--by", "Op")
    assert done.code == 0, done.err
    assert "app.person rectify" in done.out
    person = database.execute("SELECT last_name, work_email FROM app.person WHERE id = 100")
    assert [tuple(row) for row in person] == [("Kuusk", "mari.kuusk@example.test")]
    said = asked.out + asked.err + done.out + done.err
    assert not [word for word in ("mari", "kuusk") if word in said.lower()]


def test_a_restriction_is_lifted_when_the_subject_was_told_and_what_fell_due_goes_at_once(
    command: CommandLine,
):
    number = command(*OPEN, "--kind", "restriction", stdin=f"{MARI}\n").document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    done = command("request", "run", number, "--approve", "--by", "Op")
    assert "restricted until 2026-09-10" in done.out, done.err
    assert command("request", "lift", number, "--informed-by", "we wrote", "--by", "Op").code == 2
    lifted = command("request", "lift", number, "--informed-by", "letter", "--by", "Op")
    assert lifted.out.startswith("lifted"), lifted.err
    assert command("request", "lift", number, "--informed-by", "letter", "--by", "Op").code == 2


def test_an_objection_that_is_weighed_waits_for_a_decision(command: CommandLine):
    opened = (*OPEN, "--kind", "objection", "--purpose", "service_improvement")
    number = command(*opened, stdin=f"{MARI}\n").document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    waits = command("request", "run", number, "--approve", "--by", "Op")
    assert waits.code == 3
    assert "lifecycle request weigh" in waits.err
    decided = command("request", "weigh", number, "--decision", "compelling_grounds", "--by", "Op")
    assert decided.out == "compelling_grounds: service_improvement\n"
    done = command("request", "run", number, "--by", "Op")
    assert done.code == 0, done.err
    assert "service_improvement: compelling grounds" in done.out
