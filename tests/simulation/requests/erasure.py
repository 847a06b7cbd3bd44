"""What an erasure does: rows that name the subject go, books lose its name, and texts what they say of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation import model, people
from simulation.policy import in_force
from simulation.requests import purposes
from simulation.requests.whom import find_out, mentioning, named
from simulation.tables import Name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from simulation.history import Answer
    from simulation.people import Identity
    from simulation.requests.asked import Asked, Todo
    from simulation.world import World

GOES = frozenset(
    {
        "website.visitor",
        "website.enquiry",
        "website.chat",
        "website.marketing_subscription",
        "app.contact",
        "app.customer",
        "app.person",
    }
)
"""Rows that go when they name the subject; an invoice stays for the law (A7), without the name."""
NOBODY_COMES_BACK = ("app.person", "app.contact")
"""What customers import: whoever was erased is erased there again."""


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What an erasure did: rows that went, were emptied, were masked; and what had to stay."""

    gone: frozenset[Name]
    emptied: frozenset[Name]
    masked: frozenset[Name]
    left: frozenset[Todo]

    def counts(self, why: str) -> Counter[str]:
        """What happened how often, in words."""
        found = Counter(f"{why} erases {table}" for table, _ in self.gone)
        found += Counter({f"{why} empties": len(self.emptied), f"{why} masks": len(self.masked)})
        return found + Counter(f"{why} leaves to {what}" for _, what in self.left)


def answer(world: World, event: Answer) -> Erased:
    """Answer a request."""
    asked = find_out(world, event)
    known = asked.known
    rows = named(world, known, asked.rows, asked.tenant)
    todo = {(name, "delete") for name in rows if name[0] in GOES}
    todo |= {(name, "empty") for name in rows if name[0] == "app.invoice"}
    todo |= {(name, "mask") for name in mentioning(world, known, asked.tenant)}
    erased = _erase(world, todo, known, event.at)
    asked.state, asked.done_at, asked.left = "done", event.at, set(erased.left)
    if asked.tenant is None:
        purposes.forget(world, asked)
    return erased


def see_to(world: World, as_of: datetime) -> list[Erased]:
    """Who came back goes, and what had to stay and need not any more."""
    for asked in _answered(world):
        rows = named(world, asked.known, asked.rows, asked.tenant)
        asked.left |= {(name, "delete") for name in rows if name[0] in NOBODY_COMES_BACK}
    return resume(world, as_of)


def resume(world: World, as_of: datetime) -> list[Erased]:
    """What had to stay goes, as far as nothing keeps it any more."""
    done = []
    for asked in _answered(world):
        there = {todo for todo in asked.left if world.find(todo[0]) is not None}
        if there:
            erased = _erase(world, there, asked.known, as_of)
            asked.left = set(erased.left)
            done.append(erased)
    return done


def _answered(world: World) -> list[Asked]:
    done = (one for one in world.desk.requests.values() if one.state == "done")
    return [one for one in done if one.kind == "erasure"]


def _erase(world: World, todo: Iterable[Todo], known: Iterable[Identity], as_of: datetime) -> Erased:
    """Do what is to be done, except to rows that somebody keeps."""
    todo = set(todo)
    policy, cover = in_force(world.policies, as_of), model.Cover(world, as_of)
    reached = world.with_parts(name for name, what in todo if what == "delete")
    kept = model._kept(world, policy, cover, reached, as_of).keys()
    gone = reached - kept
    held = {(name, what) for name, what in todo if what != "delete" and cover.strongest(name)}
    changed = {(name, what) for name, what in todo - held if what != "delete" and name not in gone}
    model._cut(world, gone)
    for name in gone:
        world.remove(*name)
    who = list(known)
    emptied, masked = set[Name](), set[Name]()
    for (table, key), what in changed:
        row = world.rows[table][key]
        if what == "empty" and any(people.contact_of(row).keys() & {one for one in row if row[one]}):
            world.put(table, key, {**row, **people.contact_of(row)})
            emptied.add((table, key))
        elif what == "mask":
            world.put(table, key, people.masked((table, key), row, who))
            masked.add((table, key))
    left = {(name, "delete") for name in kept} | {(name, what) for name, what in held if name not in gone}
    return Erased(
        gone=frozenset(gone), emptied=frozenset(emptied), masked=frozenset(masked), left=frozenset(left)
    )
