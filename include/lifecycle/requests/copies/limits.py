"""How long rows are kept: what the subject is told of each (GDPR Art. 15(1)(d))."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.planning.clocks import ClockSql, last_day_of
from lifecycle.policy.rulebook import shortest_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.policy.rulebook import Clock, Rulebook


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One promise or duty that says how long rows of a collection are kept.

    Attributes:
        name: of the rule or duty.
        is_duty: whether a law orders to keep them, rather than a promise to delete them.
        clock: from a row of the collection, whether it is due by itself or goes along.
    """

    name: str
    is_duty: bool
    clock: Clock


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How long one row is kept.

    Attributes:
        deleted_by: last day that the earliest promise allows; None while no clock runs.
        rule: that promise; None where there is none.
        kept_until: last day of the duty that lasts longest; None where none is known.
        duty: that duty; None where no law orders to keep the row.
        held: ``hold`` or ``restriction``, where one covers the row.
        held_until: its last day.
    """

    deleted_by: date | None = None
    rule: str | None = None
    kept_until: date | None = None
    duty: str | None = None
    held: str | None = None
    held_until: date | None = None

    def to_json(self) -> dict[str, str | None]:
        """As JSON."""
        return {
            "deleted_by": _iso(self.deleted_by),
            "rule": self.rule,
            "kept_until": _iso(self.kept_until),
            "duty": self.duty,
            "held": self.held,
            "held_until": _iso(self.held_until),
        }


def limits_of(rulebook: Rulebook, collection: str) -> tuple[Limit, ...]:
    """Every promise and duty that counts for rows of a collection."""
    rules = (
        Limit(name=name, is_duty=False, clock=clock)
        for name, rule in rulebook.rules.items()
        for clock in _clocks(rulebook, rule.clocks, rule.scope.closure, collection)
    )
    duties = (
        Limit(name=name, is_duty=True, clock=duty.clocks[collection])
        for name, duty in rulebook.statutory.items()
        if collection in duty.clocks
    )
    return (*rules, *duties)


def event_days(
    rulebook: Rulebook, limits: Sequence[Limit], row: FromClause
) -> list[ColumnElement[date | None]]:
    """The day from which each limit counts for a row, as columns ``event_0`` …; what no calendar has is its end."""
    days: list[ColumnElement[date | None]] = []
    for number, limit in enumerate(limits):
        day = ClockSql(rulebook, limit.clock).event_day(row)
        first, last = sa.literal(date.min), sa.literal(date.max)
        held = sa.case((day < first, first), (day > last, last), else_=day)
        days.append(held.label(f"event_{number}"))
    return days


def keeping_of(
    limits: Sequence[Limit], events: Iterable[date | None], held: str | None, held_until: date | None
) -> Keeping:
    """How long a row is kept whose limits count from these days."""
    ends = [
        (limit, None if day is None else last_day_of(limit.clock, day))
        for limit, day in zip(limits, events, strict=True)
    ]
    ends.sort(key=lambda one: (one[1] or date.max, one[0].clock.keep.months, one[0].clock.keep.days))
    promised = [(end, limit.name) for limit, end in ends if not limit.is_duty]
    ordered = [(end, limit.name) for limit, end in ends if limit.is_duty]
    earliest, rule = promised[0] if promised else (None, None)
    latest, duty = ordered[-1] if ordered else (None, None)
    return Keeping(
        deleted_by=_known(earliest),
        rule=rule,
        kept_until=_known(latest),
        duty=duty,
        held=held,
        held_until=held_until,
    )


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _known(day: date | None) -> date | None:
    return None if day == date.max else day


def _clocks(
    rulebook: Rulebook, clocks: Mapping[str, Clock], closure: Iterable[str], collection: str
) -> Iterator[Clock]:
    """The clock of a collection's own rows, or of those that they go with."""
    if collection in clocks:
        yield clocks[collection]
    elif collection in closure:
        going = [edge for edge in rulebook.edges if edge.spreads and not edge.leads_from_holder]
        for root, clock in clocks.items():
            for path in shortest_paths(going, collection, root)[:1]:
                if not clock.reverse_path:
                    yield replace(clock, path=(*path, *clock.path))
