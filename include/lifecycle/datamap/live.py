"""The live schema as values: what the database really has. Filled by :mod:`lifecycle.store.inspect`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class LiveColumn:
    """A column as the database has it; ``type`` as ``format_type`` spells it.

    Attributes:
        is_nullable: neither the column nor its domain is ``NOT NULL``.
        is_unique: takes part in a unique index, so that two rows may not both hold the same.
        is_generated: computed from other columns, so that nothing else can be written there.
        domain_of: the type under a domain, and under the domains below it; None where ``type`` is no domain.
        folds_case: ``lower()`` of a text in it knows all letters, not only those of ASCII.
        labels: the only values that an enum can have, in its order; () of every other type.
        decimals: digits in all and behind the point, where it is a ``numeric`` that says so.
    """

    name: str
    type: str
    is_nullable: bool
    is_unique: bool = False
    is_generated: bool = False
    domain_of: str | None = None
    folds_case: bool = True
    labels: tuple[str, ...] = ()
    decimals: tuple[int, int] | None = None

    @property
    def base_type(self) -> str:
        """The type as which PostgreSQL compares the column's values: a domain compares as what is under it."""
        return self.domain_of or self.type


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """A foreign key: ``columns`` of the holder refer to ``target_columns`` of ``target``.

    Attributes:
        on_delete: ``a`` no action, ``r`` restrict, ``c`` cascade, ``n`` set null, ``d`` set default.
        is_enforced: PostgreSQL 18 has some that only say what should be.
    """

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: str
    is_enforced: bool = True

    @property
    def refuses(self) -> bool:
        """Whether a row stays as long as another refers to it."""
        return self.is_enforced and self.on_delete in {"a", "r"}


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A ``CHECK`` constraint: what every row must meet, as PostgreSQL prints it."""

    name: str
    columns: tuple[str, ...]
    expression: str


@dataclass(frozen=True, kw_only=True)
class LiveTable:
    """A table as the database has it (a partitioned table counts once, its partitions not at all).

    Attributes:
        kind: ``table``; ``materialized view`` or ``foreign table``, of whose rows none can be deleted.
        has_heirs: other tables inherit from it, whose rows count as its own without its keys.
        indexed: leading columns of every index over all rows, up to the first expression.
        index_beginnings: the first column or expression of each of them, as PostgreSQL prints it.
        unique_keys: columns of the indexes that are unique over all rows, the primary key's included.
    """

    name: str
    columns: Mapping[str, LiveColumn]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    partition_column: str | None = None
    indexed: frozenset[tuple[str, ...]] = frozenset()
    index_beginnings: frozenset[str] = frozenset()
    unique_keys: frozenset[tuple[str, ...]] = frozenset()
    constraints: tuple[Constraint, ...] = ()
    kind: str = "table"
    has_heirs: bool = False


LiveSchema = dict[str, LiveTable]
"""Every table of the mapped schemas by ``schema.table``."""
