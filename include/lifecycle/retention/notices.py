"""Notices: a deletion that is coming is noticed when its clock starts, announced ahead of time, and settled.

For every rule that says ``announce``, one notice per row on which its clock runs (a customer whose contracts
have ended), as long as there is something to delete because of it (the customer's persons). Where the clock
stops again, or started on another day, or an amended policy grants another period, the notice is cancelled, and
taken anew where it still runs; where nothing is left, it is done. A notice that has ended forgets its row's key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array

from lifecycle.ledger.book import append_all
from lifecycle.planning.clocks import ClockSql
from lifecycle.planning.planner import required_rule
from lifecycle.store.relations import NamedType, climb, refers, relation
from lifecycle.timelimits import financial_year_end, last_day, local_day, planned_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Clock, ResolvedRule, Rulebook
    from lifecycle.runs.company import Company

_LOCK = 0x6C6966656E6F7465  # "lifenote": one run at a time changes notices
FINGERPRINTS = 500
"""Most fingerprints that an announcement carries; the rest are counted."""

_OPEN = "notice.rule = :rule AND notice.cancelled_at IS NULL AND notice.done_at IS NULL"
_ADD = sa.text("""
    -- A notice for every running clock that has none.
    INSERT INTO lifecycle.notice (rule, collection, key, event_day, last_day, planned_on, noticed_at)
    SELECT :rule, :collection, running.key, days.event_day, days.last_day, greatest(days.planned_on, :today), :as_of
    FROM running
    JOIN unnest(CAST(:day AS date[]), CAST(:event_day AS date[]), CAST(:last_day AS date[]),
                CAST(:planned_on AS date[])) AS days (day, event_day, last_day, planned_on)
        ON days.day = running.day
    ORDER BY running.key
    ON CONFLICT (rule, collection, key) WHERE cancelled_at IS NULL AND done_at IS NULL DO NOTHING
    RETURNING key, last_day
""")
_DONE = sa.text(f"""
    -- Nothing is left to delete because of it.
    UPDATE lifecycle.notice SET done_at = :as_of
    WHERE {_OPEN} AND notice.noticed_at <= :as_of
      AND NOT EXISTS (SELECT FROM remaining WHERE remaining.key = notice.key)
""")
_STOPPED = sa.text(f"""
    UPDATE lifecycle.notice SET cancelled_at = :as_of
    WHERE {_OPEN} AND notice.noticed_at <= :as_of
      AND NOT EXISTS (SELECT FROM running WHERE running.key = notice.key)
    RETURNING key
""")
_MOVED = sa.text(f"""
    -- The clock runs, but from another day than the one that was noticed, or an amended policy grants another period.
    UPDATE lifecycle.notice SET cancelled_at = :as_of
    FROM running
    JOIN unnest(CAST(:day AS date[]), CAST(:event_day AS date[]), CAST(:last_day AS date[]),
                CAST(:planned_on AS date[])) AS days (day, event_day, last_day, planned_on)
        ON days.day = running.day
    WHERE {_OPEN} AND notice.noticed_at <= :as_of AND running.key = notice.key
      AND (notice.event_day, notice.last_day, notice.planned_on)
          <> (days.event_day, days.last_day,
              greatest(days.planned_on, CAST(notice.noticed_at AT TIME ZONE :zone AS date)))
    RETURNING notice.key
""")
_FORGOTTEN = sa.text("""
    -- Which row an ended notice was about is told by its fingerprint in the ledger; a key may be a person's own number.
    UPDATE lifecycle.notice SET key = '{}'
    WHERE rule = :rule AND (cancelled_at IS NOT NULL OR done_at IS NOT NULL) AND key <> '{}'
""")
_ANNOUNCED = sa.text(f"""
    -- Each lead that has come and was not announced yet; the last of them is what is told.
    WITH come AS (
        SELECT notice.notice_id, array_agg(lead.days ORDER BY lead.days DESC) AS leads
        FROM lifecycle.notice AS notice CROSS JOIN unnest(CAST(:leads AS integer[])) AS lead (days)
        WHERE {_OPEN} AND notice.planned_on - lead.days <= :today AND lead.days <> ALL (notice.announced)
        GROUP BY notice.notice_id
    )
    UPDATE lifecycle.notice SET announced = notice.announced || come.leads
    FROM come WHERE come.notice_id = notice.notice_id
    RETURNING notice.key, notice.planned_on, notice.last_day, come.leads[cardinality(come.leads)] AS lead
