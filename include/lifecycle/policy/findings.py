"""What a check finds: one sentence, where it stands, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether anything may run in spite of a finding."""

    ERROR = "error"
    """A promise would be broken or a run would fail: nothing runs."""
    WARNING = "warning"
    """Everything runs; somebody should look at it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing in which policy, data map and live schema disagree.

    Attributes:
        code: what kind it is, ``subject.problem``; ``docs/checks.md`` lists them.
        message: one sentence, without personal data.
        place: ``file:line``.
        next_step: what the reader can do about it.
    """

    severity: Severity
    code: str
    message: str
    place: str
    next_step: str


def error(code: str, message: str, place: str, next_step: str) -> Finding:
    """A finding in spite of which nothing runs."""
    return Finding(severity=Severity.ERROR, code=code, message=message, place=place, next_step=next_step)


def warning(code: str, message: str, place: str, next_step: str) -> Finding:
    """A finding that stops nothing."""
    return Finding(severity=Severity.WARNING, code=code, message=message, place=place, next_step=next_step)
