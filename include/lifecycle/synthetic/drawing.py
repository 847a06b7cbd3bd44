"""Values drawn by shares, set-based: a temporary table of what each draw is for, which grows by a value at a time.

A value depends on the seed, what it is for, and the key of its row, and on no setting of the server. Draws are spread
evenly: rows that have the same so far are put in an order by chance, and the first of them get the first value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.synthetic.shares import Cell, Shares
    from lifecycle.synthetic.spellings import Spellings

NUMBER = "number"
"""The column by which chance tells what is drawn for apart."""
_SHARES, _SPELLED = "drawing_shares", "drawing_spelled"


def value_of(dimension: str) -> str:
    """The column of what was drawn."""
    return f"value_{dimension}"


def text_of(dimension: str) -> str:
    """The column of what is written for it."""
    return f"text_{dimension}"


def number_of(columns: Iterable[ColumnElement[Any]]) -> ColumnElement[int]:
    """A number for each combination of values, the same on every server."""
    return sa.func.hash_record_extended(
        sa.func.row(*columns), sa.literal(0, sa.BigInteger), type_=sa.BigInteger
    )


class Drawing:
    """What was drawn so far.

    Args:
        connection: in the transaction of the seeding, whose helper functions it uses.
        name: begins the names of its tables.
        units: selects what is drawn for: keys, :data:`NUMBER`, and values that are known already.
    """

    def __init__(self, connection: Connection, name: str, units: Select[Any]) -> None:
        self._connection = connection
        self._name = name
        self._made = 0
        self.drawn: list[str] = []
        self.table = self._keep(units)

    def groups(self, given: Sequence[str]) -> list[tuple[Cell, int]]:
        """The combinations of values of some dimensions, in order, and how many there are of each."""
        columns = [self.table.c[value_of(name)] for name in given]
        query = sa.select(sa.func.count().label("rows"), *columns).group_by(*columns)
        found = [(tuple(row[1:]), int(row[0])) for row in self._connection.execute(query) if row[0]]
        return sorted(found)

    def draw(
        self,
        dimension: str,
        given: Sequence[str],
        groups: Sequence[Cell],
        shares: Shares,
        spelled: Spellings,
        *,
        salt: str,
    ) -> int:
        """Draw a value of a dimension for each, and choose what is written; returns for how many.

        Args:
            dimension: its name.
            given: the dimensions whose values make a group.
            groups: every one there is.
            shares: of each of them.
            spelled: what may be written, by value.
            salt: names the decision.
        """
        self._fill_shares(given, groups, shares)
        self._fill_spelled(spelled)
        before = self.table
        valued = self._valued(dimension, given, salt)
        self.table = self._keep(_spelled(valued, dimension, salt))
        self.drawn.append(dimension)
        for name in (before.name, _SHARES, _SPELLED):
            self._connection.exec_driver_sql(f"DROP TABLE {name}")
        return self._connection.scalar(sa.select(sa.func.count()).select_from(self.table)) or 0

    def _valued(self, dimension: str, given: Sequence[str], salt: str) -> FromClause:
        """Each with its value: where its place among those of its group lies in the value's interval."""
        units, shares = self.table, _shares_table(len(given))
        group = [units.c[value_of(name)] for name in given]
        order = [_chance(f"{salt}, order", units.c[NUMBER]), units.c[NUMBER]]
        place = sa.func.row_number().over(partition_by=group or None, order_by=order) - 1
        of_all = sa.func.count().over(partition_by=group or None)
        at = (place + _chance(salt, units.c[NUMBER])) / of_all
        placed = sa.select(*units.c, at.label("at")).subquery()
        same = [placed.c[value_of(name)] == shares.c[f"given_{n}"] for n, name in enumerate(given)]
        number = sa.func.width_bucket(placed.c.at, shares.c.bounds)
        value = shares.c.words[number].label(value_of(dimension))
        joined = placed.join(shares, sa.and_(sa.true(), *same))
        return sa.select(*(placed.c[one.name] for one in units.c), value).select_from(joined).subquery()

    def _fill_shares(self, given: Sequence[str], groups: Sequence[Cell], shares: Shares) -> None:
        table = _shares_table(len(given))
        table.create(self._connection)
        bounds, words = shares.bounds(), list(shares.values)
        rows = [
            {**{f"given_{n}": value for n, value in enumerate(group)}, "bounds": bound, "words": words}
            for group, bound in zip(groups, bounds, strict=True)
        ]
        self._connection.execute(sa.insert(table), rows)
        self._connection.exec_driver_sql(f"ANALYZE {_SHARES}")

    def _fill_spelled(self, spelled: Spellings) -> None:
        table = _spelled_table()
        table.create(self._connection)
        rows = [
            {"value": value, "position": position, "of_all": len(texts), "text": text}
            for value, texts in spelled.items()
            for position, text in enumerate(texts, start=1)
        ]
        self._connection.execute(sa.insert(table), rows)
        self._connection.exec_driver_sql(f"ANALYZE {_SPELLED}")

    def _keep(self, query: Select[Any]) -> sa.Table:
        self._made += 1
        made = sa.CreateTableAs(query, f"{self._name}_{self._made}", temporary=True)
        self._connection.execute(made)
        self._connection.exec_driver_sql(f"ANALYZE {made.table.name}")
        return made.table


def _spelled(valued: FromClause, dimension: str, salt: str) -> Select[Any]:
    """Each with one of the texts of its value."""
    one, text = (_spelled_table().alias(name) for name in ("one", "text"))
    value = valued.c[value_of(dimension)]
    chosen = 1 + sa.func.floor(_chance(f"{salt}, text", valued.c[NUMBER]) * one.c.of_all)
    numbered = (
        sa.select(*valued.c, sa.cast(chosen, sa.BigInteger).label("position"))
        .select_from(valued.join(one, sa.and_(one.c.value == value, one.c.position == 1)))
        .subquery()
    )
    is_chosen = sa.and_(
        text.c.value == numbered.c[value_of(dimension)], text.c.position == numbered.c.position
    )
    columns = [numbered.c[column.name] for column in valued.c]
    return sa.select(*columns, text.c.text.label(text_of(dimension))).select_from(
        numbered.join(text, is_chosen)
    )


def _chance(salt: str, number: ColumnElement[int]) -> ColumnElement[float]:
    """At least 0, less than 1."""
    return sa.func.seed.uniform(sa.literal(salt, sa.Text), number, type_=sa.Double)


def _shares_table(given: int) -> sa.Table:
    return sa.Table(
        _SHARES,
        sa.MetaData(),
        *(sa.Column(f"given_{n}", sa.Text) for n in range(given)),
        sa.Column("bounds", sa.ARRAY(sa.Double)),
        sa.Column("words", sa.ARRAY(sa.Text)),
        prefixes=["TEMPORARY"],
    )


def _spelled_table() -> sa.Table:
    return sa.Table(
        _SPELLED,
        sa.MetaData(),
        sa.Column("value", sa.Text),
        sa.Column("position", sa.BigInteger),
        sa.Column("of_all", sa.BigInteger),
        sa.Column("text", sa.Text),
        prefixes=["TEMPORARY"],
    )
