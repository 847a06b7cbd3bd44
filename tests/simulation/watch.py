"""The promise itself, asked of what a run left behind: nothing late, nothing early.

Neither the engine nor the model is asked. What counts is the moment before which a row must be gone, counted here
by hand, and whether somebody may have kept it: a hold, a restriction, the law.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.moments import Period, at, day_of
from simulation.policy import RUN_EVERY_DAYS, in_force

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.policy import Policy, Promise
    from simulation.tables import Name, Row
    from simulation.world import World

Target = tuple[str, "int | None"]
Snapshot = dict[str, dict[int, "Row"]]


@dataclass(kw_only=True)
class Watch:
    """Watches the company from run to run.

    Attributes:
        limits: of the rows that the last run left, the moment before which each must be gone.
        excused: rows that were past their limit after the last run, for a reason.
        held: what holds named when the run began; it may be changed while the run goes on.
    """

    world: World
    limits: dict[Name, datetime] = field(default_factory=dict)
    excused: set[Name] = field(default_factory=set)
    held: set[Target] = field(default_factory=set)
    last_run: datetime | None = None
    policy: Policy | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def before(self, as_of: datetime) -> None:
        """Ask before a run: did a row outlive its limit though runs came in time?"""
        self.held = _held(self.world, as_of)
        if self.last_run is None or in_force(self.world.policies, as_of) is not self.policy:
            return
        for name, _, promise, limit in self._limited(as_of):
            if limit > as_of or promise.table == "app.invoice":  # accounting goes with the first run after
                continue
            gap = day_of(as_of) - day_of(self.last_run)
            is_new = self.limits.get(name) != limit
            if gap.days <= promise.lead_days + RUN_EVERY_DAYS and not is_new and name not in self.excused:
                raise Broken("late", f"{_told(name)} was to be gone by {limit} and is there at {as_of}")

    def after(self, as_of: datetime, before: Snapshot, gone: set[Name]) -> None:
        """Ask after a run: is all gone that had to be, with its lead, and nothing that had not?"""
        self._nothing_early(as_of, before, gone)
        held = _Cover(self.world.rows, self.held | _held(self.world, as_of))
        self.limits, self.excused = {}, set()
        for name, _, promise, limit in self._limited(as_of):
            self.limits[name] = limit
            if _days_before(limit, promise.lead_days) <= as_of:
                if not held.excuses(name):
                    raise Broken("late", f"{_told(name)} was to be gone by {limit} and survived {as_of}")
                self.excused.add(name)
                self.counts["kept past the limit"] += 1
        self.last_run, self.policy = as_of, in_force(self.world.policies, as_of)
        self.counts["runs"] += 1
        self.counts["rows gone"] += len(gone)

    def _limited(self, as_of: datetime) -> Iterator[tuple[Name, Row, Promise, datetime]]:
        """Rows that are there and have a limit of their own: name, facts, promise, limit."""
        policy = in_force(self.world.policies, as_of)
        for promise in policy.promises.values():
            for key, row in self.world.rows[promise.table].items():
                limit = limit_of(self.world.rows, promise, key)
                if limit is not None:
                    yield (promise.table, key), row, promise, limit

    def _nothing_early(self, as_of: datetime, before: Snapshot, gone: set[Name]) -> None:
        """What is gone had come to its limit, or something that it was part of had; and nobody held it."""
        promises = {one.table: one for one in in_force(self.world.policies, as_of).promises.values()}
        held = _Cover(before, self.held & _held(self.world, as_of))
        for name in gone:
            if held.covers(name):
                raise Broken("early", f"{_told(name)} was held and is gone at {as_of}")
            if not any(_may_go(before, promises, part, as_of) for part in _owners(before, name)):
                raise Broken("early", f"{_told(name)} is gone at {as_of}, and nothing it was part of was due")


def _may_go(rows: Snapshot, promises: dict[str, Promise], name: Name, as_of: datetime) -> bool:
    """Whether the row's own limit is near enough; accounting is kept to the end of its years."""
    promise = promises.get(name[0])
    limit = limit_of(rows, promise, name[1]) if promise else None
    if promise is None or limit is None:
        return False
    slack = 0 if name[0] == "app.invoice" else promise.lead_days + RUN_EVERY_DAYS
    return _days_before(limit, slack) <= as_of


def _owners(rows: Snapshot, name: Name | None) -> Iterator[Name]:
    """The row, what it is part of, what that is part of, and so on."""
    while name is not None:
        yield name
        name = _owner(name[0], rows[name[0]][name[1]])


