"""DAGs run to their end on a real PostgreSQL: what they delete, where they stop, and what they leave in Airflow."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from lifecycle.errors import StoreError
from lifecycle.retention import steps
from lifecycle.retention.sweep import sweep
from lifecycle.store.engine import connect
from support.airflow import OPERATOR
from support.companies import AGENCY, AS_OF, CANARY, rows_of
from support.processes import waits_for_a_lock

POLICY = AGENCY / "policies/2025-01-01/policy.yaml"


@pytest.fixture
def policies(tmp_path, monkeypatch):
    """Policies of the test's own: write(version, (old, new) …)."""

    def write(version: str, *changes: tuple[str, str]) -> None:
        text = POLICY.read_text().replace("last_updated: 2025-01-01", f"last_updated: {version}")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "policies" / version).mkdir(parents=True)
        (tmp_path / "policies" / version / "policy.yaml").write_text(text)

    monkeypatch.setenv("LIFECYCLE_POLICY_DIR", str(tmp_path / "policies"))
    return write


def ledger(database) -> list[tuple[str, dict]]:
    rows = database.execute("SELECT kind, body FROM lifecycle.ledger ORDER BY sequence")
    return [(row.kind, row.body) for row in rows]


def plans(database) -> list[str]:
    return [row.state for row in database.execute("SELECT state FROM lifecycle.plan ORDER BY plan_id")]


def test_runs_delete_what_is_due_and_nothing_else_and_a_second_time_nothing(airflow, agency):
    before = rows_of(agency)

    first = {name: airflow.run(name, AS_OF) for name in airflow.dags().dags}
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
    entries = len(ledger(agency))

    second = {name: airflow.run(name, AS_OF + timedelta(hours=1)) for name in first}
    assert {name: run.state for name, run in second.items()} == dict.fromkeys(first, "success")
    assert "visits.execute" in second["website_retention"].having("skipped")
    assert rows_of(agency) == after
    assert len(ledger(agency)) == entries
    assert set(plans(agency)) == {"executed"}


def test_a_database_that_is_not_as_mapped_stops_the_run_before_anything_is_planned(airflow, agency):
    before = rows_of(agency)
    agency.execute("ALTER TABLE agency.person ADD nickname text")
    run = airflow.run("website_retention", AS_OF)
    assert run.state == "failed"
    assert (run.having("failed"), run.tries["check_before"]) == ({"check_before"}, 1)
    assert run.having("success") == {"visits.settled", "sign_ledger"}
    assert rows_of(agency) == before
    assert plans(agency) == []


def test_a_plan_that_makes_no_sense_stops_its_rule_and_no_other(airflow, agency, policies, monkeypatch):
    """A contract comes back to life between planning and checking."""
    policies("2025-01-01", ("schedule_with: website_retention", "schedule_with: customer_data_retention"))
    before = rows_of(agency)
    plan = steps.plan

    def plan_and_reinstate(company, rule, *, as_of):
        planned = plan(company, rule, as_of=as_of)
        if rule == "customers":
            agency.execute("UPDATE agency.contract SET ended_at = NULL WHERE id = 40")
        return planned

    monkeypatch.setattr(steps, "plan", plan_and_reinstate)
    run = airflow.run("customer_data_retention", AS_OF)
    assert run.state == "failed"
    assert (run.having("failed"), run.tries["customers.check_plan"]) == ({"customers.check_plan"}, 1)
    assert {"customers.execute", "customers.finish", "summary"} <= run.having("upstream_failed")
    assert {"visits.execute", "visits.finish", "sign_ledger"} <= run.having("success")
    assert rows_of(agency) == {**before, "visit": {3}}
    assert sorted(plans(agency)) == ["abandoned", "executed"]
    assert [body["reason"] for kind, body in ledger(agency) if kind == "plan_refused"] == ["check_failed"]


def test_stale_evidence_stops_the_rules_that_stand_on_it(airflow, agency, policies):
    policies("2025-01-01", ("schedule_with: website_retention", "schedule_with: customer_data_retention"))
    agency.execute("UPDATE agency.contract SET updated_at = '2025-01-01'")
    run = airflow.run("customer_data_retention", AS_OF)
    assert run.having("failed") == {"customers.check_evidence"}
    assert "visits.finish" in run.having("success")
    assert rows_of(agency)["customer"] == {1, 2, 3, 4}
    assert rows_of(agency)["visit"] == {3}


