"""Ways to break the engine, each of which a simulation has to find.

Every fault is one that a change to the engine could bring: a comparison off by one, a condition left out, a wrong
zone. What is broken here is put right again when the ``with`` block ends. A fault says on which occasion it must
show (see :mod:`simulation.foresee`), so that it need not be looked for in whole years.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import PropertyMock, patch
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from lifecycle.archive import destroying, documents, expiring, finding, generations
from lifecycle.archive import lost as lost_keys
from lifecycle.archive.documents import ORDINAL, Documents, Year
from lifecycle.execute import door, statements
from lifecycle.execute.door import Door
from lifecycle.holds import cover, stops, subjects
from lifecycle.holds import register as holds
from lifecycle.plan import Action
from lifecycle.planning import archived, clocks, keep, part, partitions, planner, witnesses
from lifecycle.planning.clocks import ClockSql
from lifecycle.planning.planner import make_plan
from lifecycle.policy import rulebook
from lifecycle.policy.edges import Edge, resolve_edges
from lifecycle.policy.model import EdgeKind, Policy
from lifecycle.requests import (
    closure,
    ending_purposes,
    erasure,
    fixes,
    ground,
    lifting,
    lost,
    packages,
    rectifying,
    replay,
)
from lifecycle.requests import steps as steps_of_requests
from lifecycle.requests.copies.found import CopiedRows
from lifecycle.requests.copies.veil import Veil
from lifecycle.requests.wishes import Wishes
from lifecycle.retention import notices
from lifecycle.runs import company
from lifecycle.store.prepared import Prepared
from lifecycle.timelimits import is_over, latest_due_day, latest_over_day, local_day
from simulation import desk, engine
from simulation.planted import FAULTS, fault
from simulation.releases import faults as faults_of_releases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection

    from lifecycle.holds.register import Hold
    from lifecycle.planning.items import StoredPlan
    from lifecycle.runs.company import Company

__all__ = ["FAULTS", "faults_of_releases"]


# --- time


@fault("deletes")
def a_day_late() -> AbstractContextManager[object]:
    """What is due today is deleted tomorrow."""
    return patch.object(
        planner, "latest_due_day", lambda *a, **k: latest_due_day(*a, **k) - timedelta(days=1)
    )


@fault("deletes")
def a_day_early() -> AbstractContextManager[object]:
    """What is due tomorrow is deleted today."""
    return patch.object(
        planner, "latest_due_day", lambda *a, **k: latest_due_day(*a, **k) + timedelta(days=1)
    )


@fault("deletes")
def lead_ignored() -> AbstractContextManager[object]:
    """Deletion waits for the last day."""
    return patch.object(
        planner, "latest_due_day", lambda *a, **k: latest_due_day(*a, **{**k, "lead_days": 0})
    )


@fault("deletes")
def wrong_time_zone() -> AbstractContextManager[object]:
    """Days are days of Greenwich."""
    return patch.object(Policy, "zone", PropertyMock(return_value=ZoneInfo("UTC")))


@fault("person kept by a live contract")
def live_contracts_ignored() -> AbstractContextManager[object]:
    """A contract without an end, reinstated or new, does not stop the clock."""
    return patch.object(clocks, "_has_value", lambda *_: lambda _: sa.false())


@fault("deletes app.customer")
def customers_without_contract_forgotten() -> AbstractContextManager[object]:
    """A clock that starts without evidence never starts."""
    started = ClockSql._latest_started
    return patch.object(ClockSql, "_latest_started", lambda *a: started(*a)[:1])


@fault("run")
def financial_year_ignored() -> AbstractContextManager[object]:
    """The ten years start on the day of the invoice."""
    return patch.object(clocks, "counted_day", lambda _, day: day)


# --- the policy in force


@fault("run under an amended policy")
def first_policy_for_ever() -> AbstractContextManager[object]:
    """An amended policy never counts."""
    return patch.object(company, "in_force", lambda versions, _: versions[0])


@fault("run for a day of an older policy")
def newest_policy_at_once() -> AbstractContextManager[object]:
    """A run that catches up goes by today's policy, instead of leaving it to a run for today."""
    return patch.object(company, "in_force", lambda versions, _: versions[-1])


