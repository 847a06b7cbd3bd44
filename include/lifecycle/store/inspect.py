"""Reads the live schema: tables, columns, keys, foreign keys and partitioning, as PostgreSQL has them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import text

from lifecycle.datamap.live import ForeignKey, LiveColumn, LiveSchema, LiveTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_COLUMNS = text("""
    -- One row per column of every table that is not itself a partition, keys and uniqueness noted.
    SELECT format('%s.%s', namespace.nspname, relation.relname) AS table_name,
           attribute.attname AS column_name,
           format_type(attribute.atttypid, NULL) AS type,
           NOT attribute.attnotnull AS is_nullable,
           EXISTS (SELECT FROM pg_index AS key
                   WHERE key.indrelid = relation.oid AND key.indisunique AND key.indnkeyatts = 1
                     AND key.indkey[0] = attribute.attnum) AS is_unique
    FROM pg_class AS relation
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
    WHERE namespace.nspname = ANY(:schemas)
      AND relation.relkind IN ('r', 'p') AND NOT relation.relispartition
      AND attribute.attnum > 0 AND NOT attribute.attisdropped
    ORDER BY table_name, attribute.attnum
""")

_INDEXES = text("""
    -- Column names of every valid index, the primary key marked.
    SELECT format('%s.%s', namespace.nspname, relation.relname) AS table_name,
           key.indisprimary AS is_primary,
           ARRAY(SELECT attribute.attname::text
                 FROM unnest(key.indkey[0:key.indnkeyatts - 1]) WITH ORDINALITY AS part (number, position)
                 JOIN pg_attribute AS attribute
                   ON attribute.attrelid = relation.oid AND attribute.attnum = part.number
                 ORDER BY part.position) AS columns
    FROM pg_index AS key
    JOIN pg_class AS relation ON relation.oid = key.indrelid
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = ANY(:schemas) AND NOT relation.relispartition AND key.indisvalid
""")

_FOREIGN_KEYS = text("""
    -- Foreign keys declared on tables of the mapped schemas; those that partitions inherit are left out.
    SELECT format('%s.%s', namespace.nspname, relation.relname) AS table_name,
           fk.conname AS name,
           fk.confdeltype::text AS on_delete,
           format('%s.%s', target_namespace.nspname, target.relname) AS target,
           ARRAY(SELECT attribute.attname::text
                 FROM unnest(fk.conkey) WITH ORDINALITY AS part (number, position)
                 JOIN pg_attribute AS attribute
                   ON attribute.attrelid = fk.conrelid AND attribute.attnum = part.number
                 ORDER BY part.position) AS columns,
           ARRAY(SELECT attribute.attname::text
                 FROM unnest(fk.confkey) WITH ORDINALITY AS part (number, position)
                 JOIN pg_attribute AS attribute
                   ON attribute.attrelid = fk.confrelid AND attribute.attnum = part.number
                 ORDER BY part.position) AS target_columns
    FROM pg_constraint AS fk
    JOIN pg_class AS relation ON relation.oid = fk.conrelid
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    JOIN pg_class AS target ON target.oid = fk.confrelid
    JOIN pg_namespace AS target_namespace ON target_namespace.oid = target.relnamespace
    WHERE fk.contype = 'f' AND fk.conparentid = 0
      AND (namespace.nspname = ANY(:schemas) OR target_namespace.nspname = ANY(:schemas))
    ORDER BY table_name, name
""")

_PARTITIONING = text("""
    -- The column that each range-partitioned table is partitioned by.
    SELECT format('%s.%s', namespace.nspname, relation.relname) AS table_name,
           attribute.attname AS column_name
    FROM pg_partitioned_table AS partitioning
    JOIN pg_class AS relation ON relation.oid = partitioning.partrelid
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    JOIN pg_attribute AS attribute
      ON attribute.attrelid = relation.oid AND attribute.attnum = partitioning.partattrs[0]
    WHERE namespace.nspname = ANY(:schemas) AND NOT relation.relispartition
      AND partitioning.partstrat = 'r' AND partitioning.partnatts = 1
""")


def inspect(connection: Connection, schemas: Iterable[str]) -> LiveSchema:
    """The live schema of ``schemas``; foreign keys that reach them from other schemas are included."""
    bound = {"schemas": sorted(schemas)}
    columns: dict[str, dict[str, LiveColumn]] = defaultdict(dict)
    for row in connection.execute(_COLUMNS, bound):
        columns[row.table_name][row.column_name] = LiveColumn(
            name=row.column_name, type=row.type, is_nullable=row.is_nullable, is_unique=row.is_unique
        )
    primary: dict[str, tuple[str, ...]] = {}
    indexed: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row in connection.execute(_INDEXES, bound):
        indexed[row.table_name].add(tuple(row.columns))
        if row.is_primary:
            primary[row.table_name] = tuple(row.columns)
    foreign: dict[str, list[ForeignKey]] = defaultdict(list)
    for row in connection.execute(_FOREIGN_KEYS, bound):
        foreign[row.table_name].append(
            ForeignKey(
                name=row.name,
                columns=tuple(row.columns),
                target=row.target,
                target_columns=tuple(row.target_columns),
                on_delete=row.on_delete,
            )
        )
    partitioned = {row.table_name: row.column_name for row in connection.execute(_PARTITIONING, bound)}
    return {
        name: LiveTable(
            name=name,
            columns=columns.get(name, {}),
            primary_key=primary.get(name, ()),
            foreign_keys=tuple(foreign[name]),
            partition_column=partitioned.get(name),
            indexed=frozenset(indexed[name]),
        )
        for name in {*columns, *foreign}
    }
