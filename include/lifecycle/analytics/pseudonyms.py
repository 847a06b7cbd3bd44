"""Pseudonyms: keyed digests that take the place of whoever an event is about (GDPR Art. 4(5)).

Each release, each kind of identifier and each calendar month has a random key of its own, so that pseudonyms of one
never meet those of another. The key is in the provider's keeping, never in the database or beside the events, and is
destroyed when nothing is counted with it any more; what it made can then be told by nobody.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from lifecycle.errors import CheckFailed
from lifecycle.keys.provider import KEY_BYTES

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

    from lifecycle.keys.provider import KeyProvider

BITS = 64
"""Of a pseudonym, a whole number. Among a hundred million, somebody shares one by a chance of 5e-12."""
_LETTERS = BITS // 4
PREFIX = "pseudonyms."
"""What the names of the keys begin with."""


def epoch_of(first: date) -> str:
    """The epoch of a period, by its first day: a calendar month, ``2026-03``."""
    return f"{first:%Y-%m}"


def key_name(release: str, kind: str, epoch: str) -> str:
    """The name of the key of one epoch.

    Args:
        release: of the policy.
        kind: ``subject`` or ``organisation``.
        epoch: as :func:`epoch_of` gives it.
    """
    return f"{PREFIX}{release}.{kind}.{epoch}"


def as_number(digest: bytes) -> int:
    """The pseudonym that a digest is: its first bits."""
    return int.from_bytes(digest[: BITS // 8], "big", signed=True)


class Pseudonyms:
    """Makes the pseudonyms of one release and epoch.

    Args:
        keys: makes the keys at first use.
        release: of the policy.
        epoch: as :func:`epoch_of` gives it.

    Raises of each method:
        UsageError: the key was destroyed, since the epoch is over.
    """

    def __init__(self, keys: KeyProvider, release: str, epoch: str) -> None:
        self._keys = keys
        self._release = release
        self.epoch = epoch

    def of(self, kind: str, values: pa.ChunkedArray) -> pa.Array:
        """The pseudonyms of many values at once, as whole numbers of 64 bits.

        Raises:
            CheckFailed: a value is missing or empty: all such would become one person.
        """
        import polars as pl
        import polars_hash  # noqa: F401 - registers the expressions

        series = pl.Series("value", values, dtype=pl.String)
        if series.null_count() or (series.str.len_bytes() == 0).any():
            raise CheckFailed(
                "an event says of nobody whose it is",
                place=f"releases.{self._release}",
                next_step=f"leave out events without {kind} before they get pseudonyms",
            )
        digests = pl.col("value").chash.hmac_sha256(key=self._key(kind))  # type: ignore[attr-defined]  # registered above
        return _numbers(series.to_frame().select(digests.str.head(_LETTERS)).to_series().to_arrow())

    def one(self, kind: str, value: str) -> int:
        """The pseudonym of one value, as :meth:`of` makes it."""
        return as_number(hmac.digest(self._key(kind).encode(), value.encode(), "sha256"))

    def _key(self, kind: str) -> str:
        """The key as the library takes it: hexadecimal digits. It takes an empty one, too, which is none."""
        key = self._keys.secret(key_name(self._release, kind, self.epoch))
        if len(key) < KEY_BYTES:
            raise CheckFailed(
                "the key provider gave a key that could be guessed",
                place=key_name(self._release, kind, self.epoch),
                next_step="look into the key provider: a key has 32 random bytes",
            )
        return key.hex()


def _numbers(digits: pa.LargeStringArray) -> pa.Array:
    """Hexadecimal digits as numbers, all at once: text is slower to compare, and takes more room."""
    import numpy as np
    import pyarrow as pa

    start = digits.offset * _LETTERS
    letters = np.frombuffer(digits.buffers()[2] or b"", np.uint8, count=len(digits) * _LETTERS, offset=start)
    halves = (letters & 15) + 9 * (letters >> 6)
    return pa.array(((halves[::2] << 4) | halves[1::2]).view(">i8").astype(np.int64))
