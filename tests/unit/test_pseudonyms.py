"""Pseudonyms: keyed, apart from each other, and gone with their key."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

import pyarrow as pa
import pytest

from lifecycle.analytics.pseudonyms import BITS, Pseudonyms, as_number, epoch_of, key_name
from lifecycle.errors import CheckFailed, UsageError
from lifecycle.keys.keyring import FileKeyring

pytestmark = pytest.mark.commitment("W6")
ADDRESSES = [f"198.51.{n // 256}.{n % 256}" for n in range(2_000)]


@pytest.fixture
def keys(tmp_path):
    return FileKeyring(tmp_path / "keyring", environment={})


def made(keys, values, *, release="visits", kind="subject", epoch="2026-03"):
    return Pseudonyms(keys, release, epoch).of(kind, pa.chunked_array([values], pa.string())).to_pylist()


def test_one_is_made_as_many_are(keys):
    values = ["a", "b", "õ", "x" * 10_000, " a"]
    one = Pseudonyms(keys, "visits", "2026-03")
    assert made(keys, values) == [one.one("subject", value) for value in values]
    assert len({*made(keys, values)}) == len(values)
    assert all(-(2 ** (BITS - 1)) <= value < 2 ** (BITS - 1) for value in made(keys, values))


def test_all_bits_of_a_pseudonym_are_used(keys):
    found = made(keys, ADDRESSES)
    for bit in range(BITS):
        assert 0.4 < sum(value >> bit & 1 for value in found) / len(found) < 0.6


def test_an_epoch_is_a_calendar_month():
    assert epoch_of(date(2026, 3, 31)) == "2026-03"
    assert key_name("visits", "subject", "2026-03") == "pseudonyms.visits.subject.2026-03"
    assert len(key_name("r" * 31, "organisation", "2026-03")) <= 64


def test_no_two_of_release_kind_and_epoch_have_a_pseudonym_in_common(keys):
    sets = [
        {*made(keys, ADDRESSES)},
        {*made(keys, ADDRESSES, release="usage")},
        {*made(keys, ADDRESSES, kind="organisation")},
        {*made(keys, ADDRESSES, epoch="2026-04")},
    ]
    assert len(set().union(*sets)) == 4 * len(ADDRESSES)


def test_no_plain_or_empty_keyed_digest_of_an_address_is_a_pseudonym(keys):
    found = {*made(keys, ADDRESSES)}
    for name in ("md5", "sha1", "sha256", "sha512"):
        assert not found & {as_number(hashlib.new(name, one.encode()).digest()) for one in ADDRESSES}
    assert not found & {as_number(hmac.digest(b"", one.encode(), "sha256")) for one in ADDRESSES}


@pytest.mark.parametrize("values", [["a", None], ["a", ""]], ids=["null", "empty"])
def test_nobody_has_no_pseudonym(keys, values):
    with pytest.raises(CheckFailed, match="of nobody"):
        made(keys, values)


def test_a_destroyed_epoch_makes_none(keys):
    made(keys, ["a"])
    keys.destroy(key_name("visits", "subject", "2026-03"))
    with pytest.raises(UsageError, match="was destroyed"):
        made(keys, ["a"])


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_that_could_be_guessed_is_refused(key):
    class Careless:
        def secret(self, _name):
            return key

    with pytest.raises(CheckFailed, match="could be guessed"):
        made(Careless(), ["a"])
