"""What may stand in a ledger entry, and how its bytes are written."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest

from lifecycle.errors import UsageError
from lifecycle.keys import DestroyedKey, Purpose
from lifecycle.ledger.entries import FIELDS, KINDS, Entry, checked_body, instant_text, seal

DIGEST = "ab" * 32
HOLD = UUID("8d7f1a52-6a3f-4c1e-9a40-0f6c8e6f2b11")
AS_OF = datetime(2026, 3, 1, 2, 30, tzinfo=timezone(timedelta(hours=2)))

ACCEPTED = [
    ("plan", DIGEST, DIGEST),
    ("rows", 0, 0),
    ("rows", 2**53 - 1, 2**53 - 1),
    ("rule", "persons_after_contract", "persons_after_contract"),
    ("commitments", ("A9", "W7"), ["A9", "W7"]),
    ("collection", "website.page_view_2025_02_19", "website.page_view_2025_02_19"),
    ("collection", "Müük.tellimuse rida", "Müük.tellimuse rida"),
    ("hold", HOLD, "8d7f1a52-6a3f-4c1e-9a40-0f6c8e6f2b11"),
    ("hold", "8d7f1a52-6a3f-4c1e-9a40-0f6c8e6f2b11", "8d7f1a52-6a3f-4c1e-9a40-0f6c8e6f2b11"),
    ("policy_version", date(2025, 2, 19), "2025-02-19"),
    ("policy_version", "2025-02-19", "2025-02-19"),
    ("until", AS_OF, "2026-03-01T00:30:00Z"),
    ("until", "2026-03-01T02:30:00+02:00", "2026-03-01T00:30:00Z"),
    ("passed", True, True),
    ("key", "pseudonym-2025.02", "pseudonym-2025.02"),
    ("kept", [{"collection": "a.b", "reason": "hold", "rows": 1, "until": date(2027, 1, 1)}],
     [{"collection": "a.b", "reason": "hold", "rows": 1, "until": "2027-01-01"}]),
]  # fmt: skip

REFUSED = [
    ("subject", "mari@example.ee", "an address instead of its fingerprint"),
    ("subject", "AB" * 32, "a digest that is not in its one spelling"),
    ("rule", "mari@example.ee", "an address"),
    ("rule", "Mari Maasikas", "a name"),
    ("rule", "+37255512345", "a phone number"),
    ("rule", "38001085718", "a personal code"),
    ("rule", "", "nothing"),
    ("rule", "a\n", "a line break"),
    ("rule", 5, "a number for a word"),
    ("reason", "dispute with a neighbour", "free text"),
    ("rows", 1.0, "a fraction"),
    ("rows", -1, "less than none"),
    ("rows", 2**53, "more than JSON holds exactly"),
    ("rows", True, "a flag for a number"),
    ("rows", "5", "a number in text"),
    ("passed", 1, "a number for a flag"),
    ("collection", "page_view", "no schema"),
    ("collection", "mari@example.ee", "an address that has a dot"),
    ("hold", 17, "a number that could be a person's"),
    ("hold", "not a uuid", "no identifier"),
    ("hold", "8D7F1A526A3F4C1E9A400F6C8E6F2B11", "an identifier not in its one spelling"),
    ("policy_version", "2025-2-19", "a day not in its one spelling"),
    ("policy_version", "20250219", "a day not in its one spelling"),
    ("policy_version", "2025-02-30", "a day that is none"),
    ("policy_version", AS_OF, "a time for a day"),
    ("until", datetime(2026, 3, 1), "a naive time"),  # noqa: DTZ001 - that is the test
    ("until", date(2026, 3, 1), "a day for a time"),
    ("until", "soon", "no time"),
    ("commitments", "A9", "one word for a list"),
    ("commitments", 9, "a number for a list"),
    ("commitments", ["A9", "mari@example.ee"], "an address in a list"),
    ("collections", {"a.b": 5}, "a mapping, whose keys could be anything"),
    ("collections", [{"collection": "a.b", "email": "x"}], "a field nobody foresaw"),
    ("collections", ["a.b"], "a word for a record"),
    ("plan", None, "nothing"),
    ("plan", {}, "a mapping"),
]


def with_field(name: str, value: object) -> tuple[str, dict[str, object]]:
    """A kind of entry, and a body of it that is right but for the given field."""
    return "plan_approved", {"plan": DIGEST, "approved_by": DIGEST, name: value}


@pytest.mark.parametrize(("name", "value", "written"), ACCEPTED)
def test_a_field_takes_its_shape(name, value, written):
    kind, body = with_field(name, value)
    assert checked_body(kind, body)[name] == written


@pytest.mark.parametrize(("name", "value", "what"), REFUSED, ids=[f"{n}: {w}" for n, _, w in REFUSED])
def test_a_field_takes_nothing_else_and_does_not_repeat_it(name, value, what):
    kind, body = with_field(name, value)
    with pytest.raises(UsageError, match=f"Its field {name}") as caught:
        checked_body(kind, body)
    if isinstance(value, str) and len(value) > 5:
        assert value not in str(caught.value), what
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_field_outside_the_vocabulary_is_refused_without_repeating_its_name():
    with pytest.raises(UsageError, match="outside the vocabulary") as caught:
        checked_body("plan_approved", {"plan": DIGEST, "approved_by": DIGEST, "mari@example.ee": 1})
    assert "mari" not in str(caught.value)


def test_an_unknown_kind_is_refused_without_repeating_it():
    with pytest.raises(UsageError, match="no such kind") as caught:
        checked_body("mari@example.ee", {})
    assert "mari" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_needs_what_makes_it_a_proof(kind):
    with pytest.raises(UsageError, match="It lacks"):
        checked_body(kind, {})
    assert KINDS[kind] <= FIELDS.keys()


def test_the_destruction_of_a_key_fits_its_kind_of_entry():
    destroyed = DestroyedKey(name="pseudonym-2025", purpose=Purpose.SECRET, key_id=DIGEST)
    assert checked_body("key_destroyed", destroyed.to_json()) == destroyed.to_json()


def test_the_bytes_of_an_entry_have_one_spelling():
    body = checked_body("plan_verified", {"passed": True, "check": "overdue", "plan": DIGEST})
    assert seal(7, "plan_verified", body, AS_OF) == (
        b'{"as_of":"2026-03-01T00:30:00Z","body":{"check":"overdue","passed":true,"plan":"'
        + DIGEST.encode()
        + b'"},"format":1,"kind":"plan_verified","sequence":7}'
    )


def test_an_entry_reads_back_what_was_sealed():
    body = checked_body("plan_executed", {"plan": DIGEST, "rows": 1, "collections": []})
    entry = Entry.from_payload(seal(3, "plan_executed", body, AS_OF))
    assert (entry.sequence, entry.kind, entry.as_of, entry.body) == (3, "plan_executed", AS_OF, body)
    assert json.loads(json.dumps(entry.to_json()))["as_of"] == "2026-03-01T00:30:00Z"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"sequence":-1}',
        b"[" * 100_000,
        b'{"sequence":1,"kind":5,"as_of":"","body":{}}',
    ],
)
def test_bytes_that_are_no_entry_are_refused(payload):
    with pytest.raises(ValueError, match="no ledger entry"):
        Entry.from_payload(payload)


def test_an_instant_is_written_in_utc_and_a_naive_one_is_refused():
    assert instant_text(datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)) == "2026-03-01T12:00:00.000005Z"
    with pytest.raises(UsageError, match="no time zone"):
        seal(0, "plan_refused", {}, datetime(2026, 3, 1))  # noqa: DTZ001 - that is the test