def test_beyond_the_guard_a_person_is_asked_by_digest_and_approves(airflow, agency, policies, company):
    policies("2025-01-01", ("rows: 1000", "rows: 5"))
    with airflow.answering("Approve") as asked:
        run = airflow.run("contract_termination_deletion", AS_OF)
    assert run.state == "success"
    assert rows_of(agency)["person"] == {201, 202, 203, 301, 302, 303}
    (question,) = asked
    digest = run.results["persons.check_plan"]
    assert question["subject"] == f"Approve plan {digest} of persons?"
    assert "18 rows would go, more than 5" in question["body"]
    assert "| agency.note | delete | 12 |" in question["body"]
    (approved,) = [body for kind, body in ledger(agency) if kind == "plan_approved"]
    fingerprint = company.keys.fingerprint("operator", OPERATOR)
    assert (approved["plan"], approved["approved_by"]) == (digest, fingerprint)
    assert agency.execute("SELECT approved_by FROM lifecycle.plan")[0][0] == OPERATOR
    assert "persons.approval" not in run.results


def test_what_a_person_refuses_is_not_deleted(airflow, agency, policies):
    policies("2025-01-01", ("rows: 1000", "rows: 5"))
    before = rows_of(agency)
    with airflow.answering("Reject") as asked:
        run = airflow.run("contract_termination_deletion", AS_OF)
    assert len(asked) == 1
    assert run.state == "failed"
    assert run.having("failed") == {"persons.approval"}
    assert {"persons.execute", "persons.finish", "summary"} <= run.having("upstream_failed")
    assert rows_of(agency) == before
    assert plans(agency) == ["abandoned"]
    assert [body["reason"] for kind, body in ledger(agency) if kind == "plan_refused"] == ["refused"]


def test_rows_the_application_holds_for_a_while_go_at_the_end_of_the_run(airflow, agency, monkeypatch):
    """The first plan's batch is deferred; the run plans again before it ends."""
    held = agency.connect().connect()
    held.execute(sa.text("SELECT FROM agency.person WHERE id = 101 FOR UPDATE"))
    check_after = steps.check_after

    def let_go(company, digest):
        held.close()
        return check_after(company, digest)

    impatient = partial(connect, lock_timeout=timedelta(milliseconds=50))
    monkeypatch.setattr("lifecycle.retention.company.connect", impatient)
    monkeypatch.setattr(steps, "check_after", let_go)
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


def test_a_run_for_a_moment_in_the_future_does_nothing(airflow, agency):
    before = rows_of(agency)
    run = airflow.run("website_retention", AS_OF.replace(year=2200))
    assert "check_before" in run.having("failed")
    assert rows_of(agency) == before
    assert plans(agency) == ledger(agency) == []


def test_a_run_for_a_past_day_after_a_newer_one_does_nothing(airflow, agency):
    airflow.run("website_retention", AS_OF)
    after = rows_of(agency)
    run = airflow.run("website_retention", AS_OF - timedelta(days=7))
    assert run.state == "success"
    assert rows_of(agency) == after


def test_a_run_keeps_the_policy_in_force_on_its_day(airflow, agency, policies):
    """From April on visits are kept a year, and customers are kept by this schedule too."""
    policies("2025-01-01")
    policies(
        "2026-04-01",
        ("keep: P30D", "keep: P12M"),
        ("schedule_with: customer_data_retention", "schedule_with: website_retention"),
    )
    agency.execute("UPDATE agency.contract SET updated_at = '2026-04-01'")
    run = airflow.run("website_retention", AS_OF.replace(month=4, day=20))
    assert run.state == "success"
    assert (rows_of(agency)["visit"], rows_of(agency)["customer"]) == ({1, 2, 3}, {1, 2, 3})
    run = airflow.run("website_retention", AS_OF)
    assert run.state == "success"
    assert rows_of(agency)["visit"] == {3}
    assert {"customers.check_evidence", "customers.plan", "customers.finish"} <= run.having("skipped")


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
        assert (journal(), plans(agency)) == ([0], ["executing"])
    run = airflow.run("website_retention", AS_OF)
    assert run.state == "success"
    assert (journal(), plans(agency)) == ([0, 1], ["executed"])
    assert rows_of(agency)["visit"] == {3}
    kinds = [kind for kind, _ in ledger(agency)]
    assert kinds == ["plan_executed", "plan_verified"]


def test_no_personal_value_reaches_airflow(airflow, agency, policies, capfd):
    """Metadata, XCom, rendered fields, events, logs, output: after all runs of this module, and one of each kind here.

    Every personal value of the agency holds the word canary.
    """
    policies("2025-01-01", ("rows: 1000", "rows: 5"))
    with airflow.answering("Approve"):
        airflow.run("contract_termination_deletion", AS_OF)
    agency.execute("ALTER TABLE agency.person ADD nickname text DEFAULT 'canary'")
    airflow.run("customer_data_retention", AS_OF)
    said = "".join(capfd.readouterr())
    assert "not in the data map: nickname" in said
    assert CANARY not in said.lower()
    assert airflow.traces("contract_termination_deletion")
    assert airflow.traces(CANARY) == []
