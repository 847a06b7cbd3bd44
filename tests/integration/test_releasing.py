"""A period is released once, whole or not at all, within its budget; what was released stays as it was drawn."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pyarrow import parquet

from lifecycle.analytics import attacks, counting, draws, files, inspecting, noise, periods, releasing
from lifecycle.analytics.bounding import cells
from lifecycle.analytics.pseudonyms import key_name
from lifecycle.analytics.spans import closed_spans
from lifecycle.errors import CheckFailed, LifecycleError, PromiseBroken, StoreError, UsageError
from lifecycle.store.roles import Role
from support.companies import ledger_of
from support.geoip import write_geoip
from support.press import (
    AS_OF,
    CANARY,
    DAY,
    IN_THE_WEEK_AFTER,
    PHONE,
    POLICY,
    ROBOT,
    ZONE,
    add_deeds,
    add_openings,
    add_readers,
    open_press,
    refuse,
    reopen_press,
    span,
    with_geoip,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("W6")


@pytest.fixture
def press(database: Database, tmp_path: Path) -> Company:
    """Five hundred readers of whom most come from Estonia, one refuses and some are robots."""
    company = open_press(database, tmp_path)
    add_readers(database, 1, 500)
    add_openings(database, 1, 300, times=5)
    add_openings(database, 301, 420, land="FI", agent=PHONE, article="/two")
    add_openings(database, 421, 425, land="LU", article="/rare")
    add_openings(database, 426, 430, agent=ROBOT)
    refuse(database, 1)
    return company


def build(company: Company, release: str = "openings", *, first: date = DAY, as_of: datetime = AS_OF):
    return releasing.build(company, release, span(company, release, first), as_of=as_of)


def table(database: Database, name: str):
    return database.execute(f"SELECT * FROM analytics.{name} ORDER BY 1, 3, 4")


def test_a_day_is_released_to_every_feed(press: Company, database: Database, tmp_path: Path):
    built = build(press)
    assert [(one.feed, one.state) for one in built] == [("internal", "released"), ("commercial", "released")]
    rows = {row.country: row for row in table(database, "by_country_internal")}
    assert rows.keys() == {"EE", "FI"}
    assert rows["EE"].persons == pytest.approx(299, abs=30)
    assert rows["EE"].events == pytest.approx(1_495, abs=400)
    assert rows["EE"].first_day == DAY
    says = database.execute("SELECT says FROM analytics.dictionary WHERE table_name = 'by_country_internal'")[
        0
    ].says
    assert says["protects"] == "one code of press.opening in one day"
    assert says["numbers"]["persons"]["sigma"] > 0
    assert says["made_by"]["key_epoch"] == "2026-03"
    folder = files.folder_of(tmp_path / "releases", "by_country_internal", DAY)
    written = parquet.read_table(folder / "data.parquet", partitioning=None)
    assert written.num_rows == 2
    assert written.schema.field("persons").metadata[b"comment"].startswith(b"Persons with an event")
    assert json.loads((folder / "dictionary.json").read_text()) == says
    assert [kind for kind, _ in ledger_of(database)].count("release_drawn") == 2
    assert not list((tmp_path / "pseudonymised").glob("*/*"))


def test_weeks_and_months_add_up_days_that_were_released(press: Company, database: Database):
    build(press)
    add_openings(database, 1, 300, at="2026-03-03 12:00+02", times=5)
    build(press, first=date(2026, 3, 3), as_of=AS_OF + timedelta(days=1))
    days = [row for row in table(database, "by_country_internal") if row.country == "EE"]
    for longer, first in (("weekly", DAY), ("monthly", date(2026, 3, 1))):
        (row,) = database.execute(
            f"SELECT * FROM analytics.by_country_internal_{longer} WHERE country = 'EE'"
        )
        assert (row.first_day, row.days) == (first, 2)
        assert row.persons_by_day == sum(day.persons for day in days)
        assert row.events == sum(day.events for day in days)


def test_a_week_is_released_of_organisations(database: Database, tmp_path: Path):
    company = open_press(database, tmp_path)
    add_deeds(database, firms=200, members=4)
    build(company, "deeds", as_of=IN_THE_WEEK_AFTER)
    (row,) = table(database, "by_rank_internal")
    assert (row.rank, row.last_day) == ("senior", date(2026, 3, 8))
    assert row.organisations == pytest.approx(200, abs=30)
    assert row.persons == pytest.approx(600, abs=120), "three of each firm at most"


def test_what_was_released_is_handed_on_as_it_is(press: Company, database: Database):
    first, before = build(press), table(database, "by_country_internal")
    add_openings(database, 431, 500)
    assert build(press) == first
    assert table(database, "by_country_internal") == before
    assert len(database.execute("SELECT 1 FROM lifecycle.release_draw")) == 2


def test_what_was_released_of_whoever_is_erased_stays(press: Company, database: Database):
    build(press)
    before = table(database, "by_article_internal")
    database.execute("DELETE FROM press.opening WHERE code = :code", {"code": f"{CANARY}-reader-2"})
    build(press)
    assert table(database, "by_article_internal") == before


STEPS = ("extract", "count", "draw", "publish")


@pytest.mark.parametrize("step", STEPS)
def test_whoever_begins_again_after_an_interruption_releases_once(
    press: Company, database: Database, monkeypatch, step
):
    whole = getattr(releasing, step)
    calls = []

    def interrupted(*arguments, **named):
        calls.append(step)
        found = whole(*arguments, **named)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(releasing, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(press)
    built = build(press)
    assert [one.state for one in built] == ["released", "released"]
    assert len(database.execute("SELECT 1 FROM lifecycle.release_draw")) == 2


def test_a_draw_that_was_cut_short_keeps_what_it_took(press: Company, database: Database, monkeypatch):
    drawing = noise.draw

    def cut(*_arguments, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(noise, "draw", cut)
    with pytest.raises(KeyboardInterrupt):
        build(press)
    assert database.execute("SELECT state FROM lifecycle.release_draw")[0].state == "reserved"
    monkeypatch.setattr(noise, "draw", drawing)
    build(press)
    states = database.execute("SELECT feed, state FROM lifecycle.release_draw ORDER BY feed, state")
    assert [tuple(row) for row in states] == [
        ("commercial", "released"),
        ("internal", "failed"),
        ("internal", "released"),
    ]
    assert ("release_failed", "interrupted") in [
        (kind, body.get("reason")) for kind, body in ledger_of(database)
    ]


def test_a_period_whose_budget_is_spent_is_not_released(press: Company, database: Database, monkeypatch):
    monkeypatch.setattr(noise, "draw", lambda *_arguments, **_named: (_ for _ in ()).throw(KeyboardInterrupt))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            build(press)
    monkeypatch.undo()
    with pytest.raises(CheckFailed, match="the budget of this period is spent"):
        build(press)
    states = database.execute(
        "SELECT feed, state, count(*) AS number FROM lifecycle.release_draw GROUP BY 1, 2"
    )
    assert {(row.feed, row.state): row.number for row in states} == {
        ("internal", "failed"): 2,
        ("commercial", "released"): 1,
    }
    assert [kind for kind, _ in ledger_of(database)].count("release_failed") == 2


def test_thirty_days_have_a_budget_of_their_own(database: Database, tmp_path: Path):
    company = open_press(database, tmp_path)
    add_readers(database, 1, 200)
    database.execute(
        "INSERT INTO lifecycle.release_draw (release, feed, first_day, last_day, state, rho, delta, policy_version,"
        " reserved_at, ended_at, entry) SELECT 'openings', 'internal', '2026-02-10', '2026-02-10', 'failed', 15, 1e-6,"
        " '2020-01-01', now(), now(), 1000000"
    )
    for day in (2, 3):
        add_openings(database, 1, 200, at=f"2026-03-0{day} 12:00+02")
        build(company, first=date(2026, 3, day), as_of=AS_OF + timedelta(days=3))
    add_openings(database, 1, 200, at="2026-03-04 12:00+02")
    for first in (date(2026, 3, 4), date(2026, 2, 2)):
        with pytest.raises(CheckFailed, match="the budget of thirty days is spent"):
            build(company, first=first, as_of=AS_OF + timedelta(days=3))
    assert {
        (row.feed, row.state)
        for row in database.execute(
            "SELECT feed, state FROM lifecycle.release_draw WHERE first_day = '2026-03-04'"
        )
    } == {("commercial", "released")}, "the other feed has a budget of its own"
    build(company, first=date(2026, 1, 9), as_of=AS_OF + timedelta(days=3))


def test_many_at_once_do_not_overdraw(press: Company, database: Database):
    stated = press.rulebook(AS_OF).releases["openings"].release.feeds["internal"]
    feed = stated.model_copy(update={"budget": stated.budget.model_copy(update={"days_30": Decimal(10)})})
    spans = [span(press, first=DAY + timedelta(days=n)) for n in range(40)]

    def reserve(one):
        try:
            with press.engine.begin() as connection:
                draws.reserve(
                    connection, "openings", "internal", feed, one, version=date(2020, 1, 1), as_of=AS_OF
                )
        except CheckFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        reserved = sum(pool.map(reserve, [*spans[:30], *spans[:30]]))
    most = database.execute(
        "SELECT max(lifecycle.release_taken('openings', 'internal', first_day, last_day, 30))"
        " FROM lifecycle.release_draw"
    )
    assert most[0][0] <= 10
    of_a_day = database.execute(
        "SELECT max(taken) FROM (SELECT sum(rho) AS taken FROM lifecycle.release_draw GROUP BY first_day) AS days"
    )
    assert of_a_day[0][0] <= 1
    assert reserved == len(database.execute("SELECT 1 FROM lifecycle.release_draw")) == int(10 / stated.rho)


def test_nothing_stays_of_a_build_that_failed(press: Company, monkeypatch, tmp_path: Path):
    def refused(*_arguments, **_named):
        raise CheckFailed("not as it should be")

    monkeypatch.setattr(releasing, "draw", refused)
    with pytest.raises(CheckFailed):
        build(press)
    assert not list((tmp_path / "pseudonymised").glob("*/*"))
    (tmp_path / "pseudonymised/openings/somebody's file").write_text("")
    releasing.extract(press, "openings", span(press), as_of=AS_OF)
    assert releasing.finish_all(press) == 1
    with draws.only_builder(press.engine, "openings", DAY):
        releasing.extract(press, "openings", span(press), as_of=AS_OF)
        assert releasing.finish_all(press) == 0


def test_a_table_of_other_columns_takes_nothing_of_the_budget(press: Company, database: Database):
    database.script("CREATE TABLE analytics.by_country_internal (first_day date)")
    with pytest.raises(CheckFailed, match="released with other columns before"):
        build(press)
    assert {row.feed for row in database.execute("SELECT feed FROM lifecycle.release_draw")} == {"commercial"}


def test_one_builds_at_a_time(press: Company):
    with (
        draws.only_builder(press.engine, "openings", DAY),
        pytest.raises(StoreError, match="somebody else builds"),
    ):
        build(press)


def test_a_check_that_fails_releases_nothing(press: Company, database: Database, monkeypatch):
    def broken(events, release, table):
        found = cells(events, release, table)
        return found.mutate(largest_events=found["largest_events"] + 1_000)

    monkeypatch.setattr(counting, "cells", broken)
    with pytest.raises(CheckFailed, match="contributors of more events than allowed: 1"):
        build(press)
    assert not database.execute("SELECT 1 FROM lifecycle.release_draw")


def test_names_never_reach_what_is_counted(press: Company, tmp_path: Path):
    releasing.extract(press, "openings", span(press), as_of=AS_OF)
    path = tmp_path / "pseudonymised/openings/2026-03-02/events.parquet"
    assert CANARY not in str(parquet.read_table(path).to_pylist())
    assert CANARY.encode() not in path.read_bytes()
    assert "192.0.2" not in str(parquet.read_table(path).to_pylist())
    assert path.parent.stat().st_mode & 0o077 == 0


def test_an_address_leaves_the_database_where_a_file_tells_its_country(
    press: Company, tmp_path: Path, monkeypatch
):
    asked, read = [], releasing.read_in_parts

    def reading(connection, query, **places):
        asked.append(str(query))
        return read(connection, query, **places)

    def countries(company: Company) -> set[str]:
        releasing.extract(company, "openings", span(company), as_of=AS_OF)
        path = next((tmp_path / "pseudonymised").rglob("events.parquet"))
        return set(parquet.read_table(path)["country"].to_pylist())

    monkeypatch.setattr(releasing, "read_in_parts", reading)
    assert countries(press) == {"EE", "FI", "LU"}
    assert countries(with_geoip(press, write_geoip(tmp_path))) == {"LV"}
    assert ["address" in one for one in asked] == [False, True]


def test_a_file_of_events_that_is_cut_off_is_none(press: Company, tmp_path: Path):
    releasing.extract(press, "openings", span(press), as_of=AS_OF)
    path = tmp_path / "pseudonymised/openings/2026-03-02/events.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(LifecycleError, match="is not there, or cannot be read"):
        releasing.count(press, "openings", span(press), as_of=AS_OF)
    path.unlink()
    with pytest.raises(CheckFailed, match="an earlier step has written is not there"):
        releasing.count(press, "openings", span(press), as_of=AS_OF)
    assert build(press)


def test_an_epoch_whose_key_is_gone_is_not_released(press: Company, database: Database):
    build(press)
    press.keys.destroy(key_name("openings", "subject", "2026-03"))
    add_openings(database, 1, 100, at="2026-03-03 12:00+02")
    with pytest.raises(UsageError, match="was destroyed"):
        build(press, first=date(2026, 3, 3), as_of=AS_OF + timedelta(days=1))
    assert [one.state for one in build(press)] == ["released", "released"]


@pytest.mark.parametrize("readers", [0, 1], ids=["no events", "one reader"])
def test_a_day_of_hardly_anybody_is_released_empty(database: Database, tmp_path: Path, readers):
    company = open_press(database, tmp_path)
    add_readers(database, 1, 1)
    add_openings(database, 1, readers, times=1_000)
    build(company)
    assert table(database, "by_country_internal") == []
    assert database.execute("SELECT count(*) FROM analytics.dictionary")[0][0] == 6


def test_a_giant_counts_no_more_than_anybody(press: Company, database: Database):
    add_openings(database, 500, 500, times=20_000)
    build(press)
    (row,) = (row for row in table(database, "by_country_internal") if row.country == "EE")
    assert row.events == pytest.approx(1_515, abs=400)


def test_what_was_changed_afterwards_is_found(press: Company, database: Database):
    build(press)
    assert inspecting.verify(press, "openings", as_of=AS_OF).changed == ()
    database.script(
        "ALTER TABLE analytics.dictionary DISABLE TRIGGER ALL;"
        "UPDATE analytics.dictionary SET says = '{}' WHERE table_name = 'by_article_internal';"
        "ALTER TABLE analytics.by_country_internal DISABLE TRIGGER ALL;"
        "UPDATE analytics.by_country_internal SET persons = persons + 1 WHERE country = 'EE'"
    )
    found = inspecting.verify(press, "openings", as_of=AS_OF)
    assert sorted(found.changed) == [
        "analytics.by_country_internal, 2026-03-02: not the 2 rows that were drawn",
        "analytics.dictionary, by_article_internal, 2026-03-02: not what was said when it was drawn",
    ]
    with pytest.raises(PromiseBroken):
        found.require_whole()


def test_files_that_are_lost_or_cut_off_are_written_again(press: Company, tmp_path: Path):
    build(press)
    folder = files.folder_of(tmp_path / "releases", "by_country_internal", DAY)
    before = parquet.read_table(folder / "data.parquet", partitioning=None).to_pylist()
    (folder / "data.parquet").write_bytes((folder / "data.parquet").read_bytes()[:50])
    (files.folder_of(tmp_path / "releases", "by_article_internal", DAY) / "dictionary.json").unlink()
    found = inspecting.verify(press, "openings", as_of=AS_OF)
    assert (found.written, found.changed) == (2, ())
    assert parquet.read_table(folder / "data.parquet", partitioning=None).to_pylist() == before
    assert inspecting.verify(press, "openings", as_of=AS_OF).written == 0


def test_a_table_is_not_released_with_other_columns(press: Company, database: Database, tmp_path: Path):
    build(press)
    changed = reopen_press(
        database, tmp_path, policy=POLICY.replace("by_country: {by: [country]", "by_country: {by: [device]")
    )
    add_openings(database, 1, 300, at="2026-03-03 12:00+02")
    with pytest.raises(CheckFailed, match="released with other columns before"):
        build(changed, first=date(2026, 3, 3), as_of=AS_OF + timedelta(days=1))


def test_a_period_that_is_lost_is_not_released(press: Company, database: Database):
    periods.declare_lost(press, "openings", span(press), reason="late", by="operator", as_of=AS_OF)
    with pytest.raises(CheckFailed, match="declared lost"):
        build(press)
    assert DAY not in [one.first for one in inspecting.open_spans(press, "openings", as_of=AS_OF)]
    assert "operator" not in json.dumps(ledger_of(database))
    for _ in range(2):
        with pytest.raises(UsageError):
            periods.declare_lost(press, "openings", span(press), reason="late", by="operator", as_of=AS_OF)


def test_what_was_released_is_not_lost(press: Company):
    build(press)
    with pytest.raises(UsageError, match="was released"):
        periods.declare_lost(press, "openings", span(press), reason="late", by="operator", as_of=AS_OF)


def test_periods_are_open_when_they_are_over_and_for_so_long(press: Company):
    openings = press.rulebook(AS_OF).releases["openings"]
    at = datetime(2026, 3, 10, 21, 59, tzinfo=UTC)
    assert [one.first.day for one in closed_spans(openings, at, ZONE)] == [3, 4, 5, 6, 7, 8, 9]
    assert [one.first.day for one in closed_spans(openings, at + timedelta(minutes=2), ZONE)] == [
        4,
        5,
        6,
        7,
        8,
        9,
        10,
    ]
    deeds = press.rulebook(AS_OF).releases["deeds"]
    assert [one.first for one in closed_spans(deeds, at, ZONE)] == [date(2026, 2, 23), date(2026, 3, 2)]
    with pytest.raises(UsageError, match="is no Monday"):
        span(press, "deeds", date(2026, 3, 3))
    with pytest.raises(CheckFailed, match="too late"):
        inspecting.require_open(press, "openings", span(press, first=date(2026, 3, 2)), as_of=at)
    with pytest.raises(UsageError, match="not over"):
        inspecting.require_open(press, "openings", span(press, first=date(2026, 3, 10)), as_of=at)


def test_another_release_is_not_touched(press: Company, database: Database):
    add_deeds(database, firms=200, members=4)
    build(press)
    assert not database.execute("SELECT 1 FROM lifecycle.release_draw WHERE release = 'deeds'")


def test_the_data_team_reads_what_is_released(press: Company, database: Database):
    build(press)
    with replace(press, engine=database.connect(Role.DATA_TEAM)).engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM analytics.by_country_internal").scalar() == 2
        assert connection.exec_driver_sql("SELECT count(*) FROM analytics.dictionary").scalar() == 6
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM analytics.by_country_internal_weekly").scalar()
            == 2
        )


def test_what_is_late_after_a_restore_is_lost_though_the_backup_knows_of_no_period(
    press: Company, database: Database
):
    build(press)
    database.script(
        "ALTER TABLE lifecycle.release_draw DISABLE TRIGGER ALL; DELETE FROM lifecycle.release_draw;"
        "ALTER TABLE lifecycle.release_draw ENABLE TRIGGER ALL;"
        "DELETE FROM lifecycle.release_period; UPDATE lifecycle.release_reading SET entries = 0"
    )
    eight_days_later = AS_OF + timedelta(days=8)
    assert inspecting.record_late(press, "openings", as_of=eight_days_later) == [date(2026, 3, 3)]


def test_a_restored_database_draws_nothing_twice(press: Company, database: Database):
    """As after a backup of before the draws came back, and the ledger from its copy."""
    build(press)
    periods.declare_lost(
        press, "openings", span(press, first=date(2026, 3, 1)), reason="late", by="o", as_of=AS_OF
    )
    database.script(
        "ALTER TABLE lifecycle.release_draw DISABLE TRIGGER ALL; DELETE FROM lifecycle.release_draw;"
        "ALTER TABLE lifecycle.release_draw ENABLE TRIGGER ALL;"
        "DELETE FROM lifecycle.release_lost; UPDATE lifecycle.release_reading SET entries = 0;"
        "ALTER TABLE analytics.dictionary DISABLE TRIGGER ALL; DELETE FROM analytics.dictionary;"
        "DROP TABLE analytics.by_country_internal CASCADE"
    )
    database.execute(
        "INSERT INTO lifecycle.release_period VALUES ('openings', '2026-03-02', '2026-03-02', 1, '{}', 0, now())"
        " ON CONFLICT DO NOTHING"
    )
    assert inspecting.record_late(press, "openings", as_of=AS_OF + timedelta(days=7)) == []
    assert build(press) == []
    states = database.execute("SELECT feed, state, rho FROM lifecycle.release_draw ORDER BY feed")
    assert [(row.feed, row.state, float(row.rho)) for row in states] == [
        ("commercial", "forgotten", 0.04),
        ("internal", "forgotten", 0.36),
    ]
    open_days = [one.first for one in inspecting.open_spans(press, "openings", as_of=AS_OF)]
    assert DAY not in open_days
    assert date(2026, 3, 1) not in open_days
    assert inspecting.verify(press, "openings", as_of=AS_OF).tables == 0
    feed, version = press.rulebook(AS_OF).releases["openings"].release.feeds["internal"], date(2020, 1, 1)
    with press.engine.begin() as connection, pytest.raises(CheckFailed, match="released before"):
        draws.reserve(connection, "openings", "internal", feed, span(press), version=version, as_of=AS_OF)


def test_an_attack_that_succeeds_releases_nothing_and_takes_nothing(
    press: Company, database: Database, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("lifecycle.analytics.preparing.linkable", lambda *_: 1)
    with pytest.raises(CheckFailed, match="pseudonyms that anybody can make"):
        build(press)
    monkeypatch.undo()
    monkeypatch.setattr(attacks, "sums_tell", lambda *_, **__: 1.0)
    with pytest.raises(CheckFailed, match="sums tell a hidden cell"):
        build(press)
    assert database.execute("SELECT count(*) AS there FROM lifecycle.release_draw")[0].there == 0
    assert not list((tmp_path / "pseudonymised").glob("*/*"))
