"""Statements that are made once: building and compiling one takes many times as long as it takes to run.

A statement for a few rows depends on the company and its policy, and on which kinds of things are asked for; what is
asked for is bound. So it is kept, as text, beside the rulebook that it was made from. The driver prepares on the server
what it sends often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from sqlalchemy import Connection, Executable

    from lifecycle.policy.rulebook import Rulebook

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not say


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A statement as text.

    Attributes:
        constants: values of the bound parameters that are the same each time it is run.
    """

    text: str
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, statement: Executable) -> Prepared:
        """Compile a statement; parameters without a value are bound when it is run, as the driver takes them."""
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]  # every executable compiles
        return cls(text=str(compiled), constants=compiled.params)

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
        return {name: bound.get(name, value) for name, value in self.constants.items()}


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
        rulebook.made[key] = None if statement is None else Prepared.of(statement)
    found: Prepared | None = rulebook.made[key]
    return found
