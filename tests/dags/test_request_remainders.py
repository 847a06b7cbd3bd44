"""The DAG that sees to all requests every day: what had to stay goes, and no answer comes late unnoticed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.cli.main import run as run_command
from lifecycle.holds import register as holds
from lifecycle.holds.targets import Target
from lifecycle.requests import register, steps
from lifecycle.requests.deadlines import near_ends
from support.asking import answer, by_email, taken, verified
from support.subjects import AS_OF, MARI, rows_of

if TYPE_CHECKING:
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.airflow import Airflow

pytestmark = pytest.mark.commitment("R7", "A8", "A10")

NAME = "request_remainders"
HELD = ("app.person", "101")


@pytest.fixture
def left(people: Company) -> UUID:
    """A hold on a person whose erasure was done but for her."""
    with people.engine.begin() as connection:
        hold = holds.place(
            connection, people.rulebook(AS_OF), [Target.parse("app.person:101")], kind="hold",
            reason="litigation", placed_by="Counsel", until=AS_OF + timedelta(days=9000), as_of=AS_OF,
        )  # fmt: skip
    request_id = verified(people)
    answer(people, request_id, AS_OF)
    return hold


def release(people: Company, hold: UUID) -> None:
    with people.engine.begin() as connection:
        holds.release(connection, hold, released_by="Counsel", as_of=AS_OF + timedelta(days=1))


def test_what_a_hold_kept_goes_on_the_next_day(airflow_alone: Airflow, people, database, left):
    first = airflow_alone.run(NAME, AS_OF + timedelta(days=1))
    assert (first.state, first.results["resume"], HELD in rows_of(database)) == ("success", [], True)
    release(people, left)
    second = airflow_alone.run(NAME, AS_OF + timedelta(days=2))
    assert second.state == "success"
    (resumed,) = second.results["resume"]
    assert {"app.person", "app.note"} <= {one["collection"] for one in resumed["rows"]}
    assert HELD not in rows_of(database)
    third = airflow_alone.run(NAME, AS_OF + timedelta(days=3))
    assert (third.state, third.results["resume"]) == ("success", [])


@pytest.mark.usefixtures("people")
def test_releasing_a_hold_on_the_command_line_erases_what_it_kept_at_once(database, left, capsys):
    run_command(["hold", "release", str(left), "--by", "Counsel", "--json"])
    (resumed,) = json.loads(capsys.readouterr().out)["resumed"]
    assert {"app.person", "app.note"} <= {one["collection"] for one in resumed["rows"]}
    assert HELD not in rows_of(database)


def test_a_request_that_fails_does_not_keep_the_others_from_going(people, database, left, monkeypatch):
    from lifecycle.errors import CheckFailed
    from lifecycle.requests.remainders import resume_all

    release(people, left)
    with people.engine.connect() as connection:
        (number,) = steps.unfinished(connection)
    other, resume = verified(people), steps.resume

    def fail_first(company, request_id, *, as_of):
        if request_id == other:
            raise CheckFailed("no")
        return resume(company, request_id, as_of=as_of)

    monkeypatch.setattr(steps, "unfinished", lambda _connection: [other, number])
    monkeypatch.setattr(steps, "resume", fail_first)
    resumed = resume_all(people, as_of=AS_OF + timedelta(days=2))
    assert (list(resumed.outcomes), list(resumed.failed)) == ([number], [other])
    with pytest.raises(Exception, match=str(other)):
        resumed.require_done()
    assert HELD not in rows_of(database)


def days_told(people: Company, received: datetime, days: range) -> list[int]:
    """On which days after it was received it is told that a request is due soon, and how many are left then."""
    found = []
    for day in days:
        as_of = received + timedelta(days=day)
        with people.engine.begin() as connection:
            found += [
                one.days_left for one in near_ends(connection, people.version(as_of).policy.zone, as_of=as_of)
            ]
    return found


def test_it_is_told_once_ten_days_before_the_last_and_once_three_days_before(people):
    verified(people)
    assert days_told(people, AS_OF, range(40)) == [10, 3]


def test_a_run_that_was_missed_tells_it_later_and_only_what_counts_by_then(people):
    verified(people)
    assert days_told(people, AS_OF, range(29, 40)) == [2]


def test_an_extension_is_told_anew(people):
    request_id = verified(people)
    assert days_told(people, AS_OF, range(30)) == [10, 3]
    with people.engine.begin() as connection:
        register.extend(
            connection, people.rulebook(AS_OF), request_id, reason="complexity", extended_by="Op", as_of=AS_OF
        )
    assert days_told(people, AS_OF, range(30, 100)) == [10, 3]


def test_a_run_tells_what_is_due_soon_and_fails_while_an_answer_is_late(airflow_alone: Airflow, people):
    now = datetime.now(UTC)
    soon, late = verified(people, as_of=now - timedelta(days=25)), None
    first = airflow_alone.run(NAME, now - timedelta(minutes=2))
    assert first.state == "success"
    assert [one["request"] for one in first.results["near_ends"]] == [str(soon)]
    assert airflow_alone.events("request_due")[-1]["due"] == first.results["near_ends"]
    late = taken(people, by_email("late@example.test"), as_of=now - timedelta(days=40))
    second = airflow_alone.run(NAME, now - timedelta(minutes=1))
    assert (second.state, second.having("failed")) == ("failed", {"require_answers_in_time"})
    assert [one["request"] for one in second.results["near_ends"]] == [str(late)]


def test_an_erased_subject_whom_an_import_brings_back_is_erased_on_the_next_day(
    airflow_alone: Airflow, people, database
):
    answer(people, verified(people), AS_OF)
    before = rows_of(database)
    database.execute(
        "INSERT INTO app.person (customer_id, first_name, last_name, work_email, country, created_at)"
        " VALUES (2, 'Mari', 'Tamm', :email, 'EE', :at)",
        {"email": MARI.upper(), "at": AS_OF},
    )
    run = airflow_alone.run(NAME, AS_OF + timedelta(days=1))
    assert run.state == "success"
    assert rows_of(database) == before
