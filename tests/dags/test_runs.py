"""DAGs run to their end on a real PostgreSQL: what they delete, when, and by which policy."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lifecycle.retention import steps
from lifecycle.retention.sweep import sweep
from support.companies import AS_OF, ledger_of, plans_of, rows_of


@pytest.mark.commitment("W7", "A6", "A9")
def test_runs_delete_what_is_due_and_nothing_else_and_a_second_time_nothing(airflow, agency):
    before = rows_of(agency)

    first = {name: airflow.run(name, AS_OF) for name in airflow.run_without_input()}
    assert {name: run.state for name, run in first.items()} == dict.fromkeys(first, "success")
    after = rows_of(agency)
    assert after == {
        **before,
        "customer": {1, 2, 3},
        "contract": {10, 20, 30, 31},
        "person": {201, 202, 203, 301, 302, 303},
        "note": {one for one in before["note"] if 2000 < one < 4000},
        "visit": {3},
    }
    assert first["website_retention"].results["summary"]["rules"] == [
        {
            "rule": "visits",
            "as_of": "2026-03-10T01:00:00+00:00",
            "policy_version": "2025-01-01",
            "commitments": ["W7"],
            "kept": [],
            "done": [{"collection": "agency.visit", "action": "drop_partition", "rows": 2}],
            "left": 0,
        }
    ]
    assert airflow.events("website_retention_kept")[-1] == first["website_retention"].results["summary"]
    entries = len(ledger_of(agency))

    second = {name: airflow.run(name, AS_OF + timedelta(hours=1)) for name in first}
    assert {name: run.state for name, run in second.items()} == dict.fromkeys(first, "success")
    assert "visits.execute" in second["website_retention"].having("skipped")
    assert rows_of(agency) == after
    assert len(ledger_of(agency)) == entries
    assert set(plans_of(agency)) == {"executed"}


def test_a_database_that_is_not_as_mapped_stops_the_run_before_anything_is_planned(airflow, agency):
    before = rows_of(agency)
    agency.execute("ALTER TABLE agency.person ADD nickname text")
    run = airflow.run("website_retention", AS_OF)
    assert run.state == "failed"
    assert (run.having("failed"), run.tries["check_before"]) == ({"check_before"}, 1)
    assert run.having("success") == {"visits.settled", "sign_ledger"}
    assert rows_of(agency) == before
    assert plans_of(agency) == []


@pytest.fixture
def after_planning(agency, policies, monkeypatch):
    """Lets something happen in the database between planning the customers and checking their plan."""
    policies("2025-01-01", ("schedule_with: website_retention", "schedule_with: customer_data_retention"))

    def happen(statement):
        plan = steps.plan

        def plan_and_change(company, rule, *, as_of):
            planned = plan(company, rule, as_of=as_of)
            if rule == "customers":
                agency.execute(statement)
            return planned

        monkeypatch.setattr(steps, "plan", plan_and_change)

    return happen


def test_a_plan_whose_rows_change_before_its_check_is_made_anew(airflow, agency, after_planning):
    before = rows_of(agency)
    after_planning("UPDATE agency.contract SET ended_at = NULL WHERE id = 40")
    run = airflow.run("customer_data_retention", AS_OF)
    assert run.state == "success"
    assert {"customers.check_plan", "customers.execute"} <= run.having("skipped")
    assert rows_of(agency) == {**before, "visit": {3}}
    assert sorted(plans_of(agency)) == ["abandoned", "executed"]


def test_a_plan_that_makes_no_sense_stops_its_rule_and_no_other(airflow, agency, after_planning):
    """Somebody writes into it between planning and checking."""
    before = rows_of(agency)
    after_planning("UPDATE lifecycle.plan_item SET is_root = NOT is_root")
    run = airflow.run("customer_data_retention", AS_OF)
    assert run.state == "failed"
    assert (run.having("failed"), run.tries["customers.check_plan"]) == ({"customers.check_plan"}, 1)
    assert {"customers.execute", "customers.finish", "summary"} <= run.having("upstream_failed")
    assert {"visits.execute", "visits.finish", "sign_ledger"} <= run.having("success")
    assert rows_of(agency) == {**before, "visit": {3}}
    assert sorted(plans_of(agency)) == ["abandoned", "executed"]
    assert [body["reason"] for kind, body in ledger_of(agency) if kind == "plan_refused"] == ["check_failed"]


def test_stale_evidence_stops_the_rules_that_stand_on_it(airflow, agency, policies):
    policies("2025-01-01", ("schedule_with: website_retention", "schedule_with: customer_data_retention"))
    agency.execute("UPDATE agency.contract SET updated_at = '2025-01-01'")
    run = airflow.run("customer_data_retention", AS_OF)
    assert run.having("failed") == {"customers.check_evidence"}
    assert "visits.finish" in run.having("success")
    assert rows_of(agency)["customer"] == {1, 2, 3, 4}
    assert rows_of(agency)["visit"] == {3}


def test_a_run_for_a_moment_in_the_future_does_nothing(airflow, agency):
    before = rows_of(agency)
    run = airflow.run("website_retention", AS_OF.replace(year=2200))
    assert "check_before" in run.having("failed")
    assert rows_of(agency) == before
    assert plans_of(agency) == ledger_of(agency) == []


def test_a_run_for_a_past_day_after_a_newer_one_does_nothing(airflow, agency):
    airflow.run("website_retention", AS_OF)
    after = rows_of(agency)
    run = airflow.run("website_retention", AS_OF - timedelta(days=7))
    assert run.state == "success"
    assert rows_of(agency) == after


def test_days_that_are_made_up_for_one_by_one_delete_what_was_due_on_each(airflow, agency):
    """And nothing earlier: the persons of a contract that ended on 1 March go on 22 February."""
    persons = rows_of(agency)["person"]
    left = {}
    for day in (21, 22):
        run = airflow.run("contract_termination_deletion", AS_OF.replace(month=2, day=day))
        assert run.state == "success"
        left[day] = rows_of(agency)["person"]
    assert left[21] == persons - {401, 402, 403}
    assert left[22] == left[21] - {101, 102, 103}


@pytest.mark.commitment("P1")
def test_a_run_keeps_the_policy_in_force_and_one_for_a_day_before_it_nothing(airflow, agency, policies):
    """Until March customers were kept by this schedule too, and visits for a month; from then on for two."""
    policies("2025-01-01", ("schedule_with: customer_data_retention", "schedule_with: website_retention"))
    policies("2026-03-05", ("keep: P30D", "keep: P60D"))
    before = rows_of(agency)
    run = airflow.run("website_retention", AS_OF - timedelta(days=6))
    assert run.state == "success"
    assert {"check_before", "visits.plan", "visits.finish", "customers.plan"} <= run.having("skipped")
    assert rows_of(agency) == before
    run = airflow.run("website_retention", AS_OF)
    assert run.state == "success"
    assert rows_of(agency)["customer"] == before["customer"]
    assert {"customers.check_evidence", "customers.plan", "customers.finish"} <= run.having("skipped")
    assert "visits.plan" in run.having("success")


@pytest.mark.commitment("A9")
def test_the_last_notice_of_a_deletion_is_an_event(airflow, agency, company):
    sweep(company, "persons", as_of=AS_OF, checks=False)
    agency.execute("UPDATE agency.contract SET ended_at = '2025-03-18 12:00+02' WHERE id = 20")
    events = len(airflow.events("deletion_announced"))

    early = airflow.run("contract_termination_deletion", AS_OF - timedelta(days=7))
    assert early.results["take_notice"][0]["added"] == 1
    assert early.tasks["last_notices"] == "skipped"
    assert len(airflow.events("deletion_announced")) == events

    run = airflow.run("contract_termination_deletion", AS_OF - timedelta(days=6))
    assert run.state == "success"
    notice = {
        "rule": "persons",
        "planned_on": "2026-03-11",
        "days_ahead": 7,
        "is_last": True,
        "rows": 1,
        "fingerprints": [company.keys.fingerprint("row", "agency.customer:2")],
    }
    assert airflow.events("deletion_announced")[events:] == [{"notices": [notice]}]
    assert rows_of(agency)["person"] >= {201, 202, 203}

    last = airflow.run("contract_termination_deletion", AS_OF + timedelta(days=1))
    assert last.results["settle_notices"][0]["done"] == 1
    assert not rows_of(agency)["person"] & {201, 202, 203}
    assert len(airflow.events("deletion_announced")) == events + 1


@pytest.mark.commitment("A9")
def test_a_contract_that_is_reinstated_cancels_its_deletion(airflow, agency, company):
    sweep(company, "persons", as_of=AS_OF, checks=False)
    agency.execute("UPDATE agency.contract SET ended_at = '2025-03-18 12:00+02' WHERE id = 20")
    before = rows_of(agency)
    noticed = airflow.run("contract_termination_deletion", AS_OF - timedelta(days=6))
    assert noticed.results["take_notice"][0]["added"] == 1

    agency.execute("UPDATE agency.contract SET ended_at = NULL, updated_at = '2026-03-09' WHERE id = 20")
    run = airflow.run("contract_termination_deletion", AS_OF + timedelta(days=1))
    assert run.state == "success"
    assert run.results["take_notice"][0]["cancelled"] == 1
    assert run.tasks["last_notices"] == "skipped"
    assert rows_of(agency) == before
    (cancelled,) = [body for kind, body in ledger_of(agency) if kind == "deletion_cancelled"]
    assert cancelled["reason"] == "clock_stopped"
