"""When the clocks of a row started: from the values of the rows that say so."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from lifecycle.timelimits import financial_year_end, local_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lifecycle.decide.company import Company, RowId
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.model import Anchor
    from lifecycle.policy.rulebook import Clock


def anchor_rows(company: Company, clock: Clock, row: RowId) -> set[RowId]:
    """The rows on which a row's clock starts: itself, one it leads up to, or those that lead up to it."""
    if clock.reverse_path:
        return {
            anchor for anchor in company.of(clock.anchor.on) if row in company.up(anchor, clock.reverse_path)
        }
    return company.up(row, clock.path)


def event_day(company: Company, clock: Clock, anchor_row: RowId) -> date | None:
    """The day from which a clock is counted; None while it does not run."""
    anchor = clock.anchor
    values = company.rows[anchor_row]
    if anchor.latest:
        return _latest_day(company, clock, anchor_row)
    if anchor.financial_year_end_of:
        day = _day(company, anchor, values[anchor.financial_year_end_of])
        return None if day is None else financial_year_end(day, anchor.year_ends)
    return _day(company, anchor, values[anchor.column or ""])


def day_without_evidence(company: Company, clock: Clock, anchor_row: RowId) -> date | None:
    """The day that counts where no row of evidence refers to the anchor's row."""
    otherwise = clock.anchor.otherwise
    if otherwise is None or otherwise == "never":
        return None
    return _day(company, clock.anchor, company.rows[anchor_row][otherwise])


def evidence(company: Company, clock: Clock, anchor_row: RowId) -> dict[RowId, date | None]:
    """The rows whose latest day counts (a customer's contracts), with the day that each tells."""
    if not clock.anchor.latest:
        return {}
    collection, column = clock.anchor.latest.rsplit(".", 1)
    return {
        row: _day(company, clock.anchor, company.rows[row][column])
        for row in company.of(collection)
        if anchor_row in company.up(row, clock.evidence)
    }


def is_stopping(company: Company, clock: Clock, evidence_row: RowId) -> bool:
    """Whether a row of evidence (a live contract) stops the clock."""
    values = company.rows[evidence_row]
    return any(
        values[name.rsplit(".", 1)[1]] in (stop if isinstance(stop, list) else [stop])
        for name, stop in clock.anchor.runs_only_if_none.items()
    )


def ways(
    company: Company, clock: Clock, row: RowId, anchor_row: RowId, told: Iterable[RowId] = ()
) -> set[RowId]:
    """The other rows by which ``row`` reaches its anchor's row, and by which rows of evidence do."""
    found = between(company, row, clock.path, anchor_row)
    found |= between(company, anchor_row, clock.reverse_path, row)
    for evidence_row in told:
        found |= between(company, evidence_row, clock.evidence, anchor_row)
    return found - {row}


def between(company: Company, start: RowId, path: Sequence[Edge], end: RowId) -> set[RowId]:
    """The rows on the ways along ``path`` from ``start`` up to ``end``, both included."""
    if not path:
        return {start} if start == end else set()
    found: set[RowId] = set()
    for target in company.targets(path[0], start):
        found |= between(company, target, path[1:], end)
    return {start, *found} if found else set()


def _latest_day(company: Company, clock: Clock, anchor_row: RowId) -> date | None:
    told = evidence(company, clock, anchor_row)
    if not told:
        return day_without_evidence(company, clock, anchor_row)
    if any(is_stopping(company, clock, row) for row in told):
        return None
    return max((day for day in told.values() if day is not None), default=None)


def _day(company: Company, anchor: Anchor, value: Any) -> date | None:
    """The local day of a value; a time without a zone is one of the zone that the policy names."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=anchor.time_zone)
        return local_day(moment, company.rulebook.policy.zone)
    return value if isinstance(value, date) else None
