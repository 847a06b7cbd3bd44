"""A checkpoint as a signed note: written, read back, and refused when anything in it was changed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from lifecycle.errors import UsageError
from lifecycle.keys import SigningKey
from lifecycle.ledger.notes import TreeHead, read_note, sign

KEY = SigningKey.from_private_bytes("ledger", b"1" * 32)
OTHER = SigningKey.from_private_bytes("other", b"2" * 32)
HEAD = TreeHead(
    origin="example.com/ledger",
    tree_size=42,
    root_hash=bytes(range(32)),
    as_of=datetime(2026, 3, 1, tzinfo=UTC),
)
TRUSTED = [OTHER.public_key, KEY.public_key]


def test_a_note_has_the_form_of_a_transparency_logs_checkpoint():
    """C2SP tlog-checkpoint and signed-note, built here by hand."""
    text = (
        "example.com/ledger\n42\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nas_of 2026-03-01T00:00:00Z\n"
    )
    key_hash = sha256(b"example.com/ledger\n\x01" + KEY.public_key.raw).digest()[:4]
    signature = base64.b64encode(key_hash + KEY.sign(text.encode())).decode()
    assert sign(HEAD, KEY, number=1).note == f"{text}\n— example.com/ledger {signature}\n"


def test_a_note_reads_back_as_the_checkpoint_it_states():
    made = sign(HEAD, KEY, number=3)
    found = read_note(made.note, TRUSTED)
    assert found is not None
    assert (found.text, found.signature, found.public_key, found.number) == (
        made.text,
        made.signature,
        KEY.public_key,
        None,
    )


def test_a_note_counts_only_if_a_trusted_key_signed_it():
    assert read_note(sign(HEAD, OTHER, number=1).note, [KEY.public_key]) is None


def test_signatures_of_witnesses_are_passed_over():
    made = sign(HEAD, KEY, number=1)
    note = made.note + "— witness.example " + base64.b64encode(b"1234signature").decode() + "\n"
    found = read_note(note, TRUSTED)
    assert found is not None
    assert found.signature == made.signature


def test_a_signature_under_another_name_is_not_the_ledgers():
    note = sign(HEAD, KEY, number=1).note
    assert read_note(note.replace("— example.com/ledger", "— example.com/witness"), TRUSTED) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n42\n", "\n43\n"),
        ("example.com/ledger\n42", "example.com/other\n42"),
        ("AAEC", "AAED"),
        ("2026-03-01", "2026-03-02"),
    ],
)
def test_a_note_with_a_changed_statement_is_signed_by_nobody(old, new):
    assert read_note(sign(HEAD, KEY, number=1).note.replace(old, new, 1), TRUSTED) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n42\n", "\n042\n"),
        ("\n42\n", "\n-1\n"),
        ("AAECAwQ", "AA CAwQ"),
        ("Hh8=", "Hh9="),
        ("Hh8=", "Hg=="),
        ("00:00:00Z", "00:00:00"),
        ("00:00:00Z", "00:00:00+00:00"),
        ("as_of 2026", "as_of 9999999"),
        ("as_of", "at"),
        ("\n\n", "\n"),
        ("—", "-"),
    ],
)
def test_a_text_in_another_form_is_no_checkpoint(old, new):
    note = sign(HEAD, KEY, number=1).note
    assert old in note
    with pytest.raises(UsageError, match="not a checkpoint"):
        read_note(note.replace(old, new, 1), TRUSTED)


@pytest.mark.parametrize("note", ["", "x", "\n\n\n", "a\n" * 100_000])
def test_anything_else_is_no_checkpoint(note):
    with pytest.raises(UsageError, match="not a checkpoint"):
        read_note(note, TRUSTED)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "line\nbreak"])
def test_an_origin_that_would_blur_the_note_is_refused(origin):
    with pytest.raises(UsageError, match="origin"):
        sign(TreeHead(**{**vars(HEAD), "origin": origin}), KEY, number=1)


def test_a_checkpoint_as_json_carries_its_note():
    made = sign(HEAD, KEY, number=7)
    shown = made.to_json()
    assert shown["note"] == made.note
    assert (shown["number"], shown["tree_size"], shown["key_id"]) == (7, 42, KEY.public_key.key_id)
