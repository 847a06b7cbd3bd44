"""The promise of an objection or a withdrawal: the company's tables say that it is over, and nothing else was touched.

Whoever is known by an address is looked for by its letters, whoever is known by a browser by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.history import Answer
from simulation.watch.letters import is_about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.history import Asking
    from simulation.requests.asked import Asked
    from simulation.tables import Key
    from simulation.watch.watch import Before
    from simulation.world import World

_SAID_OVER = {
    "website_operation": ("website.visitor", "website.cookie_choice", "visitor_id", "chosen_at"),
    "marketing": (
        "website.marketing_subscription",
        "website.marketing_consent",
        "subscription_id",
        "occurred_at",
    ),
}
_OVER = {
    "website.cookie_choice": {"analytical": "false"},
    "website.marketing_consent": {"event": "withdrawn"},
}


def watch_purposes(event: Asking, before: Before, world: World) -> None:
    """Ask after a request that ends purposes was answered.

    Raises:
        Broken: goes on, or collateral.
    """
    if not isinstance(event, Answer):
        return
    asked = world.desk.requests[event.request]
    if asked.kind not in {"objection", "withdrawal"}:
        return
    if asked.state == "done" and asked.tenant is None:
        going_on = list(_going_on(world, asked))
        if going_on:
            raise Broken("goes on", f"after {event}: {'; '.join(going_on)}", late=len(going_on))
    collateral = list(_collateral(before, world, asked))
    if collateral:
        raise Broken("collateral", f"after {event}: {'; '.join(collateral)}", early=len(collateral))


def _going_on(world: World, asked: Asked) -> Iterator[str]:
    """The last word of each of the subject's rows is not that it is over."""
    for purpose in asked.purposes & _SAID_OVER.keys():
        table, records, whose, when = _SAID_OVER[purpose]
        for key, row in world.rows[table].items():
            if is_about((table, key), row, asked.known):
                said = [
                    (one[when], number) for number, one in world.rows[records].items() if one[whose] == key
                ]
                last = world.rows[records][max(said)[1]] if said else {}
                if said and not last.items() >= _OVER[records].items():
                    yield f"the last word of {table} {key} is {last}"


def _collateral(before: Before, world: World, asked: Asked) -> Iterator[str]:
    """What is gone or changed, and what was written that is not the subject's word."""
    for table, rows in before.rows.items():
        for key, row in rows.items():
            if world.find((table, key)) is not row:
                yield f"{table} {key} is not what it was"
        for key in world.rows[table].keys() - rows.keys():
            if not _is_word_of(world, table, key, asked):
                yield f"{table} {key} was written: {world.rows[table][key]}"


def _is_word_of(world: World, table: str, key: Key, asked: Asked) -> bool:
    for whole, records, whose, _ in _SAID_OVER.values():
        if table == records:
            row = world.rows[table][key]
            owner = row[whose]
            is_over = row.items() >= _OVER[records].items()
            return is_over and is_about((whole, owner), world.rows[whole][owner], asked.known)
    return False
