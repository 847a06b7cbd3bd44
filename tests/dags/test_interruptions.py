"""Runs that stop before their end: for a person, for the application, for want of a database, or killed."""

from __future__ import annotations

import pkgutil
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from lifecycle.errors import StoreError
from lifecycle.retention import steps
from lifecycle.runs import plans
from lifecycle.store.engine import connect
from support.airflow import OPERATOR
from support.companies import AS_OF, CANARY, ledger_of, plans_of, rows_of
from support.processes import waits_for_a_lock

if TYPE_CHECKING:
    from demonstration.local_airflow import Question


@pytest.mark.commitment("G1")
def test_beyond_the_guard_a_person_is_asked_by_digest_and_approves(airflow, agency, policies, company):
    policies("2025-01-01", ("rows: 1000", "rows: 5"))
    asked: list[Question] = []
    run = airflow.run("contract_termination_deletion", AS_OF, ask=airflow.replying("Approve", asked))
    assert run.state == "success"
    assert rows_of(agency)["person"] == {201, 202, 203, 301, 302, 303}
    (question,) = asked
    digest = run.results["persons.check_plan"]
    assert question.subject == f"Approve plan {digest} of persons?"
    assert "18 rows would go, more than 5" in question.body
    assert "| agency.note | delete | 12 |" in question.body
    (approved,) = [body for kind, body in ledger_of(agency) if kind == "plan_approved"]
    fingerprint = company.keys.fingerprint("operator", OPERATOR)
    assert (approved["plan"], approved["approved_by"]) == (digest, fingerprint)
    assert agency.execute("SELECT approved_by FROM lifecycle.plan")[0][0] == OPERATOR
    assert "persons.approval" not in run.results


@pytest.mark.commitment("P1")
def test_a_policy_that_is_changed_while_a_person_looks_counts(airflow, agency, policies):
    policies("2025-01-01", ("rows: 1000", "rows: 5"))
    before = rows_of(agency)

    def amend_and_approve(question: Question) -> None:
        policies("2026-03-10", ("keep: P12M", "keep: P10Y"))
        airflow.replying("Approve", [])(question)

    run = airflow.run("contract_termination_deletion", AS_OF, ask=amend_and_approve)
    assert run.state == "success"
    assert "persons.execute" in run.having("skipped")
    assert rows_of(agency) == before
    assert plans_of(agency) == ["abandoned"]


@pytest.mark.commitment("G1")
def test_what_a_person_refuses_is_not_deleted(airflow, agency, policies):
    policies("2025-01-01", ("rows: 1000", "rows: 5"))
    before = rows_of(agency)
    asked: list[Question] = []
    run = airflow.run("contract_termination_deletion", AS_OF, ask=airflow.replying("Reject", asked))
    assert len(asked) == 1
    assert run.state == "failed"
    assert run.having("failed") == {"persons.approval"}
    assert {"persons.execute", "persons.finish", "summary"} <= run.having("upstream_failed")
    assert rows_of(agency) == before
    assert plans_of(agency) == ["abandoned"]
    assert [body["reason"] for kind, body in ledger_of(agency) if kind == "plan_refused"] == ["refused"]


def test_what_nobody_approves_in_time_is_not_deleted(airflow, agency, policies):
    policies("2025-01-01", ("rows: 1000", "rows: 5"))
    before = rows_of(agency)
    run = airflow.run("contract_termination_deletion", AS_OF, ask=airflow.let_the_time_pass)
    assert (run.state, run.having("failed")) == ("failed", {"persons.approval"})
    assert rows_of(agency) == before
    assert plans_of(agency) == ["abandoned"]

    again = airflow.run(
        "contract_termination_deletion", AS_OF + timedelta(days=1), ask=airflow.replying("Approve", [])
    )
    assert again.state == "success"
    assert plans_of(agency) == ["abandoned", "executed"]


def test_rows_the_application_holds_for_a_while_go_at_the_end_of_the_run(airflow, agency, monkeypatch):
    """The first plan's batch is deferred; the run plans again before it ends."""
    held = agency.connect().connect()
    held.execute(sa.text("SELECT FROM agency.person WHERE id = 101 FOR UPDATE"))
    check_after = plans.check_after

    def let_go(company, digest):
        held.close()
        return check_after(company, digest)

    impatient = partial(connect, lock_timeout=timedelta(milliseconds=50))
    monkeypatch.setattr("lifecycle.runs.company.connect", impatient)
    monkeypatch.setattr(plans, "check_after", let_go)
    run = airflow.run("contract_termination_deletion", AS_OF)
    assert run.results["persons.execute"]["deferred"] == [
        {"batch": 0, "reason": "the application held its rows"}
    ]
    assert run.state == "success"
    assert rows_of(agency)["person"] == {201, 202, 203, 301, 302, 303}


