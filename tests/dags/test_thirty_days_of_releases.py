"""Thirty-three days of the website through the DAGs of releases, with something in the way on each of them.

Every night people are erased, object, are restricted or refuse, events come late or with a wrong clock, and every run
fails once at another step, before or after its work. Each period is released once, of exactly those who may be counted;
what was released stays bit for bit; nothing is left behind, and nobody's name is anywhere.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from pyarrow import parquet

from lifecycle.analytics import inspecting, lateness, pseudonyms
from lifecycle.errors import CheckFailed, UsageError
from lifecycle.holds.targets import Subject
from lifecycle.policy.model import RequestKind
from lifecycle.requests import steps
from lifecycle.requests.answering import propose
from lifecycle.requests.asked import Asked
from lifecycle.requests.lifting import ask_lifting
from lifecycle.runs import company as company_module
from lifecycle.runs.company import Company
from lifecycle.settings import PROJECT, Settings
from support.asking import answer, by_email, verified
from support.companies import ledger_of
from support.faults import Fault, failing
from support.leaks import contents_of, leaks, leaks_in_control_schema, leaks_in_folder
from support.subjects import MARI
from support.visits import (
    ADDRESS,
    CANARY,
    ROBOTS,
    VISITOR,
    VISITORS,
    People,
    add_day,
    add_views,
    cells_of,
    choose,
    create_website,
    usage,
    views,
    visitor,
    visits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from uuid import UUID

    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("W6", "W7", "W10", "R5", "R6", "R7")

ZONE = ZoneInfo("Europe/Tallinn")
NAME = "analytics_aggregation"
POLICY = PROJECT / "include/policies/2025-02-19/policy.yaml"
RELEASES = yaml.safe_load(POLICY.read_text(encoding="utf-8"))["releases"]
VISITS, USAGE = "website_visits", "application_usage"
COUNTED = {VISITS: visits, USAGE: usage}
FEEDS = ("internal", "commercial")


def day(month: int, number: int) -> date:
    return date(2026, month, number)


FIRST, LAST = day(2, 26), day(3, 30)
"""Of the days with events; a day is released on the morning after it."""
MORNINGS = [FIRST + timedelta(days=number) for number in range(1, (LAST - FIRST).days + 2)]
NOBODY_THERE = [one for one in MORNINGS if day(3, 1) <= one <= day(3, 7)]
"""Mornings of a week in which nothing is released: the day before it is lost."""
LOST = day(2, 28)
ROTATIONS = {
    day(2, 27): (0, []),
    day(3, 1): (3, []),
    day(3, 7): (0, []),
    day(3, 8): (0, [f"pseudonyms.{VISITS}.subject.2026-02"]),
    day(3, 20): (0, []),
    day(3, 21): (0, [f"pseudonyms.{USAGE}.{kind}.2026-02" for kind in ("organisation", "subject")]),
    day(3, 31): (0, []),
}
"""How many keys are made and which are destroyed, on some nights."""
NO_EVENTS, ONE_VISITOR, WITH_ROBOTS, WITH_NEWS = day(3, 16), day(3, 18), day(3, 13), day(3, 20)
LATE_FOR = {day(3, 8), day(3, 9)}
WORDS = (CANARY, VISITOR, ADDRESS, MARI, "mari.tamm", "00000000-0000-4000-8000-000000000100")
"""What may be found nowhere but in the company's own tables."""
WHOM_THEY_NAME = {"hold_subject", "processing_stop_subject"}
"""Tables that have the spellings of whoever is restricted or objected, as long as that counts."""

