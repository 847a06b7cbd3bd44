"""Filling a database with a sample company."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from lifecycle.errors import UsageError
from lifecycle.synthetic.following import follow
from lifecycle.synthetic.made import prepare, record
from lifecycle.synthetic.population import parameters, populate
from lifecycle.synthetic.progress import log_progress
from lifecycle.synthetic.refusal import refusing
from lifecycle.synthetic.sample import AFTERWARDS, read_sample
from lifecycle.synthetic.workspace import furnish, prepare_session

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from lifecycle.synthetic.margins import Likeness
    from lifecycle.synthetic.population import Bound
    from lifecycle.synthetic.progress import Progress
    from lifecycle.synthetic.sample import Sample

_LARGEST = 2**31 - 1
_IDENTITIES = text("""
    SELECT format(
        'SELECT setval(pg_get_serial_sequence(%L, %L), (SELECT max(%I) FROM %s))',
        attrelid::regclass, attname, attname, attrelid::regclass
    )
    FROM pg_attribute
    WHERE attrelid = to_regclass(:table) AND attidentity <> ''
""")


def seed(  # noqa: PLR0913 - each is an option of the command
    engine: Engine,
    sample_dir: Path,
    *,
    customers: int,
    days: int,
    seed: int,
    as_of: datetime,
    progress: Progress = log_progress,
    replace: bool = False,
    likeness: Likeness | None = None,
) -> dict[str, int]:
    """Fill the database with a sample company, in one transaction: all of it, or nothing.

    Args:
        engine: the database; its user must be allowed to create schemas.
        sample_dir: folder with ``schema.sql``, ``population.sql`` and ``pools.yaml``.
        customers: how many customers, besides the awkward cases that every sample holds.
        days: how many days of telemetry, counted back from ``as_of``.
        seed: the same number gives the same rows.
        as_of: the instant the history ends, with a time zone.
        progress: called after each piece of work.
        replace: drop what an earlier seeding made, rows included, and make it anew.
        likeness: released tables that the population is to be like; None leaves it as the sample makes it.

    Returns:
        Rows per table, by qualified name.

    Raises:
        UsageError: an argument or a file of the sample cannot be used.
        PolicyError: the policy that ``likeness`` was read by does not fit the sample's tables.
        StoreError: the tables hold rows already, or the database refuses; nothing was kept.
    """
    _check_numbers(customers=customers, days=days, seed=seed, as_of=as_of)
    sample = read_sample(sample_dir)
    bound = parameters(customers=customers, days=days, seed=seed, as_of=as_of)
    with refusing(str(sample_dir)), engine.begin() as connection:
        prepare_session(connection)
        made = prepare(connection, sample.schema, replace=replace)
        furnish(connection, sample.pools, seed)
        populate(connection, sample.statements, bound, progress)
        if likeness:
            _make_alike(connection, likeness, sample, made.tables, bound, progress)
        record(connection, made)
        _finish(connection, made.tables)
        return _count(connection, made.tables)


def _make_alike(
    connection: Connection,
    likeness: Likeness,
    sample: Sample,
    tables: Collection[str],
    bound: Bound,
    progress: Progress,
) -> None:
    """Draw columns anew like a release, and then whatever the sample says follows from them."""
    next_step = "set LIFECYCLE_POLICY_DIR and LIFECYCLE_SAMPLE_DIR to those of the company that released them"
    with refusing("a released value", dict.fromkeys(("22", "23", "42"), next_step)):
        follow(connection, likeness, tables, progress)
    populate(connection, sample.afterwards, bound, progress, file=AFTERWARDS)


def _check_numbers(*, customers: int, days: int, seed: int, as_of: datetime) -> None:
    for name, value, least in (("customers", customers, 0), ("days", days, 1), ("seed", seed, 0)):
        if not least <= value <= _LARGEST:
            raise UsageError(
                f"{value} is not a number from {least} to {_LARGEST}",
                place=f"--{name}",
                next_step=f"give --{name} such a number",
            )
    if as_of.utcoffset() is None:
        raise UsageError("has no time zone", place="--as-of", next_step="write it as 2025-02-19T00:00+02:00")


def _finish(connection: Connection, tables: Iterable[str]) -> None:
    """Let identities continue after the highest key, and give the planner its statistics."""
    for table in tables:
        for statement in connection.scalars(_IDENTITIES, {"table": table}).all():
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"ANALYZE {table}")


def _count(connection: Connection, tables: Iterable[str]) -> dict[str, int]:
    return {table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables}
