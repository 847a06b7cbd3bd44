"""What the database refused, said so that the reader can act."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.exc import DBAPIError

from lifecycle.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEXT_STEPS = {
    "08": "start the server, or check LIFECYCLE_DATABASE_URL",
    "25006": "use a database that can be written to",
    "28": "correct user and password in LIFECYCLE_DATABASE_URL",
    "2BP01": "something that the seeding did not make depends on its tables: drop that first",
    "42501": "connect as a user that may create schemas",
    "42P06": "the seeding did not make that schema and leaves it alone: use another database",
    "42P07": "the seeding did not make that table and leaves it alone: use another database",
    "53100": "free space on the server's disk, or ask for fewer customers or days",
    "53200": "ask for fewer days, or raise max_locks_per_transaction on the server",
}


@contextmanager
def refusing(place: str) -> Iterator[None]:
    """Turn an error of the database into one :class:`StoreError` that names the place and the next step."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        original = getattr(error, "orig", error)
        state = getattr(original, "sqlstate", None) or "08000"
        said = next(iter(str(original).splitlines()), type(original).__name__)
        raise StoreError(
            f"the database refused ({state}): {said}. Nothing was kept.",
            place=place,
            next_step=_next_step(state),
        ) from None


def _next_step(state: str) -> str:
    for length in (5, 2):
        if state[:length] in _NEXT_STEPS:
            return _NEXT_STEPS[state[:length]]
    return "correct the sample's schema.sql or population.sql"
