"""What an erasure does: a plan like any other, made of the rows that name its subject (GDPR Art. 17)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.planning.items import StoredPlan, find_open_of_request
from lifecycle.planning.part import Part
from lifecycle.planning.planner import BATCH_ROWS, one_state
from lifecycle.planning.writer import About, PlanWriter
from lifecycle.policy.model import RequestKind
from lifecycle.requests.ground import IsRemainder, NamesSubject
from lifecycle.requests.tables import request_remainder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection, Engine

    from lifecycle.plan import Kept
    from lifecycle.planning.grounds import Ground
    from lifecycle.policy.rulebook import Rulebook, Scope
    from lifecycle.requests.subject import Whom

KEPT_BY_POLICY = "policy"
"""Why a row stays that the policy keeps from requests."""


class Erasure:
    """What one erasure finds, on one connection, inside one transaction.

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        ground: which rows are due.
        as_of: the moment of the run.
        deletion: which collections have rows that go; what the policy says of requests, unless given.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        ground: Ground,
        *,
        as_of: datetime,
        deletion: Scope | None = None,
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.as_of = as_of
        erasure = rulebook.erasure
        deletion = deletion or erasure.deletion
        self.deletion = Part(connection, rulebook, deletion, ground, as_of=as_of, name="erased")
        self.redaction = Part(connection, rulebook, erasure.redaction, ground, as_of=as_of, name="redacted")
        self.deletion.find()
        self.redaction.find()
        self._leave_to_deletion()

    def writer(self, request_id: UUID) -> PlanWriter:
        """Puts the plan together."""
        about = About(
            rule=RequestKind.ERASURE.value,
            commitments=self.rulebook.policy.rights[RequestKind.ERASURE].commitments,
            request=request_id,
        )
        parts = (self.redaction, self.deletion)
        return PlanWriter(self.connection, self.rulebook, about, parts, as_of=self.as_of)

    def unkept(self) -> dict[str, int]:
        """Due rows that nothing keeps, by collection."""
        counts = {name: self.deletion.unkept(name) for name in self.deletion.scope.roots}
        for name in self.redaction.scope.roots:
            counts[name] = counts.get(name, 0) + self.redaction.unkept(name)
        return {name: rows for name, rows in counts.items() if rows}

    def keep_remainder(self, request_id: UUID) -> int:
        """Remember the rows that stay for a while, so that they go without a new request; how many there are."""
        return sum(self._remember(request_id, part) for part in (self.deletion, self.redaction))

    def kept(self) -> tuple[Kept, ...]:
        """What stays all the same, and why."""
        return (*self.redaction.kept(), *self.deletion.kept())

    def _leave_to_deletion(self) -> None:
        """A row that goes along with one that names the subject is not emptied first."""
        for work in self.redaction.works:
            if work.collection in self.deletion.works:
                gone = self.deletion.works[work.collection]
                same = [work.table.c[name] == gone.table.c[name] for name in work.keys.values()]
                self.connection.execute(sa.delete(work.table).where(*same, gone.table.c.kept.is_(None)))

    def _remember(self, request_id: UUID, part: Part) -> int:
        found = 0
        for collection in part.works.kept:
            table = part.works[collection].table
            keys = [sa.cast(table.c[name], sa.Text) for name in part.works[collection].keys.values()]
            rows = sa.select(
                sa.literal(request_id, sa.Uuid),
                sa.literal(collection),
                postgresql.array(keys),
                table.c.kept,
                table.c.source,
                table.c.until,
            ).where(table.c.kept.is_not(None))
            columns = [column.name for column in request_remainder.c]
            insert = postgresql.insert(request_remainder).from_select(columns, rows)
            counted = insert.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
            found += self.connection.execute(counted).rowcount
        return found


def of_subject(connection: Connection, rulebook: Rulebook, whom: Whom, *, as_of: datetime) -> Erasure:
    """What an erasure finds of its subject."""
    return Erasure(connection, rulebook, NamesSubject(rulebook, whom), as_of=as_of)


def of_remainder(connection: Connection, rulebook: Rulebook, request_id: UUID, *, as_of: datetime) -> Erasure:
    """What is there of the rows that an erasure had to leave: such a row is due whatever led to it then."""
    scope = rulebook.erasure.deletion
    everything = replace(scope, roots=scope.closure)
    return Erasure(connection, rulebook, IsRemainder(rulebook, request_id), as_of=as_of, deletion=everything)


def make_plan(
    engine: Engine,
    request_id: UUID,
    find: Callable[[Connection], Erasure],
    *,
    batch_rows: int = BATCH_ROWS,
) -> StoredPlan:
    """Plan what a request erases and store the plan, unless it does nothing.

    A plan of the request that has not ended is returned as it is.

    Args:
        engine: connects as the engine role.
        request_id: the request's number.
        find: finds what is erased, in a transaction that sees one state of the database.
        batch_rows: rows of a batch.
    """
    with one_state(engine) as connection:
        open_plan = find_open_of_request(connection, request_id)
        if open_plan is not None:
            return open_plan
        writer = find(connection).writer(request_id)
        plan = writer.plan(batch_rows)
        plan_id = None if plan.is_empty else writer.store(plan)
        return StoredPlan(plan_id=plan_id, plan=plan)
