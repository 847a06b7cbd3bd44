"""What released numbers are worth: held against the exact cells when they are drawn, for builders only.

Figures of exact numbers have no noise that would hide anybody. They stand in a table that the builder's role alone may
read, go nowhere else, and are forgotten when :data:`KEPT` is over.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from lifecycle.analytics import draws
from lifecycle.analytics.bounding import CONTRIBUTORS, numbers
from lifecycle.analytics.released import column_of, table_name
from lifecycle.timelimits import local_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime

    from sqlalchemy import Connection, RowMapping

    from lifecycle.analytics.gates import Exact
    from lifecycle.analytics.noise import Cell, Drawn, Shown
    from lifecycle.analytics.spans import Span
    from lifecycle.policy.release_form import Release
    from lifecycle.runs.company import Company

KEPT = timedelta(days=90)
"""After the last day of a period: a quarter tells whether a table's cells and budget are what they should be."""
MARKS = (0.5, 0.95)
"""Which quantiles of the relative error are kept."""

release_utility = sa.table(
    "release_utility",
    sa.column("table_name", sa.Text),
    sa.column("number", sa.Text),
    sa.column("release", sa.Text),
    sa.column("feed", sa.Text),
    sa.column("first_day", sa.Date),
    sa.column("last_day", sa.Date),
    sa.column("cells", sa.BigInteger),
    sa.column("cells_shown", sa.BigInteger),
    sa.column("share_shown", sa.Double),
    sa.column("median_error", sa.Double),
    sa.column("error_95", sa.Double),
    sa.column("largest_error", sa.Double),
    schema="lifecycle",
)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A table's exact cells.

    Attributes:
        cells: those that a gate may let pass.
        number: of all cells, also of those that none lets pass.
        sums: of each number over all cells; the contributors are one of them.
    """

    cells: Mapping[Cell, Exact]
    number: int
    sums: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What one number of a table is worth. Errors are relative to the exact number, limited contributions included.

    Attributes:
        cells: of the table, exactly.
        cells_shown: those in which the number is shown.
        share_shown: what they make up of the number in all cells; None where that is nothing.
        median_error: over the cells in which it is shown; None where there is none, as of those that follow.
    """

    cells: int
    cells_shown: int
    share_shown: float | None
    median_error: float | None
    error_95: float | None
    largest_error: float | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is kept of one number of one period.

    Attributes:
        number: the column of the released table.
    """

    table_name: str
    number: str
    release: str
    feed: str
    first_day: date
    last_day: date
    worth: Worth

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        days = {"first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}
        which = {"release": self.release, "feed": self.feed, **days, "table": self.table_name}
        return {**which, "number": self.number, **asdict(self.worth)}


def sums(cells: pa.Table, release: Release) -> dict[str, int]:
    """Each number over all cells, as :func:`lifecycle.analytics.bounding.cells` counts them."""
    return {name: pc.sum(cells[name]).as_py() or 0 for name in (CONTRIBUTORS, *numbers(release))}


def measure(counted: Counted, drawn: Drawn) -> dict[str, Worth]:
    """What each number of a table is worth."""
    return {name: _worth(counted, drawn, name) for name in counted.sums}


def enter(
    connection: Connection,
    name: str,
    release: Release,
    feed: str,
    span: Span,
    tables: Mapping[str, tuple[Counted, Drawn]],
) -> None:
    """Keep what the numbers of a feed are worth; while its draw is reserved, in the transaction that ends it."""
    of_which = {"release": name, "feed": feed, "first_day": span.first, "last_day": span.last}
    rows = [
        {
            "table_name": table_name(table, feed),
            "number": column_of(release, number),
            **of_which,
            **asdict(worth),
        }
        for table, (counted, drawn) in tables.items()
        for number, worth in measure(counted, drawn).items()
    ]
    with draws.as_builder(connection):
        connection.execute(sa.insert(release_utility), rows)


def require_place(connection: Connection) -> None:
    """Fail where what numbers are worth could not be kept, before anything is drawn.

    Args:
        connection: acts as the builder.
    """
    connection.execute(sa.select(release_utility).limit(0))


def kept(
    company: Company, release: str, *, first_day: date | None = None, last: int | None = None
) -> list[Figures]:
    """What is known of a release's numbers, oldest period first; for builders only.

    Args:
        company: whose engine may act as the builder.
        release: its name.
        first_day: of one period; all where it is None.
        last: only of the newest so many periods.
    """
    table = release_utility
    days = sa.select(table.c.first_day).distinct().where(table.c.release == release)
    if first_day is not None:
        days = days.where(table.c.first_day == first_day)
    days = days.order_by(table.c.first_day.desc()).limit(last)
    query = sa.select(table).where(table.c.release == release, table.c.first_day.in_(days))
    query = query.order_by(*(table.c[name] for name in ("first_day", "feed", "table_name", "number")))
    with company.engine.connect() as connection, connection.begin(), draws.as_builder(connection):
        return [_figures(row) for row in connection.execute(query).mappings()]


def forget(company: Company, *, as_of: datetime) -> int:
    """Delete what is known of periods that ended more than :data:`KEPT` ago; says how many lines there were.

    Those of releases that the policy has no more go as well.
    """
    before = local_day(as_of, company.rulebook(as_of).policy.zone) - KEPT
    with company.engine.begin() as connection:
        return connection.scalar(sa.select(sa.func.lifecycle.release_forget_utility(before))) or 0


def _worth(counted: Counted, drawn: Drawn, number: str) -> Worth:
    pairs = list(_shown(counted.cells, drawn.cells, number))
    whole, errors = counted.sums[number], pa.array([_error(*pair) for pair in pairs], pa.float64())
    median, error_95 = pc.quantile(errors, q=list(MARKS)).to_pylist()
    return Worth(
        cells=counted.number,
        cells_shown=len(pairs),
        share_shown=sum(exact for exact, _ in pairs) / whole if whole else None,
        median_error=median,
        error_95=error_95,
        largest_error=pc.max(errors).as_py(),
    )


def _shown(
    cells: Mapping[Cell, Exact], shown: Mapping[Cell, Shown], number: str
) -> Iterator[tuple[int, int]]:
    """The exact and the released value of a number in each cell in which it is shown."""
    for cell, released in shown.items():
        exact = cells[cell]
        if number == CONTRIBUTORS:
            yield exact.contributors, released.contributors
        elif (value := released.numbers[number]) is not None:
            yield exact.numbers[number], value


def _error(exact: int, value: int) -> float:
    """Of nothing, as if it were one: noise may lift that above a threshold."""
    return abs(value - exact) / max(exact, 1)


def _figures(row: RowMapping) -> Figures:
    worth = {name: row[name] for name in Worth.__dataclass_fields__}
    which = {name: value for name, value in row.items() if name not in worth}
    return Figures(**which, worth=Worth(**worth))