""")
_running = sa.Table(
    "running",
    sa.MetaData(),
    sa.Column("key", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
_remaining = sa.Table(
    "remaining",
    sa.MetaData(),
    sa.Column("key", sa.ARRAY(sa.Text), nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """Deletions of one planned day that were announced by this run.

    Attributes:
        days_ahead: the shortest lead that has come; the policy's ``announce``.
        is_last: no further announcement follows.
        rows: how many notices.
        fingerprints: keyed fingerprints of the rows whose clocks run, at most :data:`FINGERPRINTS`.
    """

    planned_on: date
    days_ahead: int
    is_last: bool
    rows: int
    fingerprints: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """For whoever schedules on it: no keys, no personal data."""
        return {
            "planned_on": self.planned_on.isoformat(),
            "days_ahead": self.days_ahead,
            "is_last": self.is_last,
            "rows": self.rows,
            "fingerprints": list(self.fingerprints),
        }


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """What a run did to the notices of a rule."""

    rule: str
    added: int = 0
    cancelled: int = 0
    done: int = 0
    announcements: tuple[Announcement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Counts, days and fingerprints."""
        return {
            "rule": self.rule,
            "added": self.added,
            "cancelled": self.cancelled,
            "done": self.done,
            "announcements": [one.to_json() for one in self.announcements],
        }


def take_notice(company: Company, rule: str, *, as_of: datetime) -> Noticed:
    """Bring the notices of a rule up to date and announce what is near; again, it does nothing new.

    A run for an earlier moment leaves the notices of later runs alone.

    Raises:
        UsageError: the policy in force has no such rule.
    """
    rulebook = company.rulebook(as_of)
    resolved = required_rule(rulebook, rule)
    if not resolved.rule.announce:
        return Noticed(rule=rule)
    with company.engine.begin() as connection:
        return _Notices(connection, rulebook, resolved, company.keys, as_of).take()