_RELEASING, _ANALYTICS = "lifecycle.analytics.releasing", "lifecycle.analytics"
EXTRACT, COUNT, DRAW = "period.extract", "period.count", "period.draw"
FAULTS = {
    day(2, 27): [Fault(where="lifecycle.runs.agreement.check_before", task="check_before", after=True)],
    day(2, 28): [Fault(where="lifecycle.runs.agreement.check_before", task="check_before", error=ValueError)],
    day(3, 8): [Fault(where=f"{_RELEASING}.draw_feeds", task=DRAW, error=CheckFailed, call=3)],
    day(3, 9): [Fault(where=f"{_ANALYTICS}.inspecting.record_late", task="record_late")],
    day(3, 10): [Fault(where=f"{_ANALYTICS}.inspecting.record_late", task="record_late", after=True)],
    day(3, 11): [
        Fault(where=f"{_ANALYTICS}.inspecting.open_spans", task="periods", error=ValueError),
        Fault(where=f"{_ANALYTICS}.lateness.record_late_events", task="record_late_events"),
    ],
    day(3, 12): [
        Fault(where=f"{_ANALYTICS}.inspecting.open_spans", task="periods", after=True),
        Fault(
            where=f"{_ANALYTICS}.lateness.record_late_events",
            task="record_late_events",
            after=True,
            error=ValueError,
        ),
    ],
    day(3, 13): [Fault(where=f"{_RELEASING}.extract", task=EXTRACT)],
    day(3, 14): [Fault(where=f"{_RELEASING}.extract", task=EXTRACT, after=True, error=ValueError)],
    day(3, 15): [Fault(where=f"{_ANALYTICS}.checks.check_events", task=EXTRACT, error=ValueError)],
    day(3, 16): [Fault(where=f"{_RELEASING}.count", task=COUNT)],
    day(3, 17): [Fault(where=f"{_RELEASING}.count", task=COUNT, after=True)],
    day(3, 18): [Fault(where=f"{_ANALYTICS}.checks.check_cells", task=COUNT, error=ValueError)],
    day(3, 19): [Fault(where=f"{_RELEASING}.draw_feeds", task=DRAW)],
    day(3, 20): [Fault(where=f"{_ANALYTICS}.draws.reserve", task=DRAW, after=True)],
    day(3, 21): [
        Fault(where=f"{_ANALYTICS}.noise.draw", task=DRAW, error=ValueError, lost="internal"),
    ],
    day(3, 22): [Fault(where=f"{_ANALYTICS}.noise.draw", task=DRAW, after=True, call=5, lost="commercial")],
    day(3, 23): [Fault(where=f"{_RELEASING}.draw_feeds", task=DRAW, after=True)],
    day(3, 24): [Fault(where=f"{_RELEASING}.append", task=DRAW, after=True, lost="internal")],
    day(3, 25): [Fault(where=f"{_RELEASING}.publish", task=DRAW)],
    day(3, 26): [Fault(where=f"{_RELEASING}.publish", task=DRAW, after=True, call=2, error=ValueError)],
    day(3, 27): [
        Fault(where=f"{_ANALYTICS}.noise.draw", task=DRAW, error=KeyboardInterrupt, call=2, lost="internal")
    ],
    day(3, 28): [Fault(where=f"{_RELEASING}.finish_all", task="clear")],
    day(3, 29): [Fault(where=f"{_RELEASING}.finish_all", task="clear", after=True, error=ValueError)],
    day(3, 30): [
        Fault(where="lifecycle.runs.signing.sign_what_is_new", task="sign_what_is_new"),
        Fault(where=f"{_ANALYTICS}.inspecting.is_released", task="tell_released", error=ValueError),
    ],
    day(3, 31): [
        Fault(where="lifecycle.runs.signing.sign_what_is_new", task="sign_what_is_new", after=True),
        Fault(where=f"{_ANALYTICS}.inspecting.is_released", task="tell_released", after=True),
    ],
}
"""What goes wrong in the run of each morning."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What stood in the folder of a period when its cells were counted."""

    cells: dict[str, list[dict[str, Any]]]
    identifiers: dict[str, set[str]]
    leaks: dict[str, set[bytes]]


