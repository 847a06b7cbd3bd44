"""The DAG that erases a subject: by a real answer over Airflow's API, resumed, refused, and told in counts only."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.holds import register as holds
from lifecycle.holds.targets import Target
from lifecycle.requests import register, steps
from lifecycle.requests.candidates import answer_for, told_candidates
from support.asking import by_email, taken, verified
from support.subjects import AS_OF, rows_of

if TYPE_CHECKING:
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.airflow import Airflow

pytestmark = pytest.mark.commitment("R7", "A10", "G1")

NAME = "subject_erasure"
VISITOR = "00000000-0000-4000-8000-000000000100"


def state_of(company: Company, request_id: UUID) -> register.Request:
    with company.engine.connect() as connection:
        return register.get(connection, request_id)


def run(airflow: Airflow, request_id: UUID, **options):
    return airflow.run(NAME, AS_OF, given={"request_id": str(request_id)}, **options)


def test_a_subject_is_erased_when_an_operator_approves(airflow_alone: Airflow, people, database):
    request_id, asked = verified(people), []
    found = run(airflow_alone, request_id, ask=airflow_alone.replying("Approve", asked))
    assert found.state == "success"
    (question,) = asked
    assert "app.person" in question.body
    assert found.results["receipt"]["request"] == str(request_id)
    assert state_of(people, request_id).state is register.State.DONE
    assert not [row for row in rows_of(database) if row == ("app.person", "100")]


def test_the_operator_is_shown_counts_what_stays_and_what_it_means(airflow_alone: Airflow, people, database):
    database.execute("UPDATE website.enquiry SET visitor_id = :visitor WHERE id = 200", {"visitor": VISITOR})
    with people.engine.begin() as connection:
        holds.place(
            connection, people.rulebook(AS_OF), [Target.parse("app.person:101")], kind="hold",
            reason="litigation", placed_by="Counsel", until=AS_OF + timedelta(days=9000), as_of=AS_OF,
        )  # fmt: skip
    request_id, asked = verified(people), []
    found = run(airflow_alone, request_id, ask=airflow_alone.replying("Approve", asked))
    (question,) = asked
    assert found.results["plan"]["digest"] in question.subject
    assert re.search(r"\| app.person \| delete \| 1 \|", question.body)
    assert re.search(r"\| app.person \| hold \| 20\d\d-\d\d-\d\d \| 1 \|", question.body)
    assert "the service that rests on this data may end" in question.body
    assert re.search(r"\| 1 \| visitor_id \| .*1 of website.visitor", question.body)
    assert not [
        word for word in ("mari", "tamm", VISITOR) if word in (question.subject + question.body).lower()
    ]


def test_nothing_is_asked_where_nothing_is_held(airflow_alone: Airflow, people, database):
    before = rows_of(database)
    request_id = verified(people, by_email("nobody@example.test"))
    found = run(airflow_alone, request_id)
    assert found.state == "success"
    assert found.having("skipped") == {"refuse", "check_plan", "approval", "execute", "check_after"}
    assert (found.results["receipt"]["done"], found.results["receipt"]["kept"]) == ([], [])
    assert rows_of(database) == before


def test_an_operator_who_refuses_in_the_run_refuses_the_request(airflow_alone: Airflow, people, database):
    before, request_id = rows_of(database), verified(people)
    found = run(
        airflow_alone,
        request_id,
        ask=lambda question: airflow_alone.answer(question, "Refuse the request", reason="legal_claim"),
    )
    assert found.state == "success"
    refused = state_of(people, request_id)
    assert (refused.state, refused.refusal_reason) == (register.State.REFUSED, "legal_claim")
    assert found.results["receipt"]["refused_because"] == "legal_claim"
    assert rows_of(database) == before


def test_a_refusal_that_was_asked_for_before_is_carried_out_without_a_question(
    airflow_alone: Airflow, people, database
):
    before, request_id = rows_of(database), verified(people)
    with people.engine.begin() as connection:
        register.ask_refusal(connection, request_id, reason="excessive", asked_by="Anna", as_of=AS_OF)
    found = run(airflow_alone, request_id)
    assert (found.state, found.having("success")) == (
        "success", {"choose", "refuse", "sign_what_is_new", "receipt"},
    )  # fmt: skip
    with people.engine.connect() as connection:
        last = register.events(connection, request_id)[-1]
    assert (last["what"], last["by"], last["reason"]) == ("refused", "Anna", "excessive")
    assert rows_of(database) == before


@pytest.mark.parametrize("choice", ["Plan anew", "Approve"])
def test_what_an_operator_says_of_a_candidate_counts_when_it_is_planned_anew(
    airflow_alone: Airflow, people, database, choice
):
    """A plan that leaves it out is not approved by mistake."""
    database.execute("UPDATE website.enquiry SET visitor_id = :visitor WHERE id = 200", {"visitor": VISITOR})
    request_id = verified(people)

    def confirm(question) -> None:
        with people.engine.begin() as connection:
            (one,) = told_candidates(connection, request_id)
            answer_for(connection, request_id, one.number, is_subjects=True, by="Op", as_of=AS_OF)
        airflow_alone.answer(question, choice, reason="none")

    first = run(airflow_alone, request_id, ask=confirm)
    assert (first.state, first.having("failed")) == ("failed", {"approval"})
    assert ("website.visitor", VISITOR) in rows_of(database)
    second = airflow_alone.run(
        NAME, AS_OF + timedelta(minutes=1), given={"request_id": str(request_id)},
        ask=airflow_alone.replying("Approve", []),
    )  # fmt: skip
    assert second.state == "success"
    assert second.results["plan"]["digest"] != first.results["plan"]["digest"]
    assert ("website.visitor", VISITOR) not in rows_of(database)


def test_nobody_answers_in_time_and_the_request_stays_open(airflow_alone: Airflow, people, database):
    before, request_id = rows_of(database), verified(people)
    found = run(airflow_alone, request_id, ask=airflow_alone.let_the_time_pass)
    assert (found.state, found.having("failed")) == ("failed", {"approval"})
    assert state_of(people, request_id).is_open
    assert rows_of(database) == before


def test_a_run_that_is_started_again_goes_on_with_what_was_approved(airflow_alone: Airflow, people, database):
    request_id = verified(people)
    planned = steps.plan(people, request_id, as_of=AS_OF)
    steps.approve_plan(people, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    found = run(airflow_alone, request_id)
    assert found.state == "success"
    assert ("app.person", "100") not in rows_of(database)


def test_a_worker_that_is_killed_before_the_request_is_closed_leaves_it_to_the_next_run(
    airflow_alone: Airflow, people
):
    request_id = verified(people)
    planned = steps.plan(people, request_id, as_of=AS_OF)
    steps.approve_plan(people, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    steps.carry_out(people, planned.digest)
    found = run(airflow_alone, request_id)
    assert found.state == "success"
    assert state_of(people, request_id).state is register.State.DONE


@pytest.mark.usefixtures("people")
def test_a_request_is_started_by_its_number_alone(airflow_alone: Airflow):
    airflow_alone.register()
    for given in ({"request_id": "somebody@example.test"}, {"request_id": "1 OR 1=1"}, {}):
        answer = airflow_alone.api().post(
            f"/api/v2/dags/{NAME}/dagRuns", json={"conf": given, "logical_date": None}
        )
        assert answer.status_code == 400


def test_a_request_that_nobody_verified_fails_its_run(airflow_alone: Airflow, people, database):
    before = rows_of(database)
    request_id = taken(people)
    found = run(airflow_alone, request_id)
    assert (found.having("failed"), found.tries["plan"]) == ({"plan"}, 1)
    assert rows_of(database) == before
