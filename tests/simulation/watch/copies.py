"""The promise of a copy: everything that says it is about the subject is in it, nobody else's address or number is.

Whom a copy may name is noted when it is put together, by letters and digits; it is read when it is fetched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.watch.letters import is_about

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulation.history import Answer, Fetch
    from simulation.requests.asked import Asked
    from simulation.tables import Name
    from simulation.watch.watch import Before
    from simulation.world import World

_ADDRESS = re.compile(r"[\w.+-]+(?:@|%40)example\.com", re.IGNORECASE)
_NUMBER = re.compile(r"5550[ -]?00\d\d")
_CONTENT = ("app.person", "app.contact", "app.invoice")
_PORTABLE = ("website.enquiry", "website.chat", "website.marketing_subscription")


@dataclass(frozen=True, kw_only=True)
class _Noted:
    """What a copy has to show, and whom it may name; None where it may name everybody."""

    rows: frozenset[Name]
    may_name: frozenset[str] | None


@dataclass(kw_only=True)
class Copies:
    """Watches the copies that were put together and not yet fetched, by request."""

    noted: dict[int, _Noted] = field(default_factory=dict)

    def answered(self, event: Answer, before: Before, world: World) -> None:
        """Note what a copy has to show.

        Raises:
            Broken: collateral: a row was changed.
        """
        asked = world.desk.requests[event.request]
        if asked.kind not in {"access", "portability", "information"}:
            return
        for table, rows in before.rows.items():
            if world.rows[table] != rows:
                raise Broken("collateral", f"after {event} {table} is not what it was", early=1)
        rows = {
            (table, key)
            for table, there in before.rows.items()
            for key, row in there.items()
            if (table, key) in asked.rows
            or (is_about((table, key), row, asked.known) and _is_meant((table, key), world, asked))
        }
        self.noted[event.request] = _Noted(
            rows=frozenset(rows if asked.kind == "access" else {one for one in rows if one[0] in _PORTABLE}),
            may_name=_may_name(world, asked, rows),
        )

    def fetched(self, event: Fetch, shown: set[Name], text: str) -> None:
        """Ask of a copy that was fetched: is everything in it, and nothing of anybody else?

        Raises:
            Broken: copy.
        """
        noted = self.noted.get(event.request)
        if noted is None:
            return
        missing = sorted(noted.rows - shown)
        if missing:
            raise Broken("copy", f"{event}: it does not show {missing}", late=len(missing))
        strangers = _named_in(text) - noted.may_name if noted.may_name is not None else frozenset()
        if strangers:
            raise Broken("copy", f"{event}: it names {sorted(strangers)}", early=len(strangers))


def _is_meant(name: Name, world: World, asked: Asked) -> bool:
    """Whether a row is of the one customer that is meant, where one is."""
    row = world.rows[name[0]][name[1]]
    return asked.tenant is None or (name[0] in _CONTENT and row["customer_id"] == asked.tenant)


def _may_name(world: World, asked: Asked, rows: Iterable[Name]) -> frozenset[str] | None:
    """What the subject was given by; of another kind, what stands on its rows; an organisation sees everybody."""
    if any(table == "app.customer" for table, _ in asked.rows):
        return None
    given = {kind for kind, _ in asked.subjects}
    allowed = {str(value)[-8:] if kind == "phone_number" else str(value) for kind, value in asked.subjects}
    for table, key in rows:
        said = " ".join(str(value) for value in world.rows[table][key].values() if isinstance(value, str))
        for one in _named_in(said):
            if ("email" if "@" in one else "phone_number") not in given:
                allowed.add(one)
    return frozenset(allowed)


def _named_in(text: str) -> frozenset[str]:
    addresses = (one.lower().replace("%40", "@") for one in _ADDRESS.findall(text))
    return frozenset({*addresses, *(re.sub(r"\D", "", one) for one in _NUMBER.findall(text))})
