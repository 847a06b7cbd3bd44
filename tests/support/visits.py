"""A busy website for the reference company, made day by day in SQL, and a plain count of what may be counted of it.

Whatever names a visitor holds :data:`VISITOR`, :data:`ADDRESS` or ``canary``, and may be found nowhere but in the
company's own tables. The count knows nothing of the engine: it reads rows, the policy's YAML, and what the test says of
people.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from support.press import DESKTOP, PHONE, ROBOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from support.databases import Database

ZONE = ZoneInfo("Europe/Tallinn")
VISITOR = "ca9a7000-0000-4000-8000-"
"""What the cookie of everybody begins with."""
ADDRESS = "203.0.113.77"
VISITORS = 600
ROBOTS = {"known": 601, "unknown": 602}
CANARY = "canary"
AGENTS = {
    "desktop": f"{DESKTOP} Canary/1",
    "mobile": f"{PHONE} Canary/1",
    "robot": f"{ROBOT} Canary/1",
    "unknown": "Mozilla/5.0",
}
"""By kind of device."""
_VIEW = """
    INSERT INTO website.page_view (occurred_at, visitor_id, session_id, path, navigation, duration_seconds, ip_address,
                                   user_agent, browser, browser_version, device_type, operating_system, country)
    SELECT {at}, visitor.id, gen_random_uuid(), {path}, 'link', {seconds}, :address, {agent}, 'Chrome', '126',
           'desktop', 'Windows', {country}
    FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS number
    JOIN website.visitor ON visitor.id = CAST(:visitor || lpad(number::text, 12, '0') AS uuid),
    generate_series(1, CAST(:times AS integer)) AS seen
"""
_ORDINARY = _VIEW.format(
    at="website.day_starts_at(:day) + make_interval(secs => (number * 997 + seen * 7919) % 82000)",
    path="(ARRAY['/', '/prices', '/about', '/blog'])[1 + (number + seen + :number) % 4]",
    seconds="(number * 31 + seen * 7) % 700",
    agent="CASE number % 4 WHEN 0 THEN :mobile ELSE :desktop END",
    country="CASE WHEN number % 10 < 6 THEN 'EE' WHEN number % 10 < 9 THEN 'LV'"
    " ELSE (ARRAY['EE', 'LV', 'FI'])[seen] END",
)
_ORDINARY += " WHERE (number * 7 + :number * 13) % 3 <> 0 AND seen <= 1 + (number + :number) % 3"
_GIVEN = _VIEW.format(
    at="CAST(:at AS timestamptz)", path=":path", seconds=":seconds", agent=":agent", country=":country"
)
_CUSTOMERS = """
    INSERT INTO app.customer
    SELECT 1000 + n, 'Canary AS', n::text, NULL, 'Pikk 1', 'Tallinn', '10123', 'EE', '2024-01-01 10:00+00'
    FROM generate_series(1, 150) AS n;
    INSERT INTO app.person (id, customer_id, first_name, last_name, job_title, seniority, work_email, country,
                            created_at)
    SELECT 10000 + 10 * n + k, 1000 + n, 'Canary', 'Person',
           (ARRAY['Developer', 'Senior Accountant', 'Gardener', NULL])[1 + k % 4],
           (ARRAY['senior', 'mid', NULL])[1 + k % 3], 'canary' || n || '.' || k || '@example.test',
           CASE WHEN n < 100 THEN 'EE' ELSE 'LV' END, '2024-02-01 10:00+00'
    FROM generate_series(1, 150) AS n, generate_series(0, 7) AS k;
    INSERT INTO app.activity (id, person_id, kind, detail, occurred_at)
    SELECT 1000 + row_number() OVER (), person.id, 'call', '{}',
           day + make_interval(mins => (person.id % 1400)::integer)
    FROM app.person, generate_series(timestamptz '2026-02-24 00:00+02', '2026-03-28 00:00+02', '7 days') AS day
"""


def visitor(number: int) -> str:
    """The cookie of a visitor."""
    return f"{VISITOR}{number:012}"


def create_website(database: Database, first: date, last: date) -> None:
    """Add visitors, days to put their views into, and customers who use the application every week."""
    database.execute("CALL website.create_days(:first, :last)", {"first": first, "last": last})
    database.execute(
        "INSERT INTO website.visitor SELECT CAST(:visitor || lpad(n::text, 12, '0') AS uuid),"
        " '2026-02-20 10:00+00', '2026-04-01 10:00+00' FROM generate_series(1, CAST(:last AS integer)) AS n",
        {"visitor": VISITOR, "last": max(ROBOTS.values())},
    )
    database.script(_CUSTOMERS)


def add_day(database: Database, day: date) -> None:
    """The views of an ordinary day: of two thirds of the visitors, one to three each."""
    given = {"day": day, "number": day.toordinal() % 12, "first": 1, "last": VISITORS, "times": 3}
    agents = {name: AGENTS[name] for name in ("desktop", "mobile")}
    database.execute(_ORDINARY, {**given, **agents, "visitor": VISITOR, "address": ADDRESS})


def add_views(  # noqa: PLR0913 - each is a column that some day is about
    database: Database,
    first: int,
    last: int,
    *,
    at: str,
    path: str = "/",
    country: str = "EE",
    device: str = "desktop",
    seconds: int = 5,
    times: int = 1,
) -> None:
    """Views, so many by each of the visitors from ``first`` to ``last``."""
    given = {"first": first, "last": last, "at": at, "path": path, "country": country, "times": times}
    given |= {"agent": AGENTS[device], "seconds": seconds, "visitor": VISITOR, "address": ADDRESS}
    database.execute(_GIVEN, given)


def choose(database: Database, number: int, *, at: datetime, analytical: bool) -> None:
    """What a visitor chose of analytical cookies."""
    database.execute(
        "INSERT INTO website.cookie_choice (visitor_id, chosen_at, analytical, functionality, third_party)"
        " VALUES (CAST(:visitor AS uuid), :at, :analytical, true, false)",
        {"visitor": visitor(number), "at": at, "analytical": analytical},
    )


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that is counted."""

    person: str
    contributor: str
    cell: Mapping[str, str]
    seconds: int | None


