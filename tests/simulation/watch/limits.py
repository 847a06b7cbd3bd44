"""The moment before which a row must be gone, counted by hand."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from simulation.moments import Period, at, day_of

if TYPE_CHECKING:
    from simulation.policy import Promise
    from simulation.tables import Snapshot

_OWN_DAY = {
    "website.page_view": "occurred_at",
    "website.interaction": "occurred_at",
    "website.visitor": "last_seen_at",
    "website.enquiry": "submitted_at",
    "website.chat": "started_at",
    "app.disclosure": "disclosed_at",
}


class Limits:
    """When rows must be gone, counted by hand."""

    def __init__(self, rows: Snapshot) -> None:
        self.rows = rows

    def of(self, promise: Promise, key: int) -> datetime | None:
        """The moment before which a row must be gone; None while nothing counts down."""
        day = self._event_day(promise.table, key)
        return None if day is None else end_of(day, promise.keep)

    def _event_day(self, table: str, key: int) -> date | None:
        row = self.rows[table][key]
        if column := _OWN_DAY.get(table):
            return day_of(row[column])
        if table == "app.invoice":
            return row["issued_on"].replace(month=12, day=31)
        if table == "website.marketing_subscription":
            return day_of(max(self._consents.get(key, ()), default=row["created_at"]))
        return self._contracts_over(key if table == "app.customer" else row["customer_id"])

    def _contracts_over(self, customer: int) -> date | None:
        ends = self._ends.get(customer, ())
        if None in ends:
            return None
        return day_of(max(ends, default=self.rows["app.customer"][customer]["created_at"]))

    @cached_property
    def _consents(self) -> dict[int, list[datetime]]:
        return self._by("website.marketing_consent", "subscription_id", "occurred_at")

    @cached_property
    def _ends(self) -> dict[int, list[datetime]]:
        return self._by("app.contract", "customer_id", "ended_at")

    def _by(self, table: str, owner: str, column: str) -> dict[int, list[datetime]]:
        found: dict[int, list[datetime]] = {}
        for row in self.rows[table].values():
            found.setdefault(row[owner], []).append(row[column])
        return found


@lru_cache(maxsize=100_000)
def end_of(day: date, keep: Period) -> datetime:
    """The first moment after a period: midnight that ends its last day."""
    months = day.year * 12 + day.month - 1 + keep.months
    year, month = months // 12, months % 12 + 1
    last = date(year, month, min(day.day, monthrange(year, month)[1]))
    return at(last + timedelta(days=keep.days + 1))


def days_before(limit: datetime, days: int) -> datetime:
    """Midnight so many days earlier."""
    return at(day_of(limit) - timedelta(days=days))
