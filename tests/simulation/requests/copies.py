"""What whoever asks for a copy is given: the subject's rows, what concerns or mentions it, and nothing twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from simulation import people
from simulation.moments import at, day_of
from simulation.requests.asked import Package
from simulation.requests.whom import find_out, is_content, mentioning, named
from simulation.tables import LINKS

if TYPE_CHECKING:
    from simulation.history import Answer, Fetch
    from simulation.requests.asked import Asked
    from simulation.tables import Name
    from simulation.world import World

AVAILABLE_DAYS = 14
GIVEN_BY_THE_SUBJECT = {
    *("website.enquiry", "website.message", "website.chat"),
    *("website.marketing_subscription", "website.marketing_consent"),
}
"""What subjects provide and is used on consent or contract: they may take it along."""
_OWNED = ("app.contract", "app.note")
"""Rows that are part of somebody else's where what they are part of is not the subject's."""
IN_VAIN = "fetched in vain"


def answer(world: World, event: Answer) -> Counter[str]:
    """Put a package together, of whom anything is held; information is the same for everybody."""
    asked = find_out(world, event)
    asked.state, asked.done_at = "done", event.at
    own, others = _rows(world, asked)
    if asked.kind == "portability":
        own, others = {name for name in own if name[0] in GIVEN_BY_THE_SUBJECT}, set()
    if asked.kind == "information" or not (own or others):
        return Counter({asked.kind if asked.kind == "information" else f"{asked.kind} of nobody": 1})
    asked.package = Package(
        own=frozenset(own),
        others=frozenset(others),
        expires_at=at(day_of(event.at) + timedelta(days=AVAILABLE_DAYS + 1)),
    )
    found = Counter(f"{asked.kind} shows {table}" for table, _ in own)
    return found + Counter({f"{asked.kind} shows what is others'": len(others)})


def fetch(world: World, event: Fetch) -> Counter[str] | None:
    """Hand a package out, once and in time."""
    asked = world.desk.requests.get(event.request)
    if asked is None or not asked.is_copied:
        return None
    package = asked.package
    if package is None or package.expires_at <= event.at:
        return Counter(
            {IN_VAIN: 1, "fetched too late": package is not None, "fetched from a backup": asked.is_withdrawn}
        )
    asked.package = None
    return Counter({"fetched": 1, "fetched with what is others'": bool(package.others)})


def _rows(world: World, asked: Asked) -> tuple[set[Name], set[Name]]:
    """Rows that are the subject's, and rows that are others' and concern or mention it."""
    found = world.with_parts(named(world, asked.known, asked.rows, asked.tenant))
    near = {
        (link.holder, key)
        for link in LINKS
        if not link.belongs
        for key, row in world.rows[link.holder].items()
        if (link.target, row[link.column]) in found and (link.holder, key) not in found
    }
    near = {name for name in near if asked.tenant is None or is_content(world, name, asked.tenant)}
    is_open = any(table == "app.customer" for table, _ in asked.rows)
    others = set() if is_open else {name for name in near if _is_somebodys(world, name)}
    own = found | world.with_parts(near - others)
    mentions = mentioning(world, asked.known, asked.tenant)
    return own, (others | mentions) - own


def _is_somebodys(world: World, name: Name) -> bool:
    """Whether a row that refers to the subject's names somebody, or is part of somebody else's."""
    row = world.rows[name[0]][name[1]]
    return name[0] in _OWNED or any(row[column] is not None for column in people.IDENTITIES.get(name[0], {}))