# --- holds and restrictions


@fault("hold keeps")
def holds_ignored() -> AbstractContextManager[object]:
    """Nothing is held."""
    return patch.object(cover, "is_active", lambda _: sa.false())


@fault("restriction keeps")
def restrictions_ignored() -> AbstractContextManager[object]:
    """Only holds keep rows."""
    is_active = cover.is_active
    return patch.object(
        cover, "is_active", lambda as_of: sa.and_(is_active(as_of), cover.hold.c.kind == "hold")
    )


@fault("row that goes when its hold ends")
@contextmanager
def hold_counts_past_its_end() -> Iterator[None]:
    """A hold still counts at the moment of its end, and what it names is remembered as long."""

    def is_active(as_of: datetime) -> ColumnElement[bool]:
        return sa.and_(cover.hold.c.released_at.is_(None), cover.hold.c.until >= as_of)

    named = Prepared(
        sa.select(
            cover.hold_row.c.collection, (sa.func.cardinality(cover.hold_row.c.key) == 0).label("is_whole")
        )
        .distinct()
        .where(cover.hold_row.c.key.is_not(None))
    )
    with (
        patch.object(cover, "is_active", is_active),
        patch.object(subjects, "is_active", is_active),
        patch.object(cover, "_NAMED_BY_HOLDS", named),
    ):
        yield


@fault("hold keeps website.message")
def holds_not_inherited() -> AbstractContextManager[object]:
    """A hold covers the rows it names and not what belongs to them."""
    return patch.object(cover, "_leaders", lambda _, collection: {collection})


@fault("Place meanwhile")
def holds_not_asked_again() -> AbstractContextManager[object]:
    """A hold placed after the plan was made does not count."""

    class NoCover(cover.Cover):
        """Covers nothing."""

        def covers(self, *_: Any) -> Any:
            return sa.false()

    return patch.object(door, "Cover", NoCover)


@fault("row no longer due meanwhile")
def due_not_asked_again() -> AbstractContextManager[object]:
    """A row whose clock stopped after the plan was made is deleted all the same."""
    return patch.object(Door, "_require_as_planned", lambda *_: None)


@fault("row that is left by its parts no longer due meanwhile")
def rows_that_stay_not_asked_again() -> AbstractContextManager[object]:
    """What belongs to a row that stays goes, although that row's clock stopped after the plan was made."""
    return patch.object(part, "Reliance", lambda *_, **__: None)


@fault("keeps website.page_view")
def partitions_dropped_over_holds() -> AbstractContextManager[object]:
    """A partition goes whoever is held in it."""
    return patch.object(cover.Cover, "has_any_row", lambda *_: False)


# --- what the law and rows that stay keep


@fault("statutory keeps")
def statutory_ignored() -> AbstractContextManager[object]:
    """The law keeps nothing."""
    return patch.object(keep, "mark_statutory", lambda *_: None)


@fault("the law's last day")
def statutory_a_day_short() -> AbstractContextManager[object]:
    """The law's last day does not count."""
    return patch.object(keep, "latest_over_day", lambda *a, **k: latest_over_day(*a, **k) + timedelta(days=1))


@fault("needed keeps")
def held_rows_need_nothing() -> AbstractContextManager[object]:
    """What a held row refers to goes."""
    return patch.object(keep, "mark_needed", lambda *_: None)


# --- what goes along, and what is cut


@fault("deletes app.note")
def owners_lead_nowhere() -> AbstractContextManager[object]:
    """What belongs to a row does not go with it."""
    return patch.object(Edge, "spreads", PropertyMock(return_value=False))


@fault("cuts app.note.author_contact_id")
def authors_take_notes_along() -> AbstractContextManager[object]:
    """A note goes with the contact who wrote it, whoever it is about."""
    return _edges(
        lambda edge: replace(edge, takes_along=edge.takes_along or edge.name == "app.note.author_contact_id")
    )


