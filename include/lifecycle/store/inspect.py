"""Reads the live schema: tables, columns, keys, foreign keys and partitioning, as PostgreSQL has them."""

from __future__ import annotations

from collections import defaultdict
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from lifecycle.datamap.live import Constraint, ForeignKey, LiveColumn, LiveSchema, LiveTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

_COLUMNS = text("""
    -- One row per column of every table that is not itself a partition. A column is unique where a unique
    -- index holds it, in an expression too: pg_depend knows those columns.
    WITH RECURSIVE domain AS (
        SELECT oid, typbasetype AS base, typtypmod AS modifier, typnotnull AS is_mandatory
        FROM pg_type WHERE typtype = 'd'
        UNION ALL
        SELECT domain.oid, below.typbasetype, below.typtypmod, domain.is_mandatory OR below.typnotnull
        FROM domain JOIN pg_type AS below ON below.oid = domain.base
        WHERE below.typtype = 'd'
    )
    SELECT format('%s.%s', namespace.nspname, relation.relname) AS table_name,
           CASE relation.relkind WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                ELSE 'table' END AS kind,
           relation.relkind = 'r'
               AND EXISTS (SELECT FROM pg_inherits AS heir WHERE heir.inhparent = relation.oid) AS has_heirs,
           attribute.attname AS column_name,
           format_type(attribute.atttypid, NULL) AS type,
           format_type(domain.base, NULL) AS domain_of,
           CASE WHEN coalesce(domain.base, attribute.atttypid) = 'numeric'::regtype
                THEN nullif(coalesce(domain.modifier, attribute.atttypmod), -1) END AS numeric_modifier,
           ARRAY(SELECT label.enumlabel::text FROM pg_enum AS label
                 WHERE label.enumtypid = coalesce(domain.base, attribute.atttypid)
                 ORDER BY label.enumsortorder) AS labels,
           NOT (attribute.attnotnull OR coalesce(domain.is_mandatory, false)) AS is_nullable,
           attribute.attgenerated <> '' AS is_generated,
           -- The locale of a builtin or ICU collation has another column in PostgreSQL 15 and 16.
           CASE WHEN coalesce(spelling.collprovider, 'd') = 'd' THEN lower(chr(213)) = chr(245)
                ELSE coalesce(spelling.collctype, to_jsonb(spelling) ->> 'colllocale', '') NOT IN ('C', 'POSIX')
           END AS folds_case,
           EXISTS (SELECT FROM pg_index AS key
                   WHERE key.indrelid = relation.oid AND key.indisunique
                     AND (attribute.attnum = ANY(key.indkey[0:key.indnkeyatts - 1])
                          OR EXISTS (SELECT FROM pg_depend AS part
                                     WHERE part.classid = 'pg_class'::regclass AND part.objid = key.indexrelid
                                       AND part.refclassid = 'pg_class'::regclass
                                       AND part.refobjid = relation.oid
                                       AND part.refobjsubid = attribute.attnum))) AS is_unique
    FROM pg_class AS relation
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
    LEFT JOIN pg_collation AS spelling ON spelling.oid = attribute.attcollation
    LEFT JOIN domain ON domain.oid = attribute.atttypid
        AND NOT EXISTS (SELECT FROM pg_type AS below WHERE below.oid = domain.base AND below.typtype = 'd')
    WHERE namespace.nspname = ANY(:schemas)
      AND relation.relkind IN ('r', 'p', 'm', 'f') AND NOT relation.relispartition
      AND attribute.attnum > 0 AND NOT attribute.attisdropped
    ORDER BY table_name, attribute.attnum
""")

_INDEXES = text("""
    -- Columns of every valid index over all rows, null for an expression; how it begins, as PostgreSQL prints it.
    SELECT format('%s.%s', namespace.nspname, relation.relname) AS table_name,
           key.indisprimary AS is_primary, key.indisunique AS is_unique,
           pg_get_indexdef(key.indexrelid, 1, true) AS beginning,
           ARRAY(SELECT attribute.attname::text
                 FROM unnest(key.indkey[0:key.indnkeyatts - 1]) WITH ORDINALITY AS part (number, position)
                 LEFT JOIN pg_attribute AS attribute
                   ON attribute.attrelid = relation.oid AND attribute.attnum = part.number
                 ORDER BY part.position) AS columns
    FROM pg_index AS key
    JOIN pg_class AS relation ON relation.oid = key.indrelid
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = ANY(:schemas) AND NOT relation.relispartition
      AND key.indisvalid AND key.indpred IS NULL
""")

