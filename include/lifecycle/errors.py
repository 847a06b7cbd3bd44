"""Errors that name the place and the next step.

Every error the project raises on purpose is a :class:`LifecycleError`. The command line prints it in one
block and exits with its code; a DAG task lets it fail the task. A message never holds personal data.
"""

from __future__ import annotations

from pathlib import Path
from traceback import extract_tb


class LifecycleError(Exception):
    """Something the project refuses to do, said so that the reader can act.

    Args:
        message: what is wrong, one sentence, without personal data.
        place: where: a file and line, a table and column, a setting, a plan.
        next_step: what the reader can do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, place: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.next_step = next_step

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.message}" if self.place else self.message]
        if self.next_step:
            lines.append(f"Next: {self.next_step}")
        return "\n".join(lines)


class UsageError(LifecycleError):
    """The command, its arguments or the configuration cannot be used as they are (exit code 2)."""

    exit_code = 2


class NotFound(UsageError):
    """What is named by its number is not there."""


class PolicyError(UsageError):
    """A policy or data map that cannot be read, or that contradicts itself or the live schema."""


class StoreError(UsageError):
    """The database cannot be reached, is read-only, or lacks what the project needs."""


class StorageError(StoreError):
    """A place that archives are written to cannot be reached, is full, or refuses."""


class CheckFailed(LifecycleError):
    """A check between the steps found the data or a plan not as promised; nothing was deleted after it."""


class PolicyAmended(UsageError):
    """Another version of the policy counts by now than at the moment that is asked about."""


class PlanOutdated(CheckFailed):
    """Rows have changed since they were planned, as an application may change them: the plan is made anew."""


class PromiseBroken(LifecycleError):
    """Something that was promised to be gone is still there, or something that must stay is gone."""


class ApprovalRequired(LifecycleError):
    """A plan passes the policy's limits and waits for a person (exit code 3)."""

    exit_code = 3


def place_of(error: BaseException) -> str:
    """Where an error was raised, as ``file.py:line``: what may be told of one whose text may hold anything."""
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
