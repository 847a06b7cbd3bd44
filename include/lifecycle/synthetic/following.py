"""A population whose columns are shared out as released tables say (``lifecycle seed --like-release``).

What is drawn, for each release and in this order:

1. dimensions of rows that events belong to (a person's seniority), once for each such row;
2. dimensions of which a contributor has one (the country of a browser), once for each contributor: a table says so by
   counting each in one cell;
3. all others (the page that was opened), once for each event.

A value is drawn given those that were drawn before, as far as a table has both: tables of several dimensions keep how
these go together, and what no table has together is independent. Every row of the columns is drawn anew, the awkward
ones included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.analytics.bounding import CONTRIBUTORS, EVENTS, PERSONS
from lifecycle.analytics.derive import UNKNOWN
from lifecycle.analytics.reaching import Reach
from lifecycle.analytics.released import column_of
from lifecycle.errors import UsageError
from lifecycle.policy.rulebook import resolve
from lifecycle.store.inspect import inspect
from lifecycle.store.relations import NamedType, relation
from lifecycle.synthetic.drawing import NUMBER, Drawing, number_of, text_of, value_of
from lifecycle.synthetic.progress import Step
from lifecycle.synthetic.shares import Told, share_out
from lifecycle.synthetic.spellings import spell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.policy.releases import Located, ResolvedRelease
    from lifecycle.policy.rulebook import Path, Rulebook
    from lifecycle.synthetic.margins import Likeness, Margin
    from lifecycle.synthetic.progress import Progress

CONTRIBUTOR, WHOSE = "contributor", "whose"
_LOCATED_NOWHERE = r"^(192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|198\.1[89]\.|2001:db8:)"
"""Addresses that belong to nobody (RFC 5737, RFC 2544, RFC 3849), so that no GeoIP file tells their country."""


def follow(connection: Connection, likeness: Likeness, tables: Collection[str], progress: Progress) -> None:
    """Draw anew, in the transaction of a seeding, every column that a released table tells of.

    Args:
        connection: has the population.
        likeness: what it is made like.
        tables: those that the seeding made, quoted; no other is written.
        progress: called after each dimension.

    Raises:
        PolicyError: the policy does not fit the tables of the sample.
        UsageError: what was released cannot be written into a column, or would be into a table of somebody else.
    """
    live = inspect(connection, likeness.datamap.schemas)
    rulebook = resolve(likeness.version, likeness.datamap, live)
    followings = [
        Following(connection, rulebook, rulebook.releases[name], margins, number)
        for number, (name, margins) in enumerate(likeness.margins.items())
    ]
    _require_made(connection, followings, tables)
    total = sum(len(one.written) for one in followings)
    taken: set[tuple[str, str]] = set()
    steps = (step for one in followings for step in one.run(taken))
    for done, (name, rows) in enumerate(steps, start=1):
        progress(Step(name=name, done=done, total=total, rows=rows, finished=True))


def _require_made(connection: Connection, followings: Iterable[Following], tables: Collection[str]) -> None:
    """Refuse to write into a table of which nobody said that it holds invented rows.

    Raises:
        UsageError: the seeding did not make it.
    """
    collections = {written.located.collection for one in followings for written in one.written.values()}
    for collection in sorted(collections):
        schema, name = collection.split(".", 1)
        if connection.scalar(sa.select(sa.func.format("%I.%I", schema, name))) not in tables:
            raise UsageError(
                "is told of by what was released, and this seeding did not make it",
                place=collection,
                next_step="seed the sample of the company that released, into a database of its own",
            )


@dataclass(frozen=True, kw_only=True)
class Written:
    """Where a dimension is written.

    Attributes:
        located: the column; of a country, the one that counts where an address does not tell it.
        address: column of that address, beside it.
    """

    located: Located
    address: str | None = None


class Following:
    """One release, and the columns that its tables tell of.

    Args:
        connection: has the population.
        rulebook: of the policy, resolved against it.
        release: one of its releases.
        margins: what its tables show.
        number: of the release; no other that is followed has it.

    Attributes:
        written: by dimension, where it is written; those that nothing was shown of are not among them.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        release: ResolvedRelease,
        margins: Sequence[Margin],
        number: int,
    ) -> None:
        self._number = number
        self._connection = connection
        self._rulebook = rulebook
        self._release = release
        self._margins = margins
        self._rows: dict[Path, Drawing] = {}
        self.written = {
            name: written
            for name in release.release.dimensions
            if (written := _written(release, name)) and any(name in margin.by for margin in margins)
        }

    def run(self, taken: set[tuple[str, str]]) -> Iterator[tuple[str, int]]:
        """Draw and write; yields what was drawn, and for how many.

        Args:
            taken: columns that a release before has written. They stay; those of this one are added.
        """
        free = {
            name: one
            for name, one in self.written.items()
            if (one.located.collection, one.located.column) not in taken
        }
        taken |= {(one.located.collection, one.located.column) for one in free.values()}
        by_path = {one.located.path: one.located.collection for one in free.values() if one.located.path}
        for number, (path, collection) in enumerate(by_path.items()):
            drawing = self._drawing(f"row_{number}", self._all_rows(collection))
            self._rows[path] = drawing
            yield from self._draw(
                drawing, PERSONS, [n for n, one in free.items() if one.located.path == path]
            )
            self._write(drawing, collection)
        yield from self._run_events([name for name, one in free.items() if not one.located.path])

    def _run_events(self, names: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Those of events themselves; of them first what a contributor has one of."""
        release = self._release.release
        once = [name for name in names if any(name in t.by and t.cells == 1 for t in release.tables.values())]
        contributors = self._drawing("contributor", self._contributors()) if names else None
        if contributors is None:
            return
        yield from self._draw(contributors, column_of(release, CONTRIBUTORS), once)
        events = self._drawing("event", self._events(contributors))
        events.drawn = [*contributors.drawn]
        given = [name for drawing in self._rows.values() for name in drawing.drawn]
        yield from self._draw(events, EVENTS, [name for name in names if name not in once], given)
        self._write(events, release.events)

    def _drawing(self, name: str, units: Select[Any]) -> Drawing:
        return Drawing(self._connection, f"drawn_{self._number}_{name}", units)

    def _draw(
        self, drawing: Drawing, number: str, names: Iterable[str], given: Sequence[str] = ()
    ) -> Iterator[tuple[str, int]]:
        for name in names:
            known = [*given, *drawing.drawn]
            margins = self._telling(name, number, known)
            among = [one for one in known if any(one in margin.by for margin in margins)]
            groups = drawing.groups(among)
            if margins and groups:
                yield self._draw_one(drawing, number, name, among, groups, margins)

    def _draw_one(
        self,
        drawing: Drawing,
        number: str,
        name: str,
        among: Sequence[str],
        groups: Sequence[tuple[tuple[str, ...], int]],
        margins: Sequence[Margin],
    ) -> tuple[str, int]:
        told = [
            Told(
                given=tuple(place for place, one in enumerate(among) if one in margin.by),
                cells=margin.grouped(number, name, among),
            )
            for margin in margins
        ]
        cells, sizes = [cell for cell, _ in groups], [size for _, size in groups]
        shares = share_out(cells, sizes, told)
        located = self.written[name].located
        live, release = self._rulebook.live, self._release.release
        spelled = spell(self._connection, live, release, name, located, shares.values)
        salt = f"like {self._release.name}, {name}"
        return salt, drawing.draw(name, among, cells, shares, spelled, salt=salt)

    def _telling(self, name: str, number: str, known: Sequence[str]) -> list[Margin]:
        """The tables that show something of a dimension and nothing that is not known yet, finest first."""
        showing = [one for one in self._margins if name in one.by and one.numbers.get(number)]
        settled = [one for one in showing if set(one.by) <= {*known, name}]
        return sorted(settled or showing, key=lambda one: -len(set(one.by) & set(known)))

    def _all_rows(self, collection: str) -> Select[Any]:
        row = relation(self._rulebook.live, collection, "unit")
        number = number_of(row.c[name] for name in self._key(collection))
        return sa.select(*self._keys(row, collection), number.label(NUMBER), number.label(WHOSE))

    def _contributors(self) -> Select[Any]:
        reach = self._reach()
        whose = reach.text(self._contributor).label(CONTRIBUTOR)
        found = sa.select(whose).distinct().select_from(reach.joined).where(whose != "").subquery()
        return sa.select(found.c[CONTRIBUTOR], number_of([found.c[CONTRIBUTOR]]).label(NUMBER))

    def _events(self, contributors: Drawing) -> Select[Any]:
        """Every event of somebody, with what was drawn for whoever it is of and for the rows that it belongs to."""
        reach, events = self._reach(), self._release.release.events
        whose = reach.text(self._contributor)
        of_rows = []
        joins = []
        for path, drawing in self._rows.items():
            end, table = reach.end(path), drawing.table
            joins.append((table, self._same(end, path[-1].target, table)))
            of_rows += [
                sa.func.coalesce(table.c[value_of(name)], UNKNOWN).label(value_of(name))
                for name in drawing.drawn
            ]
        joined = reach.joined.join(contributors.table, contributors.table.c[CONTRIBUTOR] == whose)
        for table, same in joins:
            joined = joined.outerjoin(table, same)
        names = [column(name) for name in contributors.drawn for column in (value_of, text_of)]
        number = number_of(reach.row.c[name] for name in self._key(events))
        return sa.select(
            *self._keys(reach.row, events),
            number.label(NUMBER),
            contributors.table.c[NUMBER].label(WHOSE),
            *(contributors.table.c[name] for name in names),
            *of_rows,
        ).select_from(joined)

    def _write(self, drawing: Drawing, collection: str) -> None:
        """One statement for all columns of a collection."""
        schema, name = collection.split(".", 1)
        columns = self._rulebook.live[collection].columns
        table = sa.table(name, *(sa.column(one) for one in columns), schema=schema)
        values: dict[str, ColumnElement[Any]] = {}
        for dimension in drawing.drawn:
            written = self.written[dimension]
            text = drawing.table.c[text_of(dimension)]
            column = written.located.column
            values[column] = sa.cast(text, NamedType(columns[column].type))
            if written.address:
                kind = NamedType(columns[written.address].type)
                values[written.address] = _nowhere(table.c[written.address], drawing.table.c[WHOSE], kind)
        if values:
            same = self._same(table, collection, drawing.table)
            self._connection.execute(sa.update(table).values(values).where(same))

    def _reach(self) -> Reach:
        return Reach(self._rulebook.live, self._release.release.events)

    @property
    def _contributor(self) -> Located:
        return self._release.organisation or self._release.subject

    def _key(self, collection: str) -> list[str]:
        """The columns of its key.

        Raises:
            UsageError: it has none.
        """
        names = [name for name, _ in self._rulebook.key(collection)]
        if not names:
            raise UsageError(
                "has no primary key, so that nothing can be drawn for each of its rows",
                place=collection,
                next_step="give it one in schema.sql, or mark one in the data map",
            )
        return names

    def _keys(self, row: FromClause, collection: str) -> list[ColumnElement[Any]]:
        return [row.c[name].label(f"key_{n}") for n, name in enumerate(self._key(collection))]

    def _same(self, row: FromClause, collection: str, drawn: FromClause) -> ColumnElement[bool]:
        return sa.and_(*(row.c[name] == drawn.c[f"key_{n}"] for n, name in enumerate(self._key(collection))))


def _written(release: ResolvedRelease, name: str) -> Written | None:
    """Where a dimension is written; None where its country is told of an address alone, which nobody can choose."""
    dimension = release.release.dimensions[name]
    columns: Mapping[str, Located] = release.columns
    if not dimension.ip:
        return Written(located=columns[name])
    carried, address = columns.get(f"{name}.otherwise"), columns[name]
    if carried is None or carried.path != address.path:
        return None
    return Written(located=carried, address=address.column)


def _nowhere(address: ColumnElement[Any], whose: ColumnElement[int], kind: NamedType) -> ColumnElement[Any]:
    """The address where nobody can tell its country, else another of whoever has it."""
    text = sa.cast(address, sa.Text)
    low = whose.op("&", return_type=sa.BigInteger())(sa.literal(2**48 - 1, sa.BigInteger))
    other = sa.func.host(sa.cast(sa.literal("2001:db8::", sa.Text), NamedType("inet")).op("+")(low))
    stays = sa.or_(address.is_(None), text.regexp_match(_LOCATED_NOWHERE))
    return sa.case((stays, address), else_=sa.cast(other, kind))
