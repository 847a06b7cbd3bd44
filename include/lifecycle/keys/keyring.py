"""A keyring of files: the key provider that needs nothing but a folder.

Each key is a file of its own, wrapped by a master key that stands beside them (mode 600) or, better, comes
from the environment. See docs/adr/0021 for the format and for what destroying a key can promise.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from lifecycle.errors import UsageError
from lifecycle.keys.files import (
    erase,
    failures_named,
    make_private_folder,
    one_writer,
    read_private,
    require_private,
    write_private,
)
from lifecycle.keys.keyfile import KeyFile, KeyName, KeyRecord, damaged, master_id
from lifecycle.keys.provider import (
    KEY_BYTES,
    DestroyedKey,
    PublicKey,
    Purpose,
    SigningKey,
    keyed_fingerprint,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MASTER_KEY_VARIABLE = "LIFECYCLE_MASTER_KEY"
INTAKE_MASTER_KEY_VARIABLE = "LIFECYCLE_INTAKE_MASTER_KEY"

_MASTER_KEY_FILE = "master"
_KEY = ".key"
_DESTROYED = ".destroyed"
_NAME = TypeAdapter(KeyName)
_Model = TypeVar("_Model", bound=BaseModel)


class FileKeyring:
    """Keys in a folder that only its owner may enter. Implements ``KeyProvider``.

    Args:
        folder: created on first use.
        environment: where the master key (32 bytes in base64) is looked for; without it the master key is the
            folder's own file, created with the first key.
        master_key_variable: its name there.

    Every operation raises ``UsageError`` when the folder or a file is open to others, missing, damaged, or
    wrapped by another master key.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] = os.environ,
        *,
        master_key_variable: str = MASTER_KEY_VARIABLE,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._variable = master_key_variable
        self._unwrapped: dict[str, tuple[tuple[int, int], KeyRecord, bytes]] = {}

    def create(self, name: str, purpose: Purpose) -> str:
        """Make the key unless it exists; its ``key_id``."""
        return self._key(name, purpose)[0].key_id

    def signing_key(self, name: str) -> SigningKey:
        """The Ed25519 key of that name, created on first use."""
        return SigningKey.from_private_bytes(name, self._key(name, Purpose.SIGNING)[1])

    def public_keys(self) -> tuple[PublicKey, ...]:
        """The public halves of all signing keys, destroyed ones included, by name."""
        records = [self._record(path) for path in self._files(_DESTROYED)]
        records += [self._key_file(path).record for path in self._files(_KEY)]
        found = {record.name: record.public_key for record in records if record.public_key}
        return tuple(PublicKey(raw=bytes.fromhex(found[name])) for name in sorted(found))

    def secret(self, name: str) -> bytes:
        """The 32 random bytes of that name, created on first use."""
        return self._key(name, Purpose.SECRET)[1]

    def fingerprint(self, domain: str, value: str) -> str:
        """HMAC-SHA-256 of the value under the key ``fingerprint.<domain>``, created on first use."""
        return keyed_fingerprint(self._key(f"fingerprint.{domain}", Purpose.FINGERPRINT)[1], value)

    def destroy(self, name: str) -> DestroyedKey:
        """Erase the key and leave a marker, so that the name is never used again."""
        path = self._path(name, _KEY)
        with failures_named(self._folder):
            make_private_folder(self._folder)
            with one_writer(self._folder):
                record = self._destroyed_record(name)
                if record is None:
                    record = self._key_file(path).record if path.exists() else None
                if record is None:
                    raise UsageError(f"There is no key named {name}.", place=str(self._folder))
                write_private(self._path(name, _DESTROYED), record.model_dump_json().encode())
                erase(path)
        self._unwrapped.pop(name, None)
        return record.destroyed()

    def is_destroyed(self, name: str) -> bool:
        """Whether its marker is there."""
        with failures_named(self._folder):
            return self._path(name, _DESTROYED).exists()

    def names(self) -> tuple[str, ...]:
        """The names of the keys that exist, sorted."""
        gone = {path.stem for path in self._files(_DESTROYED)}
        return tuple(path.stem for path in self._files(_KEY) if path.stem not in gone)

    def _key(self, name: str, purpose: Purpose) -> tuple[KeyRecord, bytes]:
        with failures_named(self._folder):
            if not self._path(name, _KEY).exists():
                self._make(name, purpose)
            record, raw = self._load(name)
        if record.purpose is not purpose:
            raise UsageError(
                f"The key {name} is for {record.purpose.value}, not for {purpose.value}.",
                place=str(self._folder),
                next_step="Use another name: a key serves one purpose.",
            )
        return record, raw

    def _load(self, name: str) -> tuple[KeyRecord, bytes]:
        """Unwrap the key, unless this very file was unwrapped before."""
        self._refuse_destroyed(name)
        require_private(self._folder)
        path = self._path(name, _KEY)
        state = require_private(path)
        identity = (state.st_ino, state.st_mtime_ns)
        cached = self._unwrapped.get(name)
        if cached is None or cached[0] != identity:
            key_file = self._key_file(path)
            raw = key_file.unwrap(self._master(), str(path))
            cached = self._unwrapped[name] = (identity, key_file.record, raw)
        return cached[1], cached[2]

    def _make(self, name: str, purpose: Purpose) -> None:
        """Create the key, unless another process was faster."""
        make_private_folder(self._folder)
        with one_writer(self._folder):
            self._refuse_destroyed(name)
            path = self._path(name, _KEY)
            if path.exists():
                return
            master = self._master_for_new_key()
            raw = os.urandom(KEY_BYTES)
            record = KeyRecord.describe(name, purpose, raw)
            write_private(path, KeyFile.wrap(record, raw, master).model_dump_json().encode())

    def _refuse_destroyed(self, name: str) -> None:
        if self.is_destroyed(name):
            raise UsageError(
                f"The key {name} was destroyed.",
                place=str(self._folder),
                next_step="What it protected is gone for good; a new key needs a new name.",
            )

    def _master(self) -> bytes:
        given = self._environment.get(self._variable)
        if given:
            return _decoded(given, place=self._variable)
        path = self._folder / _MASTER_KEY_FILE
        if not path.exists():
            raise UsageError(
                "The keyring holds keys, but their master key is missing.",
                place=str(path),
                next_step=f"Set {self._variable} or restore the file from its backup.",
            )
        return _decoded(read_private(path).decode("ascii", "replace"), place=str(path))

    def _master_for_new_key(self) -> bytes:
        """The master key; made now if this keyring has never held a key. The lock is held."""
        others = self._files(_KEY)
        path = self._folder / _MASTER_KEY_FILE
        if not others and not path.exists() and not self._environment.get(self._variable):
            write_private(path, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
        master = self._master()
        if any(self._key_file(other).wrapped_by != master_id(master) for other in others):
            raise UsageError(
                "The keyring's other keys were wrapped by another master key.",
                place=str(self._folder),
                next_step="Give the master key this keyring was made with.",
            )
        return master

    def _destroyed_record(self, name: str) -> KeyRecord | None:
        path = self._path(name, _DESTROYED)
        return self._record(path) if path.exists() else None

    def _key_file(self, path: Path) -> KeyFile:
        return self._read(path, KeyFile)

    def _record(self, path: Path) -> KeyRecord:
        return self._read(path, KeyRecord)

    def _read(self, path: Path, model: type[_Model]) -> _Model:
        with failures_named(self._folder):
            content = read_private(path)
        try:
            return model.model_validate_json(content)
        except ValidationError:
            raise damaged(str(path)) from None

    def _files(self, suffix: str) -> list[Path]:
        with failures_named(self._folder):
            if not self._folder.exists():
                return []
            require_private(self._folder)
            return sorted(self._folder.glob(f"*{suffix}"))

    def _path(self, name: str, suffix: str) -> Path:
        try:
            return self._folder / f"{_NAME.validate_python(name)}{suffix}"
        except ValidationError:
            raise UsageError(
                "A key's name is at most 64 lower-case letters, digits, dots, dashes and underscores, "
                "and starts with a letter.",
                next_step="Name the key after what it protects, never after a person.",
            ) from None


def _decoded(text: str, *, place: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise UsageError(
            f"The master key is not {KEY_BYTES} bytes in base64.",
            place=place,
            next_step="Give the master key the keyring was made with; "
            "for a new keyring, make one with: openssl rand -base64 32",
        )
    return key
