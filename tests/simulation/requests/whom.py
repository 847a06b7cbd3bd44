"""Which rows are somebody's, and what else somebody is known by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation import people

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulation.history import Answer
    from simulation.people import Identity
    from simulation.requests.asked import Asked
    from simulation.tables import Key, Name
    from simulation.world import World

_LEADS_ON = ("website.visitor", "website.enquiry", "website.chat", "website.marketing_subscription")


def named(
    world: World, identities: Iterable[Identity], rows: Iterable[Name] = (), tenant: Key | None = None
) -> set[Name]:
    """The rows that name somebody, by an identity or by their key; content of one customer only, where it is meant."""
    found = {name for one in identities for name in world.named.get(one, ())}
    found |= {name for name in rows if world.find(name) is not None}
    return {name for name in found if tenant is None or is_content(world, name, tenant)}


def mentioning(world: World, identities: Iterable[Identity], tenant: Key | None = None) -> set[Name]:
    """The rows in which others wrote of somebody."""
    who = list(identities)
    return {
        (table, key)
        for table in people.TEXTS
        for key, row in world.rows[table].items()
        if people.masked((table, key), row, who) is not row
        and (tenant is None or is_content(world, (table, key), tenant))
    }


def is_content(world: World, name: Name, customer: Key) -> bool:
    """Whether a row is a customer's content. A note may be two customers': its person's and its author's."""
    table, key = name
    row = world.rows[table][key]
    if table == "app.customer":
        return key == customer
    if table == "app.activity":
        return bool(world.rows["app.person"][row["person_id"]]["customer_id"] == customer)
    return table in {"app.contact", "app.person", "app.invoice"} and row["customer_id"] == customer


def find_out(world: World, event: Answer) -> Asked:
    """Whom a request is about, when it is answered: what is found is looked at by an operator, or not."""
    asked = world.desk.requests[event.request]
    look_around(world, asked)
    if event.shared and "shared" in asked.visitors.values():
        said = {"confirm": "confirmed", "decline": "declined"}[event.shared]
        asked.visitors = {key: said if how == "shared" else how for key, how in asked.visitors.items()}
        look_around(world, asked)
    elif event.is_planned_anew:
        look_around(world, asked)
    return asked


def look_around(world: World, asked: Asked) -> None:
    """What else the subject is known by: browsers from which it wrote, unless somebody else did, too."""
    while True:
        known = asked.known
        rows = named(world, known, asked.rows, asked.tenant)
        new = {visitor for visitor in _visitors(world, rows) if visitor not in asked.visitors}
        new -= {key for kind, key in asked.subjects if kind == "visitor_id"}  # type: ignore[misc]  # a visitor has a key
        for visitor in new:
            asked.visitors[visitor] = "shared" if _others(world, visitor, rows) else "found"
        if not any(asked.visitors[visitor] == "found" for visitor in new):
            return


def _visitors(world: World, rows: Iterable[Name]) -> Iterator[Key]:
    for name in rows:
        if name[0] in _LEADS_ON:
            for kind, value in people.identities(name, world.rows[name[0]][name[1]]):
                if kind == "visitor_id":
                    yield int(value)


def _others(world: World, visitor: Key, rows: set[Name]) -> bool:
    """Whether a row from this browser says by an address or number that it is about somebody else."""
    return any(
        ("visitor_id", visitor) in said and len(said) > 1
        for name in named(world, [("visitor_id", visitor)]) - rows
        for said in [set(people.identities(name, world.rows[name[0]][name[1]]))]
    )
