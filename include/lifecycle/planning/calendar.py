"""What falls due when: how many rows of each rule reach their limit on which day."""

from __future__ import annotations

from dataclasses import dataclass
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


def _in_python(counted: Subquery) -> Select[Any]:
    """Days as Python can hold them: infinity, and what lies outside the years 1 to 9999, is the first or last."""
    day, first, last = counted.c.day, sa.literal(date.min), sa.literal(date.max)
    return sa.select(sa.case((day < first, first), (day > last, last), else_=day), counted.c.rows)
