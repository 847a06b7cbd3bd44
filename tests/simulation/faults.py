"""Ways to break the engine, each of which a simulation has to find.

Every fault is one that a change to the engine could bring: a comparison off by one, a condition left out, a wrong
zone. What is broken here is put right again when the ``with`` block ends.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from unittest.mock import PropertyMock, patch
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from lifecycle.execute.statements import Statements
from lifecycle.holds import cover
from lifecycle.planning import clocks, keep, partitions, planner
from lifecycle.planning.clocks import ClockSql
from lifecycle.policy import rulebook
from lifecycle.policy.edges import Edge, resolve_edges
from lifecycle.policy.model import EdgeKind, Policy
from lifecycle.retention import company
from lifecycle.timelimits import latest_due_day, latest_over_day

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

def a_day_late() -> AbstractContextManager[object]:
    """What is due today is deleted tomorrow."""
    return patch.object(planner, "latest_due_day", lambda *a, **k: latest_due_day(*a, **k) - timedelta(days=1))


def a_day_early() -> AbstractContextManager[object]:
    """What is due tomorrow is deleted today."""
    return patch.object(planner, "latest_due_day", lambda *a, **k: latest_due_day(*a, **k) + timedelta(days=1))


def lead_ignored() -> AbstractContextManager[object]:
    """Deletion waits for the last day."""
    return patch.object(planner, "latest_due_day", lambda *a, **k: latest_due_day(*a, **{**k, "lead_days": 0}))


def holds_ignored() -> AbstractContextManager[object]:
    """Nothing is held."""
    return patch.object(cover, "is_active", lambda _: sa.false())


def restrictions_ignored() -> AbstractContextManager[object]:
    """Only holds keep rows."""
    is_active = cover.is_active
    return patch.object(cover, "is_active", lambda as_of: sa.and_(is_active(as_of), cover.hold.c.kind == "hold"))


def hold_counts_past_its_end() -> AbstractContextManager[object]:
    """A hold still counts at the moment of its end."""
    return patch.object(
        cover,
        "is_active",
        lambda as_of: sa.and_(cover.hold.c.released_at.is_(None), cover.hold.c.until >= as_of),
    )


def holds_not_inherited() -> AbstractContextManager[object]:
    """A hold covers the rows it names and not what belongs to them."""
    return patch.object(cover, "_leaders", lambda _, collection: {collection})


def holds_not_asked_again() -> AbstractContextManager[object]:
    """A hold placed after the plan was made does not count."""
    return patch.object(Statements, "_is_held", lambda *_: sa.false())


def due_not_asked_again() -> AbstractContextManager[object]:
    """A row whose clock stopped after the plan was made is deleted all the same."""
    return patch.object(Statements, "_still_goes", lambda *_: [])


def held_rows_need_nothing() -> AbstractContextManager[object]:
    """What a held row refers to goes."""
    return patch.object(keep, "_mark_needed_outside", lambda *_: None)


def live_contracts_ignored() -> AbstractContextManager[object]:
    """A contract without an end, reinstated or new, does not stop the clock."""
    return patch.object(clocks, "_has_value", lambda *_: lambda _: sa.false())


def customers_without_contract_forgotten() -> AbstractContextManager[object]:
    """A clock that starts without evidence never starts."""
    started = ClockSql._latest_started
    return patch.object(ClockSql, "_latest_started", lambda *a: started(*a)[:1])


def statutory_ignored() -> AbstractContextManager[object]:
    """The law keeps nothing."""
    return patch.object(keep, "mark_statutory", lambda *_: None)


def statutory_a_day_short() -> AbstractContextManager[object]:
    """The law's last day does not count."""
    return patch.object(keep, "latest_over_day", lambda *a, **k: latest_over_day(*a, **k) + timedelta(days=1))


def financial_year_ignored() -> AbstractContextManager[object]:
    """The ten years start on the day of the invoice."""
    return patch.object(clocks, "counted_day", lambda _, day: day)


def wrong_time_zone() -> AbstractContextManager[object]:
    """Days are days of Greenwich."""
    return patch.object(Policy, "zone", PropertyMock(return_value=ZoneInfo("UTC")))


def first_policy_for_ever() -> AbstractContextManager[object]:
    """An amended policy never counts."""
    return patch.object(company, "in_force", lambda versions, _: versions[0])


def newest_policy_at_once() -> AbstractContextManager[object]:
    """A run that catches up goes by today's policy."""
    return patch.object(company, "in_force", lambda versions, _: versions[-1])


def owners_lead_nowhere() -> AbstractContextManager[object]:
    """What belongs to a row does not go with it."""
    return patch.object(Edge, "spreads", PropertyMock(return_value=False))


def authors_take_notes_along() -> AbstractContextManager[object]:
    """A note goes with the contact who wrote it, whoever it is about."""
    return _edges(lambda edge: replace(edge, takes_along=edge.takes_along or edge.name == "app.note.author_contact_id"))


def managers_take_reports_along() -> AbstractContextManager[object]:
    """A person goes with the manager."""
    return _edges(lambda edge: replace(edge, kind=EdgeKind.TENANT) if "manager" in edge.name else edge)


def invoices_keep_their_contact() -> AbstractContextManager[object]:
    """The name on an invoice stays when its customer goes."""
    return _edges(lambda edge: replace(edge, redact=()))


def partition_dropped_a_day_early() -> AbstractContextManager[object]:
    """The day that ends tomorrow is dropped today."""
    early = partitions.first_instant
    return patch.object(partitions, "first_instant", lambda day, zone: early(day + timedelta(days=1), zone))


def partitions_dropped_over_holds() -> AbstractContextManager[object]:
    """A partition goes whoever is held in it."""
    stack = ExitStack()
    stack.enter_context(patch.object(partitions, "_has_held_rows", lambda *_: False))
    stack.enter_context(patch.object(Statements, "held_rows", lambda *_: sa.select(sa.false())))
    return stack


def _edges(change: Callable[[Edge], Edge]) -> AbstractContextManager[object]:
    return patch.object(rulebook, "resolve_edges", lambda *a: tuple(change(edge) for edge in resolve_edges(*a)))
