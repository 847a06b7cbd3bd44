"""Lets what concerns requests happen in the model: whether it can, and what comes of it."""

from __future__ import annotations

from collections import Counter
from functools import singledispatch
from typing import TYPE_CHECKING

from simulation.history import (
    Answer,
    Ask,
    BackUp,
    Fetch,
    Lift,
    Prolong,
    Refuse,
    Restore,
    SeeTo,
    Verify,
    Weigh,
)
from simulation.moments import day_of, last_day
from simulation.requests import backups, copies, erasure, purposes, rectification, restriction
from simulation.requests.asked import ANSWER_WITHIN_EXTENDED
from simulation.requests.backups import Backup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from simulation.history import Asking
    from simulation.requests.erasure import Erased
    from simulation.world import World


@singledispatch
def happen(event: Asking, _world: World) -> Counter[str] | None:
    """Let it happen; what happened how often, None where it cannot since what it is about is not there (any more)."""
    raise TypeError(event)


@happen.register(Ask)
def _(event: Ask, world: World) -> Counter[str] | None:
    return _said("asked") if can_ask(event, world) and world.desk.take(event) else None


def can_ask(event: Ask, world: World) -> bool:
    """Whether the rows are there that a request names."""
    customer = [("app.customer", event.tenant)] if event.tenant is not None else []
    return all(world.find(name) is not None for name in (*event.rows, *customer))


@happen.register(Verify)
def _(event: Verify, world: World) -> Counter[str] | None:
    asked = world.desk.requests.get(event.request)
    if asked is None or asked.state != "received":
        return None
    asked.state = "verified"
    return _said("verified late" if day_of(event.at) > asked.due_on else "verified")


@happen.register(Prolong)
def _(event: Prolong, world: World) -> Counter[str] | None:
    asked = world.desk.requests.get(event.request)
    if asked is None or not asked.is_open or asked.is_extended or day_of(event.at) > asked.due_on:
        return None
    asked.is_extended = True
    asked.due_on = last_day(day_of(asked.received_at), ANSWER_WITHIN_EXTENDED)
    return _said("extended")


@happen.register(Refuse)
def _(event: Refuse, world: World) -> Counter[str] | None:
    asked = world.desk.requests.get(event.request)
    if asked is None or not asked.is_open:
        return None
    asked.state, asked.done_at = "refused", event.at
    return _said("refused")


@happen.register(Answer)
def _(event: Answer, world: World) -> Counter[str] | None:
    asked = world.desk.requests.get(event.request)
    if asked is None or asked.state != "verified" or not _is_there(world, event.request):
        return None
    is_late = day_of(event.at) > asked.due_on
    found = Counter(ANSWERS[asked.kind](world, event))
    if not asked.is_open:
        found["answered late" if is_late else "answered in time"] += 1
    found += Counter(f"a browser is {how}" for how in asked.visitors.values())
    return +found


def _erase(world: World, event: Answer) -> Counter[str]:
    asked, erased = world.desk.requests[event.request], erasure.answer(world, event)
    found = erased.counts("a request")
    if asked.tenant is not None:
        found["answered for one customer's copy"] += bool(erased.gone)
    if not (erased.gone or erased.emptied or erased.masked or erased.left):
        found["answered of nobody"] += 1
    found["answer killed"] += event.killed_after is not None and bool(erased.gone)
    return found


ANSWERS: Mapping[str, Callable[[World, Answer], Counter[str]]] = {
    "erasure": _erase,
    "restriction": restriction.answer,
    "rectification": rectification.answer,
    "objection": purposes.answer,
    "withdrawal": purposes.answer,
    "access": copies.answer,
    "portability": copies.answer,
    "information": copies.answer,
}
"""What the answer does, by kind of request."""


@happen.register(Weigh)
def _(event: Weigh, world: World) -> Counter[str] | None:
    return purposes.weigh(world, event)


@happen.register(Fetch)
def _(event: Fetch, world: World) -> Counter[str] | None:
    found = copies.fetch(world, event)
    return None if found is None else +found


@happen.register(Lift)
def _(event: Lift, world: World) -> Counter[str] | None:
    found = restriction.lift(world, event)
    return None if found is None else +found


@happen.register(SeeTo)
def _(event: SeeTo, world: World) -> Counter[str] | None:
    found = _said("seen to") + restriction.end(world, event.at)
    found += _of(erasure.see_to(world, event.at), "a remainder")
    found["overdue"] += len(world.desk.overdue(day_of(event.at)))
    return +found


@happen.register(BackUp)
def _(event: BackUp, world: World) -> Counter[str] | None:
    if event.backup in world.backups:
        return None
    world.backups[event.backup] = Backup.of(world, event.at)
    return _said("backup")


@happen.register(Restore)
def _(event: Restore, world: World) -> Counter[str] | None:
    backup = world.backups.get(event.backup)
    if backup is None:
        return None
    written = dict(world.written)
    world.missing = missing = backups.restore(world, backup, event.at)
    world.restored = {table: dict(rows) for table, rows in world.rows.items()}
    found = _said("restored") + _of(backups.replay(world, backup, event.at), "a replay")
    backups.end(world, missing, event.at)
    found += _of(erasure.resume(world, event.at), "a remainder")
    found += Counter(
        {
            "a lost hold": len(missing.holds),
            "a lost answer": missing.answers.total(),
            "a lost restriction of a subject": sum(bool(hold.subjects) for hold in missing.holds.values()),
            "a hold in force again": len(missing.ended | missing.moved.keys()),
            "a restore takes back what was written": sum(
                documents != world.written.get(key) for key, documents in written.items()
            ),
            "a restore brings back what was destroyed": len(world.written.keys() - written.keys()),
        }
    )
    return +found


def _is_there(world: World, number: int) -> bool:
    asked = world.desk.requests[number]
    customer = [("app.customer", asked.tenant)] if asked.tenant is not None else []
    return all(world.find(name) is not None for name in (*asked.rows, *customer))


def _of(erased: Iterable[Erased], why: str) -> Counter[str]:
    return sum((one.counts(why) for one in erased), Counter())


def _said(what: str) -> Counter[str]:
    return Counter({what: 1})
