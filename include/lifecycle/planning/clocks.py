"""Clocks as SQL conditions: which rows are due, and which the law still keeps.

A condition never computes a time limit per row. The last event day that counts comes from
:mod:`lifecycle.timelimits`; the anchor's own column is compared with it as it stands, so an index serves.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.store.relations import NamedType, climb, refers, relation
from lifecycle.timelimits import financial_year_end, first_instant, last_day, local_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.policy.model import Anchor
    from lifecycle.policy.rulebook import Clock, Rulebook


def counted_day(anchor: Anchor, last_event_day: date) -> date:
    """The last day of an anchor's column for which its event lies on ``last_event_day`` or before.

    They differ for a financial year: its end lies by then only for years that have closed.
    """
    if not anchor.financial_year_end_of:
        return last_event_day
    end = financial_year_end(last_event_day, anchor.year_ends)
    if end == last_event_day:
        return end
    before = date(end.year - 1, end.month, 1)
    return financial_year_end(before, anchor.year_ends)


def event_of(anchor: Anchor, day: date) -> date:
    """The day from which a clock is counted where the anchor's column has this day."""
    return financial_year_end(day, anchor.year_ends) if anchor.financial_year_end_of else day


def last_day_of(clock: Clock, day: date) -> date:
    """The last day a clock grants to a row whose anchor column has this day."""
    return last_day(event_of(clock.anchor, day), clock.keep)


