"""What an erasure does: a plan like any other, made of the rows that name its subject (GDPR Art. 17)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.holds.cover import Cover
from lifecycle.plan import Action
from lifecycle.planning.in_memory import PartInMemory
from lifecycle.planning.items import ItemList, StoredPlan, find_open_of_request
from lifecycle.planning.nearby import TooMany
from lifecycle.planning.part import Part
from lifecycle.planning.planner import BATCH_ROWS, one_state
from lifecycle.planning.writer import About, PlanWriter
from lifecycle.policy.model import RequestKind
from lifecycle.requests.at_once import first_wins
from lifecycle.requests.ground import IsRemainder, NamesSubject
from lifecycle.requests.mentions import known_by_fingerprint, mentions_remainder, mentions_subject
from lifecycle.requests.tables import request_remainder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection, Engine

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.plan import Kept
    from lifecycle.planning.grounds import Ground
    from lifecycle.policy.rulebook import Rulebook, Scope
    from lifecycle.requests.procedure import Found
    from lifecycle.requests.subject import Whom

    AnyPart = Part | PartInMemory


class Erasure:
    """What one erasure finds, on one connection, inside one transaction.

    Args:
        deletion: rows that go, with what belongs to them.
        changes: rows that stay and are changed.
    """

    def __init__(self, deletion: AnyPart, *changes: AnyPart) -> None:
        self.connection = deletion.connection
        self.rulebook = deletion.rulebook
        self.as_of = deletion.as_of
        self.parts = (*changes, deletion)
        for part in changes:
            part.leave_to(deletion)  # type: ignore[arg-type]  # all are of one sort

    def writer(self, request_id: UUID) -> PlanWriter:
        """Puts the plan together."""
        about = About(
            rule=RequestKind.ERASURE.value,
            commitments=self.rulebook.policy.rights[RequestKind.ERASURE].commitments,
            request=request_id,
        )
        is_in_memory = isinstance(self.parts[0], PartInMemory)
        items = ItemList(self.connection) if is_in_memory else None
        return PlanWriter(self.connection, self.rulebook, about, self.parts, as_of=self.as_of, items=items)

    def unkept(self) -> dict[str, int]:
        """Due rows that nothing keeps, by collection."""
        counts: Counter[str] = Counter()
        for part in self.parts:
            for name in part.scope.roots:
                counts[name] += part.unkept(name)
        return {name: rows for name, rows in counts.items() if rows}

    def keep_remainder(self, request_id: UUID) -> int:
        """Remember the rows that stay for a while, so that they go without a new request; how many there are."""
        return sum(
            _remember_found(request_id, part) if isinstance(part, Part) else _remember(request_id, part)
            for part in self.parts
        )

    def kept(self) -> tuple[Kept, ...]:
        """What stays all the same, and why."""
        return tuple(kept for part in self.parts for kept in part.kept())


def _remember(request_id: UUID, part: PartInMemory) -> int:
    action = _action(part)
    rows = [
        {
            "request_id": request_id,
            "collection": row.collection,
            "key": list(row.key),
            "reason": reason,
            "source": source,
            "until": until,
            "action": action.value,
        }
        for row, reason, source, until in part.kept_rows()
    ]
    if rows:
        part.connection.execute(postgresql.insert(request_remainder).on_conflict_do_nothing(), rows)
    return len(rows)


def _remember_found(request_id: UUID, part: Part) -> int:
    action, found = _action(part), 0
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
            sa.literal(action.value, sa.Text),
        ).where(table.c.kept.is_not(None))
        columns = [column.name for column in request_remainder.c]
        insert = postgresql.insert(request_remainder).from_select(columns, rows)
        counted = insert.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        found += part.connection.execute(counted).rowcount
    return found


def _action(part: AnyPart) -> Action:
    """What is done to the rows of a part when nothing keeps them."""
    return part.action if part.scope.redacts else Action.DELETE


def of_subject(connection: Connection, rulebook: Rulebook, whom: Whom, *, as_of: datetime) -> Erasure:
    """What an erasure finds of its subject."""
    names, erasure = NamesSubject(rulebook, whom), rulebook.erasure
    mentions = mentions_subject(connection, rulebook, whom)
    return found_of(
        connection,
        rulebook,
        as_of,
        (erasure.deletion, names, Action.DELETE),
        (erasure.redaction, names, Action.REDACT),
        (erasure.masking, mentions, Action.MASK),
    )


def of_remainder(
    connection: Connection, rulebook: Rulebook, request_id: UUID, keys: KeyProvider, *, as_of: datetime
) -> Erasure:
    """What is there of the rows that an erasure had to leave: such a row is due whatever led to it then."""
    erasure = rulebook.erasure
    everything = replace(erasure.deletion, roots=erasure.deletion.closure)
    mask = known_by_fingerprint(connection, rulebook, request_id, keys)
    return found_of(
        connection,
        rulebook,
        as_of,
        (everything, IsRemainder(rulebook, request_id, Action.DELETE), Action.DELETE),
        (erasure.redaction, IsRemainder(rulebook, request_id, Action.REDACT), Action.REDACT),
        (erasure.masking, mentions_remainder(connection, rulebook, request_id, mask), Action.MASK),
    )


def found_of(
    connection: Connection, rulebook: Rulebook, as_of: datetime, *wanted: tuple[Scope, Ground, Action]
) -> Erasure:
    """What is found of some scopes, that of rows that go in front: in memory, unless that is too much for it."""
    cover = Cover(connection, rulebook, as_of)
    try:
        return Erasure(
            *(
                PartInMemory(connection, rulebook, scope, ground, as_of=as_of, action=action, cover=cover)
                for scope, ground, action in wanted
            )
        )
    except TooMany:
        parts = [
            Part(
                connection, rulebook, scope, ground, as_of=as_of, name=f"asked_{action.value}", action=action
            )
            for scope, ground, action in wanted
        ]
        for part in parts:
            part.find()
        return Erasure(*parts)


def make_plan(
    engine: Engine,
    request_id: UUID,
    find: Callable[[Connection], Found],
    *,
    batch_rows: int = BATCH_ROWS,
) -> StoredPlan:
    """Plan what a request asks for and store the plan, unless it does nothing.

    A plan of the request that has not ended is returned as it is.

    Args:
        engine: connects as the engine role.
        request_id: the request's number.
        find: finds what it is to be done to, in a transaction that sees one state of the database.
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
