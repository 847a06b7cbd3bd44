"""Statements that are made once: building and compiling one takes many times as long as it takes to run.

A statement on the project's own tables is a constant of its module, compiled when it is first run. One on a few rows
of a company depends on its policy, and on which kinds of things are asked for; what is asked for is bound. So it is
kept beside the rulebook that it was made from. The driver prepares on the server what it sends often.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from sqlalchemy import Connection, Executable, FromClause

    from lifecycle.policy.rulebook import Rulebook

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not say


class Prepared:
    """A statement that is compiled once.

    Args:
        statement: its parameters without a value are bound when it is run, as the driver takes them.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement

    @classmethod
    def insert(cls, table: FromClause, *columns: str) -> Prepared:
        """Inserts a row with these columns, whose values are bound by their names."""
        values = {name: bound(name, table.c[name].type) for name in columns}
        return cls(sa.insert(table).values(values))  # type: ignore[arg-type]  # sa.table() makes one that can be written to

    @property
    def text(self) -> str:
        """As the driver takes it."""
        return self._compiled[0]

    def rows(self, connection: Connection, bound: Mapping[str, Any]) -> Sequence[Any]:
        """Run it; its rows, values as the driver gives them."""
        return connection.exec_driver_sql(self.text, self._parameters(bound)).all()

    def scalar(self, connection: Connection, bound: Mapping[str, Any]) -> Any:
        """Run it; the first value of its first row."""
        return connection.exec_driver_sql(self.text, self._parameters(bound)).scalar()

    def run(self, connection: Connection, bound: Mapping[str, Any]) -> int:
        """Run it; how many rows it changed."""
        return int(connection.exec_driver_sql(self.text, self._parameters(bound)).rowcount)

    def _parameters(self, bound: Mapping[str, Any]) -> dict[str, Any]:
        """What is bound, and the values that stand in the statement; never what another one was made with."""
        if missing := self._compiled[2] - bound.keys():
            raise AssertionError(f"nothing is bound for {', '.join(sorted(missing))}")
        return {name: bound.get(name, value) for name, value in self._compiled[1].items()}

    @cached_property
    def _compiled(self) -> tuple[str, Mapping[str, Any], frozenset[str]]:
        """The text, the values that stand in the statement, and the names of the parameters that are to be bound."""
        options = {"render_postcompile": True}
        compiled = self._statement.compile(dialect=_DIALECT, compile_kwargs=options)  # type: ignore[attr-defined]  # every executable compiles
        named = frozenset(name for name, one in compiled.binds.items() if not one.unique)
        return str(compiled), compiled.params, named


def bound(name: str, kind: Any) -> sa.BindParameter[Any]:
    """A parameter that is bound when the statement is run."""
    return sa.bindparam(name, None, type_=kind)


def prepared(rulebook: Rulebook, key: Hashable, make: Callable[[], Executable | None]) -> Prepared | None:
    """The statement of that key, made from the rulebook when it is first asked for; None where it asks for nothing.

    Args:
        rulebook: keeps it.
        key: tells it from all others that are made from a rulebook.
        make: builds it; None where there is nothing to ask.
    """
    if key not in rulebook.made:
        statement = make()
        rulebook.made[key] = None if statement is None else Prepared(statement)
    found: Prepared | None = rulebook.made[key]
    return found
