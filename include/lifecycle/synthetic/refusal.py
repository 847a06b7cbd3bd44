"""What the database refuses while it is filled, said so that the reader can act."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.exc import DBAPIError

from lifecycle.errors import StoreError
from lifecycle.store.failures import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# By the first characters of the SQLSTATE, where the seeding knows better than the store what to do next.
_NEXT_STEPS = {
    "22": "correct the sample's population.sql",
    "23": "correct the sample's population.sql",
    "2BP01": "something that the seeding did not make depends on its tables: drop that first",
    "42501": "connect as a user that may create schemas",
    "42P06": "the seeding did not make that schema and leaves it alone: use another database",
    "42P07": "the seeding did not make that table and leaves it alone: use another database",
    "42": "correct the sample's schema.sql or population.sql",
    "53100": "free space on the server's disk, or ask for fewer customers or days",
    "53200": "ask for fewer days, or raise max_locks_per_transaction on the server",
}


_NOTHING_ELSE: Mapping[str, str] = {}


@contextmanager
def refusing(place: str, instead: Mapping[str, str] = _NOTHING_ELSE) -> Iterator[None]:
    """Turn an error of the database into one :class:`StoreError` that names the place and the next step.

    Args:
        place: what was at work.
        instead: next steps that are better there, by the first characters of the SQLSTATE.
    """
    next_steps = {**_NEXT_STEPS, **instead}
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        described = describe(error, place=place)
        state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
        raise StoreError(
            f"{described.message}; nothing was kept",
            place=place,
            next_step=next_steps.get(state) or next_steps.get(state[:2]) or described.next_step,
        ) from None
