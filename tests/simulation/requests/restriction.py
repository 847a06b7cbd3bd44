"""What a restriction does: the subject's rows stay, now and later, until it is lifted or its time is over."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from simulation.history import Hold
from simulation.moments import Period, at, day_of, last_day
from simulation.requests.whom import find_out, named

if TYPE_CHECKING:
    from datetime import datetime

    from simulation.history import Answer, Lift
    from simulation.world import World

LASTS = Period(months=6)


def answer(world: World, event: Answer) -> Counter[str]:
    """Place the restriction, under the number of its request; of whom nothing is held none is placed."""
    asked = find_out(world, event)
    rows = named(world, asked.known, asked.rows, asked.tenant)
    asked.state, asked.done_at = "done", event.at
    if not rows:
        return Counter({"restricted of nobody": 1})
    is_of_one = asked.tenant is not None
    world.holds[event.request] = Hold(
        kind="restriction",
        until=at(last_day(day_of(event.at), LASTS) + timedelta(days=1)),
        targets=frozenset(rows if is_of_one else asked.rows),
        subjects=frozenset() if is_of_one else asked.known,
        request=event.request,
    )
    return Counter({"restricted": 1, "restricted for one customer's copy": is_of_one})


def lift(world: World, event: Lift) -> Counter[str] | None:
    """Lift it; whom it named is forgotten."""
    hold = world.holds.get(event.request)
    if hold is None or hold.request is None or not hold.is_active(event.at):
        return None
    world.holds[event.request] = replace(hold, is_released=True)
    others = any(one.request is not None and one.is_active(event.at) for one in world.holds.values())
    return Counter({"lifted": 1, "lifted beside another": others})


def end(world: World, as_of: datetime) -> Counter[str]:
    """Restrictions whose last day has passed are over for good."""
    ended = [
        number
        for number, hold in world.holds.items()
        if hold.request is not None and not hold.is_released and hold.until <= as_of
    ]
    for number in ended:
        world.holds[number] = replace(world.holds[number], is_released=True)
    return Counter({"a restriction ends by itself": len(ended)})


def restricted(world: World, moment: datetime) -> list[int]:
    """Requests of which a restriction is in force."""
    return [
        number for number, hold in world.holds.items() if hold.request is not None and hold.is_active(moment)
    ]