@dataclass(kw_only=True)
class History:
    """The company, and what the test knows of its days so far.

    Attributes:
        told_before: the last event of an asset that is not of this history.
        seen: by release and first day, when it was last counted.
        counted: how many events each day had when it was released.
        checked: what checks said of releases.
        requests: restrictions, by the number of the visitor.
        lost: draws that were lost, by feed.
    """

    airflow: Airflow
    database: Database
    company: Company
    folder: Path
    people: People = field(default_factory=People)
    told_before: int
    seen: dict[tuple[str, date], Seen] = field(default_factory=dict)
    counted: dict[date, int] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    requests: dict[int, UUID] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)

    def night(self, morning: date, minutes: int = 0) -> datetime:
        return datetime.combine(morning, time(0, minutes), ZONE)

    def ask(self, morning: date, kind: str, subject: Subject, *purposes: str, by_dag: bool = False) -> UUID:
        """Somebody asks for something, and an operator does it."""
        at, asked = self.night(morning), Asked(purposes=purposes)
        request_id = verified(self.company, subject, kind=RequestKind(kind), asked=asked, as_of=at)
        if by_dag:
            self.carry_out(f"subject_{kind}", request_id, morning)
        else:
            answer(self.company, request_id, as_of=at)
        return request_id

    def carry_out(self, name: str, request_id: UUID, morning: date) -> None:
        """By the DAG, which goes on with what an operator has approved."""
        at = self.night(morning, 10)
        digest = propose(self.company, request_id, as_of=at).digest
        if digest:
            steps.approve_plan(self.company, request_id, digest, approved_by="Op", as_of=at)
        found = self.airflow.run(name, at, given={"request_id": str(request_id)})
        assert found.state == "success"

    def come_by(self, morning: date, *numbers: int) -> None:
        """They have views of the day before, which nobody has released."""
        for number in numbers:
            add_views(self.database, number, number, at=f"{morning - timedelta(days=1)} 20:00+02")

    def erase(self, morning: date, *numbers: int, by_dag: bool = False) -> None:
        self.come_by(morning, *numbers)
        for number in numbers:
            subject = Subject(identity="visitor_id", value=visitor(number))
            self.ask(morning, "erasure", subject, by_dag=by_dag)
            self.people.erased.add(visitor(number))

    def object_to(self, morning: date, number: int, *, by_dag: bool = False) -> None:
        self.come_by(morning, number)
        subject = Subject(identity="visitor_id", value=visitor(number))
        self.ask(morning, "objection", subject, "website_operation", by_dag=by_dag)
        self.people.objected.add(visitor(number))

    def restrict(self, morning: date, number: int, *, by_dag: bool = False) -> None:
        self.come_by(morning, number)
        subject = Subject(identity="visitor_id", value=visitor(number))
        self.requests[number] = self.ask(morning, "restriction", subject, by_dag=by_dag)
        self.people.restricted.add(visitor(number))

    def lift(self, morning: date, number: int) -> None:
        with self.company.engine.begin() as connection:
            ask_lifting(
                connection, self.requests[number], informed_by="letter", asked_by="Anna",
                as_of=self.night(morning),
            )  # fmt: skip
        request = {"request_id": str(self.requests[number])}
        found = self.airflow.run("subject_restriction", self.night(morning, 10), given=request)
        assert found.state == "success"
        self.people.restricted.remove(visitor(number))

    def choose(self, morning: date, *numbers: int, analytical: bool) -> None:
        self.come_by(morning, *numbers)
        for number in numbers:
            choose(self.database, number, at=self.night(morning), analytical=analytical)
            self.people.choices[visitor(number)].append((self.night(morning), analytical))


def erased_by_email(history: History, morning: date) -> None:
    """Mari's browser is hers because of the form that she sent with it."""
    history.ask(morning, "erasure", by_email(), by_dag=True)
    mentioned = history.database.execute(
        "SELECT FROM website.visitor WHERE id = '00000000-0000-4000-8000-000000000100'"
    )
    assert mentioned == []


