"""Counting, after what one contributor adds was limited: one expression for DuckDB, Spark or whatever Ibis speaks.

A contributor is whoever is protected: a person, or an organisation with all of its persons. Of each, the cells with
most of its events count, and in each of them no more than the table allows. What it adds depends on its own events
alone, so that the noise that hides it is as large as what it may add, and no larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from lifecycle.analytics.events import ORGANISATION, SUBJECT

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from lifecycle.policy.release_form import Release, ReleasedTable

CONTRIBUTORS, PERSONS, EVENTS = "contributors", "persons", "events"
LARGEST = "largest_"
"""What the name of a number's largest contribution begins with."""


def numbers(release: Release) -> tuple[str, ...]:
    """What is counted of each cell, beside its contributors.

    Where persons are protected themselves, their number is that of the contributors.
    """
    return (*([PERSONS] if release.organisation else []), EVENTS, *release.measures)


def most(release: Release, table: ReleasedTable, number: str) -> int:
    """What one contributor adds to a number of one cell at most."""
    if number == CONTRIBUTORS:
        return 1
    if number == PERSONS:
        return table.persons
    return table.events if number == EVENTS else release.measures[number].at_most


def cells(events: ir.Table, release: Release, table: ReleasedTable) -> ir.Table:
    """The cells of one table, exactly: for nobody's eyes.

    Columns: the dimensions; ``contributors``; each of :func:`numbers`, and the largest that one contributor added.

    Args:
        events: pseudonymised, of one period.
        release: says what is counted.
        table: one of its tables.
    """
    contributor = ORGANISATION if release.organisation else SUBJECT
    added = events.group_by([contributor, *table.by]).aggregate(**_added(events, release))
    window = ibis.window(
        group_by=contributor, order_by=[ibis.desc(added["_events"]), *(added[name] for name in table.by)]
    )
    ranked = added.mutate(_rank=ibis.row_number().over(window))
    kept = ranked.filter(ranked["_rank"] < table.cells)
    limited = kept.mutate(
        **{
            name: ibis.least(kept[f"_{name}"], ibis.literal(most(release, table, name), "int64"))
            for name in numbers(release)
        }
    )
    sums = {name: limited[name].sum().cast("int64") for name in numbers(release)}
    largest = {f"{LARGEST}{name}": limited[name].max().cast("int64") for name in numbers(release)}
    counted = limited.group_by(list(table.by)).aggregate(
        **{CONTRIBUTORS: limited.count().cast("int64")}, **sums, **largest
    )
    return counted.order_by(list(table.by))


def _added(events: ir.Table, release: Release) -> dict[str, ir.Value]:
    """What one contributor has in one cell before it is limited."""
    added: dict[str, ir.Value] = {f"_{EVENTS}": events.count()}
    if release.organisation:
        added[f"_{PERSONS}"] = events[SUBJECT].nunique()
    # what is more is cut off first, or a sum of many large ones would be too large for an engine
    return added | {
        f"_{name}": ibis.least(events[name], ibis.literal(stated.at_most, "int64")).sum()
        for name, stated in release.measures.items()
    }
