"""The sealed text of a document: encrypted with its owner's key, and bound to the document that it belongs to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifecycle.archive.layout import OWNER, REVISION
from lifecycle.errors import CheckFailed
from lifecycle.keys.sealing import NONCE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from lifecycle.archive.envelope import YearKeys


class Sealer:
    """Seals and opens the texts of documents of one archive and financial year.

    Args:
        year: whose documents they are.
        keys: of owners, 32 bytes each.
    """

    def __init__(self, year: YearKeys, keys: Mapping[str, bytes]) -> None:
        self._about = f"lifecycle document {year.archive} {year.year_end}"
        self._ciphers = {owner: AESGCM(key) for owner, key in keys.items()}

    def seal(self, documents: pa.Table, key: Sequence[str], texts: Sequence[bytes]) -> list[bytes]:
        """Each text, sealed.

        Args:
            documents: whose they are, in the same order.
            key: names of their key columns.
            texts: what is sealed of each.
        """
        random = os.urandom(NONCE_BYTES * len(texts))
        nonces = (random[start : start + NONCE_BYTES] for start in range(0, len(random), NONCE_BYTES))
        owners, abouts = documents[OWNER].to_pylist(), self._abouts(documents, key)
        return [
            nonce + self._ciphers[owner].encrypt(nonce, text, about)
            for text, nonce, owner, about in zip(texts, nonces, owners, abouts, strict=True)
        ]

    def open(self, documents: pa.Table, key: Sequence[str], sealed: Sequence[bytes]) -> list[Any]:
        """What was sealed of each document; None of one whose owner's key is not there any more.

        Raises:
            CheckFailed: one was changed, or belongs to another document.
        """
        return [text and json.loads(text) for text in self.texts(documents, key, sealed)]

    def texts(self, documents: pa.Table, key: Sequence[str], sealed: Sequence[bytes]) -> list[bytes | None]:
        """The text that was sealed of each document; None of one whose owner's key is not there any more.

        Raises:
            CheckFailed: one was changed, or belongs to another document.
        """
        found = []
        for one, owner, about in zip(
            sealed, documents[OWNER].to_pylist(), self._abouts(documents, key), strict=True
        ):
            cipher = self._ciphers.get(owner)
            found.append(_opened(cipher, one, about) if cipher else None)
        return found

    def _abouts(self, documents: pa.Table, key: Sequence[str]) -> list[bytes]:
        """What tells each document from all others, each of its revisions too."""
        columns = [documents[name].to_pylist() for name in (REVISION, *key)]
        return [f"{self._about} {values}".encode() for values in zip(*columns, strict=True)]


def _opened(cipher: AESGCM, sealed: bytes, about: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        raise CheckFailed(
            "what was sealed of a document is not what was written",
            place="archive",
            next_step="lifecycle archive verify names the object, and repairs it from a second location",
        ) from None
