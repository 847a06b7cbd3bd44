"""Dimensions as codes that sort as their values do: DuckDB groups and sorts numbers faster than text.

The codes are DuckDB's own, of its type ENUM, and never leave it: what is counted comes out as text again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlglot.expressions as sge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import ibis.expr.types as ir

MOST_CODED = 20_000
"""Values of a dimension whose codes are kept in memory, where DuckDB can write out none; more stay text. Somebody may
make up a new and long one with every event."""
_EVENTS, _CODED = "events", "coded_events"


def coded(engine: Any, events: Path, dimensions: Iterable[str], *, most: int = MOST_CODED) -> ir.Table:
    """The events of a file, with codes for what they are divided by.

    Args:
        engine: DuckDB, of Ibis.
        events: Parquet; no dimension of it is null.
        dimensions: columns of text.
        most: values that a dimension may have to be coded.
    """
    engine.read_parquet(events, table_name=_EVENTS)
    types = {name: _type(engine, name, most) for name in dimensions}
    columns = ", ".join(f"{_quoted(name)}::{kind} AS {_quoted(name)}" for name, kind in types.items() if kind)
    replaced = f"REPLACE ({columns})" if columns else ""
    engine.raw_sql(f"CREATE VIEW {_CODED} AS SELECT * {replaced} FROM {_EVENTS}")
    return engine.table(_CODED)


def _type(engine: Any, name: str, most: int) -> str | None:
    """The type of a dimension's codes; None where it has too many values, or none at all."""
    column, values, kind = (_quoted(one) for one in (name, f"values of {name}", f"codes of {name}"))
    engine.raw_sql(
        f"CREATE TEMP TABLE {values} AS SELECT DISTINCT {column} AS value FROM {_EVENTS} LIMIT {most + 1}"
    )
    if not 0 < engine.raw_sql(f"SELECT count(*) FROM {values}").fetchone()[0] <= most:
        return None
    engine.raw_sql(f"CREATE TYPE {kind} AS ENUM (SELECT value FROM {values} ORDER BY value)")
    return kind


def _quoted(name: str) -> str:
    return sge.to_identifier(name, quoted=True).sql("duckdb")
