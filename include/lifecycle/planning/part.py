"""A part of a plan: the rows that are due within one scope, what goes along, and what stays all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.plan import Action, Kept
from lifecycle.planning.batches import settle
from lifecycle.planning.changes import deletions, holds_something, redactions
from lifecycle.planning.collect import collect
from lifecycle.planning.keep import mark_kept
from lifecycle.planning.reliance import Reliance
from lifecycle.planning.workset import WorkSet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.plan import Relied
    from lifecycle.planning.changes import Change
    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.items import ItemWriter
    from lifecycle.planning.workset import Work
    from lifecycle.policy.rulebook import Rulebook, Scope


class Part:
    """Rows of one scope, in a work set of their own.

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        scope: which collections it reaches, and whether their rows go or are emptied.
        ground: why rows are due.
        as_of: the moment of the run.
        name: begins the names of its tables.
        action: what is done to columns, where rows stay: ``redact`` or ``mask``.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        scope: Scope,
        ground: Ground,
        *,
        as_of: datetime,
        name: str = "work",
        action: Action = Action.REDACT,
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.scope = scope
        self.ground = ground
        self.as_of = as_of
        self.action = action
        self.works = WorkSet(connection, rulebook, scope, name)
        self.reliance: Reliance | None = None

    def find(self) -> None:
        """Find what is due and what belongs to it, and mark what stays."""
        due = self.works.with_rows({name: self.ground.due(self.works[name]) for name in self.scope.roots})
        if due and self.scope.takes_along:
            for strand in self.scope.strands:
                collect(self.works, strand, due)
        elif due:
            for collection, rows in due.items():
                self.works.add_roots(collection, rows)
        self.mark_kept()

    def mark_kept(self) -> None:
        """Mark, among the rows that were found, those that stay all the same."""
        if any(self.works):
            mark_kept(self.works, self.ground, self.as_of)

    def write(self, items: ItemWriter, batch_rows: int) -> None:
        """Write what is done to its rows, in batches of about ``batch_rows`` rows."""
        if not any(self.works):
            return
        roots_per_batch = self._roots_per_batch(batch_rows)
        was_settled = not self.scope.redacts and settle(self.works)
        written = [change for change in self._changes(roots_per_batch) if items.add(change, roots_per_batch)]
        along = [change for change in written if not change.is_root and change.action is not Action.CUT]
        if along:
            self.reliance = Reliance(self.works, roots_per_batch, along, was_settled=was_settled)

    def relies(self) -> tuple[Relied, ...]:
        """On which rows that stay its batches rely, once it was written."""
        return self.reliance.read() if self.reliance else ()

    def store(self, plan_id: int) -> None:
        """Store with a plan what its batches rely on."""
        if self.reliance:
            self.reliance.store(plan_id)

    def leave_to(self, deletion: Part) -> None:
        """Leave alone what goes by another part."""
        for work in self.works:
            if work.collection in deletion.works:
                gone = deletion.works[work.collection]
                same = [work.table.c[name] == gone.table.c[name] for name in work.keys.values()]
                self.connection.execute(sa.delete(work.table).where(*same, gone.table.c.kept.is_(None)))

    def kept(self) -> Iterator[Kept]:
        """What stays all the same, and why."""
        for work in self.works:
            if work.collection in self.works.kept:
                yield from self._kept_of(work)

    def unkept(self, collection: str) -> int:
        """How many of a collection's due rows nothing keeps."""
        if collection not in self.works:
            return 0
        work = self.works[collection]
        query = sa.select(sa.func.count()).where(work.table.c.is_root, work.table.c.kept.is_(None))
        columns = self.scope.redacts.get(collection, ())
        if columns:  # a row that was emptied is due for ever, and done
            row = work.row("unkept")
            query = query.where(work.is_row(row), holds_something(self.rulebook, collection, row, columns))
        return int(self.connection.scalar(query.select_from(work.table)) or 0)

    def _changes(self, roots_per_batch: int) -> Iterator[Change]:
        if not self.scope.redacts:
            yield from deletions(self.works, roots_per_batch)
            return
        for work in self.works:
            yield from redactions(self.works, work.collection, self.action)

    def _roots_per_batch(self, batch_rows: int) -> int:
        """How many ordinals make a batch, so that it changes about ``batch_rows`` rows."""
        counts = [sa.select(sa.func.count().label("rows")).select_from(work.table) for work in self.works]
        total = self.connection.scalar(sa.select(sa.func.sum(sa.union_all(*counts).subquery().c.rows)))
        roots = self.works.highest_ordinal()
        return max(1, batch_rows * roots // max(int(total or 0), 1))

    def _kept_of(self, work: Work) -> Iterator[Kept]:
        table = work.table
        reason = (table.c.kept, table.c.source, table.c.until)
        rows = self.connection.execute(
            sa.select(*reason, sa.func.count().label("rows"))
            .where(table.c.kept.is_not(None))
            .group_by(*reason)
            .order_by(*reason)
        )
        for row in rows:
            yield Kept(
                collection=work.collection,
                reason=row.kept,
                source=row.source,
                until=row.until,
                rows=row.rows,
            )