class _Notices:
    """The notices of one rule, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        rule: ResolvedRule,
        keys: KeyProvider,
        as_of: datetime,
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.rule = rule
        self.keys = keys
        self.as_of = as_of
        self.clock: Clock = next(iter(rule.clocks.values()))
        self.collection = self.clock.anchor.on
        self.today = local_day(as_of, rulebook.policy.zone)
        self.bound = {"rule": rule.name, "as_of": as_of, "today": self.today}

    def take(self) -> Noticed:
        self.connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        self._measure()
        days = self._days()
        done = self.connection.execute(_DONE, self.bound).rowcount
        stopped = self._changed(_STOPPED)
        moved = self._changed(_MOVED, zone=str(self.rulebook.policy.zone), **days)
        self.connection.execute(_FORGOTTEN, self.bound)
        added = self._changed(_ADD, collection=self.collection, **days)
        near = self._changed(_ANNOUNCED, leads=sorted(set(self.rule.rule.announce)))
        self._record(stopped, moved, added, near)
        return Noticed(
            rule=self.rule.name,
            added=len(added),
            cancelled=len(stopped) + len(moved),
            done=done,
            announcements=tuple(self._announcements(near)),
        )

    def _measure(self) -> None:
        """Fill ``running``, the clocks that run, and ``remaining``, the noticed rows with something to delete."""
        sql = ClockSql(self.rulebook, replace(self.clock, path=(), reverse_path=()))
        row = relation(self.rulebook.live, self.collection, "anchor_row")
        columns = [self._key(row).label("key"), sql.started_day(row).label("day")]
        started = sql.due(row, [row.c[name] for name, _ in self.rulebook.key(self.collection)], self.today)
        keys = started.subquery("started")
        same = [row.c[name] == keys.c[name] for name, _ in self.rulebook.key(self.collection)]
        self._write(_running, sa.select(*columns).where(*same, self._leads_to_something(row)))
        before_any = sa.literal(date.min)  # minus infinity, which Python cannot hold
        self.connection.execute(sa.update(_running).values(day=before_any).where(_running.c.day < before_any))
        self._write(_remaining, self._remaining())

    def _remaining(self) -> Select[Any]:
        """Keys of open notices whose row is there and still leads to something that is to be deleted."""
        key = sa.column("key", sa.ARRAY(sa.Text))
        notice = sa.table("notice", key, schema="lifecycle").alias("notice")
        named = (
            sa.select(
                notice.c.key,
                *(
                    sa.cast(notice.c.key[number], NamedType(kind)).label(name)
                    for number, (name, kind) in enumerate(self.rulebook.key(self.collection), start=1)
                ),
            )
            .where(sa.text(_OPEN).bindparams(rule=self.rule.name))
            .cte("named")
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )
        row = relation(self.rulebook.live, self.collection, "anchor_row")
        same = [row.c[name] == named.c[name] for name, _ in self.rulebook.key(self.collection)]
        return sa.select(named.c.key).where(*same, self._leads_to_something(row))

    def _leads_to_something(self, anchor_row: FromClause) -> ColumnElement[bool]:
        """Whether a row that the rule applies to reaches this row of the anchor."""
        return sa.or_(*(self._reaches(name, clock, anchor_row) for name, clock in self.rule.clocks.items()))

    def _reaches(self, collection: str, clock: Clock, anchor_row: FromClause) -> ColumnElement[bool]:
        if not clock.path:
            return sa.true()
        live = self.rulebook.live
        start = relation(live, collection, "to_delete")
        joined, end = climb(live, start, clock.path[:-1], "to_anchor")
        joins = refers(clock.path[-1], live, end, anchor_row)
        return sa.exists(sa.select(sa.literal(1)).select_from(joined).where(joins).correlate(anchor_row))

    def _key(self, row: FromClause) -> ColumnElement[Any]:
        return array([sa.cast(row.c[name], sa.Text) for name, _ in self.rulebook.key(self.collection)])

    def _write(self, table: sa.Table, rows: Select[Any]) -> None:
        table.create(self.connection)
        names = [column.name for column in table.columns]
        self.connection.execute(sa.insert(table).from_select(names, rows))
        self.connection.exec_driver_sql(f"ANALYZE {table.name}")

    def _days(self) -> dict[str, list[date]]:
        """For each day on which clocks started: the day that counts, the last day, the planned day."""
        days = sorted(self.connection.scalars(sa.select(_running.c.day).distinct()))
        anchor, rule = self.clock.anchor, self.rule.rule
        events = [
            financial_year_end(day, anchor.year_ends) if anchor.financial_year_end_of else day for day in days
        ]
        interval = self.rulebook.policy.policy.run_every
        return {
            "day": days,
            "event_day": events,
            "last_day": [last_day(event, rule.keep) for event in events],
            "planned_on": [
                planned_day(event, rule.keep, lead_days=rule.lead, interval_days=interval) for event in events
            ],
        }

    def _changed(self, statement: sa.TextClause, **bound: Any) -> Sequence[Row[Any]]:
        return self.connection.execute(statement, {**self.bound, **bound}).all()

    def _record(
        self,
        stopped: Iterable[Row[Any]],
        moved: Iterable[Row[Any]],
        added: Iterable[Row[Any]],
        near: Iterable[Row[Any]],
    ) -> None:
        """An entry of the ledger for each change; rows are named by fingerprint."""
        entries = [("deletion_cancelled", self._about(one, reason="clock_stopped")) for one in stopped]
        entries += [("deletion_cancelled", self._about(one, reason="rescheduled")) for one in moved]
        entries += [("deletion_noticed", self._about(one, due=one.last_day)) for one in added]
        entries += [("deletion_announced", self._about(one, due=one.last_day)) for one in near]
        append_all(self.connection, entries, as_of=self.as_of)

    def _about(self, notice: Row[Any], **more: Any) -> dict[str, Any]:
        return {"rule": self.rule.name, "row": self._fingerprint(notice), **more}

    def _fingerprint(self, notice: Row[Any]) -> str:
        return self.keys.fingerprint("row", f"{self.collection}:{','.join(notice.key)}")

    def _announcements(self, near: Iterable[Row[Any]]) -> Iterator[Announcement]:
        last = min(self.rule.rule.announce)
        by_day: dict[tuple[date, int], list[Row[Any]]] = {}
        for notice in near:
            by_day.setdefault((notice.planned_on, notice.lead), []).append(notice)
        for (day, lead), notices in sorted(by_day.items()):
            yield Announcement(
                planned_on=day,
                days_ahead=lead,
                is_last=lead == last,
                rows=len(notices),
                fingerprints=tuple(sorted(self._fingerprint(one) for one in notices[:FINGERPRINTS])),
            )