@fault("cuts app.person.manager_person_id")
def managers_take_reports_along() -> AbstractContextManager[object]:
    """A person goes with the manager."""
    return _edges(lambda edge: replace(edge, kind=EdgeKind.TENANT) if "manager" in edge.name else edge)


@fault("cuts app.invoice.customer_id")
def invoices_keep_their_contact() -> AbstractContextManager[object]:
    """The name on an invoice stays when its customer goes."""
    return _edges(lambda edge: replace(edge, redact=()))


@fault("page_views_30_days deletes")
def partition_dropped_a_day_early() -> AbstractContextManager[object]:
    """The day that ends tomorrow is dropped today."""
    early = partitions.first_instant
    return patch.object(partitions, "first_instant", lambda day, zone: early(day + timedelta(days=1), zone))


# --- runs


@fault("run killed")
def plans_not_found_again() -> AbstractContextManager[object]:
    """A run that is started again after it died plans anew."""
    return patch.object(planner, "find_open", lambda *_: None)


@fault("deletes")
def runs_stand_for_the_day_before() -> AbstractContextManager[object]:
    """A run does what the one of yesterday should have done."""

    def late(*a: Any, as_of: datetime, **k: Any) -> StoredPlan:
        return make_plan(*a, as_of=as_of - timedelta(days=1), **k)

    return patch.object(engine, "make_plan", late)


@fault("deletes")
def last_batch_forgotten() -> AbstractContextManager[object]:
    """A plan is ended before its last batch."""
    next_batch = Door._next_batch

    def but_the_last(door: Door, connection: Connection) -> int | None:
        batch = next_batch(door, connection)
        return None if batch == max(door.plan.batches) else batch

    return patch.object(Door, "_next_batch", but_the_last)


# --- notices


@fault("deletion announced")
def announced_on_every_run() -> AbstractContextManager[object]:
    """What was announced is announced again."""
    return _notice_sql("_ANNOUNCED", " AND lead.days <> ALL (notice.announced)", "")


@fault("deletion cancelled")
def notices_outlive_their_reason() -> AbstractContextManager[object]:
    """A contract that lives again cancels nothing."""
    return _notice_sql("_STOPPED", "WHERE", "WHERE false AND")


@fault("deletion noticed anew")
def notices_outlive_their_policy() -> AbstractContextManager[object]:
    """A notice stays as it is when the contract's end or the policy's period changes."""
    return _notice_sql("_MOVED", "WHERE", "WHERE false AND")


# --- the archive


@fault("a build writes")
def a_document_is_not_written() -> AbstractContextManager[object]:
    """The last document of a year is forgotten."""
    pick = Documents.pick

    def but_one(documents: Documents, year: Year) -> int:
        count = pick(documents, year)
        last = sa.column(ORDINAL) == count - 1
        documents.connection.execute(sa.delete(sa.table("picked_document", sa.column(ORDINAL))).where(last))
        return max(count - 1, 0)

    return patch.object(Documents, "pick", but_one)


@fault("a build writes")
def months_are_written_before_they_are_closed() -> AbstractContextManager[object]:
    """What was issued until yesterday is written."""
    return patch.object(
        documents, "closed_day", lambda *_, as_of, zone: local_day(as_of, zone) - timedelta(days=1)
    )


@fault("a build leaves what is restricted")
def restricted_documents_are_written() -> AbstractContextManager[object]:
    """Something is done with what is restricted."""
    return patch.object(Documents, "_is_restricted", lambda *_: sa.false())


@fault("a build leaves what shares its number", runs=15, with_archive=True)
def one_number_is_written_twice() -> AbstractContextManager[object]:
    """Nobody looks whether the archive has another document of a number."""
    return patch.object(Documents, "_shares_its_number", lambda *_: sa.false())


@fault("statutory keeps app.invoice")
@contextmanager
def what_was_not_archived_goes() -> Iterator[None]:
    """The tables let go of what is in no archive."""
    with (
        patch.object(keep, "is_archived", lambda *_: sa.true()),
        patch.object(statements, "is_archived", lambda *_: sa.true()),
    ):
        yield


