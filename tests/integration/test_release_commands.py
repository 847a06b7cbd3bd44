"""Releases on the command line: what is said of them, and how a run ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from support.commands import CommandLine
from support.press import AS_OF, CANARY, add_openings, add_readers, open_press

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("W6")

BROKEN, MISUSED = 1, 2


@pytest.fixture
def at(database: Database, monkeypatch, capsys, caplog, tmp_path: Path) -> Callable[[datetime], CommandLine]:
    """The command line at a moment, of a company with one day of openings."""
    open_press(database, tmp_path)
    add_readers(database, 1, 300)
    add_openings(database, 1, 300, times=2)
    settings = {
        "DATABASE_URL": database.url,
        "POLICY_DIR": tmp_path / "policies",
        "DATAMAP_DIR": tmp_path / "datamap",
        "KEYRING": tmp_path / "keyring",
        "STATE_DIR": tmp_path / "state",
    }
    return lambda moment: CommandLine(monkeypatch, capsys, caplog, settings, now=moment)


def test_what_is_released_is_told_once(at):
    lifecycle = at(AS_OF)
    said = lifecycle("release", "build", "--release", "openings", "--period", "2026-03-02")
    assert said.code == 0
    assert [line.split(": ")[0] for line in said.out.splitlines()] == [
        "openings for internal, 2026-03-02",
        "openings for commercial, 2026-03-02",
    ]
    assert "released, took 0.36 of the budget, entry" in said.out
    assert CANARY not in said.out + said.err
    again = lifecycle("release", "build", "--release", "openings", "--period", "2026-03-02", "--json")
    assert [one["state"] for one in again.document] == ["released", "released"]
    listed = lifecycle("release", "list", "--json").document
    assert {one["sha256"] for one in listed} == {one["sha256"] for one in again.document}
    assert (
        lifecycle("release", "verify", "--release", "openings").out
        == "openings: 6 tables as they were drawn\n"
    )


def test_every_open_period_is_released_and_then_nothing(at):
    lifecycle = at(AS_OF)
    said = lifecycle("release", "build", "--json")
    days = {(one["release"], one["first_day"]) for one in said.document}
    assert ("openings", "2026-03-02") in days
    assert ("deeds", "2026-02-23") in days
    assert len(days) == 7 + 2
    assert lifecycle("release", "build").out == "nothing was to be released\n"


def test_a_period_that_was_lost_says_so(at):
    lifecycle = at(AS_OF)
    lost = ("release", "lost", "--release", "openings", "--period", "2026-03-02", "--by", "olivia")
    assert lifecycle(*lost, "--reason", "damaged").out == "openings 2026-03-02 is lost\n"
    said = lifecycle("release", "build", "--release", "openings", "--period", "2026-03-02")
    assert (said.code, "was declared lost" in said.err) == (BROKEN, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("build", "--release", "nothing"), "has no such release"),
        (("build", "--release", "openings", "--period", "yesterday"), "is no day"),
        (("build", "--release", "deeds", "--period", "2026-03-03"), "is no Monday"),
        (("build", "--release", "openings", "--period", "2026-03-03"), "is not over"),
        (("lost", "--period", "2026-03-02", "--reason", "late", "--by", "o"), "has several releases"),
        (
            ("lost", "--release", "openings", "--period", "2026-03-02", "--reason", "x", "--by", "o"),
            "is no reason",
        ),
        (("lost", "--release", "openings", "--period", "2026-03-02", "--reason", "late", "--by", ""), "--by"),
        (("utility", "--release", "nothing"), "has no such release"),
        (("utility", "--period", "yesterday"), "is no day"),
        (("utility", "--period", "2026-03-02", "--last", "2"), "named in two ways"),
        (("late", "--release", "nothing"), "has no such release"),
    ],
)
def test_what_cannot_be_done_says_why(at, arguments, says):
    said = at(AS_OF)("release", *arguments)
    assert said.code == MISUSED
    assert says in said.err


def test_a_changed_table_is_a_broken_promise(at, database: Database):
    lifecycle = at(AS_OF)
    lifecycle("release", "build", "--release", "openings", "--period", "2026-03-02")
    database.script(
        "ALTER TABLE analytics.by_country_internal DISABLE TRIGGER ALL; DELETE FROM analytics.by_country_internal"
    )
    said = lifecycle("release", "verify")
    assert said.code == BROKEN
    assert "analytics.by_country_internal, 2026-03-02: not the" in said.out


def test_keys_are_told_by_name(at):
    lifecycle = at(AS_OF)
    assert "pseudonyms.openings.subject.2026-03 was made" in lifecycle("release", "keys").out
    assert lifecycle("release", "keys").out == "nothing was to be done\n"
    later = at(AS_OF + timedelta(days=60))("release", "keys", "--json").document
    assert "pseudonyms.openings.subject.2026-03" in later["destroyed"]


def test_utility_is_shown_to_builders(at, database: Database):
    lifecycle = at(AS_OF)
    assert lifecycle("release", "utility", "--release", "openings").out == "there is none\n"
    lifecycle("release", "build", "--release", "openings", "--period", "2026-03-02")
    said = lifecycle("release", "utility", "--release", "openings")
    warning, first, heads, *numbers = said.out.splitlines()[:6]
    assert warning.startswith("for builders only: made of exact numbers")
    assert first == "by_article_commercial, 2026-03-02: 1 cells"
    assert heads.split() == ["shown", "share", "median", "error", "95th", "largest"]
    assert [line.split()[0] for line in numbers] == ["events", "persons", "seconds"]
    assert numbers[1].split()[1:3] == ["1", "100.0%"]
    document = lifecycle("release", "utility", "--release", "openings", "--json").document
    assert document["warning"] == warning
    assert len(document["figures"]) == 2 * 3 * 3
    (found,) = (
        one
        for one in document["figures"]
        if (one["table"], one["number"]) == ("by_country_internal", "persons")
    )
    (row,) = database.execute("SELECT persons FROM analytics.by_country_internal")
    assert found["largest_error"] == pytest.approx(abs(row.persons - 300) / 300)
    assert (found["first_day"], found["cells"], found["cells_shown"]) == ("2026-03-02", 1, 1)
    assert str(found["largest_error"]) not in said.log + said.err


def test_utility_is_of_the_newest_periods_or_of_one(at):
    lifecycle = at(AS_OF)
    lifecycle("release", "build", "--release", "openings")

    def days(*which: str) -> list[str]:
        figures = lifecycle("release", "utility", "--release", "openings", *which, "--json").document[
            "figures"
        ]
        return sorted({one["first_day"] for one in figures})

    assert days() == ["2026-03-02"]
    assert days("--last", "2") == ["2026-03-01", "2026-03-02"]
    assert days("--period", "2026-02-28") == ["2026-02-28"]
    assert days("--period", "2026-03-09") == []


def test_a_build_and_a_rotation_see_to_late_events_and_old_figures(at, database: Database):
    lifecycle = at(AS_OF)
    lifecycle("release", "build", "--release", "openings", "--period", "2026-03-02")
    assert lifecycle("release", "late", "--release", "openings").out.endswith(
        "\nopenings: no event came late\n"
    )
    add_openings(database, 1, 12)
    add_openings(database, 1, 3, at="2026-05-02 12:00+03")
    said = lifecycle("release", "late", "--release", "openings").out.splitlines()
    assert said[0].startswith("for operators only: exact numbers")
    assert said[1:] == [
        "openings 2026-03-02: 12 events or more came late, and are not added",
        "openings: the time of 3 events has not come; each counts in its period",
    ]
    (document,) = lifecycle("release", "late", "--release", "openings", "--json").document["releases"]
    assert document["late"] == [{"first_day": "2026-03-02", "events": 12}]
    assert document["ahead"] == 3
    lifecycle("release", "build", "--release", "openings")
    row = database.execute("SELECT events, late FROM lifecycle.release_period WHERE first_day = '2026-03-02'")
    assert [tuple(one) for one in row] == [(600, 12)]
    figures = "SELECT 1 FROM lifecycle.release_utility WHERE first_day = '2026-03-02'"
    assert len(database.execute(figures)) == 18
    said = at(AS_OF + timedelta(days=91))("release", "keys")
    assert "lines of what numbers were worth were deleted" in said.out
    assert database.execute(figures) == []
