"""Two who see to one request at the same moment: the first does it, and the other is told so."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.exc import DBAPIError

from lifecycle.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

_SOMEBODY_WAS_FIRST = {"40001", "23505"}
"""What the database says then: a row has changed since, or a second plan would have been stored."""


@contextmanager
def first_wins(request_id: UUID) -> Iterator[None]:
    """Something that only one may do for a request; whoever comes second may try again, and sees what was done.

    Raises:
        StoreError: somebody else has just done it.
    """
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error) or error.orig.sqlstate not in _SOMEBODY_WAS_FIRST:
            raise
    else:
        return
    raise StoreError(
        "somebody else sees to it at this moment",
        place=f"request {request_id}",
        next_step="run it again; lifecycle request show tells what was done",
    )