def robots_come(history: History, _morning: date) -> None:
    at = f"{WITH_ROBOTS} 12:00+02"
    for kind, number in ROBOTS.items():
        device = "robot" if kind == "known" else "desktop"
        for country, path in (("EE", "/prices"), ("FR", "/robot")):
            add_views(
                history.database, number, number, at=at, device=device, country=country, path=path,
                seconds=2**31 - 1, times=5_000,
            )  # fmt: skip


def news(history: History, _morning: date) -> None:
    """A page and a country that never were; and a page of one person's own, with an address in its path."""
    add_views(
        history.database, 1, VISITORS, at=f"{WITH_NEWS} 12:00+02", path="/launch", country="GE", times=4
    )
    add_views(history.database, 1, 3, at=f"{WITH_NEWS} 12:00+02", path=f"/invited/{CANARY}@example.test")


def views_of_tomorrow(history: History, _morning: date) -> None:
    """Clocks that are wrong by days, and days that end at midnight, whatever the season."""
    add_views(history.database, 50, 56, at="2026-03-14 12:00+02", path="/tomorrow")
    add_views(history.database, 1, 40, at="2026-03-14 23:59:59.999999+02", path="/before-midnight")
    add_views(history.database, 1, 40, at="2026-03-15 00:00+02", path="/midnight")
    for path, at in (("/first", "00:00+02"), ("/short", "04:00+03"), ("/last", "23:59:59.999999+03")):
        add_views(history.database, 1, 40, at=f"2026-03-29 {at}", path=path)


def late_views(history: History, _morning: date) -> None:
    for late in LATE_FOR | {LOST}:
        add_views(history.database, 300, 320, at=f"{late} 12:00+02", times=late.day)


HAPPENS: dict[date, list[Callable[[History, date], None]]] = {
    day(2, 28): [lambda history, morning: history.erase(morning, 11, 12)],
    day(3, 2): [
        lambda history, morning: history.object_to(morning, 21, by_dag=True),
        lambda history, morning: history.choose(morning, *range(100, 130), analytical=False),
    ],
    day(3, 4): [
        lambda history, morning: history.erase(morning, 13, by_dag=True),
        lambda history, morning: history.restrict(morning, 31, by_dag=True),
        lambda history, morning: history.choose(morning, *range(120, 130), analytical=True),
    ],
    day(3, 10): [erased_by_email, late_views],
    day(3, 11): [lambda history, morning: history.restrict(morning, 32)],
    day(3, 12): [views_of_tomorrow, lambda history, morning: history.object_to(morning, 22)],
    day(3, 14): [robots_come, lambda history, morning: history.erase(morning, 14)],
    day(3, 15): [lambda history, morning: history.lift(morning, 31)],
    day(3, 17): [late_views],
    day(3, 21): [news, lambda history, morning: history.erase(morning, 15, 16)],
    day(3, 25): [lambda history, morning: history.choose(morning, *range(200, 230), analytical=False)],
    day(3, 30): [lambda history, morning: history.erase(morning, 17)],
}
"""What happens before the run of a morning."""


@pytest.fixture
def history(
    airflow_alone: Airflow, people, database: Database, tmp_path: Path, monkeypatch
) -> Iterator[History]:
    """The reference company, whose website has visitors; only page views are looked after by their DAG."""
    assert people
    policy = POLICY.read_text(encoding="utf-8").replace("    schedule_with: website_retention\n", "")
    kept = "    action: drop_partition\n"
    policy = policy.replace(kept, f"{kept}    schedule_with: website_retention\n", 1)
    (tmp_path / "policies/first").mkdir(parents=True)
    (tmp_path / "policies/first/policy.yaml").write_text(policy, encoding="utf-8")
    monkeypatch.setenv("LIFECYCLE_POLICY_DIR", str(tmp_path / "policies"))
    create_website(database, FIRST, LAST + timedelta(days=1))
    for read in (
        "load_policies",
        "load_datamap",
        "schedules_in",
    ):  # each task reads them anew, and they do not change
        monkeypatch.setattr(f"lifecycle.runs.company.{read}", cache(getattr(company_module, read)))
    company = Company.open(Settings.from_environment())
    ((told,),) = airflow_alone.query("SELECT coalesce(max(id), 0) FROM asset_event")
    history = History(
        airflow=airflow_alone, database=database, company=company, folder=tmp_path / "state", told_before=told
    )
    watch_counts(history, monkeypatch)
    watch_checks(history, monkeypatch)
    return history


