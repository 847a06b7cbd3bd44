"""What recipients answer, where they are, and how notices are signed: without a network or a database."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from lifecycle.errors import UsageError
from lifecycle.keys import SigningKey
from lifecycle.policy.model import Notify, Recipient
from lifecycle.recipients.addresses import address_of, is_loopback
from lifecycle.recipients.answers import Answer, Meaning, Pace, asked_wait, reference_in
from lifecycle.recipients.signing import Message, sign

pytestmark = pytest.mark.commitment("G3")

NOW = datetime(2026, 3, 10, 3, tzinfo=UTC)
EMAIL = "Canary.One+tag@example.test"
PHONE = "+372 5551 2345"


# --- what an answer means


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ((200, 201, 202, 204, 299), Meaning.ACKNOWLEDGED),
        ((408, 425, 429, 500, 501, 502, 503, 504, 599, 999, None), Meaning.AGAIN),
        ((300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 409, 410, 413, 422, 499), Meaning.NEVER),
    ],
)
def test_a_status_decides_what_becomes_of_a_notice(statuses, meaning):
    assert {Answer(outcome="any", status=status).meaning for status in statuses} == {meaning}


def test_pauses_double_up_to_the_longest_and_are_spread():
    pace, minute = Pace(first=timedelta(minutes=1), longest=timedelta(hours=6)), timedelta(minutes=1)
    assert [pace.wait(attempt, 1.0) / minute for attempt in (1, 2, 3, 9, 10, 60, 10_000)] == [
        1, 2, 4, 256, 360, 360, 360,
    ]  # fmt: skip
    assert [pace.wait(3, jitter) / minute for jitter in (0.0, 0.5, 1.0)] == [2, 3, 4]


def test_all_attempts_fit_between_a_change_and_the_longest_time_that_a_policy_gives():
    pace = Pace()
    waits = sum((pace.wait(attempt, 0.5) for attempt in range(1, pace.attempts)), timedelta())
    assert timedelta(days=7) < waits < timedelta(days=90)


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("7200", timedelta(hours=2)),
        (" 60 ", timedelta(minutes=1)),
        (format_datetime(NOW + timedelta(hours=3), usegmt=True), timedelta(hours=3)),
        ("Tue, 10 Mar 2026 04:00:00 -0000", timedelta(hours=1)),
        (format_datetime(NOW + timedelta(days=365)), timedelta(days=1)),
        ("9" * 5000, timedelta(days=1)),
        (format_datetime(NOW - timedelta(hours=3)), timedelta()),
        *(
            (nothing, timedelta())
            for nothing in ("", "-1", "soon", "1e9", "٣", "Tue, 99 Mar 2026 04:00:00 GMT")
        ),
    ],
)
def test_a_recipient_may_ask_to_be_left_alone_for_a_day_at_most(retry_after, wait):
    assert asked_wait(retry_after, as_of=NOW) == wait


# --- the reference of an acknowledgement


@pytest.mark.parametrize("reference", ["A-2026:7", "6f9c1e5a-1f7d-4c58-9a3e-0c3f4d5b6a70", "1"])
def test_a_reference_is_kept_that_names_nobody(reference):
    assert reference_in(b'{"reference": "%s"}' % reference.encode(), (EMAIL, "Zoë")) == reference


@pytest.mark.parametrize(
    "reference",
    ["canary.one-tag.example.test", "CANARY-1", "x.canary_one", "nary", "ref-tag-Example", "372-5551-2345", "55512345",
     "5551", "id:37255512345"],
)  # fmt: skip
def test_a_reference_is_not_kept_that_echoes_an_identity_or_a_part_of_it(reference):
    assert reference_in(b'{"reference": "%s"}' % reference.encode(), (EMAIL, PHONE)) is None


@pytest.mark.parametrize(
    "content",
    [
        b'{"reference": "a b"}', b'{"reference": "a@b"}', b'{"reference": ""}', b'{"reference": 7}',
        b'{"reference": "%s"}' % (b"a" * 65), b'{"reference": null}', b"{}", b'["reference"]', b'"reference"',
        b"[" * 60_000, b"\xff\x00", b"",
    ],
    ids=range(12),
)  # fmt: skip
def test_an_answer_without_a_reference_of_the_right_shape_has_none(content):
    assert reference_in(content, (EMAIL,)) is None


# --- where recipients are


def policy_with(notify: Notify | None):
    return SimpleNamespace(recipients={"printer": Recipient(category="a", region="EE", notify=notify)})


@pytest.mark.parametrize(
    "address",
    [
        "https://recipient.example/notices?from=us",
        "https://recipient.example:8443",
        "http://localhost:8080/",
        "http://127.8.9.1/",
        "http://[::1]:80/notices",
    ],
)
def test_an_address_is_encrypted_or_of_this_machine(address):
    policy = policy_with(Notify(http="env:PRINTER_URL"))
    assert address_of(policy, "printer", {"PRINTER_URL": address}) == address
    assert is_loopback(address) == address.startswith("http://")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "  ",
        "recipient.example",
        "http://recipient.example/",
        "http://127.0.0.1.example/",
        "http://127.1/",
        "http://0.0.0.0/",
        "http://[::ffff:127.0.0.2%25eth0]/",
        "ftp://127.0.0.1/",
        "file:///etc/hostname",
        "https://user:s3cret@recipient.example/",
        "https://user@recipient.example/",
        "https://recipient.example/#s3cret",
        "https:///s3cret",
        "https://recipient.example:s3cret/",
        "https://recipient.example/s3 cret",
        "https://recipient.example/\r\nX-More: s3cret",
        "https://r\u00e9cipient.example/",
        "https://[recipient/",
    ],
)
def test_any_other_is_refused_by_the_name_of_its_variable_and_not_repeated(address):
    policy = policy_with(Notify(http="env:PRINTER_URL"))
    with pytest.raises(UsageError, match="PRINTER_URL") as refused:
        address_of(policy, "printer", {"PRINTER_URL": address})
    assert refused.value.place == "recipient printer"
    assert "s3cret" not in str(refused.value)
    assert len(address.strip()) < 2 or address not in str(refused.value)


@pytest.mark.parametrize("recipient", ["printer", "stranger"])
def test_a_recipient_without_an_address_in_the_policy_is_for_a_person(recipient):
    with pytest.raises(UsageError, match="names no address"):
        address_of(policy_with(None), recipient, {})


# --- signatures


def test_a_signature_is_that_of_the_standards_own_example():
    """RFC 9421, B.2.6: the key, the request and the signature printed there."""
    raw = base64.urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
    key = SigningKey.from_private_bytes("test-key-ed25519", raw)
    public = base64.urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")
    assert key.public_key.raw == public
    base = (
        '"date": Tue, 20 Apr 2021 02:07:55 GMT\n'
        '"@method": POST\n'
        '"@path": /foo\n'
        '"@authority": example.com\n'
        '"content-type": application/json\n'
        '"content-length": 18\n'
        '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    printed = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    assert base64.b64encode(key.sign(base.encode())).decode() == printed


def test_a_message_carries_the_digest_the_standard_prints_and_says_what_is_signed():
    """RFC 9421, B.2: the digest there is SHA-512; the SHA-256 of the same content is in RFC 9530, B.1."""
    key = SigningKey.from_private_bytes("any", bytes(32))
    message = Message(
        url="https://example.com/foo",
        content=b'{"hello": "world"}\n',
        headers={"Content-Type": "application/json", "Idempotency-Key": '"1"'},
    )
    sign(message, key, created=NOW)
    assert message.headers["Content-Digest"] == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    assert message.headers["Signature-Input"] == (
        'notice=("@method" "@target-uri" "content-type" "content-digest" "idempotency-key")'
        f';created={int(NOW.timestamp())};keyid="{key.public_key.key_id}";alg="ed25519"'
    )