@fault("the law keeps what was changed since", with_archive=True)
def what_was_changed_since_goes() -> AbstractContextManager[object]:
    """The tables let go of a document that the archive has otherwise."""
    return patch.object(
        archived, "document_digest", lambda *_: archived.archive_record.alias("newest_record").c.digest
    )


@fault("needed keeps app.invoice_line", with_archive=True)
def documents_are_torn() -> AbstractContextManager[object]:
    """Of a document of which a row is held all else goes."""
    return patch.object(witnesses, "_documents", lambda *_: iter(()))


@fault("the archive finds what it had forgotten", runs=15, with_archive=True)
def what_a_backup_does_not_know_stays_unknown() -> AbstractContextManager[object]:
    """After a restore nobody looks what the places have."""
    return patch.object(finding, "_unknown", lambda *_: [])


@fault("an expiry destroys", with_archive=True)
def a_year_is_left() -> AbstractContextManager[object]:
    """The oldest year that is over stays."""
    over = expiring.over
    return patch.object(expiring, "over", lambda *a: over(*a)[1:])


@fault("an expiry destroys", with_archive=True)
@contextmanager
def keys_outlive_their_year() -> Iterator[None]:
    """Documents are destroyed, and what opens them is not."""
    with (
        patch.object(destroying, "destroy_keys", lambda *_, **__: 0),
        patch.object(lost_keys, "destroy_keys", lambda *_, **__: 0),
    ):
        yield


@fault("the archive's last day", with_archive=True)
def the_last_day_of_a_year_is_missing() -> AbstractContextManager[object]:
    """A year is destroyed on the law's last day."""
    return patch.object(
        generations, "is_over", lambda *a, as_of, **k: is_over(*a, as_of=as_of + timedelta(days=1), **k)
    )


@fault("an expiry keeps", with_archive=True)
def holds_do_not_reach_the_archive() -> AbstractContextManager[object]:
    """What is held goes with its year."""
    return patch.object(generations, "held_documents", lambda *_: None)


# --- requests


@fault("answered for one customer's copy")
def one_customers_requests_reach_all() -> AbstractContextManager[object]:
    """What one customer has erased is erased at every customer."""
    return patch.object(ground, "belongs_to", lambda *_: sa.true())


@fault("a request empties")
def invoices_keep_who_was_erased() -> AbstractContextManager[object]:
    """The name of whoever was erased stays on invoices."""
    return _scopes(lambda action: action is not Action.REDACT)


@fault("a request masks")
def mentions_are_left() -> AbstractContextManager[object]:
    """What others wrote of whoever was erased stays."""
    return _scopes(lambda action: action is not Action.MASK)


@fault("a browser is found")
def browsers_lead_nowhere() -> AbstractContextManager[object]:
    """Only what is given names the subject."""
    return patch.object(closure, "_leading", lambda _: [])


@fault("a browser is")
def browsers_are_never_shared() -> AbstractContextManager[object]:
    """What others have too is the subject's."""
    return patch.object(closure, "_is_somebody_elses", lambda *_: False)


@fault("a request leaves to", runs=12)
def what_is_left_is_forgotten() -> AbstractContextManager[object]:
    """What an erasure has to leave stays for good."""
    return patch.object(erasure.Erasure, "keep_remainder", lambda *_: 0)


@fault("a remainder erases app.person", runs=15)
def whoever_comes_back_stays() -> AbstractContextManager[object]:
    """Nobody looks whether an import brings somebody back."""
    return patch.object(steps_of_requests, "erased_subjects", lambda _: {})


@fault("a replay erases", runs=15)
def erasures_are_not_replayed() -> AbstractContextManager[object]:
    """After a restore nothing is erased again."""
    return patch.object(replay, "_flag", lambda *_, **__: {})


@fault("a subject's restriction keeps")
def subjects_are_not_restricted() -> AbstractContextManager[object]:
    """A restriction that names its subject covers nothing."""
    return patch.object(cover, "held_kinds", lambda *_: frozenset())


