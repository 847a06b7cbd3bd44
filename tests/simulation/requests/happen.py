"""Lets what concerns requests happen in the model: whether it can, and what comes of it."""

from __future__ import annotations

from collections import Counter
from functools import singledispatch
from typing import TYPE_CHECKING

from simulation.history import Answer, Ask, BackUp, Prolong, Refuse, Restore, SeeTo, Verify
from simulation.moments import day_of, last_day
from simulation.requests import backups, erasure
from simulation.requests.asked import ANSWER_WITHIN_EXTENDED
from simulation.requests.backups import Backup

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    erased = erasure.answer(world, event)
    found = _said("answered late" if is_late else "answered in time") + erased.counts("a request")
    found += Counter(f"a browser is {how}" for how in asked.visitors.values())
    if asked.tenant is not None:
        found["answered for one customer's copy"] += bool(erased.gone)
    if not (erased.gone or erased.emptied or erased.masked or erased.left):
        found["answered of nobody"] += 1
    found["answer killed"] += event.killed_after is not None and bool(erased.gone)
    return +found


@happen.register(SeeTo)
def _(event: SeeTo, world: World) -> Counter[str] | None:
    found = _said("seen to") + _of(erasure.see_to(world, event.at), "a remainder")
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
    world.missing = missing = backups.restore(world, backup, event.at)
    world.restored = {table: dict(rows) for table, rows in world.rows.items()}
    found = _said("restored") + _of(backups.replay(world, backup, event.at), "a replay")
    backups.end(world, missing)
    found += Counter(
        {
            "a lost hold": len(missing.holds),
            "a hold in force again": len(missing.ended | missing.moved.keys()),
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
