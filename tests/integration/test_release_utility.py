"""What released numbers are worth is kept once with each draw, for the builder alone, and forgotten in time."""

from __future__ import annotations

import json
import logging
import math
import statistics
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from lifecycle.analytics import draws, noise, releasing, utility
from lifecycle.errors import CheckFailed
from support.companies import ledger_of
from support.press import (
    AS_OF,
    DAY,
    IN_THE_WEEK_AFTER,
    add_deeds,
    add_openings,
    add_readers,
    open_press,
    span,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("W6")
COUNTRIES = {
    "EE": (200, 5),
    "FI": (150, 2),
    "LV": (120, 3),
    "LT": (100, 1),
    "SE": (90, 30),
    "LU": (3, 1),
    "MT": (1, 2),
}
"""Readers of each country, and how often each opens something: more than twenty times count as twenty."""
NUMBERS = ("persons", "events", "seconds")


@pytest.fixture
def press(database: Database, tmp_path: Path) -> Company:
    company = open_press(database, tmp_path)
    first = 1
    for country, (readers, times) in COUNTRIES.items():
        last = first + readers - 1
        add_readers(database, first, last)
        add_openings(database, first, last, land=country, times=times, seconds=200)
        first = last + 1
    return company


def build(company: Company, release: str = "openings", *, first: date = DAY, as_of: datetime = AS_OF):
    return releasing.build(company, release, span(company, release, first), as_of=as_of)


def utility_of(database: Database, table: str = "by_country_internal"):
    rows = database.execute(
        "SELECT * FROM lifecycle.release_utility WHERE table_name = :name", {"name": table}
    )
    return {row.number: row for row in rows}


def exact() -> dict[str, dict[str, int]]:
    """What plain Python counts of the openings, limited as the table of countries says."""
    return {
        country: {
            "persons": readers,
            "events": readers * min(times, 20),
            "seconds": readers * min(200 * times, 600),
        }
        for country, (readers, times) in COUNTRIES.items()
    }


def percentile(values: list[float], share: float) -> float:
    """Between the two values that it lies between, in proportion."""
    place = share * (len(values) - 1)
    below, above = sorted(values)[math.floor(place)], sorted(values)[math.ceil(place)]
    return below + (above - below) * (place % 1)


def test_figures_are_what_plain_python_computes(press: Company, database: Database):
    build(press)
    released = database.execute("SELECT * FROM analytics.by_country_internal")
    figures, cells = utility_of(database), exact()
    assert figures.keys() == set(NUMBERS)
    for number in NUMBERS:
        shown = {row.country: row._mapping[number] for row in released if row._mapping[number] is not None}
        errors = [abs(value - cells[name][number]) / cells[name][number] for name, value in shown.items()]
        found = figures[number]
        assert (found.release, found.feed) == ("openings", "internal")
        assert (found.first_day, found.last_day) == (DAY, DAY)
        assert (found.cells, found.cells_shown) == (7, len(shown))
        mass = sum(cell[number] for cell in cells.values())
        assert found.share_shown == pytest.approx(sum(cells[name][number] for name in shown) / mass)
        assert found.median_error == pytest.approx(statistics.median(errors))
        assert found.error_95 == pytest.approx(percentile(errors, 0.95))
        assert found.largest_error == pytest.approx(max(errors))
    assert figures["persons"].cells_shown == 5


def test_organisations_are_called_so(database: Database, tmp_path: Path):
    company = open_press(database, tmp_path)
    add_deeds(database, firms=200, members=4)
    build(company, "deeds", as_of=IN_THE_WEEK_AFTER)
    figures = utility_of(database, "by_rank_internal")
    assert figures.keys() == {"organisations", "persons", "events"}
    (row,) = database.execute("SELECT organisations, persons FROM analytics.by_rank_internal")
    assert figures["organisations"].largest_error == pytest.approx(abs(row.organisations - 200) / 200)
    assert figures["persons"].largest_error == pytest.approx(abs(row.persons - 600) / 600), "three of each"
    assert figures["persons"].last_day == date(2026, 3, 8)


def test_a_table_that_shows_nothing_has_figures_too(database: Database, tmp_path: Path):
    company = open_press(database, tmp_path)
    add_readers(database, 1, 1)
    add_openings(database, 1, 1)
    build(company)
    found = utility_of(database)["persons"]
    assert (found.cells, found.cells_shown, found.share_shown, found.largest_error) == (1, 0, 0, None)


def lines(database: Database):
    return sorted(tuple(row) for row in database.execute("SELECT * FROM lifecycle.release_utility"))


def test_what_is_handed_on_has_the_figures_of_its_draw(press: Company, database: Database):
    build(press)
    before = lines(database)
    assert len(before) == 2 * 3 * 3, "feeds, tables, numbers"
    build(press)
    assert lines(database) == before


def test_a_draw_that_is_not_committed_leaves_no_figures_and_the_next_one_has_its_own(
    press: Company, database: Database, monkeypatch
):
    def interrupted(*_arguments, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(draws, "end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(press)
    assert lines(database) == []
    build(press)
    assert len(lines(database)) == 2 * 3 * 3
    test_figures_are_what_plain_python_computes(press, database)


def test_figures_that_cannot_be_kept_leave_nothing_released(press: Company, database: Database, monkeypatch):
    """The two are one transaction: neither is there without the other."""
    whole = utility.measure

    def twice(counted, drawn):
        return {**whole(counted, drawn), "persons": whole(counted, drawn)["contributors"]}

    with monkeypatch.context() as patch:
        patch.setattr(utility, "measure", twice)
        with pytest.raises(IntegrityError):
            build(press)
    assert not database.execute("SELECT 1 FROM lifecycle.release_draw WHERE state = 'released'")
    assert not database.execute("SELECT 1 FROM analytics.dictionary")
    assert lines(database) == []


def test_a_feed_that_is_refused_has_no_figures(press: Company, database: Database, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(noise, "draw", lambda *_arguments, **_named: (_ for _ in ()).throw(KeyboardInterrupt))
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                build(press)
    with pytest.raises(CheckFailed, match="the budget of this period is spent"):
        build(press)
    assert {row.feed for row in database.execute("SELECT feed FROM lifecycle.release_utility")} == {
        "commercial"
    }


def test_figures_stand_in_their_table_and_nowhere_else(
    press: Company, database: Database, tmp_path: Path, caplog
):
    with caplog.at_level(logging.DEBUG):
        build(press)
        found = utility.kept(press, "openings")
        assert repr(found[0].worth.median_error)
    values = {
        repr(value)
        for one in found
        for value in (one.worth.share_shown, one.worth.median_error, one.worth.error_95)
        if value is not None and len(repr(value)) > 6
    }
    assert len(values) > 5
    elsewhere = [
        caplog.text,
        json.dumps(ledger_of(database)),
        str(database.execute("SELECT says FROM analytics.dictionary")),
        str(database.execute("SELECT manifest FROM lifecycle.release_draw")),
        *(
            path.read_bytes().decode(errors="replace")
            for path in tmp_path.rglob("*")
            if path.is_file() and "postgres" not in path.parts
        ),
    ]
    assert [value for value in values for text in elsewhere if value in text] == []
    assert "utility" not in "".join(elsewhere)


def test_figures_are_forgotten_ninety_days_after_the_period(press: Company, database: Database):
    build(press)
    last_night = datetime(DAY.year, DAY.month, DAY.day, 3, tzinfo=UTC) + utility.KEPT
    assert utility.forget(press, as_of=last_night) == 0
    assert utility.forget(press, as_of=last_night + timedelta(days=1)) == 2 * 3 * 3
    assert lines(database) == []
    assert len(database.execute("SELECT 1 FROM lifecycle.release_draw WHERE state = 'released'")) == 2


def test_the_newest_periods_are_asked_for(press: Company, database: Database):
    build(press)
    add_openings(database, 1, 100, at="2026-03-03 12:00+02")
    build(press, first=date(2026, 3, 3), as_of=AS_OF + timedelta(days=1))

    def days(**which):
        return [one.first_day.day for one in utility.kept(press, "openings", **which)]

    assert days(last=1) == [3] * 18
    assert days(last=9) == [2] * 18 + [3] * 18
    assert days(first_day=DAY) == [2] * 18
    assert utility.kept(press, "deeds") == []