@fault("lifted beside another", runs=20)
def restrictions_of_others_are_lifted() -> AbstractContextManager[object]:
    """What is lifted is the restriction of another request."""

    def lift_another(company: Company, request_id: UUID, **said: Any) -> Hold:
        with company.engine.connect() as connection:
            others = [one.request for one in holds.listing(connection, as_of=said["as_of"]) if one.request]
        return lifting.lift(company, next(one for one in others if one != request_id), **said)

    return patch.object(desk, "lift", lift_another)


@fault("corrects app.contact")
def corrections_miss_a_table() -> AbstractContextManager[object]:
    """What is wrong about a customer's contact stays."""
    of_identities = fixes._of_identities
    return patch.object(
        fixes,
        "_of_identities",
        lambda *a: (one for one in of_identities(*a) if one.collection != "app.contact"),
    )


@fault("corrects website.message")
def corrections_miss_texts() -> AbstractContextManager[object]:
    """What is wrong stays in what people wrote."""
    return patch.object(fixes, "_texts", lambda *_: {})


@fault("corrects what is restricted")
def corrections_free_what_is_restricted() -> AbstractContextManager[object]:
    """Whoever is restricted is no more so after a correction."""
    return patch.object(rectifying, "follow", lambda *_, **__: 0)


@fault("records website.marketing_consent")
def withdrawals_are_not_recorded() -> AbstractContextManager[object]:
    """The company's own tables are not told that consent was taken back."""
    return patch.object(Wishes, "touches", lambda *_: iter(()))


@fault("ends marketing")
def stops_know_nobody() -> AbstractContextManager[object]:
    """A purpose that is over goes on for whoever is known by an identity."""

    class Nobody(stops.Stops):
        """Leaves out what is named by its key."""

        def _kinds(self, _connection: Connection) -> frozenset[Any]:
            return frozenset()

    return patch.object(ending_purposes, "Stops", Nobody)


@fault("an objection has to be weighed")
def objections_are_not_weighed() -> AbstractContextManager[object]:
    """What has to be weighed ends without a decision."""
    return patch.object(ending_purposes, "undecided", lambda *_: ())


@fault("a lost answer", runs=15)
def lost_answers_are_not_told() -> AbstractContextManager[object]:
    """After a restore nobody is told that a correction, an objection or a withdrawal is to be answered again."""
    return patch.object(lost, "_requests", lambda _: iter(()))


@fault("a lost restriction of a subject", runs=30)
def lost_restrictions_are_not_told() -> AbstractContextManager[object]:
    """After a restore nobody is told that a restriction is to be placed again."""
    return patch.object(lost, "PLACED", {"hold_placed": "hold"})


@fault("fetched with what is others'")
def copies_name_everybody() -> AbstractContextManager[object]:
    """What others are known by stands in a copy."""
    return patch.object(Veil, "seen", lambda _, row: dict(row.values))


@fault("fetched with what is others'")
def copies_take_others_rows_for_the_subjects() -> AbstractContextManager[object]:
    """Whatever refers to a row of the subject is the subject's."""
    return patch.object(CopiedRows, "_is_others", lambda *_: sa.false())


@fault("fetched too late", runs=45)
def packages_outlive_their_time() -> AbstractContextManager[object]:
    """A package can be fetched for years."""
    offer = packages.offer
    return patch.object(packages, "offer", lambda *a, days, **k: offer(*a, days=50 * days, **k))


def _scopes(is_found: Callable[[Action], bool]) -> AbstractContextManager[object]:
    """Only some of what an erasure does is found."""
    find = erasure.found_of

    def some(connection: Connection, rules: Any, as_of: datetime, *wanted: Any) -> Any:
        return find(connection, rules, as_of, *(one for one in wanted if is_found(one[2])))

    return patch.object(erasure, "found_of", some)


def _notice_sql(name: str, old: str, new: str) -> AbstractContextManager[object]:
    statement = str(getattr(notices, name))
    if old not in statement:
        raise AssertionError(f"{old} is not in {name}")
    return patch.object(notices, name, sa.text(statement.replace(old, new, 1)))


def _edges(change: Callable[[Edge], Edge]) -> AbstractContextManager[object]:
    return patch.object(
        rulebook, "resolve_edges", lambda *a: tuple(change(edge) for edge in resolve_edges(*a))
    )