def watch_counts(history: History, patch: pytest.MonkeyPatch) -> None:
    """See what a period is made of, each time its cells are counted."""
    from lifecycle.analytics import releasing

    count = releasing.count

    def watched(company: Company, name: str, span: Any, **named: Any) -> Any:
        result = count(company, name, span, **named)
        folder = history.folder / "pseudonymised" / name / span.first.isoformat()
        events = parquet.read_table(folder / "events.parquet")
        history.seen[name, span.first] = Seen(
            cells={
                table: parquet.read_table(folder / f"cells-{table}.parquet").to_pylist()
                for table in RELEASES[name]["tables"]
            },
            identifiers={
                kind: set(events[kind].to_pylist())
                for kind in ("subject", "organisation")
                if kind in events.column_names
            },
            leaks=leaks_in_folder([VISITOR, ADDRESS], folder)
            | {"rows": leaks([VISITOR, ADDRESS], str(events.to_pylist()).encode())},
        )
        return result

    patch.setattr(releasing, "count", watched)


def watch_checks(history: History, patch: pytest.MonkeyPatch) -> None:
    """Keep what checks of releases say."""
    from lifecycle.analytics import checks

    validate = checks.validate

    def watched(*arguments: Any, **named: Any) -> Any:
        result = validate(*arguments, **named)
        history.checked.append(json.dumps(result.to_json()))
        return result

    patch.setattr(checks, "validate", watched)


def test_thirty_days(history: History, capfd, caplog):
    released: dict[tuple[str, str], str] = {}
    for morning in MORNINGS:
        a_day_passes(history, morning - timedelta(days=1))
        for happens in HAPPENS.get(morning, []):
            happens(history, morning)
        keys_are_rotated(history, morning)
        if morning not in NOBODY_THERE:
            periods_are_released(history, morning)
        views_go_in_time(history, morning)
        earlier, released = released, what_was_released(history)
        nothing_changed(earlier, released)
    all_agree(history)
    restricted_views_stay(history)
    late_events_are_told(history)
    news_are_told_once(history)
    robots_count_as_much_as_somebody_eager(history)
    each_period_is_told_once(history)
    pseudonyms_do_not_meet(history)
    captured = capfd.readouterr()
    nobody_is_named(history, captured.out + captured.err + caplog.text)


def a_day_passes(history: History, today: date) -> None:
    if today == ONE_VISITOR:
        add_views(history.database, 77, 77, at=f"{today} 12:00+02", times=30)
    elif today != NO_EVENTS:
        add_day(history.database, today)


def keys_are_rotated(history: History, morning: date) -> None:
    if morning not in ROTATIONS:
        return
    found = history.airflow.run("key_rotation", datetime.combine(morning, time(1), ZONE))
    assert found.state == "success"
    created, destroyed = ROTATIONS[morning]
    rotated = found.results["rotate_keys"]
    if morning != MORNINGS[0]:
        assert (len(rotated["created"]), rotated["destroyed"]) == (created, destroyed), morning


