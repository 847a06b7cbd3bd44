"""What a simulation is after."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"[0-9a-f-]*\d[0-9a-f-]*")
"""Counts, days, keys and digests."""


class Broken(AssertionError):
    """A promise was broken, or engine and model disagree.

    Attributes:
        kind: in which way, in one word.
        error: what the engine complained of, if it did, without its numbers.
        late: rows that were there too long.
        early: rows that went too soon.
    """

    def __init__(self, kind: str, message: str, *, late: int = 0, early: int = 0, error: str = "") -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.error = _NUMBERS.sub("", error)
        self.late = late
        self.early = early

    def is_like(self, other: Broken) -> bool:
        """Whether both fail in the same way, so that the shorter of two histories tells as much."""
        return (self.kind, self.error) == (other.kind, other.error)
