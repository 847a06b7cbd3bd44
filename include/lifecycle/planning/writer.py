"""Plans put together from their parts, and stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from lifecycle.plan import Plan
from lifecycle.planning.items import ItemWriter, count_plans, store_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.plan import Kept, Relied
    from lifecycle.planning.items import ItemList
    from lifecycle.planning.partitions import Partition
    from lifecycle.policy.rulebook import Rulebook

_STORED = sa.text("""
    -- Rows of a table as the statistics estimate them, its partitions included. Where two of them differ the lower one
    -- counts: a share of rows that are long gone would pass the guard.
    SELECT coalesce(sum(least(nullif(greatest(class.reltuples, 0), 0),
                              nullif(pg_stat_get_live_tuples(class.oid), 0))), 0)::bigint
    FROM pg_class AS class
    WHERE class.relkind = 'r'
      AND (class.oid = CAST(:table AS regclass)
           OR class.oid IN (SELECT tree.relid FROM pg_partition_tree(CAST(:table AS regclass)) AS tree))
""")


@dataclass(frozen=True, kw_only=True)
class About:
    """What a plan is made for.

    Attributes:
        rule: of the policy; what is said of requests is a rule too, by its kind.
        request: whose request it carries out; None for a rule.
        last_event_day: the greatest day of an event whose rows are due; None where no clock counts.
        measured: collections of which the guard wants to know how many rows there are.
        brings: keyed fingerprints of the values that a request brings with it.
    """

    rule: str
    commitments: tuple[str, ...]
    request: UUID | None = None
    last_event_day: date | None = None
    measured: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()


class AnyPart(Protocol):
    """Rows of one scope, whether they were found in the database or are held in memory."""

    def write(self, items: Any, batch_rows: int, /) -> None:
        """Write what is done to its rows, in batches of about ``batch_rows`` rows."""

    def kept(self) -> Iterable[Kept]:
        """What stays all the same, and why."""

    def relies(self) -> tuple[Relied, ...]:
        """On which rows that stay its batches rely."""

    def store(self, plan_id: int) -> None:
        """Store with a plan what its batches rely on."""


class PlanWriter:
    """Puts one plan together, on the connection and in the transaction in which its parts were found.

    Args:
        connection: theirs.
        rulebook: of the policy in force.
        about: what the plan is made for.
        parts: what they found is complete.
        as_of: the moment of the run.
        whole: partitions that go as a whole, with their collections.
        items: takes the items, in memory where the parts are.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        about: About,
        parts: Sequence[AnyPart],
        *,
        as_of: datetime,
        whole: Iterable[tuple[str, Partition]] = (),
        items: ItemList | None = None,
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.about = about
        self.parts = parts
        self.as_of = as_of
        self.whole = whole
        self.items = items or ItemWriter(connection)

    def plan(self, batch_rows: int) -> Plan:
        """Write the items of batches of about ``batch_rows`` rows; the plan is not stored yet."""
        if isinstance(self.items, ItemWriter):
            for collection, partition in self.whole:
                self.items.add_partition(collection, partition)
        for part in self.parts:
            part.write(self.items, batch_rows)
        written, about = self.items.read(), self.about
        return Plan(
            rule=about.rule,
            request=about.request,
            commitments=about.commitments,
            policy_version=self.rulebook.policy.version,
            policy_digest=self.rulebook.digest,
            as_of=self.as_of,
            interval_days=self.rulebook.policy.policy.run_every,
            last_event_day=about.last_event_day,
            items=written,
            kept=tuple(kept for part in self.parts for kept in part.kept()),
            relies=tuple(relied for part in self.parts for relied in part.relies()),
            stored=_stored_rows(self.connection, about.measured) if written else {},
            attempt=1 + self._earlier() if written else 1,
            brings=about.brings,
        )

    def store(self, plan: Plan) -> int:
        """Store the plan that was just made; returns its number."""
        plan_id = store_plan(self.connection, plan, self.items)
        for part in self.parts:
            part.store(plan_id)
        return plan_id

    def _earlier(self) -> int:
        return count_plans(self.connection, self.about.rule, self.as_of, self.about.request)


def _stored_rows(connection: Connection, collections: Iterable[str]) -> dict[str, int]:
    """How many rows collections have, as the database estimates them."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    tables = {name: ".".join(quote(part) for part in name.split(".", 1)) for name in collections}
    return {name: int(connection.scalar(_STORED, {"table": table}) or 0) for name, table in tables.items()}