@dataclass(kw_only=True)
class People:
    """What people have said by now, as the test knows it.

    Attributes:
        choices: moment and answer of each, by visitor.
        objected: visitors for good.
        restricted: visitors as long as they are.
        erased: visitors of whom nothing is there.
    """

    choices: dict[str, list[tuple[datetime, bool]]] = field(default_factory=lambda: defaultdict(list))
    objected: set[str] = field(default_factory=set)
    restricted: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)

    def may_be_counted(self, person: str, at: datetime) -> bool:
        """Whether nobody has said otherwise of this view."""
        if person in self.objected | self.restricted | self.erased:
            return False
        said = [True, *(answer for since, answer in sorted(self.choices[person]) if since <= at)]
        latest = [True, *(answer for _, answer in sorted(self.choices[person]))]
        return said[-1] and latest[-1]


def views(database: Database, first: date, last: date) -> list[Any]:
    """The rows of some days."""
    begins, ends = (datetime.combine(one, time(), ZONE) for one in (first, last + timedelta(days=1)))
    return database.execute(
        "SELECT occurred_at, visitor_id::text AS person, path, duration_seconds, user_agent, country"
        " FROM website.page_view WHERE occurred_at >= :begins AND occurred_at < :ends",
        {"begins": begins, "ends": ends},
    )


def visits(database: Database, people: People, first: date, last: date) -> list[Event]:
    """What may be counted of the website."""
    devices = {agent: device for device, agent in AGENTS.items()}
    return [
        Event(
            person=row.person,
            contributor=row.person,
            cell={"country": row.country, "device": devices[row.user_agent], "page": row.path},
            seconds=row.duration_seconds,
        )
        for row in views(database, first, last)
        if devices[row.user_agent] != "robot" and people.may_be_counted(row.person, row.occurred_at)
    ]


_FAMILIES = {"Developer": "engineering", "Senior Accountant": "finance", "Gardener": "other", None: "unknown"}


def usage(database: Database, _people: People, first: date, last: date) -> list[Event]:
    """What may be counted of the application."""
    begins, ends = (datetime.combine(one, time(), ZONE) for one in (first, last + timedelta(days=1)))
    rows = database.execute(
        "SELECT person.id, customer_id, job_title, seniority, country FROM app.activity"
        " JOIN app.person ON person.id = activity.person_id WHERE occurred_at >= :begins AND occurred_at < :ends",
        {"begins": begins, "ends": ends},
    )
    return [
        Event(
            person=str(row.id),
            contributor=str(row.customer_id),
            cell={
                "seniority": row.seniority or "unknown",
                "job_family": _FAMILIES[row.job_title],
                "country": row.country,
            },
            seconds=None,
        )
        for row in rows
    ]


def cells_of(
    events: Iterable[Event], table: Mapping[str, Any], seconds_at_most: int | None
) -> list[dict[str, Any]]:
    """The cells of a table of the policy, counted in the plainest way."""
    contributed: dict[str, dict[tuple[str, ...], list[Event]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        contributed[event.contributor][tuple(event.cell[name] for name in table["by"])].append(event)
    found: dict[tuple[str, ...], list[Counter[str]]] = defaultdict(list)
    for by_cell in contributed.values():
        for cell in sorted(by_cell, key=lambda one: (-len(by_cell[one]), one))[: table["cells"]]:
            found[cell].append(_added(by_cell[cell], table, seconds_at_most))
    return [
        dict(zip(table["by"], cell, strict=True))
        | {"contributors": len(added)}
        | {name: sum(one[name] for one in added) for name in added[0]}
        | {f"largest_{name}": max(one[name] for one in added) for name in added[0]}
        for cell, added in sorted(found.items())
    ]


def _added(events: list[Event], table: Mapping[str, Any], seconds_at_most: int | None) -> Counter[str]:
    added = Counter({"events": min(len(events), table["events"])})
    if seconds_at_most is not None:
        added["seconds"] = min(sum(one.seconds or 0 for one in events), seconds_at_most)
    if "persons" in table:
        added["persons"] = min(len({one.person for one in events}), table["persons"])
    return added
