"""What a simulation is after."""

from __future__ import annotations


class Broken(AssertionError):
    """A promise was broken, or engine and model disagree.

    Attributes:
        kind: in which way, in one word, so that a shorter history is known to fail in the same one.
        rows: that are late or early, where it is about rows.
    """

    def __init__(self, kind: str, message: str, *, rows: int = 0) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.rows = rows
