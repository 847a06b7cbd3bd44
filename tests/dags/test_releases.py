"""The DAG of releases: each period once, nothing left behind, no name anywhere, and no second draw on any retry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from support.press import AS_OF, CANARY, DAY, ROBOT, add_openings, add_readers, open_press, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.airflow import Airflow
    from support.databases import Database

pytestmark = [pytest.mark.commitment("W6", "W10"), pytest.mark.usefixtures("press")]
NAME = "analytics_aggregation"


@pytest.fixture
def press(database: Database, tmp_path: Path, monkeypatch) -> Company:
    """The company, which tasks find through the environment: one day of openings."""
    company = open_press(database, tmp_path)
    folders = {"POLICY_DIR": "policies", "DATAMAP_DIR": "datamap", "KEYRING": "keyring", "STATE_DIR": "state"}
    for name, folder in folders.items():
        monkeypatch.setenv(f"LIFECYCLE_{name}", str(tmp_path / folder))
    monkeypatch.setenv("LIFECYCLE_LEDGER_COPY", str(tmp_path / "ledger"))
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", database.url)
    add_readers(database, 1, 300)
    add_openings(database, 1, 300, times=2)
    add_openings(database, 290, 300, agent=ROBOT)
    refuse(database, 1)
    return company


def released(database: Database) -> dict[tuple[str, str], int]:
    rows = database.execute(
        "SELECT feed, state, count(*) AS number FROM lifecycle.release_draw WHERE first_day = '2026-03-02'"
        " AND release = 'openings' GROUP BY 1, 2"
    )
    return {(row.feed, row.state): row.number for row in rows}


def test_a_run_releases_what_is_over_and_a_second_one_nothing(
    airflow_alone: Airflow, database, tmp_path: Path
):
    run = airflow_alone.run(NAME, AS_OF)
    assert run.state == "success"
    assert released(database) == {("commercial", "released"): 1, ("internal", "released"): 1}
    assert {"release": "openings", "first_day": "2026-03-02"} in run.results["periods"]
    assert not list((tmp_path / "state/pseudonymised").glob("*/*"))
    assert list((tmp_path / "state/releases").glob("by_country_internal/first_day=2026-03-02/data.parquet"))
    again = airflow_alone.run(NAME, datetime(2026, 3, 3, 4, tzinfo=UTC))
    assert again.state == "success"
    assert released(database) == {("commercial", "released"): 1, ("internal", "released"): 1}
    assert airflow_alone.leaks([CANARY]) == {}


STEPS = ("extract", "count", "draw_feeds")


@pytest.mark.parametrize("step", STEPS)
def test_a_task_that_is_tried_again_draws_nothing_twice(airflow_alone: Airflow, database, monkeypatch, step):
    from lifecycle.analytics import releasing
    from lifecycle.errors import StoreError

    whole, failed = getattr(releasing, step), []

    def fails_once(*arguments, **named):
        result = whole(*arguments, **named)
        if not failed:
            failed.append(step)
            raise StoreError("lost after it was done")
        return result

    monkeypatch.setattr(releasing, step, fails_once)
    run = airflow_alone.run(NAME, AS_OF)
    assert (run.state, failed) == ("success", [step])
    assert released(database) == {("commercial", "released"): 1, ("internal", "released"): 1}


def test_a_period_that_fails_leaves_nothing_behind_and_the_next_run_makes_up_for_it(
    airflow_alone: Airflow, database, monkeypatch, tmp_path: Path
):
    from lifecycle.analytics import releasing
    from lifecycle.errors import CheckFailed

    def refused(*_arguments, **_named):
        raise CheckFailed("not as it should be")

    with monkeypatch.context() as patch:
        patch.setattr(releasing, "draw_feeds", refused)
        assert airflow_alone.run(NAME, AS_OF).state == "failed"
    assert released(database) == {}
    assert not list((tmp_path / "state/pseudonymised").glob("*/*"))
    assert airflow_alone.run(NAME, datetime(2026, 3, 4, 3, tzinfo=UTC)).state == "success"
    assert released(database) == {("commercial", "released"): 1, ("internal", "released"): 1}


def test_late_events_are_entered_for_operators_and_told_nobody_else(airflow_alone: Airflow, database):
    assert airflow_alone.run(NAME, AS_OF).state == "success"
    before = database.execute("SELECT * FROM analytics.by_country_internal ORDER BY 1, 3")
    add_openings(database, 2, 300, times=29)
    run = airflow_alone.run(NAME, datetime(2026, 3, 4, 3, tzinfo=UTC))
    assert run.state == "success"
    late = "SELECT late FROM lifecycle.release_period WHERE (release, first_day) = ('openings', '2026-03-02')"
    assert database.execute(late)[0].late == 299 * 29 == 8_671
    assert run.results["record_late_events"] == 9, "periods that are released, and nothing of their events"
    assert released(database) == {("commercial", "released"): 1, ("internal", "released"): 1}
    after = "SELECT * FROM analytics.by_country_internal WHERE first_day <= '2026-03-02' ORDER BY 1, 3"
    assert database.execute(after) == before
    assert airflow_alone.leaks(["8671", "8,671"]) == {}


def test_what_builders_know_is_forgotten_at_night_and_never_reaches_airflow(airflow_alone: Airflow, database):
    assert airflow_alone.run(NAME, AS_OF).state == "success"
    figures = database.execute("SELECT median_error FROM lifecycle.release_utility WHERE cells_shown > 0")
    assert figures
    assert airflow_alone.leaks([repr(row.median_error) for row in figures]) == {}
    kept = airflow_alone.run("key_rotation", datetime(2026, 3, 4, 3, tzinfo=UTC))
    assert (kept.state, kept.results["forget_utility"]) == ("success", 0)
    night = airflow_alone.run("key_rotation", datetime(2026, 6, 10, 3, tzinfo=UTC))
    assert night.state == "success"
    assert database.execute("SELECT 1 FROM lifecycle.release_utility") == []


def test_each_period_is_told_once_also_where_others_of_the_run_fail(airflow_alone: Airflow, monkeypatch):
    from lifecycle.analytics import releasing
    from lifecycle.errors import CheckFailed

    draw_feeds, fails = releasing.draw_feeds, [DAY]

    def fails_once(company, name, span, **named):
        if span.first in fails:
            raise CheckFailed("not as it should be")
        return draw_feeds(company, name, span, **named)

    monkeypatch.setattr(releasing, "draw_feeds", fails_once)
    first = airflow_alone.run(NAME, AS_OF)
    assert (first.state, first.tasks["all_done"]) == ("failed", "upstream_failed")
    fails.clear()
    second = airflow_alone.run(NAME, datetime(2026, 3, 4, 3, tzinfo=UTC))
    assert second.state == "success"
    assert "openings.2026-03-02" not in first.results["tell_released"]
    assert "openings.2026-03-01" in first.results["tell_released"]
    assert sorted(second.results["tell_released"]) == ["openings.2026-03-02", "openings.2026-03-03"]


def test_a_run_is_a_day_of_the_policys_time_zone_and_its_partition_the_day_before(dags):
    schedule = dags.dags[NAME].timetable
    assert (schedule.run_offset, schedule.key_format) == (-1, "%Y-%m-%d")
    assert str(schedule.timezone) == "Europe/Tallinn"