class ClockSql:
    """One clock as SQL, for rows of the collection it belongs to."""

    def __init__(self, rulebook: Rulebook, clock: Clock) -> None:
        self.live = rulebook.live
        self.zone = rulebook.policy.zone
        self.clock = clock
        self.anchor = clock.anchor

    def due(
        self, row: FromClause, columns: Sequence[ColumnElement[Any]], last_event_day: date
    ) -> Select[Any]:
        """``columns`` of the rows whose event lies on ``last_event_day`` or before.

        One branch for each way in which a clock can have started: each is planned by its own index.
        """
        joined, end = climb(self.live, row, self.clock.path, "up")
        branches = [
            sa.select(*columns).select_from(joined).where(condition)
            for condition in self._started(end, last_event_day)
        ]
        if not all(edge.is_to_key for edge in self.clock.path):
            branches = [branch.distinct() for branch in branches]
        if len(branches) == 1:
            return branches[0]
        return sa.select(sa.union_all(*branches).subquery("due"))

    def is_due(self, row: FromClause, last_event_day: date) -> ColumnElement[bool]:
        """Whether one row is, to be asked again by the statement that deletes it."""
        return self._at_anchor(row, lambda end: sa.or_(*self._started(end, last_event_day)))

    def is_stopped(self, row: FromClause) -> ColumnElement[bool]:
        """Whether evidence stops the clock of a row: a live contract of its customer."""
        return self._at_anchor(row, lambda end: self._has_evidence(end, "stopping", self.stops))

    def stops(self, evidence: FromClause) -> ColumnElement[bool]:
        """Whether a row of the evidence has a value that stops clocks."""
        conditions = (
            _has_value(self.live[collection].columns[column], value)(evidence)
            for name, value in self.anchor.runs_only_if_none.items()
            for collection, column in (name.rsplit(".", 1),)
        )
        return sa.or_(sa.false(), *conditions)

    def is_kept(self, row: FromClause, last_over_day: date | None) -> ColumnElement[bool]:
        """Whether a limit of the row has not passed: its event lies after ``last_over_day``, or has no day."""
        if last_over_day is None:
            return self._at_anchor(row, lambda _: sa.true())
        return self._at_anchor(row, lambda end: sa.or_(*self._started(end, last_over_day)).is_not(sa.true()))

    def event_day(self, row: FromClause) -> ColumnElement[Any]:
        """The day of the anchor's column from which the row's clock counts; NULL while it does not run.

        For a financial year it is the day in the year, as :func:`last_day_of` takes it. Of several anchors the
        last counts, and one without a day lasts longest.
        """
        if not self.clock.path and not self.clock.reverse_path:
            return self._day_at(row)
        rows, end, joins = self._anchor_rows(row)
        day = self._day_at(end)
        latest = sa.case((sa.func.bool_or(day.is_(None)), sa.null()), else_=sa.func.max(day))
        return sa.select(latest).select_from(rows).where(joins).correlate(row).scalar_subquery()

    def has_started(self, anchor_row: FromClause, last_event_day: date) -> ColumnElement[bool]:
        """The clock of an anchor's row counts from ``last_event_day`` or a day before; NULL as good as no."""
        return sa.or_(*self._started(anchor_row, last_event_day))

    def tells_more_than(self, evidence_row: FromClause, last_event_day: date) -> ColumnElement[bool]:
        """A row of evidence stops the clock, tells a later day, or none."""
        early = self._is_early(evidence_row, last_event_day)
        return sa.or_(sa.not_(early.is_(sa.true())), self.stops(evidence_row))

    def tells_a_day(self, evidence_row: FromClause) -> ColumnElement[bool]:
        """A row of evidence tells a day."""
        return evidence_row.c[(self.anchor.latest or "").rsplit(".", 1)[1]].is_not(None)

    def is_due_without_evidence(self, anchor_row: FromClause, last_event_day: date) -> ColumnElement[bool]:
        """An anchor's row would be due if no row of evidence referred to it."""
        name = self.anchor.otherwise
        if name is None or name == "never":
            return sa.false()
        return self._by(anchor_row, self.anchor.on, name, last_event_day).is_(sa.true())

    def _day_at(self, end: FromClause) -> ColumnElement[Any]:
        """The day that an anchor's row tells."""
        if self.anchor.latest:
            return self._latest_day(end)
        name = self.anchor.column or self.anchor.financial_year_end_of or ""
        return self._day(end.c[name], self.live[self.anchor.on].columns[name].type)

    def _latest_day(self, end: FromClause) -> ColumnElement[Any]:
        """The latest day that the evidence of an anchor's row tells; NULL where some of it stops the clock."""
        collection, column = (self.anchor.latest or "").rsplit(".", 1)
        start = relation(self.live, collection, "evidence")
        climbed, top = climb(self.live, start, self.clock.evidence[:-1], "evidence_up")
        day = self._day(start.c[column], self.live[collection].columns[column].type)
        stopping = sa.func.bool_or(self.stops(start))
        latest = sa.case(
            (sa.func.count() == 0, self._otherwise(end)), (stopping, sa.null()), else_=sa.func.max(day)
        )
        of_the_row = refers(self.clock.evidence[-1], self.live, top, end)
        return sa.select(latest).select_from(climbed).where(of_the_row).correlate(end).scalar_subquery()

    def _is_early(self, evidence_row: FromClause, last_event_day: date) -> ColumnElement[bool]:
        collection, column = (self.anchor.latest or "").rsplit(".", 1)
        return self._by(evidence_row, collection, column, last_event_day)

    def _otherwise(self, end: FromClause) -> ColumnElement[Any]:
        name = self.anchor.otherwise
        if name is None or name == "never":
            return sa.cast(sa.null(), sa.Date)
        return self._day(end.c[name], self.live[self.anchor.on].columns[name].type)

    def started_day(self, row: FromClause) -> ColumnElement[Any]:
        """The day that counts of an anchor's row, before its financial year is closed: its own or its evidence's."""
        if not self.anchor.latest:
            return self._day_at(row)
        collection, column = self.anchor.latest.rsplit(".", 1)
        start = relation(self.live, collection, "latest")
        joined, top = climb(self.live, start, self.clock.evidence[:-1], "latest_up")
        latest = sa.func.max(self._day(start.c[column], self.live[collection].columns[column].type))
        joins = refers(self.clock.evidence[-1], self.live, top, row)
        day = sa.select(latest).select_from(joined).where(joins).correlate(row).scalar_subquery()
        if self.anchor.otherwise in {None, "never"}:
            return day
        own = self.anchor.otherwise or ""
        return sa.func.coalesce(day, self._day(row.c[own], self.live[self.anchor.on].columns[own].type))

    def _at_anchor(self, row: FromClause, condition: Any) -> ColumnElement[bool]:
        if not self.clock.path and not self.clock.reverse_path:
            return condition(row)  # type: ignore[no-any-return]  # the caller's lambda gives a condition
        rows, end, joins = self._anchor_rows(row)
        return sa.exists(
            sa.select(sa.literal(1)).select_from(rows).where(joins, condition(end)).correlate(row)
        )

    def _anchor_rows(self, row: FromClause) -> tuple[FromClause, FromClause, ColumnElement[bool]]:
        """The anchor rows that a row reaches: what to select from, the anchor's relation, the join to the row."""
        if self.clock.reverse_path:
            start = relation(self.live, self.anchor.on, "anchor")
            joined, end = climb(self.live, start, self.clock.reverse_path[:-1], "down")
            return joined, start, refers(self.clock.reverse_path[-1], self.live, end, row)
        first, *rest = self.clock.path
        start = relation(self.live, first.target, "anchor")
        joined, end = climb(self.live, start, tuple(rest), "up")
        return joined, end, refers(first, self.live, row, start)

    def _started(self, end: FromClause, last_event_day: date) -> list[ColumnElement[bool]]:
        """Conditions on the anchor's row, no two true at once: the clock started by ``last_event_day``."""
        anchor = self.anchor
        if anchor.latest:
            return self._latest_started(end, last_event_day)
        name = anchor.column or anchor.financial_year_end_of or ""
        return [self._by(end, anchor.on, name, counted_day(anchor, last_event_day))]

    def _latest_started(self, end: FromClause, last_event_day: date) -> list[ColumnElement[bool]]:
        def early(evidence: FromClause) -> ColumnElement[bool]:
            return self._is_early(evidence, last_event_day)

        def late_or_stopping(evidence: FromClause) -> ColumnElement[bool]:
            return sa.or_(sa.not_(early(evidence)), self.stops(evidence))

        ended = sa.and_(
            self._has_evidence(end, "early", early),
            sa.not_(self._has_evidence(end, "late", late_or_stopping)),
        )
        if self.anchor.otherwise in {None, "never"}:
            return [ended]
        never_begun = sa.and_(
            self._by(end, self.anchor.on, self.anchor.otherwise or "", last_event_day),
            sa.not_(self._has_evidence(end, "any", lambda _: sa.true())),
        )
        return [ended, never_begun]

    def _has_evidence(self, end: FromClause, alias: str, condition: Any) -> ColumnElement[bool]:
        """Whether a row of evidence (a contract) of the anchor's row (its customer) meets a condition."""
        start = relation(self.live, self.clock.evidence[0].holder, alias)
        joined, top = climb(self.live, start, self.clock.evidence[:-1], f"{alias}_up")
        joins = refers(self.clock.evidence[-1], self.live, top, end)
        return sa.exists(
            sa.select(sa.literal(1)).select_from(joined).where(joins, condition(start)).correlate(end)
        )

    def _by(self, clause: FromClause, collection: str, column: str, day: date) -> ColumnElement[bool]:
        """``column`` lies on ``day`` or before."""
        kind = self.live[collection].columns[column].type
        if kind == "date":
            return clause.c[column] <= sa.literal(day, sa.Date)
        return clause.c[column] < self.moment_after(day, kind)

    def moment_after(self, day: date, kind: str) -> ColumnElement[Any]:
        """The first instant after ``day``, as a value that compares with a column of type ``kind``."""
        return self.moment(first_instant(day + timedelta(days=1), self.zone), kind)

    def moment(self, instant: datetime, kind: str) -> ColumnElement[Any]:
        """An instant as a value that compares with a column of type ``kind``."""
        if kind == "date":
            return sa.literal(local_day(instant, self.zone), sa.Date)
        if kind == "timestamp without time zone":
            naive = instant.astimezone(self.anchor.time_zone).replace(tzinfo=None)
            return sa.literal(naive, sa.DateTime(timezone=False))
        return sa.literal(instant, sa.DateTime(timezone=True))

    def _day(self, column: ColumnElement[Any], kind: str) -> ColumnElement[Any]:
        if kind == "date":
            return column
        if kind == "timestamp without time zone":
            column = column.op("AT TIME ZONE")(str(self.anchor.time_zone))
        return sa.cast(column.op("AT TIME ZONE")(str(self.zone)), sa.Date)


def _has_value(column: LiveColumn, value: Any) -> Any:
    """A condition on a relation: its column has the value, or one of the values; null counts as one.

    A label of an enum is sent without a type of its own, so that PostgreSQL reads it as the column's: nothing else
    compares with an enum, and a text that is no label fails rather than stops nothing. Only under a domain must the
    enum be named for that.
    """
    values = value if isinstance(value, list) else [value]
    enum = NamedType(column.base_type) if column.labels else None

    def condition(clause: FromClause) -> ColumnElement[bool]:
        stored: ColumnElement[Any] = clause.c[column.name]
        if enum and column.domain_of:
            stored = sa.cast(stored, enum)
        given = [sa.literal(one, enum) for one in values if one is not None]
        parts = [stored.in_(given)] if given else []
        if None in values:
            parts.append(stored.is_(None))
        return sa.or_(*parts)

    return condition
