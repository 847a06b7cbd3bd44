"""Lets what concerns the archive happen in the model."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import singledispatch
from typing import TYPE_CHECKING

from simulation import model
from simulation.books.written import BOOKS, INVOICE, asked_for_until, is_as_it_stands, written_now
from simulation.history import Build, Expire, LookAfter
from simulation.moments import day_of
from simulation.policy import in_force

if TYPE_CHECKING:
    from datetime import date, datetime

    from simulation.books.written import Document
    from simulation.history import Keeping
    from simulation.tables import Key
    from simulation.world import World

CLOSED_AFTER = timedelta(days=10)
"""How long a month must be over before its books are written."""


@singledispatch
def keep_books(event: Keeping, _world: World) -> Counter[str]:
    """Let it happen; what happened how often."""
    raise TypeError(event)


@keep_books.register(Build)
def _(event: Build, world: World) -> Counter[str]:
    """Write invoices of closed months that the archive does not have as they stand."""
    closed = _closed(world, event.at)
    found = Counter({"a build": 1}) + (_enter(world) if closed else Counter())
    cover = model.Cover(world, event.at)
    for key in sorted(closed):
        if is_as_it_stands(world, key):
            continue
        if cover.is_restricted((INVOICE, key)):
            found["a build leaves what is restricted"] += 1
        elif _shares_its_number(world, key):
            found["a build leaves what shares its number"] += 1
        else:
            found["a build writes again" if key in world.written else "a build writes"] += 1
            document = written_now(world, key)
            for records in (world.written, world.in_places):
                records[key] = (*records.get(key, ()), document)
    return found


@keep_books.register(LookAfter)
def _(_event: LookAfter, world: World) -> Counter[str]:
    """Nothing is otherwise than it was written."""
    return Counter({"the archive is looked after": 1}) + _enter(world)


@keep_books.register(Expire)
def _(event: Expire, world: World) -> Counter[str]:
    """Destroy what the law does not ask for any more, unless it is held."""
    found = Counter({"an expiry": 1}) + _enter(world)
    kept = held(world, event.at)
    for key, documents in list(world.written.items()):
        over = [one for one in documents if is_over(world, one.issued_on, event.at)]
        if over and key in kept:
            found["an expiry keeps what is held"] += 1
            found["an expiry keeps what only the archive has"] += world.find((INVOICE, key)) is None
        elif over:
            found["an expiry destroys"] += 1
            for records in (world.written, world.in_places):
                records[key] = tuple(one for one in records.get(key, ()) if one not in over)
                if not records[key]:
                    del records[key]
        found["the archive's last day"] += any(_last_day(world, one, event.at) for one in documents)
    return found


def _enter(world: World) -> Counter[str]:
    """Let the archive know again what its places have and a restore took from it; how many documents that are."""
    found: Counter[str] = Counter()
    for key, documents in world.in_places.items():
        known = world.written.get(key, ())
        lost = [one for one in documents if one not in known]
        if lost:
            found["the archive finds what it had forgotten"] += 1
            world.written[key] = tuple(sorted((*known, *lost), key=lambda one: one.revision))
    return found


def is_over(world: World, issued_on: date, as_of: datetime) -> bool:
    """Whether the law does not ask for an invoice of this day any more."""
    return asked_for_until(issued_on, in_force(world.policies, as_of).books) < day_of(as_of)


def _last_day(world: World, document: Document, as_of: datetime) -> bool:
    return asked_for_until(document.issued_on, in_force(world.policies, as_of).books) == day_of(as_of)


def held(world: World, as_of: datetime) -> set[Key]:
    """Invoices that a hold or restriction names: by key, with all others, or by what the tables have of them."""
    cover = model.Cover(world, as_of)
    wholes = {table for hold in cover.holds for table, key in hold.targets if key is None}
    if wholes & BOOKS.keys():
        return set(world.written)
    return {
        key
        for key in world.written
        if any(hold.names((INVOICE, key)) for hold in cover.holds)
        or any(cover.strongest(name) for name in _in_tables(world, key))
    }


def _in_tables(world: World, key: Key) -> set[tuple[str, Key]]:
    name = (INVOICE, key)
    return world.with_parts({name}) if world.find(name) else set()


def _closed(world: World, as_of: datetime) -> set[Key]:
    """Invoices of months that have been over for long enough, as long as the law asks for them."""
    first_open: date = (day_of(as_of) - CLOSED_AFTER).replace(day=1)
    return {
        key
        for key, row in world.rows[INVOICE].items()
        if row["issued_on"] < first_open and not is_over(world, row["issued_on"], as_of)
    }


def _shares_its_number(world: World, key: Key) -> bool:
    """Whether the archive has another invoice of its number."""
    number = world.rows[INVOICE][key]["number"]
    return any(
        one.number == number
        for other, documents in world.written.items()
        if other != key
        for one in documents
    )
