"""The file keyring: what it promises, and what it refuses with which words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

import pytest

from lifecycle.errors import UsageError
from lifecycle.keys import FileKeyring, PublicKey, Purpose, keyed_fingerprint
from lifecycle.keys.files import make_private_folder, one_writer, write_private

MASTER = base64.b64encode(b"m" * 32).decode()
OTHER_MASTER = base64.b64encode(b"n" * 32).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keyring"


@pytest.fixture
def keyring(folder: Path) -> FileKeyring:
    return FileKeyring(folder, environment={})


def reopened(folder: Path, master: str | None = None) -> FileKeyring:
    return FileKeyring(folder, environment={"LIFECYCLE_MASTER_KEY": master} if master else {})


def test_a_key_is_made_on_first_use_and_found_again(keyring, folder):
    first = keyring.secret("archive")
    assert len(first) == 32
    assert reopened(folder).secret("archive") == first


def test_each_name_has_its_own_random_key(keyring):
    assert len({keyring.secret(name) for name in ("a", "b", "c")}) == 3


def test_two_keyrings_with_one_master_key_hold_different_keys(tmp_path):
    """Keys are random, not derived from the master key and the name."""
    one, two = (reopened(tmp_path / name, MASTER) for name in ("one", "two"))
    assert one.secret("archive") != two.secret("archive")


def test_everything_is_readable_by_its_owner_alone(keyring, folder):
    keyring.secret("archive")
    keyring.destroy("archive")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_key_bytes_and_master_key_are_in_no_other_file(keyring, folder):
    raw = keyring.secret("archive")
    content = (folder / "archive.key").read_bytes()
    assert raw not in content
    assert raw.hex().encode() not in content


def test_a_signature_verifies_with_the_exported_public_key_alone(keyring):
    key = keyring.signing_key("ledger")
    public = PublicKey.from_pem(key.public_key.to_pem())
    assert public.verifies(key.sign(b"note"), b"note")
    assert not public.verifies(key.sign(b"note"), b"another note")
    assert keyring.public_keys() == (public,)


def test_a_signing_key_does_not_show_its_private_half(keyring):
    key = keyring.signing_key("ledger")
    assert "sign=" not in repr(key)


def test_a_fingerprint_is_hmac_sha_256_under_the_domains_own_key(keyring):
    fingerprint = keyring.fingerprint("email", "mari@example.ee")
    assert fingerprint == keyring.fingerprint("email", "mari@example.ee")
    assert fingerprint != keyring.fingerprint("phone", "mari@example.ee")
    assert fingerprint != hashlib.sha256(b"mari@example.ee").hexdigest()
    expected = hmac.new(b"k" * 32, "õie@näide.ee".encode(), hashlib.sha256).hexdigest()
    assert keyed_fingerprint(b"k" * 32, "õie@näide.ee") == expected


@pytest.mark.parametrize(
    ("key", "value"), [(b"", "x"), (b"k" * 31, "x"), (b"k" * 32, ""), (b"k" * 32, " \t")]
)
def test_a_guessable_key_or_a_blank_value_gets_no_fingerprint(key, value):
    with pytest.raises(UsageError):
        keyed_fingerprint(key, value)


def test_a_key_serves_one_purpose(keyring):
    keyring.secret("archive")
    with pytest.raises(UsageError, match="is for secret, not for signing"):
        keyring.signing_key("archive")
    with pytest.raises(UsageError, match="is for secret, not for fingerprint"):
        keyring.create("archive", Purpose.FINGERPRINT)


def test_a_destroyed_key_is_gone_for_good(keyring, folder):
    created = keyring.create("pseudonym-2025", Purpose.SECRET)
    wrapped = (folder / "pseudonym-2025.key").read_text()
    destroyed = keyring.destroy("pseudonym-2025")
    assert destroyed.to_json() == {"key": "pseudonym-2025", "purpose": "secret", "key_id": created}
    assert keyring.names() == ()
    assert json.loads(wrapped)["wrapped"] not in "".join(path.read_text() for path in folder.iterdir())
    for attempt in (keyring, reopened(folder)):
        with pytest.raises(UsageError, match="was destroyed"):
            attempt.secret("pseudonym-2025")
    assert not (folder / "pseudonym-2025.key").exists()


def test_destroying_twice_gives_the_same_answer(keyring):
    """So a caller that died before writing it to the ledger can repeat the step."""
    keyring.secret("archive")
    assert keyring.destroy("archive") == keyring.destroy("archive")


def test_a_destruction_killed_half_way_is_finished_by_the_next(keyring, folder):
    keyring.secret("archive")
    before = (folder / "archive.key").read_bytes()
    destroyed = keyring.destroy("archive")
    (folder / "archive.key").write_bytes(before)  # as if the marker was written, the key not yet erased
    (folder / "archive.key").chmod(0o600)
    assert keyring.names() == ()
    with pytest.raises(UsageError, match="was destroyed"):
        reopened(folder).secret("archive")
    assert keyring.destroy("archive") == destroyed
    assert not (folder / "archive.key").exists()


def test_another_process_destroying_a_key_ends_its_use_here(keyring, folder):
    keyring.secret("archive")
    reopened(folder).destroy("archive")
    with pytest.raises(UsageError, match="was destroyed"):
        keyring.secret("archive")


def test_a_key_file_that_was_exchanged_is_not_served_from_memory(keyring, folder):
    keyring.secret("archive")
    (folder / "archive.key").write_bytes(b"{}")
    with pytest.raises(UsageError, match="damaged"):
        keyring.secret("archive")


def test_signatures_of_a_destroyed_key_can_still_be_checked(keyring):
    key = keyring.signing_key("ledger")
    keyring.destroy("ledger")
    assert keyring.public_keys() == (key.public_key,)


def test_a_key_that_never_was_cannot_be_destroyed(keyring):
    with pytest.raises(UsageError, match="no key named archive"):
        keyring.destroy("archive")


@pytest.mark.parametrize(
    "name", ["", "../up", "a/b", "Mari", "mari@example.ee", ".hidden", "a" * 65, "1st", "a\n"]
)
def test_a_name_that_could_leave_the_folder_or_name_a_person_is_refused(keyring, name):
    with pytest.raises(UsageError, match="A key's name"):
        keyring.secret(name)


@pytest.mark.parametrize(("file", "mode"), [(".", 0o750), ("archive.key", 0o640), ("master", 0o604)])
def test_files_open_to_others_are_refused(keyring, folder, file, mode):
    keyring.secret("archive")
    (folder / file).chmod(mode)
    with pytest.raises(UsageError, match="chmod") as caught:
        reopened(folder).secret("archive")
    assert caught.value.place == str(folder / file)


def test_a_file_opened_to_others_later_is_refused_even_when_its_key_is_in_memory(keyring, folder):
    keyring.secret("archive")
    (folder / "archive.key").chmod(0o644)
    with pytest.raises(UsageError, match="Others may read this"):
        keyring.secret("archive")


def test_the_master_key_may_come_from_the_environment_and_is_then_in_no_file(folder):
    raw = reopened(folder, MASTER).secret("archive")
    assert not (folder / "master").exists()
    assert reopened(folder, MASTER).secret("archive") == raw


def test_without_its_master_key_a_keyring_says_what_is_missing(folder):
    reopened(folder, MASTER).secret("archive")
    for use in (lambda ring: ring.secret("archive"), lambda ring: ring.secret("another")):
        with pytest.raises(UsageError, match="their master key is missing"):
            use(reopened(folder))
    assert not (folder / "master").exists()


def test_a_wrong_master_key_is_told_from_a_damaged_file(folder):
    reopened(folder, MASTER).secret("archive")
    with pytest.raises(UsageError, match="wrapped by another master key"):
        reopened(folder, OTHER_MASTER).secret("archive")
    with pytest.raises(UsageError, match="other keys were wrapped by another master key"):
        reopened(folder, OTHER_MASTER).secret("another")


@pytest.mark.parametrize("master", ["secret", "c2hvcnQ=", "%%%", "ä" * 44])
def test_a_malformed_master_key_is_refused_without_showing_it(folder, master):
    with pytest.raises(UsageError, match="not 32 bytes in base64") as caught:
        reopened(folder, master).secret("archive")
    assert master not in str(caught.value)


@pytest.mark.parametrize("field", ["wrapped", "nonce"])
def test_a_changed_key_file_is_refused(keyring, folder, field):
    keyring.secret("archive")
    change(folder / "archive.key", lambda content: content.update({field: flipped(content[field])}))
    with pytest.raises(UsageError, match="damaged"):
        reopened(folder).secret("archive")


def test_a_key_cannot_be_passed_off_as_another(keyring, folder):
    keyring.secret("old")
    keyring.secret("new")
    change(folder / "old.key", lambda content: content["record"].update(name="new"))
    (folder / "old.key").replace(folder / "new.key")
    with pytest.raises(UsageError, match="damaged"):
        reopened(folder).secret("new")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"record": 1}', b"\xff\xfe"])
def test_a_file_that_is_no_key_file_is_called_damaged(keyring, folder, content):
    keyring.secret("archive")
    (folder / "archive.key").write_bytes(content)
    with pytest.raises(UsageError, match="damaged"):
        reopened(folder).secret("archive")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="keyring cannot be used"):
        reopened(tmp_path / "file" / "keyring").secret("archive")


def test_processes_that_create_one_key_at_once_all_get_the_same(folder):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        found = set(pool.map(_secret_in_another_process, [str(folder)] * 16))
    assert len(found) == 1


def test_a_key_is_made_by_one_writer_at_a_time(tmp_path, folder):
    """Whoever waited for the lock finds the key that was made meanwhile, and takes it."""
    other = tmp_path / "other"
    made = reopened(other, MASTER).secret("archive")
    make_private_folder(folder)
    with ThreadPoolExecutor() as pool:
        with one_writer(folder):
            asked = pool.submit(reopened(folder, MASTER).secret, "archive")
            assert not wait([asked], timeout=0.3).done
            write_private(folder / "archive.key", (other / "archive.key").read_bytes())
        assert asked.result() == made


def _secret_in_another_process(folder: str) -> bytes:
    return FileKeyring(Path(folder), environment={}).secret("archive")


def change(path: Path, edit) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def flipped(digits: str) -> str:
    return ("0" if digits[0] != "0" else "1") + digits[1:]
