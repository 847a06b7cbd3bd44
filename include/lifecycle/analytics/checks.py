"""What must be so between the steps of a release, held against Great Expectations: counts and names, no values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc
from pyarrow import parquet

from lifecycle.analytics.bounding import CONTRIBUTORS, LARGEST, PERSONS, most, numbers
from lifecycle.analytics.events import ORGANISATION, SUBJECT
from lifecycle.analytics.pseudonyms import BITS
from lifecycle.quality.suite import Checked, Count, Names, validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import pyarrow as pa

    from lifecycle.analytics.events import Counted
    from lifecycle.analytics.noise import TablePlan
    from lifecycle.analytics.preparing import Prepared
    from lifecycle.analytics.released import Shape
    from lifecycle.policy.release_form import Release

_BEGIN_ANEW = "nothing was released; begin the period anew, and look into its events if that fails again"


def check_events(
    path: Path, schema: pa.Schema, counted: Counted, prepared: Prepared, *, place: str
) -> Checked:
    """Pseudonymised events are those that may be counted, all of them, and name nobody.

    Raises:
        CheckFailed: they are not; nothing is counted of them.
    """
    with parquet.ParquetFile(path) as file:
        found = file.schema_arrow
        read, written = prepared.events + prepared.robots, file.metadata.num_rows
        counts = [
            Count(name="files with other events than were written", value=int(written != prepared.events)),
            Count(
                name="reads of other events than there are", value=int(read != counted.taken), is_of_rows=True
            ),
            Count(
                name="files with identifiers that are no pseudonyms",
                value=int(_are_no_pseudonyms(file, schema)),
            ),
            Count(name="files with pseudonyms that anybody can make", value=int(prepared.linkable > 0)),
        ]
    names = Names(name="columns", found=frozenset(found.names), expected=frozenset(schema.names))
    return validate("pseudonymised", [*counts, names], place=place, next_step=_BEGIN_ANEW)


def _are_no_pseudonyms(file: parquet.ParquetFile, schema: pa.Schema) -> bool:
    """Whether identifiers are no digests: no numbers, or mostly such that counting on from one makes.

    Of digests, one in two thousand million is as small as those.
    """
    kinds = [name for name in (SUBJECT, ORGANISATION) if name in schema.names]
    if any(file.schema_arrow.field(name).type != schema.field(name).type for name in kinds):
        return True
    small = dict.fromkeys(kinds, 0)
    for batch in file.iter_batches(columns=kinds):
        for name in kinds:
            small[name] += pc.sum(pc.less(pc.abs(batch[name]), 2 ** (BITS // 2))).as_py() or 0
    return any(2 * number > file.metadata.num_rows for number in small.values())


def contributors(events: Path, release: Release) -> int:
    """Of how many contributors pseudonymised events are; another engine says so than the one that counts cells."""
    import polars as pl

    whose = ORGANISATION if release.organisation else SUBJECT
    found: int = pl.scan_parquet(events).select(pl.col(whose).n_unique()).collect().item()
    return found


def check_cells(
    cells: Mapping[str, pa.Table], release: Release, events: int, contributors: int, *, place: str
) -> Checked:
    """No contributor adds more than its table allows, and no more is counted than there was.

    What is told of a failure is that it is so, and no exact number.

    Args:
        cells: of each table.
        release: says what is allowed.
        events: how many there are.
        contributors: how many they are of.
        place: what is checked, for the error.

    Raises:
        CheckFailed: it does; nothing is drawn of them.
    """
    counts = [
        one for name, table in cells.items() for one in _of_cells(name, table, release, events, contributors)
    ]
    return validate("cells", counts, place=place, next_step=_BEGIN_ANEW)


def _of_cells(
    name: str, cells: pa.Table, release: Release, events: int, contributors: int
) -> Iterator[Count]:
    table = release.tables[name]
    wrong = {
        "contributors in more cells than allowed": (pc.sum(cells[CONTRIBUTORS]).as_py() or 0)
        > table.cells * contributors,
        "more events than there are": (pc.sum(cells["events"]).as_py() or 0) > events,
        "cells without contributors": (pc.min(cells[CONTRIBUTORS]).as_py() or 1) < 1,
    }
    for number in numbers(release):
        highest = pc.max(cells[f"{LARGEST}{number}"]).as_py() or 0
        wrong[f"contributors of more {number} than allowed"] = highest > most(release, table, number)
    if release.organisation:
        fewer = pc.any(pc.less(cells[PERSONS], cells[CONTRIBUTORS])).as_py()
        wrong["cells of fewer persons than organisations"] = bool(fewer)
    for what, is_so in wrong.items():
        yield Count(name=f"{name}: {what}", value=int(is_so))


def check_released(
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    shapes: Mapping[str, Shape],
    plans: Mapping[str, TablePlan],
    *,
    place: str,
) -> Checked:
    """What was released has the columns that it should, no cell twice, and none that is too small to be shown.

    Raises:
        CheckFailed: it has not.
    """
    expected: list[Count | Names] = []
    for name, found in rows.items():
        shape, plan = shapes[name], plans[name]
        first, *others = shape.numbers
        least = {first: plan.count.least, **{one: plan.numbers[one].least for one in others}}
        small = sum(row[one] is not None and row[one] < least[one] for row in found for one in least)
        cells = [tuple(row[one] for one in ("first_day", *shape.dimensions)) for row in found]
        expected += [
            Count(name=f"{name}: numbers too small to be shown", value=small),
            Count(name=f"{name}: cells that stand twice", value=len(cells) - len(set(cells))),
        ]
        if found:
            columns = frozenset(found[0])
            expected.append(Names(name=f"{name}: columns", found=columns, expected=frozenset(shape.columns)))
    return validate(
        "released", expected, place=place, next_step="tell nobody of it, and report it with its manifest"
    )
