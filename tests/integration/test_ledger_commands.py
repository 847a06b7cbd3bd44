"""The ledger on the command line: its files, its numbers, its proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.commands import CommandLine
from support.companies import AGENCY, AS_OF, create_agency

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

MISUSED = 2


@pytest.fixture
def lifecycle(database: Database, monkeypatch, capsys, caplog, tmp_path: Path) -> CommandLine:
    """Commands on an agency whose ledger has entries, signed."""
    create_agency(database)
    settings = {
        "DATABASE_URL": database.url,
        "POLICY_DIR": AGENCY / "policies",
        "DATAMAP_DIR": AGENCY / "datamap",
        "KEYRING": tmp_path / "keyring",
        "STATE_DIR": tmp_path,
    }
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
