"""What the database complains of, said without a row's values and with the next step.

PostgreSQL quotes what it rejects: ``Key (email)=(…) already exists``. Those quotes are personal data, so they
are taken out of every error before anything can log or print it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import psycopg
from sqlalchemy import event

from lifecycle.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sqlalchemy
    from sqlalchemy.exc import DBAPIError

_Result = TypeVar("_Result")

# By the first characters of the SQLSTATE (PostgreSQL manual, appendix A).
_MEANINGS: Mapping[str, tuple[str, str]] = {
    "08": ("the connection to the database broke", "check that the server runs, and run it again"),
    "57P": ("the server closed the connection", "check that the server runs, and run it again"),
    "25006": ("the database is read-only", "name the primary server in LIFECYCLE_DATABASE_URL"),
    "25P03": ("the transaction stood idle for too long", "run it again"),
    "28": ("the database refuses this user or password", "check LIFECYCLE_DATABASE_URL"),
    "3D000": ("the database does not exist", "create it, or correct LIFECYCLE_DATABASE_URL"),
    "3F000": ("a schema does not exist", "run lifecycle init, then lifecycle check"),
    "40": ("another transaction was in the way", "run it again"),
    "42501": (
        "the database user lacks a right",
        "connect as the owner, who may create roles and schemas, and run lifecycle init, which grants the rest",
    ),
    "42703": ("a column does not exist", "run lifecycle check"),
    "42P01": ("a table does not exist", "run lifecycle init, then lifecycle check"),
    "53100": ("the database server has no room left on its disk", "free some and run it again"),
    "53200": ("the database server is out of memory", "free some and run it again"),
    "53300": ("the database server has no connection left", "close some, or raise max_connections"),
    "55P03": ("a row or table is locked by somebody else", "run it again when the other transaction is done"),
    "XX": (
        "the server met what it did not expect; a table may have been dropped meanwhile",
        "run it again, and lifecycle check if that fails",
    ),
    "57014": ("the statement took too long or was cancelled", "run it again; see what else the server does"),
}
_UNREACHED = ("the database cannot be reached", "check LIFECYCLE_DATABASE_URL and that the server runs")
_UNREADABLE = (
    "a value cannot be passed between the database and Python",
    "look for dates outside the years 1 to 9999 and for text that is not UTF-8",
)
# Data exceptions repeat the value that they reject.
_MAY_QUOTE_VALUES = ("22", "P0")
_OUR_CODE = re.compile(r"\blifecycle\.\w+\(|\binline_code_block\b")


def describe(error: DBAPIError | psycopg.Error, *, place: str = "") -> StoreError:
    """``error`` as the project's own: what it means and what to do next, without a row's values.

    Args:
        error: what SQLAlchemy or psycopg raised.
        place: where it happened; a table or plan, or the server's address without its password.
    """
    original = error if isinstance(error, psycopg.Error) else error.orig
    if not isinstance(original, psycopg.Error):
        return StoreError(f"the database cannot be used: {type(original).__name__}", place=place)
    meaning, next_step = _meaning(original)
    return StoreError(f"{meaning}: {_reason(original)}", place=place, next_step=next_step)


def without_values(work: Callable[[], _Result], *, place: str) -> _Result:
    """What some work with psycopg itself comes to, which :func:`hide_values` does not see.

    Args:
        work: what is done.
        place: where, for the error.

    Raises:
        StoreError: the database refuses. What psycopg said is not even in its context.
    """
    try:
        return work()
    except psycopg.Error as error:
        problem = describe(error, place=place)
    raise problem


def hide_values(engine: sqlalchemy.Engine) -> None:
    """Take the values of rows out of every error that a statement of ``engine`` raises."""

    @event.listens_for(engine, "handle_error")
    def _hide(context: sqlalchemy.ExceptionContext) -> None:
        original, wrapped = context.original_exception, context.sqlalchemy_exception
        if isinstance(original, psycopg.Error):
            original.args = (_reason(original),)
            if wrapped is not None:
                wrapped.args = (f"({type(original).__name__}) {_reason(original)}",)


def _meaning(error: psycopg.Error) -> tuple[str, str]:
    """What an error means and what to do next; by the most exact entry that fits its SQLSTATE."""
    state = error.sqlstate
    if state is None:
        return _UNREACHED if isinstance(error, psycopg.OperationalError) else _UNREADABLE
    for length in (5, 3, 2):
        if state[:length] in _MEANINGS:
            return _MEANINGS[state[:length]]
    return (
        "the database refuses the statement",
        "run lifecycle check; report it with the SQLSTATE if that passes",
    )


def _reason(error: psycopg.Error) -> str:
    """What the server says, in one line; only its SQLSTATE where that could repeat a value."""
    state = error.sqlstate
    if state is None and isinstance(error, psycopg.OperationalError):
        return " ".join(
            str(error).split()
        )  # no server answered: libpq names host and user, never the password
    if state is None:  # the driver's own word, which repeats the value
        return type(error).__name__
    if (
        state.startswith(_MAY_QUOTE_VALUES)
        or _is_said_by_a_company(error)
        or error.diag.message_primary is None
    ):
        return f"SQLSTATE {state}"
    return f"{error.diag.message_primary} (SQLSTATE {state})"


def _is_said_by_a_company(error: psycopg.Error) -> bool:
    """Whether a function of the company's own raised it, which says what it likes under any SQLSTATE."""
    where = (error.diag.context or "").partition("\n")[0]
    return error.diag.source_function == "exec_stmt_raise" and not _OUR_CODE.search(where)
