"""What an objection or a withdrawal does: purposes end for the subject, from when that was said on.

Whatever is processed for them leaves the subject's rows out. The company's own tables are told of those that they know:
the latest choice of each of its browsers, the latest consent of each of its subscriptions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from simulation.history import Stop
from simulation.requests.asked import WEIGHED
from simulation.requests.whom import find_out, look_around, named

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from simulation.history import Answer, Weigh
    from simulation.people import Identity
    from simulation.requests.asked import Asked
    from simulation.tables import Name, Row
    from simulation.world import World

USED = {
    "website_operation": (
        "website.page_view",
        "website.interaction",
        "website.visitor",
        "website.cookie_choice",
    ),
    "marketing": ("website.marketing_subscription", "website.marketing_consent"),
    WEIGHED: ("app.person", "app.activity"),
}
"""Tables that are used for a purpose which can end."""
RECORDS: dict[str, tuple[str, str, str, Row]] = {
    "website_operation": ("website.cookie_choice", "visitor_id", "chosen_at", {"analytical": "false"}),
    "marketing": (
        "website.marketing_consent",
        "subscription_id",
        "occurred_at",
        {"event": "withdrawn", "source": "request"},
    ),
}
"""Where it is recorded: the table, whose word it is, when it was said, and what is said."""
FIRST_RECORD = 10**9
"""Keys of records that answers write; the application has lower ones."""
WAITS = "an objection has to be weighed"


def weigh(world: World, event: Weigh) -> Counter[str] | None:
    """Decide it, once."""
    asked = world.desk.requests.get(event.request)
    if asked is None or not asked.is_open or asked.decision is not None:
        return None
    if asked.kind != "objection" or WEIGHED not in asked.purposes:
        return None
    asked.decision = event.decision
    return Counter({f"weighed: {event.decision}": 1})


def answer(world: World, event: Answer) -> Counter[str]:
    """End the purposes, and record it, unless nobody has weighed what has to be."""
    asked = world.desk.requests[event.request]
    look_around(world, asked)
    if _waits(asked):
        return Counter({WAITS: 1})
    find_out(world, event)
    rows = named(world, asked.known, asked.rows, asked.tenant)
    ended = asked.purposes - ({WEIGHED} if asked.decision == "compelling_grounds" else set())
    for purpose in sorted(ended):
        world.stops[event.request, purpose] = Stop(
            purpose=purpose,
            since=asked.received_at,
            subjects=asked.known if asked.tenant is None else frozenset(),
            rows=asked.rows if asked.tenant is None else frozenset(rows),
        )
    found = Counter(f"ends {purpose}" for purpose in ended)
    for purpose in sorted(ended & RECORDS.keys()):
        found += _record(world, purpose, rows, event.at)
    asked.state, asked.done_at = "done", event.at
    found[f"{asked.kind} of nobody"] += not rows
    return found


def follow(world: World, old: Identity, new: Identity) -> None:
    """Stops on an identity that is replaced count for the new one, too."""
    for number, stop in world.stops.items():
        if old in stop.subjects:
            world.stops[number] = replace(stop, subjects=stop.subjects | {new})


def forget(world: World, asked: Asked) -> None:
    """Whoever was erased is not known to the stops any more."""
    for number, stop in world.stops.items():
        world.stops[number] = replace(stop, subjects=stop.subjects - asked.known, rows=stop.rows - asked.rows)


def left_out(world: World, purpose: str, as_of: datetime) -> set[Name]:
    """The rows that are left out of what is processed for a purpose."""
    counting = [one for one in world.stops.values() if one.purpose == purpose and one.since <= as_of]
    found = named(
        world,
        {identity for stop in counting for identity in stop.subjects},
        {row for stop in counting for row in stop.rows},
    )
    return {name for name in world.with_parts(found) if name[0] in USED[purpose]}


def _waits(asked: Asked) -> bool:
    """Whether an operator has to decide first, also where nothing is used for what is weighed: rows may come."""
    return asked.kind == "objection" and WEIGHED in asked.purposes and asked.decision is None


def _record(world: World, purpose: str, rows: Iterable[Name], moment: datetime) -> Counter[str]:
    """Repeat the record that counts of each of the subject's rows, as it should be from now on."""
    table, whose, when, said = RECORDS[purpose]
    found = Counter[str]()
    for owner in sorted(rows):
        records = [
            (row[when], key) for key, row in world.rows[table].items() if _is_of(owner, table, whose, row)
        ]
        if not records:
            continue
        latest = world.rows[table][max(records)[1]]
        if any(latest[column] != value for column, value in said.items()):
            world.recorded += 1
            world.put(table, FIRST_RECORD + world.recorded, {**latest, **said, when: moment})
            found[f"records {table}"] += 1
    return found


def _is_of(owner: Name, table: str, whose: str, row: Row) -> bool:
    target = "website.visitor" if table == "website.cookie_choice" else "website.marketing_subscription"
    return owner == (target, row[whose])
