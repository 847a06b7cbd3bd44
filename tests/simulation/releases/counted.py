"""Which events of a period count, and what is counted of them, from the words of the policy (W6, W10, R5, R6)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulation.model import covered
from simulation.moments import at
from simulation.releases.said import AGENTS, COUNTRIES, LIVES, PATHS, ROBOT, SENIORITIES, TITLES
from simulation.requests.purposes import left_out
from simulation.tables import filled
from support.counting import counted_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime

    from simulation.releases.promised import Promised
    from simulation.tables import Key, Name, Row
    from simulation.world import World

    Cells = Mapping[tuple[str, ...], Mapping[str, int]]

REASONS = ("nobody", "refused", "ended", "restricted")
"""Why an event is left out; the first that is so is told."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What is counted of a period.

    Attributes:
        left_out: how many events, by reason.
        events: keys of the events that are taken, and whose each is.
        ended: keys of those whose subject ended the purpose.
        cells: exactly, by table.
        met: what of it is worth while to have met.
    """

    left_out: Mapping[str, int]
    robots: int
    taken: int
    events: Mapping[Key, Key]
    ended: frozenset[Key]
    cells: Mapping[str, Cells]
    met: Counter[str]

    @property
    def whose(self) -> set[Key]:
        """The subjects of what is taken."""
        return set(self.events.values())

    @property
    def all(self) -> int:
        """Events of the period, those that are left out included."""
        return self.taken + self.robots + sum(self.left_out.values())


def counted(world: World, promised: Promised, first: date, as_of: datetime) -> Counted:
    """Count a period as a run of this moment should."""
    begins, ends = at(first), at(first + timedelta(days=promised.days))
    rows = {
        key: row for key, row in world.rows[promised.events].items() if begins <= row["occurred_at"] < ends
    }
    ended = left_out(world, promised.purpose, as_of)
    restricted = covered(
        world, [one for one in world.holds.values() if one.kind == "restriction" and one.is_active(as_of)]
    )
    read = _READ[promised.events]
    left, met, taken = Counter[str](), Counter[str](), []
    for key, row in rows.items():
        name = (promised.events, key)
        refused, how = _refused(world, name, row)
        why = [refused, name in ended, name in restricted]
        met[how] += refused
        if any(why):
            left[REASONS[1 + why.index(True)]] += 1
        else:
            taken.append({"key": key, **read(world, key, row)})
    people = [one for one in taken if one.get("device") != ROBOT]
    cells = {
        table: counted_by_hand(people, promised.contributor, one.by, one.cells, one.most)
        for table, one in promised.tables.items()
    }
    met += Counter({f"left out: {reason}": events for reason, events in left.items()})
    met["left out: robots"] += len(taken) - len(people)
    met += _limits_met(people, promised, cells)
    return Counted(
        left_out={reason: left[reason] for reason in REASONS},
        robots=len(taken) - len(people),
        taken=len(people),
        events={one["key"]: one["subject"] for one in people},
        ended=frozenset(key for key in rows if (promised.events, key) in ended),
        cells=cells,
        met=met,
    )


def _refused(world: World, name: Name, row: Row) -> tuple[bool, str]:
    """Whether a visitor had refused cookies for statistics at the time, or has by now; and which of the two."""
    if name[0] != "website.page_view":
        return False, ""
    words = sorted(
        (word["chosen_at"], key, word["analytical"] == "false")
        for key, word in world.rows["website.cookie_choice"].items()
        if word["visitor_id"] == row["visitor_id"]
    )
    before = [is_no for said_at, _, is_no in words if said_at <= row["occurred_at"]]
    was, is_now = bool(before) and before[-1], bool(words) and words[-1][-1]
    how = {(True, False): "refused then, allowed since", (False, True): "allowed then, refused since"}
    return was or is_now, how.get((was, is_now), "refused all along")


def _page_view(_world: World, key: Key, row: Row) -> dict[str, Any]:
    def said(column: str) -> str:
        return filled("website.page_view", column, key) or ""

    return {
        "subject": row["visitor_id"],
        "country": COUNTRIES[said("country")],
        "device": AGENTS[said("user_agent")],
        "page": PATHS[said("path")],
        "seconds": int(said("duration_seconds")),
    }


def _activity(world: World, _key: Key, row: Row) -> dict[str, Any]:
    person = row["person_id"]
    return {
        "subject": person,
        "organisation": world.rows["app.person"][person]["customer_id"],
        "seniority": SENIORITIES[filled("app.person", "seniority", person)],
        "job_family": TITLES[filled("app.person", "job_title", person)],
        "country": LIVES[filled("app.person", "country", person) or ""],
    }


_READ: Mapping[str, Callable[[World, Key, Row], dict[str, Any]]] = {
    "website.page_view": _page_view,
    "app.activity": _activity,
}
"""What is to be told of an event of each table."""


def _limits_met(events: list[dict[str, Any]], promised: Promised, cells: Mapping[str, Cells]) -> Counter[str]:
    """Where a contributor would have added more, and cells that are about many."""
    found: Counter[str] = Counter()
    for table, one in promised.tables.items():
        without = counted_by_hand(
            events, promised.contributor, one.by, len(events) + 1, dict.fromkeys(one.most, 10**9)
        )
        found["a contributor's part is limited"] += without != cells[table]
        found["a cell of many"] += any(cell["contributors"] >= MANY for cell in cells[table].values())
    return found


MANY = 14
"""Contributors of a cell that is shown for certain."""
