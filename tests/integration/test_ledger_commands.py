"""The ledger on the command line: its files, its numbers, its proofs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lifecycle.keys import PublicKey
from support.commands import CommandLine
from support.companies import AS_OF, agency_settings, create_agency
from support.ledgers import LIFT_PROTECTION

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

MISUSED = 2


@pytest.fixture
def lifecycle(database: Database, monkeypatch, capsys, caplog, tmp_path: Path) -> CommandLine:
    """Commands on an agency whose ledger has entries, signed."""
    create_agency(database)
    settings = agency_settings(database, tmp_path)
    command = CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)
    for code in (command("sweep", "--rule", "persons").code, command("ledger", "checkpoint").code):
        assert code == 0
    return command


@pytest.fixture
def files(lifecycle: CommandLine, tmp_path: Path) -> Path:
    """A folder with a key, a proof and a kept checkpoint, and files that are none of these."""
    for name, arguments in {
        "key.pem": ("key",),
        "proof.json": ("prove", "0"),
        "note": ("checkpoint",),
    }.items():
        (tmp_path / name).write_text(lifecycle("ledger", *arguments).out)
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    proof = (tmp_path / "proof.json").read_text()
    (tmp_path / "twice.json").write_text(proof.replace('"payload":', '"payload": "", "payload":'))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "folder").mkdir()
    return tmp_path


def test_a_proof_is_checked_with_the_key_alone(lifecycle, files):
    said = lifecycle("ledger", "check", str(files / "proof.json"), "--key", str(files / "key.pem"))
    assert (said.code, said.err) == (0, "")
    said = lifecycle("ledger", "verify", "--key", str(files / "key.pem"), "--checkpoint", str(files / "note"))
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "file", "says"),
    [
        (("check", "nowhere", "--key", "key.pem"), "nowhere", "cannot be read: No such file"),
        (("check", "proof.json", "--key", "nowhere"), "nowhere", "cannot be read: No such file"),
        (("check", "folder", "--key", "key.pem"), "folder", "cannot be read: Is a directory"),
        (("check", "key.pem", "--key", "key.pem"), "key.pem", "is no JSON"),
        (("check", "deep.json", "--key", "key.pem"), "deep.json", "is no JSON"),
        (("check", "twice.json", "--key", "key.pem"), "twice.json", "two members of one name"),
        (("check", "bytes", "--key", "key.pem"), "bytes", "is no text"),
        (("check", "list.json", "--key", "key.pem"), "list.json", "not a proof"),
        (("check", "proof.json", "--key", "proof.json"), "proof.json", "not an Ed25519 public key"),
        (("verify", "--key", "nowhere"), "nowhere", "cannot be read: No such file"),
        (("verify", "--key", "note"), "note", "not an Ed25519 public key"),
        (("verify", "--checkpoint", "nowhere"), "nowhere", "cannot be read: No such file"),
        (("verify", "--checkpoint", "bytes"), "bytes", "is no text"),
        (("verify", "--checkpoint", "key.pem"), "key.pem", "not a checkpoint"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(lifecycle, files, arguments, file, says):
    command, *rest = arguments
    said = lifecycle("ledger", command, *(one if one.startswith("--") else str(files / one) for one in rest))
    assert said.code == MISUSED
    message, next_step = said.err.splitlines()
    assert message.startswith(f"lifecycle: {files / file}: ")
    assert says in message
    assert next_step.startswith("Next: ")
    assert said.out == ""


# --- entries and their numbers


def test_the_newest_entries_are_listed_by_number(lifecycle, database):
    stored = database.execute("SELECT sequence, kind, body FROM lifecycle.ledger ORDER BY sequence")
    lines = lifecycle("ledger", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == [str(row.sequence) for row in stored]
    for row, line in zip(stored, lines, strict=True):
        assert line.split()[1:3] == ["2026-03-10T01:00:00Z", row.kind]
        assert [name for name in row.body if f"  {name}=" not in line] == []
    collections = json.dumps(stored[1].body["collections"], separators=(",", ":"), sort_keys=True)
    assert f"rule={stored[1].body['rule']}" in lines[1]
    assert f"collections={collections}" in lines[1]
    assert lifecycle("ledger", "list", "--last", "2").out.splitlines() == lines[-2:]
    (newest,) = lifecycle("ledger", "list", "--last", "1", "--json").document
    assert (newest["sequence"], newest["body"]) == (stored[-1].sequence, stored[-1].body)


def test_a_damaged_entry_is_not_listed_as_if_it_were_none(lifecycle, database):
    database.execute(LIFT_PROTECTION)
    database.execute("UPDATE lifecycle.ledger_entry SET payload = '{}' WHERE sequence = 1")
    said = lifecycle("ledger", "list")
    assert (said.code, said.out) == (1, "")
    assert "entry 1 is damaged" in said.err


@pytest.mark.parametrize("number", ["-1", "99", "9" * 30])
def test_a_number_that_no_entry_has_is_told_where_numbers_come_from(lifecycle, number):
    said = lifecycle("ledger", "prove", number)
    assert (said.code, said.out) == (MISUSED, "")
    assert f"The ledger has no entry {number}: its 3 entries have the numbers 0 to 2." in said.err
    assert "Next: See lifecycle ledger list" in said.err


@pytest.mark.parametrize("arguments", [("prove", "0"), ("consistency", "3")], ids=" ".join)
def test_a_proof_is_json_whether_that_was_asked_for_or_not(lifecycle, arguments):
    asked, not_asked = lifecycle("ledger", *arguments, "--json"), lifecycle("ledger", *arguments)
    assert asked.out == not_asked.out
    assert asked.document["format"].endswith("proof 1")


def test_the_public_key_is_pem_or_json(lifecycle):
    document = lifecycle("ledger", "key", "--json").document
    assert document["public_key"] == lifecycle("ledger", "key").out
    assert document["key_id"] == PublicKey.from_pem(document["public_key"]).key_id
