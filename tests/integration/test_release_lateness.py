"""Events that came late are counted and never added; those of the future count in their own period."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.analytics import inspecting, noise, periods, releasing
from lifecycle.analytics.lateness import late_events, record_late_events
from lifecycle.errors import CheckFailed
from support.press import AS_OF, DAY, add_openings, add_readers, open_press, span

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("W6")
NEXT = AS_OF + timedelta(days=1)


@pytest.fixture
def press(database: Database, tmp_path: Path) -> Company:
    """A company with 300 readers of a day."""
    company = open_press(database, tmp_path)
    add_readers(database, 1, 300)
    add_openings(database, 1, 300)
    return company


def build(company: Company, *, first: date = DAY, as_of: datetime = AS_OF):
    return releasing.build(company, "openings", span(company, first=first), as_of=as_of)


def released(database: Database) -> list:
    """All that was released of the day, and the draws of it."""
    tables = ("by_country", "by_country_and_device", "by_article")
    found = [
        database.execute(
            f"SELECT * FROM analytics.{table}_{feed} WHERE first_day = '2026-03-02' ORDER BY 3, 4"
        )
        for table in tables
        for feed in ("internal", "commercial")
    ]
    draws = "SELECT * FROM lifecycle.release_draw WHERE first_day = '2026-03-02' ORDER BY reserved_at, feed"
    return [*found, database.execute(draws)]


def in_register(database: Database) -> dict[date, tuple[int, int]]:
    rows = database.execute("SELECT first_day, events, late FROM lifecycle.release_period")
    return {row.first_day: (row.events, row.late) for row in rows}


def test_late_events_are_counted_and_what_was_released_stays(press: Company, database: Database):
    build(press)
    before = released(database)
    add_openings(database, 1, 250, at="2026-03-02 23:00+02")
    assert late_events(press, "openings", as_of=NEXT).by_day == {DAY: 250}
    assert DAY not in [one.first for one in inspecting.open_spans(press, "openings", as_of=NEXT)]
    build(press, as_of=NEXT)
    assert released(database) == before
    assert late_events(press, "openings", as_of=NEXT).by_day == {DAY: 250}


def test_late_events_do_not_count_in_the_day_on_which_they_came(press: Company, database: Database):
    build(press)
    add_openings(database, 1, 250)
    build(press, first=date(2026, 3, 3), as_of=NEXT)
    assert in_register(database)[date(2026, 3, 3)] == (0, 0)
    assert (
        database.execute("SELECT 1 FROM analytics.by_country_internal WHERE first_day = '2026-03-03'") == []
    )


def test_what_came_late_is_remembered_when_the_events_are_gone(press: Company, database: Database):
    build(press)
    assert record_late_events(press, "openings", as_of=NEXT) == 1
    assert in_register(database) == {DAY: (300, 0)}
    add_openings(database, 1, 7)
    assert record_late_events(press, "openings", as_of=NEXT) == 1
    assert in_register(database) == {DAY: (300, 7)}
    database.execute(
        "DELETE FROM press.opening WHERE opening_id IN (SELECT opening_id FROM press.opening LIMIT 4)"
    )
    record_late_events(press, "openings", as_of=NEXT)
    assert in_register(database) == {DAY: (300, 7)}
    database.execute("DELETE FROM press.opening")
    record_late_events(press, "openings", as_of=NEXT)
    assert late_events(press, "openings", as_of=NEXT).by_day == {DAY: 7}


def test_what_was_deleted_hides_as_many(press: Company, database: Database):
    build(press)
    database.execute(
        "DELETE FROM press.opening WHERE opening_id IN (SELECT opening_id FROM press.opening LIMIT 5)"
    )
    add_openings(database, 1, 7)
    assert late_events(press, "openings", as_of=NEXT).by_day == {DAY: 2}


def test_a_period_that_is_not_released_yet_has_no_late_events(
    press: Company, database: Database, monkeypatch
):
    def refused(*_arguments, **_named):
        raise CheckFailed("not as it should be")

    with monkeypatch.context() as patch:
        patch.setattr(releasing, "draw", refused)
        with pytest.raises(CheckFailed):
            build(press)
    add_openings(database, 1, 7)
    assert late_events(press, "openings", as_of=NEXT).by_day == {}
    build(press)
    assert in_register(database) == {DAY: (307, 0)}


def test_what_comes_between_two_feeds_is_late(press: Company, database: Database, monkeypatch):
    """The feed that was drawn first does not have them, however often the period is counted for the other."""
    whole = noise.draw

    def only_internal(cells, gates, plan, **named):
        if plan.rho < 0.1:
            raise CheckFailed("not as it should be")
        return whole(cells, gates, plan, **named)

    with monkeypatch.context() as patch:
        patch.setattr(noise, "draw", only_internal)
        with pytest.raises(CheckFailed):
            build(press)
    add_openings(database, 1, 7)
    build(press)
    assert in_register(database) == {DAY: (300, 0)}
    assert late_events(press, "openings", as_of=NEXT).by_day == {DAY: 7}


def test_events_of_the_future_count_in_their_own_period_when_it_is_over(press: Company, database: Database):
    add_openings(database, 1, 200, at="2026-03-05 12:00+02")
    build(press)
    before = released(database)
    assert late_events(press, "openings", as_of=AS_OF).ahead == 200
    assert in_register(database) == {DAY: (300, 0)}
    later = datetime(2026, 3, 6, 3, tzinfo=UTC)
    assert late_events(press, "openings", as_of=later).ahead == 0
    build(press, first=date(2026, 3, 5), as_of=later)
    assert in_register(database)[date(2026, 3, 5)] == (200, 0)
    (row,) = database.execute(
        "SELECT persons FROM analytics.by_country_internal WHERE first_day = '2026-03-05'"
    )
    assert row.persons == pytest.approx(200, abs=40)
    assert released(database) == before
    assert late_events(press, "openings", as_of=later).by_day == {}


def test_an_event_of_a_period_that_may_still_be_released_counts_in_it(press: Company, database: Database):
    """A slow clock moves an event into a day that nobody has released: it is one of that day."""
    build(press)
    add_openings(database, 1, 7, at="2026-03-01 12:00+02")
    build(press, first=date(2026, 3, 1))
    assert in_register(database) == {date(2026, 3, 1): (7, 0), DAY: (300, 0)}
    assert late_events(press, "openings", as_of=NEXT).by_day == {}


def test_events_of_lost_and_of_long_gone_periods_count_nowhere(press: Company, database: Database):
    build(press)
    periods.declare_lost(
        press, "openings", span(press, first=date(2026, 3, 1)), reason="late", by="o", as_of=AS_OF
    )
    for day in ("2026-03-01", "2026-01-05"):
        add_openings(database, 1, 7, at=f"{day} 12:00+02")
    open_days = [one.first for one in inspecting.open_spans(press, "openings", as_of=AS_OF)]
    assert date(2026, 3, 1) not in open_days
    assert date(2026, 1, 5) not in open_days
    assert late_events(press, "openings", as_of=NEXT).by_day == {}


def test_nobody_looks_at_periods_of_long_ago(press: Company, database: Database):
    build(press)
    add_openings(database, 1, 7)
    long_after = AS_OF + inspecting.FURTHEST_BACK + timedelta(days=1)
    assert record_late_events(press, "openings", as_of=long_after) == 0
    assert in_register(database) == {DAY: (300, 0)}
