"""Requests on the command line: opened without a word of whom, run, and proven by a receipt."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

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
    changed = json.loads((tmp_path / "receipt.json").read_text())
    changed["body"]["done"] = []
    (tmp_path / "receipt.json").write_text(json.dumps(changed))
    assert command(*verify).code == 1


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
