"""What is done to rows that stay, as parts of a plan: they are corrected, covered, or the subject's wish is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.plan import WHEREVER_HELD, Action
from lifecycle.planning.changes import Change
from lifecycle.planning.keep import mark_statutory
from lifecycle.planning.part import Part
from lifecycle.planning.writer import About, PlanWriter
from lifecycle.policy.rulebook import Scope, collections_of, spread
from lifecycle.requests.listed import Listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.plan import Kept
    from lifecycle.planning.workset import Work
    from lifecycle.policy.model import RequestKind
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.listed import Key


@dataclass(frozen=True, kw_only=True)
class Touch:
    """One thing that is done to rows of one collection.

    Attributes:
        keys: of the rows.
        columns: that get a value.
        edge: by which a row that is recorded refers to the rows.
    """

    collection: str
    action: Action
    keys: Sequence[Key] = field(repr=False)
    columns: tuple[str, ...] = ()
    edge: str | None = None


class TouchPart(Part):
    """Rows that are touched, and those of them that a hold or a duty keeps as they are.

    A restriction keeps nothing from it: the subject asks for both (GDPR Art. 18(2)).

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        touch: what is done to which rows.
        as_of: the moment of the run.
        name: of its table; each part of a transaction has another.
    """

    def __init__(
        self, connection: Connection, rulebook: Rulebook, touch: Touch, *, as_of: datetime, name: str
    ) -> None:
        self.touch = touch
        strands = spread((touch.collection,), ())
        scope = Scope(
            roots=(touch.collection,),
            strands=strands,
            deletion_order=collections_of(strands),
            takes_along=False,
            redacts={touch.collection: touch.columns},
        )
        ground = Listed(rulebook, {touch.collection: touch.keys})
        super().__init__(connection, rulebook, scope, ground, as_of=as_of, name=name, action=touch.action)
        self.find()

    def mark_kept(self) -> None:
        """Mark what a hold keeps, and what a duty keeps of the columns that it needs."""
        if self.touch.action in WHEREVER_HELD or not any(self.works):
            return
        super().mark_kept()
        (work,) = self.works
        self._let_pass(work, "restriction", "statutory")
        if is_needed_by_law(self.rulebook, self.touch.collection, self.touch.columns):
            mark_statutory(self.works, self.as_of, deletes=False)

    def unkept(self, collection: str) -> int:
        """How many rows are touched that nothing keeps."""
        if collection not in self.works:
            return 0
        table = self.works[collection].table
        query = sa.select(sa.func.count()).select_from(table).where(table.c.kept.is_(None))
        return int(self.connection.scalar(query) or 0)

    def _changes(self, roots_per_batch: int) -> Iterator[Change]:
        del roots_per_batch
        for work in self.works:
            rows = sa.select(*work.key_columns, work.table.c.ordinal).where(work.table.c.kept.is_(None))
            yield Change(
                collection=work.collection,
                action=self.touch.action,
                rows=rows,
                columns=self.touch.columns,
                edge=self.touch.edge,
                is_root=True,
            )

    def _let_pass(self, work: Work, *reasons: str) -> None:
        self.connection.execute(
            sa.update(work.table)
            .values(kept=None, source=None, until=None)
            .where(work.table.c.kept.in_(reasons))
        )


class Touched:
    """What one request touches, on one connection, inside one transaction.

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        touches: what is done, in order.
        kind: of the request.
        as_of: the moment of the run.
        brings: keyed fingerprints of what the request brings with it.
        spared: rows that are left alone for another reason than a hold or a duty.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        touches: Sequence[Touch],
        *,
        kind: RequestKind,
        as_of: datetime,
        brings: tuple[str, ...] = (),
        spared: tuple[Kept, ...] = (),
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.kind = kind
        self.as_of = as_of
        self.brings = brings
        self.spared = spared
        self.parts = tuple(
            TouchPart(connection, rulebook, touch, as_of=as_of, name=f"touched_{number}")
            for number, touch in enumerate(touches)
            if touch.keys
        )

    def writer(self, request_id: UUID) -> PlanWriter:
        """Puts the plan together."""
        about = About(
            rule=self.kind.value,
            commitments=self.rulebook.policy.rights[self.kind].commitments,
            request=request_id,
            brings=self.brings,
        )
        return PlanWriter(self.connection, self.rulebook, about, self.parts, as_of=self.as_of)

    def left(self) -> dict[str, int]:
        """Rows that are still to be touched and that nothing keeps, by collection."""
        counts: dict[str, int] = {}
        for part in self.parts:
            name = part.touch.collection
            counts[name] = max(counts.get(name, 0), part.unkept(name))
        return {name: rows for name, rows in counts.items() if rows}

    def kept(self) -> tuple[Kept, ...]:
        """What stays as it is, and why: each reason once, however many columns it is about."""
        found: dict[tuple[object, ...], Kept] = {}
        for one in (*self.spared, *(kept for part in self.parts for kept in part.kept())):
            same = (one.collection, one.reason, one.source, one.until)
            if same not in found or found[same].rows < one.rows:
                found[same] = one
        return tuple(found.values())


def is_needed_by_law(rulebook: Rulebook, collection: str, columns: Sequence[str]) -> bool:
    """Whether a duty that covers the collection needs any of the columns as it is."""
    return any(
        column not in duty.redacts.get(collection, ())
        for duty in rulebook.statutory.values()
        if collection in duty.clocks
        for column in columns
    )
