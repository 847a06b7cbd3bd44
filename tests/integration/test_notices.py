"""A deletion that is coming is noticed, announced, cancelled or done: once each, and on the right day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from lifecycle.errors import UsageError
from lifecycle.holds.register import Target, place
from lifecycle.policy.load import read_policy
from lifecycle.retention.notices import FINGERPRINTS, take_notice
from lifecycle.retention.sweep import sweep
from support.companies import AGENCY, AS_OF, create_agency, open_agency, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company

ENDED = "2025-06-15 12:00+03"
PLANNED_ON = date(2026, 6, 8)


def at(day: date) -> datetime:
    """The run of a day."""
    return datetime(day.year, day.month, day.day, 3, tzinfo=ZoneInfo("Europe/Tallinn"))


def end(database, contract: int, when: str | None) -> None:
    database.execute(
        "UPDATE agency.contract SET ended_at = :when WHERE id = :id", {"when": when, "id": contract}
    )


def amend(company: Company, folder: Path, *, since: date, old: str, new: str) -> Company:
    """The agency with another version of its policy."""
    text = (AGENCY / "policies" / "2025-01-01" / "policy.yaml").read_text()
    amended = text.replace("last_updated: 2025-01-01", f"last_updated: {since}").replace(old, new, 1)
    path = folder / "policy.yaml"
    path.write_text(amended)
    return replace(company, policies=(*company.policies, read_policy(path)))


@pytest.fixture
def company(database, tmp_path):
    """The agency without what was due long ago."""
    create_agency(database)
    company = open_agency(database, tmp_path / "keyring")
    sweep(company, "persons", as_of=AS_OF, checks=False)
    return company


def notices(database) -> list:
    return database.execute(
        "SELECT key[1]::int AS customer, event_day, last_day, planned_on, announced,"
        " cancelled_at, done_at FROM lifecycle.notice ORDER BY notice_id"
    )


def ledger(database) -> list[tuple[str, dict]]:
    rows = database.execute(
        "SELECT kind, body FROM lifecycle.ledger WHERE kind LIKE 'deletion%' ORDER BY sequence"
    )
    return [(row.kind, row.body) for row in rows]


@pytest.mark.commitment("A9")
def test_a_termination_is_noticed_on_the_next_run(company, database):
    end(database, 20, ENDED)
    assert take_notice(company, "persons", as_of=at(date(2025, 6, 14))).added == 0
    assert take_notice(company, "persons", as_of=at(date(2025, 6, 16))).added == 1
    (notice,) = notices(database)
    assert tuple(notice) == (2, date(2025, 6, 15), date(2026, 6, 15), PLANNED_ON, [], None, None)
    fingerprint = company.keys.fingerprint("row", "agency.customer:2")
    assert ledger(database) == [
        ("deletion_noticed", {"rule": "persons", "row": fingerprint, "due": "2026-06-15"})
    ]


@pytest.mark.commitment("G1")
@pytest.mark.parametrize(
    "ending", ["DELETE FROM agency.person", "UPDATE agency.contract SET ended_at = NULL"]
)
def test_a_notice_that_has_ended_forgets_its_key(company, database, ending):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=at(date(2025, 6, 16)))
    database.script(f"DELETE FROM agency.note; {ending}")
    ended = take_notice(company, "persons", as_of=at(date(2025, 6, 17)))
    assert ended.done + ended.cancelled == 1
    assert database.execute("SELECT key FROM lifecycle.notice") == [([],)]


def test_a_run_that_is_repeated_notices_nothing_new(company, database):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=AS_OF)
    again = take_notice(company, "persons", as_of=AS_OF)
    assert (again.added, again.cancelled, again.done, again.announcements) == (0, 0, 0, ())
    assert len(notices(database)) == len(ledger(database)) == 1


def test_each_announcement_is_made_once_and_in_time(company, database):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=at(date(2025, 6, 16)))
    told = {}
    for number in range(40):
        day = PLANNED_ON - timedelta(days=39 - number)
        for one in take_notice(company, "persons", as_of=at(day)).announcements:
            told[(PLANNED_ON - day).days] = (one.days_ahead, one.is_last, one.rows, one.planned_on)
    assert told == {30: (30, False, 1, PLANNED_ON), 7: (7, True, 1, PLANNED_ON)}
    assert notices(database)[0].announced == [30, 7]
    assert [kind for kind, _ in ledger(database)] == ["deletion_noticed", *["deletion_announced"] * 2]


def test_runs_that_were_missed_make_one_announcement_of_what_is_near(company, database):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=at(date(2025, 6, 16)))
    (one,) = take_notice(company, "persons", as_of=at(PLANNED_ON - timedelta(days=2))).announcements
    assert (one.days_ahead, one.is_last) == (7, True)
    assert notices(database)[0].announced == [30, 7]


def test_a_termination_that_nobody_noticed_in_time_is_planned_for_today(company, database):
    end(database, 20, "2024-01-01")
    noticed = take_notice(company, "persons", as_of=AS_OF)
    assert notices(database)[0].planned_on == AS_OF.date()
    assert [(one.planned_on, one.is_last) for one in noticed.announcements] == [(AS_OF.date(), True)]


def test_the_planned_day_is_the_day_on_which_it_happens(company, database):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=AS_OF)
    sweep(company, "persons", as_of=at(PLANNED_ON - timedelta(days=1)), checks=False)
    assert {201, 202, 203} <= rows_of(database)["person"]
    assert take_notice(company, "persons", as_of=at(PLANNED_ON)).done == 0
    sweep(company, "persons", as_of=at(PLANNED_ON), checks=False)
    assert not {201, 202, 203} & rows_of(database)["person"]
    assert take_notice(company, "persons", as_of=at(PLANNED_ON)).done == 1
    assert notices(database)[0].done_at == at(PLANNED_ON)


@pytest.mark.commitment("A9")
def test_reinstatement_cancels_and_a_second_end_is_noticed_anew(company, database):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=AS_OF)
    end(database, 20, None)
    assert take_notice(company, "persons", as_of=AS_OF + timedelta(days=1)).cancelled == 1
    assert take_notice(company, "persons", as_of=AS_OF + timedelta(days=2)).cancelled == 0
    end(database, 20, "2026-03-12 12:00+02")
    assert take_notice(company, "persons", as_of=AS_OF + timedelta(days=3)).added == 1
    first, second = notices(database)
    assert (first.cancelled_at, first.done_at) == (AS_OF + timedelta(days=1), None)
    assert (second.event_day, second.last_day, second.cancelled_at) == (
        date(2026, 3, 12),
        date(2027, 3, 12),
        None,
    )
    assert [(kind, body.get("reason")) for kind, body in ledger(database)] == [
        ("deletion_noticed", None),
        ("deletion_cancelled", "clock_stopped"),
        ("deletion_noticed", None),
    ]


def test_a_new_contract_cancels_too(company, database):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=AS_OF)
    database.execute("INSERT INTO agency.contract VALUES (21, 2, NULL, now())")
    assert take_notice(company, "persons", as_of=AS_OF).cancelled == 1


def test_another_end_date_replaces_the_notice_and_is_announced_anew(company, database):
    end(database, 20, ENDED)
    day = PLANNED_ON - timedelta(days=5)
    assert len(take_notice(company, "persons", as_of=at(day)).announcements) == 1
    end(database, 20, "2025-07-01 12:00+03")
    changed = take_notice(company, "persons", as_of=at(day))
    assert (changed.added, changed.cancelled) == (1, 1)
    assert [(one.planned_on, one.days_ahead) for one in changed.announcements] == [(date(2026, 6, 24), 30)]
    assert [(one.last_day, one.announced, one.cancelled_at is None) for one in notices(database)] == [
        (date(2026, 6, 15), [30, 7], False),
        (date(2026, 7, 1), [30], True),
    ]


@pytest.mark.commitment("A9", "P1")
def test_an_amended_period_replaces_the_notice_and_is_announced_anew(company, database, tmp_path):
    end(database, 20, ENDED)
    day = PLANNED_ON - timedelta(days=5)
    take_notice(company, "persons", as_of=at(day))
    amended = amend(company, tmp_path, since=day + timedelta(days=1), old="keep: P12M", new="keep: P13M")
    changed = take_notice(amended, "persons", as_of=at(day + timedelta(days=1)))
    assert (changed.added, changed.cancelled) == (1, 1)
    assert [one.planned_on for one in notices(database)] == [PLANNED_ON, date(2026, 7, 8)]
    (announced,) = take_notice(amended, "persons", as_of=at(date(2026, 6, 8))).announcements
    assert (announced.planned_on, announced.days_ahead) == (date(2026, 7, 8), 30)


@pytest.mark.commitment("P1")
def test_an_amended_lead_moves_the_planned_day(company, database, tmp_path):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=AS_OF)
    amended = amend(company, tmp_path, since=AS_OF.date(), old="lead: P7D", new="lead: P21D")
    assert take_notice(amended, "persons", as_of=AS_OF).cancelled == 1
    assert [one.planned_on for one in notices(database)] == [PLANNED_ON, PLANNED_ON - timedelta(days=14)]


def test_a_notice_that_came_too_late_stays_on_later_runs(company, database):
    end(database, 20, "2024-01-01")
    take_notice(company, "persons", as_of=AS_OF)
    assert take_notice(company, "persons", as_of=AS_OF + timedelta(days=1)).cancelled == 0


def test_a_later_hour_of_the_same_day_changes_nothing(company, database):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=AS_OF)
    end(database, 20, "2025-06-15 18:00+03")
    assert take_notice(company, "persons", as_of=AS_OF).cancelled == 0


@pytest.mark.commitment("A8")
def test_what_is_held_stays_noticed(company, database):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=AS_OF)
    with company.engine.begin() as connection:
        place(
            connection,
            company.rulebook(AS_OF),
            [Target.parse("agency.customer:2")],
            kind="hold",
            reason="litigation",
            placed_by="lawyer",
            until=at(date(2027, 1, 1)),
            as_of=AS_OF,
        )
    sweep(company, "persons", as_of=at(PLANNED_ON), checks=False)
    assert take_notice(company, "persons", as_of=at(PLANNED_ON)).done == 0
    assert notices(database)[0].done_at is None


@pytest.mark.parametrize(
    "gone",
    [
        "DELETE FROM agency.note WHERE person_id IN (201, 202, 203); DELETE FROM agency.person WHERE customer_id = 2",
        (
            "DELETE FROM agency.person WHERE customer_id = 2; DELETE FROM agency.contract WHERE customer_id = 2;"
            " UPDATE agency.invoice SET customer_id = NULL; DELETE FROM agency.customer WHERE id = 2"
        ),
    ],
)
def test_what_the_company_deleted_itself_is_done(company, database, gone):
    end(database, 20, ENDED)
    take_notice(company, "persons", as_of=AS_OF)
    database.script(gone)
    noticed = take_notice(company, "persons", as_of=AS_OF)
    assert (noticed.done, noticed.cancelled) == (1, 0)


def test_a_customer_with_nobody_to_delete_is_not_noticed(company, database):
    database.execute("DELETE FROM agency.person WHERE customer_id = 2")
    end(database, 20, ENDED)
    assert take_notice(company, "persons", as_of=AS_OF).added == 0


def test_a_run_for_an_earlier_day_leaves_later_notices_alone(company, database):
    end(database, 20, "2026-03-09 12:00+02")
    take_notice(company, "persons", as_of=AS_OF)
    earlier = take_notice(company, "persons", as_of=AS_OF - timedelta(days=5))
    assert (earlier.added, earlier.cancelled, earlier.done) == (0, 0, 0)
    assert notices(database)[0].cancelled_at is None


def test_one_announcement_speaks_of_all_deletions_of_a_day(company, database):
    end(database, 20, ENDED)
    end(database, 31, ENDED)
    noticed = take_notice(company, "persons", as_of=at(PLANNED_ON - timedelta(days=7)))
    (one,) = noticed.announcements
    assert one.rows == 2
    assert one.fingerprints == tuple(
        sorted(company.keys.fingerprint("row", f"agency.customer:{number}") for number in (2, 3))
    )
    assert noticed.to_json()["announcements"][0]["planned_on"] == "2026-06-08"


def test_an_announcement_carries_a_bounded_number_of_fingerprints(company, database):
    many = FINGERPRINTS + 20
    database.script(
        f"INSERT INTO agency.customer SELECT 1000 + n, 'canary', '2015-01-01' FROM generate_series(1, {many}) AS n;"
        f"INSERT INTO agency.contract SELECT 1000 + n, 1000 + n, '{ENDED}', now() FROM generate_series(1, {many}) AS n;"
        f"INSERT INTO agency.person SELECT 10000 + n, 1000 + n, 'canary', NULL FROM generate_series(1, {many}) AS n"
    )
    (one,) = take_notice(company, "persons", as_of=at(PLANNED_ON)).announcements
    assert (one.rows, len(one.fingerprints)) == (many, FINGERPRINTS)
    assert len(ledger(database)) == 2 * many


def test_a_rule_that_announces_nothing_has_no_notices(company, database):
    assert take_notice(company, "customers", as_of=AS_OF).added == 0
    assert notices(database) == []


def test_an_unknown_rule_is_refused(company):
    with pytest.raises(UsageError, match="has no rule nobody"):
        take_notice(company, "nobody", as_of=AS_OF)
