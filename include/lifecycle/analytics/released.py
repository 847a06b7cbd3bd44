"""The tables of the schema ``analytics``: made by a function of the control schema, filled once a period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.analytics.bounding import CONTRIBUTORS, EVENTS, PERSONS, numbers
from lifecycle.errors import CheckFailed
from lifecycle.policy.release_form import Every

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sqlalchemy import Connection

    from lifecycle.analytics.noise import Drawn
    from lifecycle.analytics.spans import Span
    from lifecycle.policy.release_form import Release

SCHEMA = "analytics"
ORGANISATIONS = "organisations"
dictionary = sa.table(
    "dictionary",
    sa.column("table_name", sa.Text),
    sa.column("release", sa.Text),
    sa.column("feed", sa.Text),
    sa.column("first_day", sa.Date),
    sa.column("last_day", sa.Date),
    sa.column("says", sa.JSON),
    schema=SCHEMA,
)
_MAKE = sa.text(
    "SELECT lifecycle.release_make_table(:name, :release, :feed, :about, :dimensions, :of_dimensions,"
    " :numbers, :of_numbers, :is_of_days)"
).bindparams(
    *(
        sa.bindparam(name, type_=sa.ARRAY(sa.Text))
        for name in ("dimensions", "of_dimensions", "numbers", "of_numbers")
    )
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A released table of one feed.

    Attributes:
        name: in the schema ``analytics``.
        dimensions: its columns of text, with what each means.
        numbers: its columns of numbers, with what each means; the first is of contributors and never missing.
        is_of_days: whether views of weeks and months are made of it.
    """

    name: str
    about: str
    dimensions: Mapping[str, str]
    numbers: Mapping[str, str]
    is_of_days: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, in order."""
        return ("first_day", "last_day", *self.dimensions, *self.numbers)

    def relation(self) -> sa.TableClause:
        """The table."""
        kinds = {name: sa.Text() for name in self.dimensions} | {
            name: sa.BigInteger() for name in self.numbers
        }
        columns = [sa.column(name, kind) for name, kind in kinds.items()]
        days = [sa.column("first_day", sa.Date), sa.column("last_day", sa.Date)]
        return sa.table(self.name, *days, *columns, schema=SCHEMA)


def table_name(table: str, feed: str) -> str:
    """The name of a feed's table."""
    return f"{table}_{feed}"


def shape_of(release: Release, table: str, feed: str) -> Shape:
    """How a table of a feed looks."""
    stated = release.tables[table]
    return Shape(
        name=table_name(table, feed),
        about=f"{stated.description}. {release.feeds[feed].description}. Numbers have noise: see analytics.dictionary.",
        dimensions={name: _meaning(release, name) for name in stated.by},
        numbers={column_of(release, name): meaning for name, meaning in _numbers(release, table).items()},
        is_of_days=release.every is Every.DAY,
    )


def column_of(release: Release, number: str) -> str:
    """The column of a number: contributors are persons, or organisations where those are protected."""
    if number == CONTRIBUTORS:
        return ORGANISATIONS if release.organisation else PERSONS
    return number


def make(connection: Connection, release_name: str, feed: str, shape: Shape) -> None:
    """Make a table where it is not there yet; as the builder.

    Raises:
        CheckFailed: it is there with other columns.
    """
    given = {
        "name": shape.name,
        "release": release_name,
        "feed": feed,
        "about": shape.about,
        "dimensions": list(shape.dimensions),
        "of_dimensions": list(shape.dimensions.values()),
        "numbers": list(shape.numbers),
        "of_numbers": list(shape.numbers.values()),
        "is_of_days": shape.is_of_days,
    }
    if connection.scalar(_MAKE, given):
        return
    found = connection.scalars(
        sa.text(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(format('analytics.%I', cast(:name AS text)))"
            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ),
        {"name": shape.name},
    ).all()
    if tuple(found) != shape.columns:
        raise CheckFailed(
            "this table was released with other columns before",
            place=f"analytics.{shape.name}",
            next_step="give the table another name in the policy: what was released stays as it is",
        )


def fill(
    connection: Connection, shape: Shape, span: Span, rows: list[dict[str, Any]], says: Mapping[str, Any]
) -> None:
    """Write the rows of one period, and what they mean; as the builder, while a draw is reserved."""
    if rows:
        connection.execute(sa.insert(shape.relation()), rows)
    of_which = {
        "release": says["release"],
        "feed": says["feed"],
        "first_day": span.first,
        "last_day": span.last,
    }
    line = {"table_name": shape.name, **of_which, "says": dict(says)}
    connection.execute(sa.insert(dictionary), line)


def rows_of(shape: Shape, span: Span, drawn: Drawn) -> list[dict[str, Any]]:
    """What was drawn, as rows, in the order of their dimensions."""
    first, *others = shape.numbers
    days = {"first_day": span.first, "last_day": span.last}
    return [
        {
            **days,
            **dict(zip(shape.dimensions, cell, strict=True)),
            first: shown.contributors,
            **{name: shown.numbers[name] for name in others},
        }
        for cell, shown in sorted(drawn.cells.items())
    ]


def read(connection: Connection, shape: Shape, first_day: date) -> list[dict[str, Any]]:
    """The rows of one period, in the order of their dimensions as bytes."""
    table = shape.relation()
    order = [sa.collate(table.c[name], "C") for name in shape.dimensions]
    query = sa.select(table).where(table.c.first_day == first_day).order_by(*order)
    return [dict(row) for row in connection.execute(query).mappings()]


def read_dictionary(connection: Connection, table: str, first_day: date) -> dict[str, Any] | None:
    """What the dictionary says of one period of a table."""
    query = sa.select(dictionary.c.says).where(
        dictionary.c.table_name == table, dictionary.c.first_day == first_day
    )
    return connection.scalar(query)


def shape_told(says: Mapping[str, Any]) -> Shape:
    """How a table looked when it was drawn, of what was said of it then."""
    return Shape(
        name=says["table"],
        about=says["about"],
        dimensions={name: says["dimensions"][name] for name in says["columns"] if name in says["dimensions"]},
        numbers={
            name: says["numbers"][name]["meaning"] for name in says["columns"] if name in says["numbers"]
        },
        is_of_days=False,
    )


def _meaning(release: Release, name: str) -> str:
    dimension = release.dimensions[name]
    if dimension.ip:
        return "Country by its ISO 3166-1 code; unknown where it cannot be told."
    if dimension.user_agent:
        return "Kind of device: desktop, mobile, tablet, television or unknown. Robots are not counted."
    if dimension.groups:
        return f"One of {', '.join((*dimension.groups, dimension.otherwise or ''))}; unknown where nothing is said."
    return f"{name.replace('_', ' ').capitalize()}; unknown where nothing is said."


def _numbers(release: Release, table: str) -> dict[str, str]:
    stated, every = release.tables[table], release.every.value
    whom, whose = ("Organisations", "one of them") if release.organisation else ("Persons", "one of them")
    found = {
        CONTRIBUTORS: f"{whom} with an event in this {every}. Not additive over {every}s or cells: whoever came in two"
        f" is counted in both. Each is counted in {stated.cells} cells at most.",
        PERSONS: f"Persons with an event in this {every}; of one organisation {stated.persons} at most in a cell.",
        EVENTS: f"Events; of {whose} {stated.events} at most in a cell.",
    } | {
        name: f"Sum of {name.replace('_', ' ')}; of {whose} {one.at_most} at most in a cell."
        for name, one in release.measures.items()
    }
    return {name: found[name] for name in (CONTRIBUTORS, *numbers(release))}