def periods_are_released(history: History, morning: date) -> None:
    """The run fails as it is to, and is tried again by Airflow, or by a person who clears it."""
    at = datetime.combine(morning, time(2), ZONE)
    faults = FAULTS.get(morning, [])
    for_good = [one for one in faults if issubclass(one.error, (CheckFailed, KeyboardInterrupt))]
    history.lost.update(one.lost for one in faults if one.lost)
    with ExitStack() as stack:
        happened = [stack.enter_context(failing(one)) for one in faults]
        if for_good:
            fails_for_good(history, at, for_good[0])
        found = history.airflow.run(NAME, at)
    assert (found.state, [task for tasks in happened for task in tasks]) == (
        "success",
        [one.task for one in faults],
    ), morning
    tried_again = {task for task, tries in tries_of(history, found.run_id).items() if tries > 1}
    assert tried_again == (set() if for_good else {one.task for one in faults}), morning
    assert not list((history.folder / "pseudonymised").glob("*/*"))
    for one in found.results["periods"]:
        exactly_those_who_may_be_counted(history, one["release"], date.fromisoformat(one["first_day"]))


def fails_for_good(history: History, at: datetime, fault: Fault) -> None:
    if fault.error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            history.airflow.run(NAME, at)
        assert list((history.folder / "pseudonymised").glob("*/*"))
    else:
        assert history.airflow.run(NAME, at).state == "failed"
        assert not list((history.folder / "pseudonymised").glob("*/*"))


def tries_of(history: History, run_id: str) -> dict[str, int]:
    rows = history.airflow.query(
        "SELECT task_id, max(try_number) FROM task_instance WHERE dag_id = ? AND run_id = ? GROUP BY task_id",
        NAME,
        run_id,
    )
    return dict(rows)


def exactly_those_who_may_be_counted(history: History, name: str, first: date) -> None:
    """Every exact cell, and every pseudonym, are those of a plain count."""
    release, seen = RELEASES[name], history.seen[name, first]
    last = first + timedelta(days=6 if name == USAGE else 0)
    events = COUNTED[name](history.database, history.people, first, last)
    at_most = release.get("measures", {}).get("seconds", {}).get("at_most")
    for table, stated in release["tables"].items():
        assert seen.cells[table] == cells_of(events, stated, at_most), (table, first)
    of = pseudonyms.Pseudonyms(history.company.keys, name, f"{first:%Y-%m}").one
    assert seen.identifiers["subject"] == {of("subject", one.person) for one in events}
    if name == USAGE:
        assert seen.identifiers["organisation"] == {of("organisation", one.contributor) for one in events}
    else:
        assert not {one.person for one in events} & (history.people.erased | history.people.objected)
        history.counted[first] = len(views(history.database, first, last))
    assert not any(seen.leaks.values())


_NAMED = {"dictionary": "'dictionary/' || table_name"}


def what_was_released(history: History) -> dict[tuple[str, str], str]:
    """A digest of each period of each table, what the dictionary says of it, and each file."""
    tables = history.database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'r'"
    )
    each = " UNION ALL ".join(
        f"SELECT {_NAMED.get(row.relname, repr(row.relname))} AS name, first_day::text AS first_day,"
        " md5(string_agg(one::text, '|' ORDER BY one::text)) AS digest"
        f" FROM analytics.{row.relname} AS one GROUP BY 1, 2"
        for row in tables
    )
    rows = history.database.execute(each) if each else []
    found = {(row.name, row.first_day): row.digest for row in rows}
    for path in (history.folder / "releases").rglob("*.*"):
        table, period, name = path.relative_to(history.folder / "releases").parts
        found[f"{table}/{name}", period.removeprefix("first_day=")] = sha256(path.read_bytes()).hexdigest()
    return found


