"""What a verification found: which entry, which checkpoint, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

MOST_KEPT = 100  # findings; a ledger that is wrong everywhere shall not fill the memory


class Fault(StrEnum):
    """What can be wrong."""

    CHANGED = "changed"
    """An entry and its own hash disagree."""
    MISSING = "missing"
    """There is no entry where there must be one."""
    INSERTED = "inserted"
    """A second entry claims a place that is taken."""
    MOVED = "moved"
    """An entry stands at another place than its own bytes say."""
    REWRITTEN = "rewritten"
    """Entries agree with their own hashes, but not with the tree above them or with a checkpoint."""
    CHECKPOINT = "checkpoint"
    """A checkpoint is missing, out of order, or not signed by a trusted key."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        fault: what kind of thing.
        message: what was seen, one sentence.
        first: sequence of the first entry concerned; None where it is about a checkpoint alone.
        last: sequence of the last entry concerned.
        checkpoint: number of the checkpoint that shows it; None where the entries themselves do.
    """

    fault: Fault
    message: str
    first: int | None = None
    last: int | None = None
    checkpoint: int | None = None

    @property
    def sentence(self) -> str:
        """Where and what, for a person to read."""
        if self.first is None:
            return f"Checkpoint {self.checkpoint or 'kept elsewhere'}: {self.message}"
        if self.first == self.last:
            return f"Entry {self.first}: {self.message}"
        return f"Entries {self.first} to {self.last}: {self.message}"

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON."""
        return {**vars(self), "fault": self.fault.value}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of a verification.

    Attributes:
        entries: rows read.
        root_hash: the root over them, recomputed from their bytes, hexadecimal; None if any is missing.
        checkpoints: how many there are, those kept elsewhere included.
        covered: so many entries, from the first, lead to the root that a signed checkpoint states.
        findings: what is wrong, at most ``MOST_KEPT``; neighbours with the same fault are one finding.
        findings_left_out: how many more there are.
    """

    entries: int
    root_hash: str | None
    checkpoints: int
    covered: int
    findings: tuple[Finding, ...]
    findings_left_out: int = 0

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {
            **vars(self),
            "sound": self.sound,
            "findings": [finding.to_json() for finding in self.findings],
        }


class Findings:
    """Collects findings: neighbouring entries with the same fault become one, and there is an end to it."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.left_out = 0

    def add(self, finding: Finding) -> None:
        """Take note of a finding."""
        newest = self.kept[-1] if self.kept else None
        if newest and _are_neighbours(newest, finding):
            self.kept[-1] = replace(newest, last=finding.last)
        elif len(self.kept) < MOST_KEPT:
            self.kept.append(finding)
        else:
            self.left_out += 1


def _are_neighbours(one: Finding, other: Finding) -> bool:
    return (
        one.last is not None
        and other.first == one.last + 1
        and (one.fault, one.message, one.checkpoint) == (other.fault, other.message, other.checkpoint)
    )
