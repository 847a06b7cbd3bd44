"""Let a task fail once, before or after it has done its work: of a store that is away, of a mistake, or killed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from inspect import isgenerator
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from lifecycle.errors import LifecycleError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = "canary@example.test"
"""What a mistake has in its hands."""
_TOLD = (LifecycleError, KeyboardInterrupt)
"""Errors of which the text is told."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong, once.

    Attributes:
        where: a function that a task calls, with its module.
        task: the task; calls by others are none of it.
        after: the function has done its work before it fails.
        error: raised; one that nobody foresaw has personal data in it.
        call: the first call of the task that fails.
        lost: the feed whose draw is lost by it.
    """

    where: str
    task: str
    after: bool = False
    error: type[BaseException] = StoreError
    call: int = 1
    lost: str | None = None


@contextmanager
def failing(fault: Fault) -> Iterator[list[str]]:
    """The fault waits to happen; yields a list that has its task once it did."""
    module, _, name = fault.where.rpartition(".")
    whole, calls, happened = getattr(import_module(module), name), [], []

    def fails(*arguments: Any, **named: Any) -> Any:
        if happened or _current_task() != fault.task or not _is_turn(calls, fault.call):
            return whole(*arguments, **named)
        happened.append(fault.task)
        if fault.after:
            _complete(whole(*arguments, **named))
        raise fault.error("gone" if issubclass(fault.error, _TOLD) else f"{KNOWN} has gone")

    with patch(fault.where, fails):
        yield happened


def _is_turn(calls: list[None], turn: int) -> bool:
    calls.append(None)
    return len(calls) == turn


def _complete(result: Any) -> None:
    if isgenerator(result):
        list(result)


def _current_task() -> str:
    from airflow.sdk import get_current_context

    return get_current_context()["ti"].task_id