def nothing_changed(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> None:
    """What was released is as it was, and no row came to a period that the dictionary had."""
    assert before.items() <= after.items()
    known = {(name.removeprefix("dictionary/"), first) for name, first in before}
    assert not {(name, first) for name, first in after.keys() - before.keys() if "/" not in name} & known


def views_go_in_time(history: History, morning: date) -> None:
    """Page views are gone two days before the thirty are over, if nobody is restricted; none waits to be released."""
    before = days_of_views(history)
    found = history.airflow.run("website_retention", datetime.combine(morning, time(3), ZONE))
    assert found.state == "success"
    gone = before - days_of_views(history)
    assert gone == {one for one in before if one + timedelta(days=28) <= morning}, morning
    assert gone <= settled(history) | days_lost(history)


def days_of_views(history: History) -> set[date]:
    """On which others than whoever is restricted have views."""
    rows = history.database.execute(
        "SELECT DISTINCT (occurred_at AT TIME ZONE 'Europe/Tallinn')::date AS day FROM website.page_view"
        " WHERE NOT visitor_id::text = ANY(:restricted)",
        {"restricted": list(history.people.restricted)},
    )
    return {row.day for row in rows}


def settled(history: History) -> set[date]:
    """Days that are released to everybody."""
    rows = history.database.execute(
        "SELECT first_day FROM lifecycle.release_draw WHERE release = :release AND state = 'released'"
        " GROUP BY 1 HAVING count(DISTINCT feed) = :feeds",
        {"release": VISITS, "feeds": len(FEEDS)},
    )
    return {row.first_day for row in rows}


def days_lost(history: History) -> set[date]:
    rows = history.database.execute(
        "SELECT first_day FROM lifecycle.release_lost WHERE release = :release", {"release": VISITS}
    )
    return {row.first_day for row in rows}


def all_agree(history: History) -> None:
    """The register, the ledger, the tables and the budget say the same: each period once for each feed."""
    register = history.database.execute(
        "SELECT release, feed, first_day, state, rho, sha256 FROM lifecycle.release_draw"
    )
    released = {
        (row.release, row.feed, str(row.first_day)): row.sha256 for row in register if row.state == "released"
    }
    assert {row.state for row in register} == {"released", "failed"}
    days = [day(2, 20) + timedelta(days=number) for number in range((LAST - day(2, 20)).days + 1)]
    weeks = [day(2, 9) + timedelta(weeks=number) for number in range(7)]
    expected = {(VISITS, feed, str(one)) for feed in FEEDS for one in days if one != LOST}
    expected |= {(USAGE, feed, str(one)) for feed in FEEDS for one in weeks}
    assert released.keys() == expected
    entries = ledger_of(history.database)
    drawn = [body for kind, body in entries if kind == "release_drawn"]
    assert len(drawn) == len(released)
    assert {(one["release"], one["feed"], one["first_day"]): one["digest"] for one in drawn} == released
    failed = Counter(body["feed"] for kind, body in entries if kind == "release_failed")
    assert failed == history.lost == Counter(row.feed for row in register if row.state == "failed")
    lost = [(body["first_day"], body["reason"]) for kind, body in entries if kind == "release_lost"]
    assert (lost, days_lost(history)) == ([(str(LOST), "late")], {LOST})
    for feed in FEEDS:
        rho = Decimal(str(RELEASES[VISITS]["feeds"][feed]["rho"]))
        taken = sum(row.rho for row in register if (row.release, row.feed) == (VISITS, feed))
        assert taken == rho * (len(days) - 1 + history.lost[feed])
    for name in RELEASES:
        found = inspecting.verify(history.company, name, as_of=history.night(MORNINGS[-1], 59))
        assert (found.changed, found.written) == ((), 0)
        assert list(inspecting.open_spans(history.company, name, as_of=history.night(MORNINGS[-1], 59))) == []


def restricted_views_stay(history: History) -> None:
    """Longer than thirty days, for as long as the restriction lasts."""
    assert {row.person for row in views(history.database, FIRST, FIRST)} == history.people.restricted


def late_events_are_told(history: History) -> None:
    now = history.night(MORNINGS[-1], 59)
    more = {
        first: len(views(history.database, first, first)) - number
        for first, number in history.counted.items()
    }
    expected = {first: number for first, number in more.items() if number > 0}
    found = lateness.late_events(history.company, VISITS, as_of=now).by_day
    assert found.keys() == expected.keys() == LATE_FOR
    assert all(found[first] >= number for first, number in expected.items()), "some are erased since"


def news_are_told_once(history: History) -> None:
    """What never was is in its own day; the ordinary is there on ordinary days; of few nobody is told."""
    rows = history.database.execute("SELECT * FROM analytics.visits_by_country_internal")
    assert {row.first_day for row in rows if row.country == "GE"} == {WITH_NEWS}
    days = {FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)}
    ordinary = days - {LOST, NO_EVENTS, ONE_VISITOR, WITH_NEWS}
    assert {row.first_day for row in rows if row.country == "EE"} == ordinary
    pages = history.database.execute("SELECT * FROM analytics.visits_by_page_internal")
    assert {row.first_day for row in pages if row.page == "/launch"} == {WITH_NEWS}
    assert {row.first_day for row in (*rows, *pages)} == ordinary | {WITH_NEWS}
    assert {row.country for row in rows} <= {"EE", "LV", "FI", "GE"}
    assert {row.page for row in pages} <= {"/", "/prices", "/about", "/blog", "/launch"}