def limit_of(rows: Snapshot, promise: Promise, key: int) -> datetime | None:
    """The moment before which a row must be gone; None while nothing counts down.

    Accounting is kept in full for its years and destroyed by the first run after them.
    """
    day = _event_day(rows, promise.table, key)
    return None if day is None else _end(day, promise.keep)


@lru_cache(maxsize=100_000)
def _end(day: date, keep: Period) -> datetime:
    """The first moment after the period: midnight that ends its last day."""
    months = day.year * 12 + day.month - 1 + keep.months
    year, month = months // 12, months % 12 + 1
    last = date(year, month, min(day.day, monthrange(year, month)[1]))
    return at(last + timedelta(days=keep.days + 1))


def _days_before(limit: datetime, days: int) -> datetime:
    """Midnight so many days earlier."""
    return at(day_of(limit) - timedelta(days=days))


def _event_day(rows: Snapshot, table: str, key: int) -> date | None:
    row = rows[table][key]
    match table:
        case "website.page_view" | "website.interaction":
            return day_of(row["occurred_at"])
        case "website.visitor":
            return day_of(row["last_seen_at"])
        case "website.enquiry":
            return day_of(row["submitted_at"])
        case "website.chat":
            return day_of(row["started_at"])
        case "app.disclosure":
            return day_of(row["disclosed_at"])
        case "app.invoice":
            return row["issued_on"].replace(month=12, day=31)
        case "website.marketing_subscription":
            consents = rows["website.marketing_consent"].values()
            said = [one["occurred_at"] for one in consents if one["subscription_id"] == key]
            return day_of(max(said, default=row["created_at"]))
        case _:
            return _contracts_over(rows, key if table == "app.customer" else row["customer_id"])


def _contracts_over(rows: Snapshot, customer: int) -> date | None:
    ends = [one["ended_at"] for one in rows["app.contract"].values() if one["customer_id"] == customer]
    if None in ends:
        return None
    return day_of(max(ends, default=rows["app.customer"][customer]["created_at"]))


_OWNERS = {
    "visitor_id": "website.visitor",
    "enquiry_id": "website.enquiry",
    "subscription_id": "website.marketing_subscription",
    "customer_id": "app.customer",
    "contact_id": "app.contact",
    "person_id": "app.person",
    "invoice_id": "app.invoice",
}
_OWN_MASTERS = {"website.enquiry", "website.chat", "website.marketing_subscription", "app.invoice"}
"""Their references are to others, not to what they are part of."""


def _owner(table: str, row: Row) -> Name | None:
    """The row that this one may go with."""
    if table in _OWN_MASTERS:
        return None
    return next(((_OWNERS[column], row[column]) for column in row if column in _OWNERS and row[column]), None)


def _references(row: Row) -> Iterator[Name]:
    """Every row that this one refers to."""
    others = {
        "manager_person_id": "app.person",
        "author_contact_id": "app.contact",
        "renews_contract_id": "app.contract",
        "contract_id": "app.contract",
        "credited_invoice_id": "app.invoice",
        **_OWNERS,
    }
    return ((others[column], row[column]) for column in row if column in others and row[column])


def _held(world: World, as_of: datetime) -> set[Target]:
    """What holds and restrictions name at a moment."""
    active = [hold for hold in world.holds.values() if hold.until > as_of and not hold.is_released]
    return {target for hold in active for target in hold.targets}


class _Cover:
    """Who may keep a row past its limit."""

    def __init__(self, rows: Snapshot, targets: set[Target]) -> None:
        self.rows = rows
        self.targets = targets

    def excuses(self, name: Name) -> bool:
        """Whether the row is covered, or needed by a covered row."""
        return bool(self.targets) and (self.covers(name) or name in self._needed)

    def covers(self, name: Name) -> bool:
        """Whether the row, or something it is part of, is named."""
        return bool(self.targets) and any(
            part in self.targets or (part[0], None) in self.targets for part in _owners(self.rows, name)
        )

    @cached_property
    def _needed(self) -> set[Name]:
        """What covered rows refer to, and what that is part of."""
        return {
            part
            for table, rows in self.rows.items()
            for key, row in rows.items()
            if self.covers((table, key))
            for name in _references(row)
            for part in _owners(self.rows, name)
        }


def _told(name: Name) -> str:
    return f"{name[0]} {name[1]}"