_FOREIGN_KEYS = text("""
    -- Foreign keys declared on tables of the mapped schemas; those that partitions inherit are left out.
    SELECT format('%s.%s', namespace.nspname, relation.relname) AS table_name,
           fk.conname AS name,
           fk.confdeltype::text AS on_delete,
           -- The column is there from PostgreSQL 18 on.
           coalesce((to_jsonb(fk) ->> 'conenforced')::boolean, true) AS is_enforced,
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

_CONSTRAINTS = text("""
    -- CHECK constraints and the columns they name.
    SELECT format('%s.%s', namespace.nspname, relation.relname) AS table_name, rule.conname AS name,
           pg_get_expr(rule.conbin, rule.conrelid) AS expression,
           ARRAY(SELECT attribute.attname::text
                 FROM pg_attribute AS attribute
                 WHERE attribute.attrelid = rule.conrelid AND attribute.attnum = ANY(rule.conkey)
                 ORDER BY attribute.attnum) AS columns
    FROM pg_constraint AS rule
    JOIN pg_class AS relation ON relation.oid = rule.conrelid
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE rule.contype = 'c' AND namespace.nspname = ANY(:schemas) AND NOT relation.relispartition
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
    kinds: dict[str, str] = {}
    heirs: set[str] = set()
    columns: dict[str, dict[str, LiveColumn]] = defaultdict(dict)
    for row in connection.execute(_COLUMNS, bound):
        kinds[row.table_name] = row.kind
        if row.has_heirs:
            heirs.add(row.table_name)
        columns[row.table_name][row.column_name] = LiveColumn(
            name=row.column_name,
            type=row.type,
            is_nullable=row.is_nullable,
            is_unique=row.is_unique,
            is_generated=row.is_generated,
            domain_of=row.domain_of,
            folds_case=row.folds_case,
            labels=tuple(row.labels),
            decimals=_decimals(row.numeric_modifier),
        )
    indexes = _rows_by_table(connection.execute(_INDEXES, bound))
    foreign_keys = _rows_by_table(connection.execute(_FOREIGN_KEYS, bound))
    constraints = _rows_by_table(connection.execute(_CONSTRAINTS, bound))
    partitioned = {row.table_name: row.column_name for row in connection.execute(_PARTITIONING, bound)}
    return {
        name: LiveTable(
            name=name,
            columns=columns.get(name, {}),
            primary_key=next((tuple(index.columns) for index in indexes[name] if index.is_primary), ()),
            foreign_keys=tuple(map(_foreign_key, foreign_keys[name])),
            partition_column=partitioned.get(name),
            indexed=frozenset(leading for index in indexes[name] if (leading := _leading(index.columns))),
            index_beginnings=frozenset(index.beginning for index in indexes[name]),
            unique_keys=frozenset(
                tuple(index.columns)
                for index in indexes[name]
                if index.is_unique and None not in index.columns
            ),
            constraints=tuple(map(_constraint, constraints[name])),
            kind=kinds.get(name, "table"),
            has_heirs=name in heirs,
        )
        for name in {*columns, *foreign_keys}
    }


def _rows_by_table(rows: Iterable[Row[Any]]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.table_name].append(row)
    return found


def _decimals(modifier: int | None) -> tuple[int, int] | None:
    """Precision and scale of a ``numeric``, as the catalog packs them: 4 more, the scale in eleven bits with sign."""
    if modifier is None:
        return None
    precision, scale = divmod(modifier - 4, 1 << 16)
    return precision, (scale & 0x7FF ^ 0x400) - 0x400


def _leading(columns: Iterable[str | None]) -> tuple[str, ...]:
    """The columns of an index up to its first expression."""
    return tuple(column for column in takewhile(bool, columns) if column)


def _foreign_key(row: Row[Any]) -> ForeignKey:
    return ForeignKey(
        name=row.name,
        columns=tuple(row.columns),
        target=row.target,
        target_columns=tuple(row.target_columns),
        on_delete=row.on_delete,
        is_enforced=row.is_enforced,
    )


def _constraint(row: Row[Any]) -> Constraint:
    return Constraint(name=row.name, columns=tuple(row.columns), expression=row.expression)