def test_a_store_that_cannot_be_reached_is_tried_again(airflow, agency, monkeypatch):
    plan, failures = steps.plan, [StoreError("the connection to the database broke")]

    def plan_at_the_second_try(company, rule, *, as_of):
        if failures:
            raise failures.pop()
        return plan(company, rule, as_of=as_of)

    monkeypatch.setattr(steps, "plan", plan_at_the_second_try)
    run = airflow.run("website_retention", AS_OF)
    assert (run.state, run.tries["visits.plan"]) == ("success", 2)
    assert rows_of(agency)["visit"] == {3}


def test_ctrl_c_ends_a_run_in_this_process_and_the_next_goes_on(airflow, agency, monkeypatch):
    """Airflow takes it for a failure of the task, and would try that again."""
    with monkeypatch.context() as patch:
        patch.setattr(plans, "check_after", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            airflow.run("website_retention", AS_OF)
    assert plans_of(agency) == ["executing"]
    assert airflow.run("website_retention", AS_OF).state == "success"
    assert (plans_of(agency), rows_of(agency)["visit"]) == (["executed"], {3})


def test_a_run_that_is_not_through_in_time_is_reported(airflow, agency, monkeypatch):
    """From the deadline that Airflow stores with the run to the call that its executor makes."""
    run = airflow.trigger("website_retention", AS_OF + timedelta(hours=5))
    call = airflow.miss_deadline(run)
    logger = Mock()
    monkeypatch.setattr("lifecycle.orchestration.alerts.logger", logger)
    pkgutil.resolve_name(call["path"])(**call["kwargs"])
    (logged,) = logger.error.call_args_list
    assert (logged.args[0] % logged.args[1:]).startswith(
        f"website_retention {run} is not through after 12 hours"
    )
    assert rows_of(agency)["visit"] == {1, 2, 3}


@pytest.mark.commitment("G1")
def test_a_worker_killed_in_the_middle_of_a_deletion_resumes_to_the_same_end(airflow, agency):
    """Killed when one partition is gone and the next one is waited for."""
    agency.script(
        "CREATE TABLE agency.visit_february PARTITION OF agency.visit"
        " FOR VALUES FROM ('2026-02-01 00:00+02') TO ('2026-02-05 00:00+02')"
    )

    def journal() -> list[int]:
        return [one.batch for one in agency.execute("SELECT batch FROM lifecycle.journal ORDER BY batch")]

    with agency.connect().connect() as application:
        application.execute(sa.text("LOCK TABLE agency.visit_february IN ACCESS SHARE MODE"))
        airflow.run_until("website_retention", AS_OF, lambda: waits_for_a_lock(agency))
        assert (journal(), plans_of(agency)) == ([0], ["executing"])
    run = airflow.run("website_retention", AS_OF)
    assert run.state == "success"
    assert (journal(), plans_of(agency)) == ([0, 1], ["executed"])
    assert rows_of(agency)["visit"] == {3}
    kinds = [kind for kind, _ in ledger_of(agency)]
    assert kinds == ["policy_adopted", "plan_executed", "plan_verified"]


@pytest.mark.commitment("G1")
def test_no_personal_value_reaches_airflow(airflow, agency, policies, capfd):
    """Metadata, XCom, rendered fields, events, logs, output: after all runs of this module, and one of each kind here.

    Every personal value of the agency holds the word canary.
    """
    policies("2025-01-01", ("rows: 1000", "rows: 5"))
    airflow.run("contract_termination_deletion", AS_OF, ask=airflow.replying("Approve", []))
    agency.execute("ALTER TABLE agency.person ADD nickname text DEFAULT 'canary'")
    airflow.run("customer_data_retention", AS_OF)
    said = "".join(capfd.readouterr())
    assert "not in the data map: nickname" in said
    assert CANARY not in said.lower()
    assert airflow.traces("contract_termination_deletion")
    assert airflow.traces(CANARY) == []
