"""What the engine may do to the company's own tables: exactly what the data map covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy

from lifecycle.errors import StoreError
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

PRIVILEGES = ("SELECT", "UPDATE", "DELETE")
"""What deciding, redacting and deleting take. Never TRUNCATE."""
RECORDING = "INSERT"
"""What recording a subject's word takes, where the policy names the table for that, and nowhere else."""

_LOCK = 0x6C6966656772616E  # "lifegran": one change of grants at a time in a database

_TABLES = sqlalchemy.text("""
    -- A table hides rows unless a policy of row level security lets the role see all of them, and none takes some away.
    SELECT namespace.nspname AS schema, class.relname AS name,
        class.relrowsecurity AND (
            NOT EXISTS (
                SELECT FROM pg_policy AS policy
                WHERE policy.polrelid = class.oid AND policy.polcmd = '*' AND policy.polpermissive
                    AND to_regrole(:role)::oid = ANY (policy.polroles)
                    AND pg_get_expr(policy.polqual, class.oid) = 'true'
            )
            OR EXISTS (
                SELECT FROM pg_policy AS policy CROSS JOIN unnest(policy.polroles) AS member (oid)
                WHERE policy.polrelid = class.oid AND NOT policy.polpermissive
                    AND CASE member.oid WHEN 0 THEN true ELSE pg_has_role(to_regrole(:role), member.oid, 'USAGE') END
            )
        ) AS hides_rows,
        coalesce(
            array_agg(acl.privilege_type::text) FILTER (WHERE acl.grantee = to_regrole(:role)), '{}'
        ) AS granted
    FROM pg_class AS class
    JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    LEFT JOIN LATERAL aclexplode(class.relacl) AS acl ON true
    WHERE class.relkind IN ('r', 'p')
        AND namespace.nspname NOT IN ('lifecycle', 'pseudonymised', 'analytics', 'information_schema')
        AND namespace.nspname NOT LIKE 'pg\\_%'
    GROUP BY class.oid, namespace.nspname
""")


def grant(
    connection: sqlalchemy.Connection,
    collections: Iterable[tuple[str, str]],
    *,
    recorded: Iterable[tuple[str, str]] = (),
) -> None:
    """Give ``lifecycle_engine`` what it needs on ``collections``, and take the rest of it back.

    Run in the caller's transaction, as the tables' owner; what is already as it should be is left alone.

    Args:
        connection: of the tables' owner or an administrator.
        collections: schema and name of every mapped table; the project's own schemas are not among them.
        recorded: those of them in which a subject's word is recorded.

    Raises:
        StoreError: a table does not exist, or hides rows from the engine by row level security.
    """
    wanted, recording = set(collections), set(recorded)
    connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    rows = connection.execute(_TABLES, {"role": Role.ENGINE}).all()
    tables = {(row.schema, row.name): row for row in rows}
    for schema, name in sorted(wanted):
        table = tables.get((schema, name))
        if table is None:
            raise StoreError(
                "the table does not exist",
                place=f"{schema}.{name}",
                next_step="create it, or remove it from the data map",
            )
        if table.hides_rows:
            raise StoreError(
                "row level security hides rows of this table from the engine: they would be kept for ever",
                place=f"{schema}.{name}",
                next_step=f"CREATE POLICY … ON {schema}.{name} TO {Role.ENGINE} USING (true)",
            )
    for key, table in tables.items():
        needed = {*PRIVILEGES, *([RECORDING] if key in recording else [])} if key in wanted else set()
        _set_privileges(connection, key, set(table.granted), needed)
    for schema in sorted({schema for schema, _ in wanted}):
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {_quoted(connection, schema)} TO {Role.ENGINE}")


def hidden(connection: sqlalchemy.Connection) -> frozenset[str]:
    """Tables, as ``schema.table``, of which row level security may hide rows from the engine."""
    rows = connection.execute(_TABLES, {"role": Role.ENGINE})
    return frozenset(f"{row.schema}.{row.name}" for row in rows if row.hides_rows)


def _set_privileges(
    connection: sqlalchemy.Connection, table: tuple[str, str], granted: set[str], wanted: set[str]
) -> None:
    name = _quoted(connection, *table)
    if excess := sorted(granted - wanted):
        connection.exec_driver_sql(f"REVOKE {', '.join(excess)} ON {name} FROM {Role.ENGINE}")
    if missing := sorted(wanted - granted):
        connection.exec_driver_sql(f"GRANT {', '.join(missing)} ON {name} TO {Role.ENGINE}")


def _quoted(connection: sqlalchemy.Connection, *names: str) -> str:
    return ".".join(connection.dialect.identifier_preparer.quote_identifier(name) for name in names)
