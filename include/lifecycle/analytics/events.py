"""Which events of a period are counted, as SQL: all but those of whoever refused, objected, or is restricted.

Whoever was erased has no events any more. What is left out is left out in the statement that reads the rows, so that
nothing of it reaches this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.analytics.reaching import Reach
from lifecycle.holds.cover import Cover
from lifecycle.holds.stops import Stops
from lifecycle.store.relations import equal, relation

if TYPE_CHECKING:
    from collections.abc import Container

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.analytics.spans import Span
    from lifecycle.policy.releases import Refusal, ResolvedRelease
    from lifecycle.policy.rulebook import Rulebook

FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""After whatever anybody has said: an objection counts for runs of earlier moments, too."""
SUBJECT, ORGANISATION = "subject", "organisation"
REASONS = ("nobody", "refused", "ended", "restricted")
"""Why an event is left out; the first that is so counts."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How many events a period has.

    Attributes:
        events: all of them.
        left_out: by reason; a reason that leaves out none stands there with 0.
    """

    events: int
    left_out: dict[str, int]

    @property
    def taken(self) -> int:
        """Those that are read."""
        return self.events - sum(self.left_out.values())


class Events:
    """The events of one period of a release.

    Args:
        connection: as the engine; asked now whom stops and restrictions name.
        rulebook: of the policy in force.
        release: one of its releases.
        span: the period.
        as_of: of the run; restrictions that have ended before do not count. Whoever has refused or objected by now is
            left out, whatever moment the run is for.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        release: ResolvedRelease,
        span: Span,
        as_of: datetime,
    ) -> None:
        self._connection = connection
        self._rulebook = rulebook
        self._release = release
        self._span = span
        self._as_of = as_of
        self._reach = Reach(rulebook.live, release.release.events)
        self._reasons = self._why()

    def query(self, columns: Container[str]) -> Select[*tuple[Any, ...]]:
        """The events that are counted: ``subject``, ``organisation`` where there is one, dimensions and measures.

        Dimensions come as they stand, under their names; an ``otherwise`` as ``<dimension>.otherwise``.

        Args:
            columns: the dimensions and measures that are needed; no other leaves the database (GDPR Art. 5(1)(c)).
        """
        release = self._release
        selected = [self._reach.text(release.subject).label(SUBJECT)]
        if release.organisation:
            selected.append(self._reach.text(release.organisation).label(ORGANISATION))
        for name, located in release.columns.items():
            if name in columns:
                is_measure = name in release.release.measures
                value = self._reach.value(located) if is_measure else self._reach.text(located)
                selected.append(value.label(name))
        left_out = [sa.not_(sa.func.coalesce(reason, sa.false())) for reason in self._reasons.values()]
        return sa.select(*selected).select_from(self._reach.joined).where(*self._in_span(), *left_out)

    def count(self) -> Counted:
        """How many there are, and how many are left out why."""
        first_of = sa.case(*((reason, name) for name, reason in self._reasons.items()), else_="taken")
        kinds = (
            sa.select(first_of.label("why"))
            .select_from(self._reach.joined)
            .where(*self._in_span())
            .subquery()
        )
        query = sa.select(kinds.c.why, sa.func.count().label("number")).group_by(kinds.c.why)
        found = {row.why: row.number for row in self._connection.execute(query)}
        return Counted(events=sum(found.values()), left_out={name: found.get(name, 0) for name in REASONS})

    def _in_span(self) -> list[ColumnElement[bool]]:
        return _between(self._reach.row.c[self._release.at.column], self._span.begins, self._span.ends)

    def _why(self) -> dict[str, ColumnElement[bool]]:
        """Whether an event is left out, by reason."""
        events, refusal = self._release.release.events, self._release.refusal
        stops = Stops(self._connection, self._rulebook, self._release.release.purpose, FAR)
        cover = Cover(self._connection, self._rulebook, self._as_of)
        for one in (stops, cover):
            one.require_nothing_lost()
        whose = [one for one in (self._release.subject, self._release.organisation) if one]
        nobody = sa.or_(*(sa.func.coalesce(self._reach.text(one), "") == "" for one in whose))
        return {
            "nobody": nobody,
            "refused": self._refused(refusal) if refusal else sa.false(),
            "ended": stops.leaves_out(events, self._reach.row),
            "restricted": cover.covers(events, self._reach.row, kind="restriction"),
        }

    def _refused(self, refusal: Refusal) -> ColumnElement[bool]:
        """Whether the subject had refused when the event came about, or has refused since and not taken it back."""
        word = relation(self._rulebook.live, refusal.edge.holder, "word")
        owners = [word.c[name] for name in refusal.edge.columns]
        said = word.c[refusal.at]
        keys = [word.c[name] for name, _ in self._rulebook.key(refusal.edge.holder)]
        until = sa.func.lead(said).over(partition_by=owners, order_by=[said, *keys])
        words = sa.select(
            *owners, word.c[refusal.column].label("said"), said.label("since"), until.label("until")
        ).cte("words")
        same = [
            equal(words.c[here], *self._target(refusal, here, there)) for here, there in refusal.edge.pairs
        ]
        moment = self._reach.row.c[self._release.at.column]
        refused = sa.select(sa.literal(1)).where(
            words.c.said == refusal.value, _word_counts(words, moment), *same
        )
        return sa.exists(refused.correlate_except(words))

    def _target(self, refusal: Refusal, here: str, there: str) -> tuple[ColumnElement[Any], tuple[str, str]]:
        """The column that a word's owner is compared with, and the types of both.

        Where the row before the owner's has the same value, it is that of the row before: one join less.
        """
        live, edge, path = self._rulebook.live, refusal.edge, refusal.path
        collection, column, end = edge.target, there, path
        if path:
            held = {target: holder for holder, target in path[-1].pairs}
            if there in held:
                collection, column, end = path[-1].holder, held[there], path[:-1]
        kinds = live[edge.holder].columns[here].type, live[collection].columns[column].type
        return self._reach.end(end).c[column], kinds


def number_of_events(
    connection: Connection,
    rulebook: Rulebook,
    release: ResolvedRelease,
    begins: datetime,
    ends: datetime | None = None,
) -> int:
    """How many events there are from one moment until before another, those that are left out included."""
    row = relation(rulebook.live, release.release.events, "event")
    conditions = _between(row.c[release.at.column], begins, ends)
    return connection.scalar(sa.select(sa.func.count()).select_from(row).where(*conditions)) or 0


def _between(
    moment: ColumnElement[datetime], begins: datetime, ends: datetime | None
) -> list[ColumnElement[bool]]:
    return [moment >= _moment(begins), *([moment < _moment(ends)] if ends else [])]


def _word_counts(words: FromClause, moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether a word counts for an event: it is the last, or was when the event came about."""
    return sa.or_(words.c.until.is_(None), sa.and_(words.c.since <= moment, moment < words.c.until))


def _moment(at: datetime) -> ColumnElement[datetime]:
    """A moment as its type says: COPY takes no parameters, and Airflow's moments are of a type of their own."""
    return sa.literal(at, sa.DateTime(timezone=True))
