"""What the law keeps of a subject who is erased: rows that lose a reference or a name, with what is part of them.

A plan tells of the rows that it would otherwise delete or empty. Books of account are neither: they stay, and the
person who asks has to be told so, and until when (GDPR Art. 12(4)).
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.plan import Action, Kept
from lifecycle.planning.items import plan_item, planned_rows
from lifecycle.planning.planner import one_state
from lifecycle.requests.erasure import found_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Select

    from lifecycle.planning.items import StoredPlan
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.rulebook import Rulebook

STAYING = (Action.CUT, Action.REDACT)
"""What is done to rows that stay."""
_TOLD = sa.text("""
    SELECT DISTINCT ON (detail ->> 'plan') detail -> 'stays' AS stays
    FROM lifecycle.request_event
    WHERE request_id = :request AND what = 'planned' AND detail ? 'stays'
      AND detail ->> 'plan' IN (SELECT digest FROM lifecycle.plan WHERE request_id = :request AND state = 'executed')
    ORDER BY detail ->> 'plan', event_id
""")


def books_of(engine: Engine, rulebook: Rulebook, stored: StoredPlan, *, as_of: datetime) -> tuple[Kept, ...]:
    """The rows that a stored plan changes, and what belongs to them, as far as the law keeps them.

    Asked before the plan is carried out: afterwards nobody knows which rows they were.
    """
    scope = rulebook.erasure.books
    changed = {item.collection for item in stored.plan.items if item.action in STAYING}
    if stored.plan_id is None or not changed & set(scope.roots):
        return ()
    ground = _ChangedBy(rulebook, stored.plan_id)
    with one_state(engine) as connection:
        found = found_of(connection, rulebook, as_of, (scope, ground, Action.DELETE))
        return tuple(one for one in found.kept() if one.reason == "statutory")


def told_books(connection: Connection, request_id: UUID) -> tuple[Kept, ...]:
    """The books that stay of a request's plans that were carried out, as they were told when each was planned."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in connection.execute(_TOLD, {"request": request_id}):
        for one in row.stays:
            until = date.fromisoformat(one["until"]) if one["until"] else None
            counts[one["collection"], one["reason"], one["source"], until] += one["rows"]
    return tuple(
        Kept(collection=collection, reason=reason, source=source, until=until, rows=rows)
        for (collection, reason, source, until), rows in counts.items()
    )


def together(kept: Iterable[Kept]) -> tuple[Kept, ...]:
    """What stays, each reason once, with the most rows that anybody has counted for it."""
    most: dict[tuple[Any, ...], Kept] = {}
    for one in kept:
        why = (one.collection, one.reason, one.source, one.until)
        if why not in most or most[why].rows < one.rows:
            most[why] = one
    return tuple(most.values())


class _ChangedBy:
    """Rows are asked about because a plan changes them and lets them stay.

    Args:
        rulebook: of the policy in force.
        plan_id: of the plan, which is stored and has not ended.
    """

    def __init__(self, rulebook: Rulebook, plan_id: int) -> None:
        self.rulebook = rulebook
        self.plan_id = plan_id

    @property
    def signature(self) -> Hashable:
        """There is one question for all plans."""
        return "changed_by"

    @property
    def bound(self) -> dict[str, Any]:
        """The plan."""
        return {"changed_by": self.plan_id}

    def due(self, work: Work) -> Select[Any]:
        """The rows of a collection that it changes."""
        row = work.row("due_row")
        planned = self._planned(work.collection)
        return sa.select(*work.row_keys(row)).where(self._is_among(work.collection, row, planned))

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether it changes a row."""
        return self._is_among(collection, row, self._planned(collection))

    def witnesses(self, _works: WorkSet, _work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """None: the plan says it."""
        return iter(())

    def _planned(self, collection: str) -> FromClause:
        return planned_rows(
            self.rulebook,
            collection,
            plan_item.c.plan_id == sa.bindparam("changed_by", self.plan_id, sa.BigInteger),
            plan_item.c.action.in_([action.value for action in STAYING]),
        )

    def _is_among(self, collection: str, row: FromClause, planned: FromClause) -> ColumnElement[bool]:
        same = [row.c[name] == planned.c[name] for name, _ in self.rulebook.key(collection)]
        return sa.exists(sa.select(sa.literal(1)).select_from(planned).where(*same).correlate(row))
