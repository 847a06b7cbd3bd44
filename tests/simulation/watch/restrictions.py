"""The promise of a restriction: every row of the subject is kept from then on, for six months or until it is lifted.

Nothing is changed by it, nor by its end; what it kept goes with the next run, which the watch of runs asks for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.history import Answer, Lift
from simulation.moments import day_of
from simulation.watch.cover import Cover, active
from simulation.watch.letters import is_about

if TYPE_CHECKING:
    from datetime import datetime

    from simulation.history import Asking
    from simulation.requests.asked import Asked
    from simulation.tables import Name, Row
    from simulation.watch.watch import Before
    from simulation.world import World

_CONTENT = ("app.person", "app.contact", "app.invoice")
_FEWEST_DAYS, _MOST_DAYS = 181, 184
"""From the day of an answer to the last of six months, as the calendar of the place counts."""


def watch_restriction(event: Asking, before: Before, world: World) -> None:
    """Ask after a restriction was placed or lifted.

    Raises:
        Broken: unrestricted, or collateral.
    """
    is_answer = isinstance(event, Answer) and world.desk.requests[event.request].kind == "restriction"
    if not is_answer and not isinstance(event, Lift):
        return
    changed = [
        f"{table} {key}"
        for table, rows in before.rows.items()
        for key, row in rows.items()
        if world.find((table, key)) is not row
    ]
    if changed:
        raise Broken("collateral", f"after {event} these are not what they were: {', '.join(changed)}")
    if isinstance(event, Answer):
        _require_restricted(event, world.desk.requests[event.request], world)


def _require_restricted(event: Answer, asked: Asked, world: World) -> None:
    cover = Cover(world.rows, active(world, event.at))
    rows = [
        (table, key)
        for table, there in world.rows.items()
        for key, row in there.items()
        if (table, key) in asked.rows or _is_meant((table, key), row, asked)
    ]
    free = [f"{table} {key}" for table, key in rows if not cover.covers((table, key))]
    if free:
        raise Broken("unrestricted", f"after {event} nothing covers {', '.join(free)}", early=len(free))
    hold = world.holds.get(event.request)
    if rows and (hold is None or not _FEWEST_DAYS <= _days(event.at, hold.until) <= _MOST_DAYS):
        raise Broken("unrestricted", f"after {event} the restriction is {hold}")


def _days(start: datetime, end: datetime) -> int:
    return (day_of(end - timedelta(microseconds=1)) - day_of(start)).days


def _is_meant(name: Name, row: Row, asked: Asked) -> bool:
    """Whether a row is about the subject, and of the one customer that is meant, where one is."""
    if not is_about(name, row, asked.subjects):
        return False
    return asked.tenant is None or (name[0] in _CONTENT and row["customer_id"] == asked.tenant)
