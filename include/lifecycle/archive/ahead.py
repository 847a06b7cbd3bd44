"""The next of something is fetched while the one before is worked on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

_One = TypeVar("_One")
_END: Any = object()


def ahead(items: Generator[_One]) -> Generator[_One]:
    """The same items, each fetched in a thread while the caller has the one before.

    What they are fetched from belongs to that thread until the last has come.
    """
    with closing(items), ThreadPoolExecutor(max_workers=1, thread_name_prefix="lifecycle-ahead") as pool:
        following = pool.submit(next, items, _END)
        while (item := following.result()) is not _END:
            following = pool.submit(next, items, _END)
            yield item
