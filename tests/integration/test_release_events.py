"""Which events are counted: nobody's who refused, objected or is restricted, and only those of the period."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from lifecycle.analytics.events import Events
from lifecycle.holds import register as holds
from lifecycle.holds.stops import place_stops
from lifecycle.holds.targets import Target
from lifecycle.planning.planner import one_state
from lifecycle.store.copying import read_rows
from support.press import AS_OF, CANARY, add_deeds, add_openings, add_readers, open_press, refuse, span

if TYPE_CHECKING:
    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("W6", "W10", "R5", "R6")


@pytest.fixture
def press(database: Database, tmp_path):
    company = open_press(database, tmp_path)
    add_readers(database, 1, 9)
    return company


def counted(company: Company, *, as_of: datetime = AS_OF, release: str = "openings"):
    """How many events there are, and whose are counted."""
    rulebook = company.rulebook(as_of)
    with one_state(company.engine) as connection:
        events = Events(connection, rulebook, rulebook.releases[release], span(company, release), as_of)
        rows = connection.execute(events.query(rulebook.releases[release].columns)).mappings().all()
        return events.count(), sorted(row["subject"].rpartition("-")[2] for row in rows), rows


def test_a_period_is_a_day_of_the_policys_time_zone(press: Company, database: Database):
    for reader, at in (
        (1, "2026-03-01 23:59:59.999999+02"),
        (2, "2026-03-02 00:00+02"),
        (3, "2026-03-02 23:59:59.999999+02"),
        (4, "2026-03-03 00:00+02"),
    ):
        add_openings(database, reader, reader, at=at)
    found, persons, _ = counted(press)
    assert (found.events, persons) == (2, ["2", "3"])


def test_whoever_refused_last_is_left_out(press: Company, database: Database):
    add_openings(database, 1, 5)
    refuse(database, 1)
    refuse(database, 2, statistics=True)
    refuse(database, 3), refuse(database, 3, at="2026-03-01 13:00+02", statistics=True)
    refuse(database, 4, statistics=True), refuse(database, 4, at="2026-03-01 13:00+02")
    refuse(database, 5, at="2026-03-04 12:00+02")  # after the moment of the run, and known by now
    found, persons, _ = counted(press)
    assert persons == ["2", "3"]
    assert found.left_out == {"nobody": 0, "refused": 3, "ended": 0, "restricted": 0}
    assert found.taken == 2


def test_what_came_about_under_a_refusal_is_left_out_also_when_that_was_taken_back(
    press: Company, database: Database
):
    add_openings(database, 1, 1, at="2026-03-02 08:00+02")
    add_openings(database, 1, 1, at="2026-03-02 12:00+02")
    refuse(database, 1, at="2026-03-02 07:00+02")
    refuse(database, 1, at="2026-03-02 10:00+02", statistics=True)
    found, persons, _ = counted(press)
    assert persons == ["1"]
    assert found.left_out["refused"] == 1


def test_events_of_nobody_are_left_out(press: Company, database: Database):
    add_openings(database, 1, 1)
    database.execute("INSERT INTO press.opening (opened_at, article) VALUES ('2026-03-02 12:00+02', '/one')")
    database.execute("INSERT INTO press.reader (code) VALUES ('')")
    database.execute("INSERT INTO press.opening (opened_at, code) VALUES ('2026-03-02 12:00+02', '')")
    found, persons, _ = counted(press)
    assert persons == ["1"]
    assert found.left_out["nobody"] == 2


def restrict(press: Company, reader: int, kind: str = "restriction") -> None:
    with press.engine.begin() as connection:
        holds.place(
            connection,
            press.rulebook(AS_OF),
            [Target(collection="press.reader", key=(f"{CANARY}-reader-{reader}",))],
            kind=kind,
            reason="dispute",
            placed_by="operator",
            until=datetime(2026, 6, 1, tzinfo=UTC),
            as_of=datetime(2026, 3, 1, tzinfo=UTC),
        )


def test_whoever_is_restricted_is_left_out_and_whoever_is_held_is_not(press: Company, database: Database):
    add_openings(database, 1, 3)
    restrict(press, 1)
    restrict(press, 2, kind="hold")
    found, persons, _ = counted(press)
    assert persons == ["2", "3"]
    assert found.left_out["restricted"] == 1


def object_to(
    press: Company, database: Database, reader: int, purpose: str = "improving", since: datetime = AS_OF
) -> None:
    rows = {"0" * 64: Target(collection="press.reader", key=(f"{CANARY}-reader-{reader}",))}
    database.execute("ALTER TABLE lifecycle.processing_stop DROP CONSTRAINT processing_stop_request_id_fkey")
    with press.engine.begin() as connection:
        request = connection.scalar(sa.select(sa.func.gen_random_uuid()))
        place_stops(connection, request, [purpose], subjects={}, rows=rows, since=since, as_of=since)


def test_whoever_objected_is_left_out(press: Company, database: Database):
    add_openings(database, 1, 3)
    object_to(press, database, 1, since=datetime(2026, 3, 2, 18, tzinfo=UTC))
    found, persons, _ = counted(press)
    assert persons == ["2", "3"]
    assert found.left_out["ended"] == 1
    assert counted(press, as_of=datetime(2026, 3, 2, 17, tzinfo=UTC))[1] == ["2", "3"], (
        "whatever the run is for"
    )


def test_objections_and_restrictions_are_left_out_at_once(press: Company, database: Database):
    add_openings(database, 1, 3)
    restrict(press, 1)
    object_to(press, database, 2)
    found, persons, _ = counted(press)
    assert persons == ["3"]
    assert (found.left_out["restricted"], found.left_out["ended"]) == (1, 1)


def test_moments_of_other_types_are_read_as_well(press: Company, database: Database):
    import pendulum

    add_openings(database, 1, 2)
    refuse(database, 1)
    rulebook, as_of = press.rulebook(AS_OF), pendulum.instance(AS_OF)
    with one_state(press.engine) as connection:
        query = Events(connection, rulebook, rulebook.releases["openings"], span(press), as_of).query(())
        assert read_rows(connection, query, place="press.opening").text.count(b"\n") == 1


def test_another_purpose_that_ended_does_not_matter(press: Company, database: Database):
    add_openings(database, 1, 1)
    object_to(press, database, 1, purpose="serving")
    assert counted(press)[1] == ["1"]


def test_what_stands_in_rows_that_events_belong_to_comes_along(press: Company, database: Database):
    add_deeds(database, firms=2, members=1, title="Head smith")
    _, _, rows = counted(press, as_of=datetime(2026, 3, 10, tzinfo=UTC), release="deeds")
    assert {(row["organisation"], row["rank"], row["family"]) for row in rows} == {
        ("1", "senior", "Head smith"),
        ("2", "senior", "Head smith"),
    }


def test_an_address_is_read_without_its_network(press: Company, database: Database):
    add_openings(database, 1, 1)
    _, _, (row,) = counted(press)
    assert row["country"] == "192.0.2.7"
    assert row["country.otherwise"] == "EE"
