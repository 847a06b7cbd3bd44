"""The promise of a rectification: what was wrong stands nowhere that nobody holds, and nothing else was touched.

It is no way out of a restriction: what was covered before is covered after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.history import Answer
from simulation.watch.cover import Cover, active
from simulation.watch.letters import is_about, speaks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.history import Asking
    from simulation.requests.asked import Asked
    from simulation.tables import Name, Row
    from simulation.watch.watch import Before
    from simulation.world import World

_LAST_NAME = "last_name"
_CONTENT = ("app.person", "app.contact", "app.invoice")


def watch_rectification(event: Asking, before: Before, world: World) -> None:
    """Ask after a request for rectification was answered.

    Raises:
        Broken: wrong, collateral or unrestricted.
    """
    if not isinstance(event, Answer) or (asked := world.desk.requests[event.request]).kind != "rectification":
        return
    if asked.state == "done":
        _nothing_wrong(event, asked, world)
    touched = [
        f"{table} {key}: {complaint}"
        for table, rows in before.rows.items()
        for key, row in rows.items()
        for complaint in _touched((table, key), row, world, asked)
    ]
    if touched:
        raise Broken("collateral", f"after {event}: {'; '.join(touched)}", early=len(touched))
    _nothing_freed(event, before, world)


def _nothing_wrong(event: Answer, asked: Asked, world: World) -> None:
    """What was wrong is held where it still stands, or is another's who has the same right value.

    What is only written otherwise than it should be is not wrong.
    """
    right = dict(asked.corrections)
    old = [one for one in asked.subjects if one[0] in right and not speaks_of({"": right[one[0]]}, [one])]
    cover = Cover(world.rows, active(world, event.at, kind="hold"))
    wrong = [
        f"{table} {key} holds what is wrong: {row}"
        for table, rows in world.rows.items()
        for key, row in rows.items()
        if speaks_of(row, old) and _is_meant((table, key), row, asked) and not cover.covers((table, key))
    ]
    if wrong:
        raise Broken("wrong", f"after {event}: {'; '.join(wrong)}", late=len(wrong))


def _is_meant(name: Name, row: Row, asked: Asked) -> bool:
    """Whether a row is of the one customer that is meant, where one is; texts may be of two, and are left alone."""
    return asked.tenant is None or (name[0] in _CONTENT and row["customer_id"] == asked.tenant)


def _touched(name: Name, row: Row, world: World, asked: Asked) -> Iterator[str]:
    """What changed that should not have: columns in which nothing wrong stood, or that hold something else now."""
    after = world.find(name)
    if after is row:
        return
    if after is None:
        yield "it is gone"
        return
    right = dict(asked.corrections)
    for column, value in row.items():
        now = after[column]
        if now == value:
            continue
        is_named = is_about(name, row, asked.known) or name in asked.rows
        if column == _LAST_NAME and now == right.get("user.name.last") and is_named:
            continue
        old = [one for one in asked.subjects if one[0] in right]
        if not speaks_of({column: value}, old) or not any(str(right[kind]) in str(now) for kind, _ in old):
            yield f"{column} was {value} and is {now}"


def _nothing_freed(event: Answer, before: Before, world: World) -> None:
    was, is_now = Cover(before.rows, before.holds), Cover(world.rows, active(world, event.at))
    freed = [
        f"{table} {key}"
        for table, rows in before.rows.items()
        for key in rows
        if was.covers((table, key)) and not is_now.covers((table, key))
    ]
    if freed:
        raise Broken("unrestricted", f"after {event} nothing covers {', '.join(freed)} any more")
