"""What happens to a row: one decision from facts.

Strongest first: a legal hold, a restriction of processing (GDPR Art. 18), a statutory duty, whose columns stay
while the others are emptied, a row that stays and needs this one, a retention rule; else the row is kept. Of
several duties, holds and needs the latest end counts, of several rules the earliest limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from lifecycle.timelimits import is_due, is_over, last_day, local_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from lifecycle.decide.facts import Duty, Facts, Promise


class Act(StrEnum):
    """What is done."""

    KEEP = "keep"
    DELETE = "delete"
    REDACT = "redact"


class Reason(StrEnum):
    """Why, strongest first."""

    HOLD = "hold"
    RESTRICTION = "restriction"
    STATUTORY = "statutory"
    NEEDED = "needed"
    RULE = "rule"
    """It is due, or its period runs."""
    NOTHING = "nothing"
    """No rule's clock runs: the row is kept, and nothing says for how long."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What happens to a row, and why.

    Attributes:
        until: of a row that stays, the last day on which the reason counts, None where no end is known; of a row
            that goes or is redacted by a rule, the last day on which the promise allows it to exist.
        because: the names of everything that applied, what decided first.
        columns: those that are emptied.
    """

    action: Act
    reason: Reason
    until: date | None = None
    because: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def stays(self) -> bool:
        """Whether the row is there afterwards."""
        return self.action is not Act.DELETE


def decide(facts: Facts, *, as_of: datetime, interval_days: int, zone: ZoneInfo) -> Decision:
    """Decide about one row.

    Args:
        facts: what is known about it.
        as_of: moment of the run, aware.
        interval_days: local calendar days between runs, 1 or more.
        zone: the policy's time zone.

    Raises:
        UsageError: ``as_of`` is naive, or a number of days is out of bounds.
    """
    due = [promise for promise in facts.promises if _is_due(promise, as_of, interval_days, zone)]
    running = [duty for duty in facts.duties if not _is_over(duty, as_of, zone)]
    grounds = [
        *_holding(facts, "hold", as_of, zone),
        *_holding(facts, "restriction", as_of, zone),
        *_longest(Reason.STATUTORY, ((duty.name, _last(duty)) for duty in running)),
        *_needing(facts, due),
        *_promising(due or facts.promises),
    ]
    if not grounds:
        return Decision(action=Act.KEEP, reason=Reason.NOTHING)
    strongest = grounds[0]
    to_do = [promise for promise in due if promise.redacts or not _is_in_use(facts)]
    action, columns = _act(strongest.reason, to_do, running)
    return Decision(
        action=action,
        reason=strongest.reason,
        until=strongest.until,
        because=tuple(ground.name for ground in grounds),
        columns=columns,
    )


@dataclass(frozen=True, kw_only=True)
class _Ground:
    reason: Reason
    name: str
    until: date | None


def _act(reason: Reason, due: list[Promise], running: list[Duty]) -> tuple[Act, tuple[str, ...]]:
    """What the strongest reason leaves to be done of what is due, and the columns that are emptied."""
    redacted = tuple(dict.fromkeys(column for promise in due for column in promise.redacts))
    deletes = any(not promise.redacts for promise in due)
    if reason is Reason.RULE and deletes:
        return Act.DELETE, ()
    if reason in {Reason.HOLD, Reason.RESTRICTION}:
        return Act.KEEP, ()
    if reason is Reason.STATUTORY:
        needless = _needless(running)
        redacted = needless if deletes else tuple(column for column in redacted if column in needless)
    return (Act.REDACT if redacted else Act.KEEP), redacted


def _needless(duties: list[Duty]) -> tuple[str, ...]:
    """Personal columns that none of the duties needs."""
    first, *others = duties
    return tuple(column for column in first.needless if all(column in other.needless for other in others))


def _is_due(promise: Promise, as_of: datetime, interval_days: int, zone: ZoneInfo) -> bool:
    if promise.goes_along:
        return True
    return promise.event_day is not None and is_due(
        promise.event_day,
        promise.keep,
        lead_days=promise.lead_days,
        as_of=as_of,
        interval_days=interval_days,
        zone=zone,
    )


def _is_over(duty: Duty, as_of: datetime, zone: ZoneInfo) -> bool:
    return duty.event_day is not None and is_over(duty.event_day, duty.keep, as_of=as_of, zone=zone)


def _is_in_use(facts: Facts) -> bool:
    return any(need.in_use for need in facts.needs)


def _last(counted: Duty | Promise) -> date | None:
    return None if counted.event_day is None else last_day(counted.event_day, counted.keep)


def _holding(
    facts: Facts, kind: Literal["hold", "restriction"], as_of: datetime, zone: ZoneInfo
) -> list[_Ground]:
    """Active holds of a kind; the last day is the one in which the moment before the end lies."""
    active = [
        hold for hold in facts.holds if hold.kind == kind and not hold.is_released and hold.until > as_of
    ]
    return [
        _Ground(
            reason=Reason(kind),
            name=hold.name,
            until=local_day(hold.until - timedelta(microseconds=1), zone),
        )
        for hold in sorted(active, key=lambda hold: hold.until, reverse=True)
    ]


def _needing(facts: Facts, due: list[Promise]) -> list[_Ground]:
    """Needs stand against a deletion; emptying columns leaves the row where it is needed."""
    if all(promise.redacts for promise in due):
        return []
    return _longest(Reason.NEEDED, ((need.name, need.until) for need in facts.needs))


def _promising(promises: Iterable[Promise]) -> Iterator[_Ground]:
    """Rules whose clock runs or that are due, the earliest limit first; one that has none comes last."""
    limits = [
        (_last(promise) or date.max, promise)
        for promise in promises
        if promise.goes_along or promise.event_day is not None
    ]
    for _, promise in sorted(limits, key=lambda limit: limit[0]):
        yield _Ground(reason=Reason.RULE, name=promise.name, until=_last(promise))


def _longest(reason: Reason, named: Iterable[tuple[str, date | None]]) -> list[_Ground]:
    """Each name once, what lasts longest first; what has no known end lasts longest."""
    ends: dict[str, date | None] = {}
    for name, until in named:
        known = ends.get(name, date.min)
        ends[name] = None if until is None or known is None else max(until, known)
    grounds = [_Ground(reason=reason, name=name, until=until) for name, until in ends.items()]
    return sorted(grounds, key=lambda ground: (ground.until is None, ground.until or date.min), reverse=True)
