"""What a rectification does: what is wrong is corrected wherever it is held, and nowhere else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from simulation import model, people
from simulation.requests import purposes
from simulation.requests.whom import find_out, mentioning, named
from simulation.tables import UNIQUE
from simulation.world import alike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.history import Answer
    from simulation.people import Identity
    from simulation.requests.asked import Asked
    from simulation.tables import Name, Row
    from simulation.world import World

LAST_NAME = "user.name.last"
CLASHES = "a correction clashes"
"""No two rows may hold what would be right: nothing is changed, and the request stays open."""


def answer(world: World, event: Answer) -> Counter[str]:
    """Correct what nobody holds; holds and stops on an identity that is replaced name the new one, too."""
    asked = find_out(world, event)
    cover = model.Cover(world, event.at)
    wrong: dict[Name, Row] = {}
    held = 0
    for name, row in _right(world, asked).items():
        hold = cover.strongest(name)
        if hold and hold.kind == "hold":
            held += 1
        else:
            wrong[name] = row
    if any(_clashes(world, name, wrong) for name in wrong):
        return Counter({CLASHES: 1})
    for name, row in wrong.items():
        world.put(*name, row)
    if wrong:
        _follow(world, asked, event)
    asked.state, asked.done_at = "done", event.at
    found = Counter(f"corrects {table}" for table, _ in wrong)
    found += Counter(
        {"a hold keeps what is wrong": held, "corrects for one customer": bool(wrong and asked.tenant)}
    )
    return found + Counter(
        {"corrects nothing": not wrong, "corrects what is restricted": _restricted(cover, wrong)}
    )


def replaced(asked: Asked) -> Iterator[tuple[Identity, Identity, str]]:
    """Identities that are wrong, those that take their places, and how they are written."""
    for what, value in asked.corrections:
        if what != LAST_NAME:
            (old,) = (one for one in asked.subjects if one[0] == what)
            yield old, (what, people.read(what, value)), value


def _right(world: World, asked: Asked) -> dict[Name, Row]:
    """The rows in which something is wrong, as they should be."""
    found: dict[Name, Row] = {}
    for old, _, value in replaced(asked):
        for name in named(world, [old], tenant=asked.tenant):
            columns = people.IDENTITIES.get(name[0], {})
            row = _row(world, found, name)
            wrong = [
                column
                for column, kind in columns.items()
                if kind == old[0] and row[column] is not None and people.read(kind, row[column]) == old[1]
            ]
            found[name] = {**row, **dict.fromkeys(wrong, value)}
        for name in mentioning(world, [old], asked.tenant):
            found[name] = people.masked(name, _row(world, found, name), [old], value)
    for what, value in asked.corrections:
        if what == LAST_NAME:
            for name in named(world, asked.known, asked.rows, asked.tenant):
                if name[0] in people.NAMED and _row(world, found, name)["last_name"] is not None:
                    found[name] = {**_row(world, found, name), "last_name": value}
    return {name: row for name, row in found.items() if row != world.find(name)}


def _row(world: World, found: dict[Name, Row], name: Name) -> Row:
    return found.get(name, world.rows[name[0]][name[1]])


def _clashes(world: World, name: Name, wrong: dict[Name, Row]) -> bool:
    """Whether another row would hold what only one may."""
    table = name[0]
    columns, is_trimmed = UNIQUE.get(table, ((), False))
    if not columns:
        return False
    said = alike(wrong[name], columns, is_trimmed=is_trimmed)
    return any(
        alike(wrong.get((table, key), row), columns, is_trimmed=is_trimmed) == said
        for key, row in world.rows[table].items()
        if key != name[1]
    )


def _follow(world: World, asked: Asked, event: Answer) -> None:
    for old, new, _ in replaced(asked):
        purposes.follow(world, old, new)
        for number, hold in world.holds.items():
            if old in hold.subjects and hold.is_active(event.at):
                world.holds[number] = replace(hold, subjects=hold.subjects | {new})


def _restricted(cover: model.Cover, names: dict[Name, Row]) -> int:
    return sum(cover.is_asked_for(name) for name in names)
