"""The numbers of documents: the series that they form, and how many are missing in each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.archive.documents import NUMBER

if TYPE_CHECKING:
    from sqlalchemy import Connection, FromClause

MOST_SERIES = 100
"""Numbers that form more are not counted up, and nothing can be missing between them."""
_DIGITS, _MOST_DIGITS = "0123456789", 18


@dataclass(frozen=True, kw_only=True)
class Series:
    """Numbers that differ only in the digits at their end.

    Attributes:
        prefix: what stands before those.
        first: the least of what they say; ``last`` the greatest; None where there are no digits.
        missing: how many between them no document has.
    """

    prefix: str
    first: int | None
    last: int | None
    documents: int
    missing: int

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return asdict(self)


def series_of(connection: Connection, documents: FromClause) -> tuple[Series, ...]:
    """The series that the numbers of documents form; none where they form too many.

    Args:
        connection: sees the documents.
        documents: has their numbers.
    """
    number = documents.c[NUMBER]
    length = sa.func.length(number)
    behind = sa.func.least(length - sa.func.length(sa.func.rtrim(number, _DIGITS)), _MOST_DIGITS)
    digits = sa.func.nullif(sa.func.right(number, behind), "")
    told = sa.select(
        sa.func.left(number, length - behind).collate("C").label("prefix"),
        sa.cast(digits, sa.BigInteger).label("counter"),
    ).subquery("told")
    counted = (
        sa.select(told.c.prefix, told.c.counter, sa.func.count().label("documents"))
        .group_by(told.c.prefix, told.c.counter)
        .subquery("counted")
    )
    first, last = sa.func.min(counted.c.counter), sa.func.max(counted.c.counter)
    missing = sa.func.coalesce(last - first + 1 - sa.func.count(counted.c.counter), 0)
    query = (
        sa.select(
            counted.c.prefix,
            first.label("first"),
            last.label("last"),
            sa.cast(sa.func.sum(counted.c.documents), sa.BigInteger).label("documents"),
            missing.label("missing"),
        )
        .group_by(counted.c.prefix)
        .order_by(counted.c.prefix)
        .limit(MOST_SERIES + 1)
    )
    found = tuple(Series(**row) for row in connection.execute(query).mappings())
    return found if len(found) <= MOST_SERIES else ()
