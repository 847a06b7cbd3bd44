"""What a simulation is after."""

from __future__ import annotations


class Broken(AssertionError):
    """A promise was broken, or engine and model disagree.

    Attributes:
        kind: in which way, in one word, so that a shorter history is known to fail in the same one.
        late: rows that were there too long.
        early: rows that went too soon.
    """

    def __init__(self, kind: str, message: str, *, late: int = 0, early: int = 0) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.late = late
        self.early = early
