"""Work on several of many items at once, where libraries let go of the interpreter meanwhile."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

AT_ONCE = 2
"""Items that are worked on; more would take more memory than they save time."""


def side_by_side(make: Callable[[_Item], _Made], items: Iterable[_Item]) -> Generator[_Made]:
    """What is made of each item, in their order.

    Args:
        make: is called in threads, for several items at once.
        items: taken by the caller's thread, at most three before what was made of the first is handed on.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="lifecycle-beside") as pool:
        waiting: deque[Future[_Made]] = deque()
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
