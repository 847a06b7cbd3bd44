"""Emptied columns: what is redacted or cut can be, and no constraint of the table refuses it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifecycle.policy.checks.names import emptied_columns
from lifecycle.policy.findings import Finding, error, warning
from lifecycle.policy.redaction import can_be_emptied
from lifecycle.policy.rulebook import primary_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.datamap.live import Constraint, LiveColumn
    from lifecycle.policy.checks.examined import Examined


def check(examined: Examined) -> Iterator[Finding]:
    """Columns that cannot be emptied, or that a constraint may want filled."""
    emptied = list(_emptied(examined))
    for collection, column, place in emptied:
        live = examined.live_column(collection, column)
        if live:
            yield from _refused(examined, collection, live, place)
    for edge in examined.cut_edges:
        emptied += [(edge.holder, column, examined.edge_place(edge)) for column in edge.cut_columns]
    for collection, column, place in dict.fromkeys(emptied):
        yield from _constrained(examined, collection, column, place)


def _emptied(examined: Examined) -> Iterator[tuple[str, str, str]]:
    """Every collection, column and place at which a column is emptied."""
    for keys, collection, columns in emptied_columns(examined.policy):
        for column in columns:
            yield collection, column, examined.version.place(*keys)
    for duty in examined.resolved.statutory.values():
        for collection in duty.redacts:
            for column in needless_columns(examined, collection):
                yield (
                    collection,
                    column,
                    examined.version.place("statutory", duty.name, "columns", collection),
                )


def needless_columns(examined: Examined, collection: str) -> tuple[str, ...]:
    """Personal columns of a collection under statutory duties that none of those duties needs."""
    duties = [duty for duty in examined.resolved.statutory.values() if collection in duty.clocks]
    lists = [duty.redacts.get(collection, ()) for duty in duties]
    return tuple(column for column in lists[0] if all(column in one for one in lists)) if lists else ()


def _refused(examined: Examined, collection: str, column: LiveColumn, place: str) -> Iterator[Finding]:
    name = f"{collection}.{column.name}"
    joining = {own for edge in examined.edges if edge.holder == collection for own in edge.columns}
    if column.name in primary_key(examined.live[collection], examined.datamap):
        yield error(
            "redaction.key",
            f"{name} is to be emptied and names the row",
            place,
            "leave the key; delete the row where the key itself tells who it is",
        )
    elif column.name in joining and not column.is_nullable:
        yield error(
            "redaction.link",
            f"{name} is to be emptied and refers to another row, and may not be null",
            place,
            "allow null there, or leave the column",
        )
    elif column.is_generated:
        yield error(
            "redaction.generated",
            f"{name} is to be emptied and is computed from other columns",
            place,
            "empty those that it is computed from, and leave it out here",
        )
    elif not can_be_emptied(column):
        unique = "unique" if column.is_unique else column.type
        yield error(
            "redaction.impossible",
            f"{name} is to be emptied, may not be null and is {unique}: there is no value that tells nothing",
            place,
            "allow null there, or leave the column",
        )


def _constrained(examined: Examined, collection: str, column: str, place: str) -> Iterator[Finding]:
    live = examined.live_column(collection, column)
    if live is None:
        return
    for constraint in examined.live[collection].constraints:
        if column in constraint.columns and _may_refuse(constraint, live):
            yield warning(
                "redaction.constraint",
                f"{collection}.{column} is to be emptied, which the constraint {constraint.name} may refuse",
                place,
                "let the constraint allow it, or leave the column: a row that is refused is never done",
            )


def _may_refuse(constraint: Constraint, column: LiveColumn) -> bool:
    """Whether the emptied column may fail the constraint.

    Null passes most constraints, as PostgreSQL counts unknown as met: not those that ask for a value. An empty
    text or object may fail any.
    """
    if not column.is_nullable:
        return True
    counted = re.search(r"\bnum_n(?:on)?nulls\b", constraint.expression)
    at_most = re.search(r"\bnum_nonnulls\([^()]*\) <", constraint.expression)
    asked_for = rf'(?<!\w){re.escape(column.name)}"?\)? IS NOT NULL'
    return bool(re.search(asked_for, constraint.expression) or (counted and not at_most))
