"""What falls due when: how many rows of each rule reach their limit on which day, and how many on none yet."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.planning.clocks import ClockSql, last_day_of
from lifecycle.store.relations import relation
from lifecycle.timelimits import local_day

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Select, Subquery

    from lifecycle.policy.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True)
class Due:
    """Rows of one collection that a rule plans to delete on one day.

    Attributes:
        planned_on: the local day of the last scheduled run that keeps the rule's lead.
        last_day: the last local day on which they may exist.
    """

    rule: str
    collection: str
    planned_on: date
    last_day: date
    rows: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rule": self.rule,
            "collection": self.collection,
            "planned_on": self.planned_on.isoformat(),
            "last_day": self.last_day.isoformat(),
            "rows": self.rows,
        }


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Rows of one collection on which a rule's clock does not run.

    Attributes:
        stopped: by something that lives, such as a contract.
        undated: nothing tells the day on which it starts, so that they are kept until something does.
    """

    rule: str
    collection: str
    stopped: int
    undated: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def calendar(
    connection: Connection, rulebook: Rulebook, rule: str, *, as_of: datetime, days: int
) -> list[Due]:
    """What falls due by a rule within ``days`` of ``as_of``, what is overdue included.

    Reads every row whose clock runs, so it is a report, not a step of a run.
    """
    resolved = rulebook.rules[rule]
    today = local_day(as_of, rulebook.policy.zone)
    end = today + min(timedelta(days=days), date.max - today)
    interval = rulebook.policy.policy.run_every
    found: dict[tuple[str, date, date], int] = {}
    for collection, clock in resolved.clocks.items():
        row = relation(rulebook.live, collection, "row")
        day = ClockSql(rulebook, clock).event_day(row).label("day")
        events = sa.select(day).select_from(row).subquery("events")
        count = sa.func.count().label("rows")
        counted = sa.select(events.c.day, count).where(events.c.day.is_not(None)).group_by(events.c.day)
        for event_day, rows in connection.execute(_in_python(counted.subquery("counted"))):
            last = last_day_of(clock, event_day)
            planned = last + timedelta(days=1 - clock.lead_days - interval)
            if planned <= end:
                found[collection, planned, last] = found.get((collection, planned, last), 0) + rows
    return [
        Due(rule=rule, collection=collection, planned_on=planned, last_day=last, rows=rows)
        for (collection, planned, last), rows in sorted(found.items())
    ]


def waiting(connection: Connection, rulebook: Rulebook, rule: str) -> list[Waiting]:
    """Rows on which the clock of a rule does not run, by collection; reads all of them, as :func:`calendar` does."""
    found = []
    for collection, clock in rulebook.rules[rule].clocks.items():
        row = relation(rulebook.live, collection, "row")
        sql = ClockSql(rulebook, clock)
        is_stopped = sql.is_stopped(row) if clock.anchor.runs_only_if_none else sa.false()
        counts = sa.select(sa.func.count().filter(is_stopped), sa.func.count().filter(sa.not_(is_stopped)))
        stopped, undated = connection.execute(
            counts.select_from(row).where(sql.event_day(row).is_(None))
        ).one()
        if stopped or undated:
            found.append(Waiting(rule=rule, collection=collection, stopped=stopped, undated=undated))
    return found


def _in_python(counted: Subquery) -> Select[Any]:
    """Days as Python can hold them: infinity, and what lies outside the years 1 to 9999, is the first or last."""
    day, first, last = counted.c.day, sa.literal(date.min), sa.literal(date.max)
    return sa.select(sa.case((day < first, first), (day > last, last), else_=day), counted.c.rows)
