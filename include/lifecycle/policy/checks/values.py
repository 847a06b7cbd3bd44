"""Values and moments: what the policy compares with a column is of the column's type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.policy.findings import Finding, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.model import Anchor

MOMENTS = {"date", "timestamp with time zone", "timestamp without time zone"}
_NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}
_TEXTS = {"text", "character varying", "character"}


def check(examined: Examined) -> Iterator[Finding]:
    """Clocks stopped by what their column cannot hold, or by nothing; freshness told by a column without a day."""
    for name, anchor in examined.policy.anchors.items():
        yield from _unstopped(examined, name, anchor)
        for column, value in anchor.runs_only_if_none.items():
            live = examined.live_column(*column.rsplit(".", 1))
            values = value if isinstance(value, list) else [value]
            if live and not all(fits(one, live) for one in values):
                yield error(
                    "anchor.value",
                    f"{column} is {live.type} and is compared with a value that it cannot have",
                    examined.version.place("anchors", name, "runs_only_if_none", column),
                    how_to_write(live),
                )
    for collection, freshness in examined.policy.freshness.items():
        live = examined.live_column(collection, freshness.column)
        is_naive = live and live.type == "timestamp without time zone" and freshness.time_zone is None
        if live and (is_naive or live.type not in MOMENTS):
            yield error(
                "freshness.column",
                f"{collection}.{freshness.column} is {live.type} and tells no day",
                examined.version.place("freshness", collection, "column"),
                "name a date or timestamptz column, or say in which zone a timestamp is written: time_zone: UTC",
            )


def _unstopped(examined: Examined, name: str, anchor: Anchor) -> Iterator[Finding]:
    """A row without a day does not stop the clock, and the policy does not say whether it should."""
    if not anchor.latest or "runs_only_if_none" in anchor.model_fields_set:
        return
    collection, column = anchor.latest.rsplit(".", 1)
    live = examined.live_column(collection, column)
    if live and live.is_nullable:
        yield warning(
            "anchor.unstopped",
            f"rows of {collection} without {column} do not stop the clock {name} while others have one",
            examined.version.place("anchors", name, "latest"),
            f"write runs_only_if_none: {{{anchor.latest}: null}} where such a row is still live; {{}} where it is not",
        )


def how_to_write(column: LiveColumn) -> str:
    """What may be written for a column, in words."""
    if column.labels:
        return f"write null, or one or several of its labels as a list: {', '.join(column.labels)}"
    return "write null, a number, true or false, or a text, as the column holds it; several as a list"


def fits(value: Any, column: LiveColumn) -> bool:
    """Whether PostgreSQL compares the column with the value as it is bound."""
    kind = column.base_type
    if column.labels:
        return value is None or value in column.labels
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int | float):
        return kind in _NUMBERS
    return value is None or (isinstance(value, str) and kind in _TEXTS)