def robots_count_as_much_as_somebody_eager(history: History) -> None:
    """The one that calls itself so does not count at all; the other no more than the policy allows anybody."""
    by_country = {
        cell["country"]: (cell["contributors"], cell["largest_events"], cell["largest_seconds"])
        for cell in history.seen[VISITS, WITH_ROBOTS].cells["visits_by_country"]
    }
    assert by_country["EE"][1:] == (20, 600)
    assert "FR" not in by_country


def each_period_is_told_once(history: History) -> None:
    keys = history.airflow.query(
        "SELECT partition_key FROM asset_event AS event JOIN asset ON asset.id = event.asset_id"
        " WHERE asset.name = 'released' AND event.id > ?",
        str(history.told_before),
    )
    assert Counter(key for (key,) in keys) == Counter(f"{name}.{first}" for name, first in history.seen)


def pseudonyms_do_not_meet(history: History) -> None:
    """The same visitors have others in another month; and nobody can make those of February again."""
    by_month: dict[str, set[str]] = {"02": set(), "03": set()}
    for (name, first), seen in history.seen.items():
        if name == VISITS:
            by_month[f"{first:%m}"] |= seen.identifiers["subject"]
    assert all(by_month.values())
    assert not by_month["02"] & by_month["03"]
    february = pseudonyms.Pseudonyms(history.company.keys, VISITS, "2026-02")
    with pytest.raises(UsageError, match="destroyed"):
        february.one("subject", visitor(1))
    destroyed = [body["key"] for kind, body in ledger_of(history.database) if kind == "key_destroyed"]
    assert destroyed == [name for _, names in ROTATIONS.values() for name in names]
    march = pseudonyms.Pseudonyms(history.company.keys, VISITS, "2026-03")
    assert march.one("subject", visitor(1)) in by_month["03"]


def nobody_is_named(history: History, output: str) -> None:
    """Not in logs, in Airflow, in the ledger or the register, by checks, in what was released, nor in its files."""
    assert "ValueError at faults.py" in output
    assert history.airflow.leaks(WORDS, output, *history.checked) == {}
    assert leaks_in_control_schema(WORDS, history.database).keys() == WHOM_THEY_NAME
    tables = history.database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 'v')"
    )
    for row in tables:
        rows = history.database.execute(f"SELECT * FROM analytics.{row.relname}")
        assert not leaks(WORDS, str(rows).encode()), row.relname
    assert leaks_in_folder(WORDS, history.folder) == {}
    for name, _ in contents_of(history.folder / "releases"):
        if name.endswith(".parquet"):
            rows = parquet.read_table(history.folder / "releases" / name).to_pylist()
            assert not leaks(WORDS, str(rows).encode()), name
