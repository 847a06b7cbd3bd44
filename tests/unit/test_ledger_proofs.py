"""A proof document is checked with the ledger's public key and nothing else."""

from __future__ import annotations

import json

import pytest

from lifecycle.errors import UsageError
from lifecycle.keys import SigningKey
from lifecycle.ledger.entries import Entry
from lifecycle.ledger.merkle import Node, consistency_path, inclusion_path
from lifecycle.ledger.notes import TreeHead, sign
from lifecycle.ledger.proofs import ConsistencyProof, InclusionProof, verify_proof
from support.ledgers import checkpoint_over, rows_of

KEY = SigningKey.from_private_bytes("ledger", b"1" * 32)
TRUSTED = [KEY.public_key]
ROWS = rows_of(11)
HEAD_FIELDS = ("tree_size", "root_hash", "as_of")
FIRST, SECOND = checkpoint_over(ROWS[:6], KEY), checkpoint_over(ROWS, KEY, number=2)


def path(spans) -> tuple[bytes, ...]:
    hashes = {
        Node(level, sequence >> level): stored[level * 32 : level * 32 + 32]
        for sequence, stored, _ in ROWS
        for level in range(len(stored) // 32)
    }
    return tuple(span.hash(hashes) for span in spans)


def inclusion(sequence: int = 4) -> dict:
    entry = Entry.from_payload(ROWS[sequence][2])
    proof = InclusionProof(entry=entry, path=path(inclusion_path(sequence, 11)), checkpoint=SECOND)
    return json.loads(json.dumps(proof.to_json()))


def consistency() -> dict:
    proof = ConsistencyProof(first=FIRST, second=SECOND, path=path(consistency_path(6, 11)))
    return json.loads(json.dumps(proof.to_json()))


@pytest.mark.parametrize("sequence", range(11))
def test_an_inclusion_proof_holds_and_says_what_it_proves(sequence):
    verdict = verify_proof(inclusion(sequence), TRUSTED)
    assert verdict.holds
    assert verdict.entry is not None
    assert verdict.entry.payload == ROWS[sequence][2]
    assert verdict.checkpoints[0].text == SECOND.text
    assert json.loads(json.dumps(verdict.to_json()))["entry"]["sequence"] == sequence


def test_a_consistency_proof_holds():
    verdict = verify_proof(consistency(), TRUSTED)
    assert verdict.holds
    assert [checkpoint.tree_size for checkpoint in verdict.checkpoints] == [6, 11]


def test_a_changed_entry_fails():
    document = inclusion()
    document["payload"] = document["payload"].replace('"rows":1004', '"rows":1')
    verdict = verify_proof(document, TRUSTED)
    assert not verdict.holds
    assert verdict.entry is None


def test_an_entry_at_another_place_fails():
    document = inclusion(4)
    document["payload"] = document["payload"].replace('"sequence":4', '"sequence":5')
    assert not verify_proof(document, TRUSTED).holds


@pytest.mark.parametrize("document", [inclusion(), consistency()], ids=["inclusion", "consistency"])
def test_a_changed_hash_fails(document):
    digits = document["path"][1]
    document["path"][1] = ("0" if digits[0] != "0" else "1") + digits[1:]
    assert not verify_proof(document, TRUSTED).holds


@pytest.mark.parametrize("field", ["checkpoint", "first_checkpoint", "second_checkpoint"])
def test_a_checkpoint_signed_by_somebody_else_proves_nothing(field):
    document = consistency() if "_" in field else inclusion()
    stranger = SigningKey.from_private_bytes("stranger", b"9" * 32)
    covered = ROWS[:6] if field == "first_checkpoint" else ROWS
    document[field] = checkpoint_over(covered, stranger).note
    verdict = verify_proof(document, TRUSTED)
    assert not verdict.holds
    assert "none of the trusted keys" in verdict.reason
    assert verify_proof(document, [KEY.public_key, stranger.public_key]).holds


def test_checkpoints_of_a_rewritten_ledger_are_not_consistent():
    document = consistency()
    rewritten = [ROWS[1], ROWS[0], *ROWS[2:]]
    document["second_checkpoint"] = checkpoint_over(rewritten, KEY).note
    verdict = verify_proof(document, TRUSTED)
    assert not verdict.holds
    assert "does not continue" in verdict.reason


def test_two_ledgers_do_not_continue_each_other_even_with_the_same_entries():
    document = consistency()
    elsewhere = TreeHead(origin="example.com/other", **{name: getattr(SECOND, name) for name in HEAD_FIELDS})
    document["second_checkpoint"] = sign(elsewhere, KEY, number=1).note
    assert not verify_proof(document, TRUSTED).holds


@pytest.mark.parametrize(
    "change",
    [
        {"format": "something else"},
        {"payload": None},
        {"payload": "no entry"},
        {"payload": "\ud800"},
        {"path": "abc"},
        {"path": ["ab"]},
        {"path": ["ab" * 32] * 200},
        {"checkpoint": "no note"},
        {"surplus": 1},
    ],
)
def test_what_is_no_proof_document_is_called_so(change):
    with pytest.raises(UsageError, match=r"not a (proof|checkpoint)"):
        verify_proof({**inclusion(), **change}, TRUSTED)


@pytest.mark.parametrize("document", [{}, [], None, "text"])
def test_anything_else_is_called_so_too(document):
    with pytest.raises(UsageError, match="not a proof"):
        verify_proof(document, TRUSTED)
