"""Keys of pseudonyms: there for the month, gone when nothing may be released of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.analytics import inspecting, periods, releasing
from lifecycle.analytics.rotation import rotate
from support.companies import ledger_of
from support.press import AS_OF, DAY, POLICY, open_press, reopen_press, span

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("W6")


@pytest.fixture
def press(database: Database, tmp_path: Path) -> Company:
    return open_press(database, tmp_path)


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 3, tzinfo=UTC)


OF_MARCH = (
    "pseudonyms.openings.subject.2026-03",
    "pseudonyms.deeds.subject.2026-03",
    "pseudonyms.deeds.organisation.2026-03",
)


def test_a_month_has_a_key_for_each_release_and_kind(press: Company, database: Database):
    assert rotate(press, as_of=at(3, 3)).created == OF_MARCH
    assert rotate(press, as_of=at(3, 31)).created == ()
    assert [body["key"] for kind, body in ledger_of(database) if kind == "key_created"] == [*OF_MARCH]


def test_a_key_is_destroyed_when_nothing_may_be_released_of_its_month(press: Company, database: Database):
    rotate(press, as_of=at(3, 3))
    assert rotate(press, as_of=at(4, 7)).destroyed == (), "31 March may be released until 7 April"
    assert rotate(press, as_of=at(4, 8)).destroyed == ("pseudonyms.openings.subject.2026-03",)
    assert rotate(press, as_of=at(4, 20)).destroyed == (), (
        "the week from 30 March may be until 19 April, of 31 until 20"
    )
    assert set(rotate(press, as_of=at(4, 21)).destroyed) == set(OF_MARCH[1:])
    destroyed = [body["key"] for kind, body in ledger_of(database) if kind == "key_destroyed"]
    assert sorted(destroyed) == sorted(OF_MARCH)
    assert rotate(press, as_of=at(3, 31)).created == (), "a name is never given again"


def test_no_period_is_open_when_its_key_is_destroyed(press: Company):
    rotate(press, as_of=at(3, 3))
    day = at(3, 3)
    while day < at(5, 1):
        gone = set(rotate(press, as_of=day).destroyed)
        for name in press.rulebook(day).releases:
            months = {f"{one.first:%Y-%m}" for one in inspecting.open_spans(press, name, as_of=day)}
            assert not {key for key in gone if key.split(".")[1] == name and key.split(".")[3] in months}
        day += timedelta(days=1)


def test_keys_of_a_release_that_is_no_more_go_when_their_month_is_over(
    press: Company, database, tmp_path: Path
):
    rotate(press, as_of=at(3, 3))
    without = reopen_press(database, tmp_path, policy=POLICY.split("  deeds:\n")[0])
    assert rotate(without, as_of=at(4, 1)).destroyed == tuple(sorted(OF_MARCH[1:]))


def test_what_was_not_released_in_time_is_lost(press: Company, database: Database):
    releasing.build(press, "openings", span(press), as_of=AS_OF)
    assert inspecting.record_late(press, "openings", as_of=at(3, 10)) == []
    assert inspecting.record_late(press, "openings", as_of=at(3, 12)) == [date(2026, 3, 3), date(2026, 3, 4)]
    assert inspecting.record_late(press, "openings", as_of=at(3, 12)) == []
    lost = [
        (body["first_day"], body["reason"]) for kind, body in ledger_of(database) if kind == "release_lost"
    ]
    assert lost == [("2026-03-03", "late"), ("2026-03-04", "late")]


def test_a_feed_that_came_later_was_never_promised_what_was_over(database: Database, tmp_path: Path):
    start, end = POLICY.index("      commercial:"), POLICY.index("  deeds:\n    commitments")
    before = open_press(database, tmp_path, policy=POLICY[:start] + POLICY[end:])
    over, still_open = date(2026, 3, 2), date(2026, 3, 15)
    for first, as_of in ((over, at(3, 3)), (still_open, at(3, 16))):
        assert [
            one.feed for one in releasing.build(before, "openings", span(before, first=first), as_of=as_of)
        ] == ["internal"]
    amended = tmp_path / "policies/second/policy.yaml"
    amended.parent.mkdir()
    amended.write_text(POLICY.replace("last_updated: 2020-01-01", "last_updated: 2026-03-20"))
    after = reopen_press(database, tmp_path, policy=POLICY[:start] + POLICY[end:])
    late = inspecting.record_late(after, "openings", as_of=at(3, 24))
    assert over not in late
    assert still_open in late, "it could be released for the new feed until 22 March"


def test_where_no_policy_of_then_is_kept_a_period_is_held_against_that_of_today(
    database: Database, tmp_path: Path
):
    start, end = POLICY.index("      commercial:"), POLICY.index("  deeds:\n    commitments")
    before = open_press(database, tmp_path, policy=POLICY[:start] + POLICY[end:])
    releasing.build(before, "openings", span(before), as_of=AS_OF)
    replaced = POLICY.replace("last_updated: 2020-01-01", "last_updated: 2026-03-20")
    after = reopen_press(database, tmp_path, policy=replaced)
    assert DAY in inspecting.record_late(after, "openings", as_of=at(3, 24))


def test_nothing_is_lost_before_anything_was_released(press: Company):
    assert inspecting.record_late(press, "openings", as_of=AS_OF) == []
    periods.declare_lost(press, "openings", span(press), reason="other", by="operator", as_of=AS_OF)
    assert inspecting.record_late(press, "openings", as_of=AS_OF) == []
    assert DAY not in [one.first for one in inspecting.open_spans(press, "openings", as_of=AS_OF)]
