"""The DAGs of rectification, restriction, objection and withdrawal: by a real answer over Airflow's API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.holds import register as holds
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register
from lifecycle.requests.asked import Asked
from lifecycle.requests.corrections import Correction, corrected
from lifecycle.requests.lifting import ask_lifting
from support.asking import by_email, verified
from support.leaks import leaks_in_control_schema
from support.subjects import AS_OF, MARI, rows_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("R4", "R5", "R6", "R8", "G1")

NEW = "mari.kuusk@example.test"
WORDS = (MARI, NEW, "mari.tamm", "mari.kuusk", "kuuskmann", "00000000-0000-4000-8000-000000000100")
"""What must not stand in Airflow: what was wrong and what is right."""
RECTIFICATION, RESTRICTION = RequestKind.RECTIFICATION, RequestKind.RESTRICTION
OBJECTION, WITHDRAWAL = RequestKind.OBJECTION, RequestKind.WITHDRAWAL
DAGS = {
    RECTIFICATION: "subject_rectification",
    RESTRICTION: "subject_restriction",
    OBJECTION: "subject_objection",
    WITHDRAWAL: "consent_withdrawal",
}


def asked_for(
    company: Company,
    kind: RequestKind,
    *purposes: str,
    corrections: dict[str, str] | None = None,
    email: str = MARI,
) -> UUID:
    rulebook = company.rulebook(AS_OF)
    asked = Asked(
        purposes=purposes,
        corrections=tuple(
            Correction(what=corrected(rulebook, name), named=name, value=value)
            for name, value in (corrections or {}).items()
        ),
    )
    return verified(company, by_email(email), kind=kind, asked=asked)


def run(
    airflow: Airflow, kind: RequestKind, request_id: UUID, *, as_of: datetime = AS_OF, **options: Any
) -> Any:
    return airflow.run(DAGS[kind], as_of, given={"request_id": str(request_id)}, **options)


def state_of(company: Company, request_id: UUID) -> register.Request:
    with company.engine.connect() as connection:
        return register.get(connection, request_id)


def test_a_correction_is_approved_by_names_of_columns_and_no_value_reaches_airflow(
    airflow_alone: Airflow, people: Company, database: Database, capfd, caplog
):
    asked: list[Any] = []
    request_id = asked_for(people, RECTIFICATION, corrections={"email": NEW, "user.name.last": "Kuuskmann"})
    found = run(airflow_alone, RECTIFICATION, request_id, ask=airflow_alone.replying("Approve", asked))
    assert found.state == "success"
    (question,) = asked
    assert "Corrects `email`, `user.name.last`." in question.body
    assert "| app.person | rectify | 2 |" in question.body
    assert "| app.person | last_name, work_email |" in question.body
    assert found.results["receipt"]["request"] == str(request_id)
    assert state_of(people, request_id).state is register.State.DONE
    person = database.execute("SELECT last_name, work_email FROM app.person WHERE id = 101")
    assert [tuple(row) for row in person] == [("Kuuskmann", NEW)]
    captured = capfd.readouterr()
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}
    assert leaks_in_control_schema(WORDS, database) == {}


@pytest.mark.parametrize(
    "called",
    [
        "lifecycle.requests.steps.plan",
        "lifecycle.requests.rectifying.open_corrections",
        "lifecycle.requests.writing.write_columns",
        "lifecycle.requests.telling.queue",
        "lifecycle.requests.steps.close",
    ],
)
def test_a_step_that_fails_with_a_value_in_its_hands_does_not_tell_it(
    airflow_alone: Airflow, people: Company, monkeypatch, capfd, caplog, called: str
):
    def fail(*_arguments: Any, **_named: Any) -> Any:
        raise ValueError(f"{NEW} for {MARI}") from KeyError(NEW)

    request_id = asked_for(people, RECTIFICATION, corrections={"email": NEW})
    module, _, name = called.rpartition(".")
    for place in (module, "lifecycle.requests.rectifying"):
        if hasattr(__import__(place, fromlist=[name]), name):
            monkeypatch.setattr(f"{place}.{name}", fail)
    found = run(airflow_alone, RECTIFICATION, request_id, ask=airflow_alone.replying("Approve", []))
    assert found.state == "failed"
    captured = capfd.readouterr()
    assert "ValueError at test_subject_rights.py" in captured.out + captured.err + caplog.text
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}


def test_a_constraint_that_refuses_is_told_without_a_value_and_nothing_is_half_done(
    airflow_alone: Airflow, people: Company, database: Database, capfd, caplog
):
    database.execute("UPDATE app.contact SET email = :new WHERE id = 200", {"new": NEW})
    before = rows_of(database)
    request_id = asked_for(people, RECTIFICATION, corrections={"email": NEW})
    found = run(airflow_alone, RECTIFICATION, request_id, ask=airflow_alone.replying("Approve", []))
    assert found.having("failed") == {"close"}
    assert found.results["execute"]["deferred"][0]["reason"].startswith("another row has what should be")
    assert rows_of(database) == before
    assert state_of(people, request_id).is_open
    captured = capfd.readouterr()
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}


@pytest.mark.commitment("G3")
def test_a_restriction_is_placed_lifted_when_an_operator_says_so_and_starts_what_it_kept_waiting(
    airflow_alone: Airflow, people: Company, database: Database, capfd, caplog
):
    before, asked = rows_of(database), []
    request_id = asked_for(people, RESTRICTION)
    found = run(airflow_alone, RESTRICTION, request_id, ask=airflow_alone.replying("Approve", asked))
    assert found.state == "success"
    assert "| app.person | restrict | 2 |" in asked[0].body
    assert "nothing that rests on this data is done" in asked[0].body
    assert rows_of(database) == before
    with people.engine.begin() as connection:
        assert holds.of_request(connection, request_id, as_of=AS_OF) is not None
        ask_lifting(connection, request_id, informed_by="letter", asked_by="Anna", as_of=AS_OF)
    airflow_alone.register()
    lifted = run(airflow_alone, RESTRICTION, request_id, as_of=AS_OF + timedelta(minutes=1))
    assert lifted.state == "success"
    assert lifted.having("success") == {"choose", "lift", "sign_what_is_new", "receipt"}
    with people.engine.connect() as connection:
        assert holds.of_request(connection, request_id, as_of=AS_OF) is None
        last = register.events(connection, request_id)[-1]
    assert (last["what"], last["by"], last["informed_by"]) == ("lifted", "Anna", "letter")
    assert airflow_alone.events("hold_released")
    told = database.execute("SELECT DISTINCT kind FROM lifecycle.outbox ORDER BY kind")
    assert [row.kind for row in told] == ["restriction", "restriction_lifted"]
    captured = capfd.readouterr()
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}


def test_an_objection_to_marketing_is_not_weighed(
    airflow_alone: Airflow, people: Company, database: Database
):
    asked: list[Any] = []
    request_id = asked_for(people, OBJECTION, "marketing")
    found = run(airflow_alone, OBJECTION, request_id, ask=airflow_alone.replying("Approve", asked))
    assert found.state == "success"
    assert [one.task for one in asked] == ["approval"]
    assert "- marketing: stop" in asked[0].body
    consents = database.execute("SELECT event FROM website.marketing_consent WHERE subscription_id = 100")
    assert {row.event for row in consents} == {"given", "withdrawn"}


@pytest.mark.parametrize(
    ("choice", "decision"), [("Stop", "stop"), ("Compelling grounds", "compelling_grounds")]
)
def test_an_objection_that_is_weighed_asks_first_and_plans_what_was_decided(
    airflow_alone: Airflow, people: Company, database: Database, choice: str, decision: str
):
    asked: list[Any] = []

    def reply(question: Any) -> None:
        asked.append(question)
        airflow_alone.answer(question, choice if question.task == "weigh" else "Approve")

    request_id = asked_for(people, OBJECTION, "service_improvement", "marketing")
    found = run(airflow_alone, OBJECTION, request_id, ask=reply)
    assert found.state == "success"
    weighed, approved = asked
    assert (weighed.task, approved.task) == ("weigh", "approval")
    assert "service_improvement" in weighed.body
    assert "marketing" not in weighed.body
    assert f"- service_improvement: {decision}" in approved.body
    assert ("| app.person | restrict | 2 |" in approved.body) == (decision == "stop")
    stopped = database.execute("SELECT purpose FROM lifecycle.processing_stop ORDER BY purpose")
    assert ("service_improvement" in {row.purpose for row in stopped}) == (decision == "stop")
    with people.engine.connect() as connection:
        events = register.events(connection, request_id)
    assert [one["by"] for one in events if one["what"] == "weighed"] == [airflow_alone.operator]


def test_it_is_weighed_too_where_nothing_is_held(airflow_alone: Airflow, people: Company, database: Database):
    asked: list[Any] = []
    request_id = asked_for(people, OBJECTION, "service_improvement", email="nobody@example.test")
    found = run(airflow_alone, OBJECTION, request_id, ask=airflow_alone.replying("Compelling grounds", asked))
    assert (found.state, [one.task for one in asked]) == ("success", ["weigh"])
    decided = database.execute("SELECT decision FROM lifecycle.request_purpose")
    assert [row.decision for row in decided] == ["compelling_grounds"]
    assert database.execute("SELECT purpose FROM lifecycle.processing_stop") == []


def test_nobody_decides_in_time_and_the_request_stays_open(airflow_alone: Airflow, people: Company):
    request_id = asked_for(people, OBJECTION, "service_improvement")
    found = run(airflow_alone, OBJECTION, request_id, ask=airflow_alone.let_the_time_pass)
    assert (found.state, found.having("failed")) == ("failed", {"weigh"})
    assert state_of(people, request_id).is_open


@pytest.mark.commitment("W10")
def test_consent_is_taken_back(airflow_alone: Airflow, people: Company, database: Database, capfd, caplog):
    before = rows_of(database)
    request_id = asked_for(people, WITHDRAWAL)
    found = run(airflow_alone, WITHDRAWAL, request_id, ask=airflow_alone.replying("Approve", []))
    assert found.state == "success"
    after = rows_of(database)
    assert before.items() <= after.items()
    assert sorted(name for name, _ in after.keys() - before.keys()) == [
        "website.cookie_choice", "website.marketing_consent"
    ]  # fmt: skip
    captured = capfd.readouterr()
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}


@pytest.mark.parametrize("kind", [RESTRICTION, OBJECTION, WITHDRAWAL], ids=lambda kind: kind.value)
def test_of_whom_nothing_is_held_nothing_is_asked(
    airflow_alone: Airflow, people: Company, database: Database, kind
):
    before = rows_of(database)
    request_id = asked_for(
        people, kind, *(["marketing"] if kind is OBJECTION else []), email="nobody@example.test"
    )
    found = run(airflow_alone, kind, request_id)
    assert found.state == "success"
    assert (found.results["receipt"]["done"], found.results["receipt"]["kept"]) == ([], [])
    assert rows_of(database) == before


def test_an_operator_who_refuses_in_the_run_refuses_the_request(
    airflow_alone: Airflow, people: Company, database: Database
):
    before = rows_of(database)
    request_id = asked_for(people, RECTIFICATION, corrections={"email": NEW})
    found = run(
        airflow_alone,
        RECTIFICATION,
        request_id,
        ask=lambda question: airflow_alone.answer(question, "Refuse the request", reason="unproven"),
    )
    assert found.state == "success"
    assert state_of(people, request_id).refusal_reason == "unproven"
    assert rows_of(database) == before
    assert database.execute("SELECT FROM lifecycle.request_correction WHERE sealed IS NOT NULL") == []
