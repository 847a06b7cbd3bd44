"""What an erasure does: a plan like any other, made of the rows that name its subject (GDPR Art. 17)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.plan import Action
from lifecycle.planning.items import StoredPlan, find_open_of_request
from lifecycle.planning.part import Part
from lifecycle.planning.planner import BATCH_ROWS, one_state
from lifecycle.planning.writer import About, PlanWriter
from lifecycle.policy.model import RequestKind
from lifecycle.requests.at_once import first_wins
from lifecycle.requests.ground import IsRemainder, NamesSubject
from lifecycle.requests.mentions import MentionsSubject
from lifecycle.requests.tables import request_remainder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection, Engine

    from lifecycle.plan import Kept
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom

KEPT_BY_POLICY = "policy"
"""Why a row stays that the policy keeps from requests."""


class Erasure:
    """What one erasure finds, on one connection, inside one transaction.

    Args:
        deletion: rows that go, with what belongs to them.
        changes: rows that stay and are changed.
    """

    def __init__(self, deletion: Part, *changes: Part) -> None:
        self.connection = deletion.connection
        self.rulebook = deletion.rulebook
        self.as_of = deletion.as_of
        self.deletion = deletion
        self.changes = changes
        self.parts = (*changes, deletion)
        for part in (deletion, *changes):
            part.find()
        for part in changes:
            self._leave_to_deletion(part)

    def writer(self, request_id: UUID) -> PlanWriter:
        """Puts the plan together."""
        about = About(
            rule=RequestKind.ERASURE.value,
            commitments=self.rulebook.policy.rights[RequestKind.ERASURE].commitments,
            request=request_id,
        )
        return PlanWriter(self.connection, self.rulebook, about, self.parts, as_of=self.as_of)

    def unkept(self) -> dict[str, int]:
        """Due rows that nothing keeps, by collection."""
        counts: Counter[str] = Counter()
        for part in self.parts:
            for name in part.scope.roots:
                counts[name] += part.unkept(name)
        return {name: rows for name, rows in counts.items() if rows}

    def keep_remainder(self, request_id: UUID) -> int:
        """Remember the rows that stay for a while, so that they go without a new request; how many there are."""
        return sum(self._remember(request_id, part) for part in self.parts)

    def kept(self) -> tuple[Kept, ...]:
        """What stays all the same, and why."""
        return tuple(kept for part in self.parts for kept in part.kept())

    def _leave_to_deletion(self, part: Part) -> None:
        """A row that goes is not changed first."""
        for work in part.works:
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
    names, erasure = NamesSubject(rulebook, whom), rulebook.erasure
    mentions = MentionsSubject(connection, rulebook, whom)
    return Erasure(
        Part(connection, rulebook, erasure.deletion, names, as_of=as_of, name="erased"),
        Part(connection, rulebook, erasure.redaction, names, as_of=as_of, name="redacted"),
        Part(
            connection,
            rulebook,
            erasure.masking,
            mentions,
            as_of=as_of,
            name="masked",
            action=Action.MASK,
        ),
    )


def of_remainder(connection: Connection, rulebook: Rulebook, request_id: UUID, *, as_of: datetime) -> Erasure:
    """What is there of the rows that an erasure had to leave: such a row is due whatever led to it then."""
    left, erasure = IsRemainder(rulebook, request_id), rulebook.erasure
    everything = replace(erasure.deletion, roots=erasure.deletion.closure)
    return Erasure(
        Part(connection, rulebook, everything, left, as_of=as_of, name="erased"),
        Part(connection, rulebook, erasure.redaction, left, as_of=as_of, name="redacted"),
    )


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

    Raises:
        StoreError: somebody else plans the same at this moment.
    """
    with first_wins(request_id), one_state(engine) as connection:
        open_plan = find_open_of_request(connection, request_id)
        if open_plan is not None:
            return open_plan
        writer = find(connection).writer(request_id)
        plan = writer.plan(batch_rows)
        plan_id = None if plan.is_empty else writer.store(plan)
        return StoredPlan(plan_id=plan_id, plan=plan)
