"""Plans carried out on a real PostgreSQL: what goes, what stays, and what happens when the world moves meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from lifecycle.errors import ApprovalRequired, LifecycleError, PlanOutdated, StoreError
from lifecycle.holds.register import Target, extend, place, release
from lifecycle.holds.tables import LOCK
from lifecycle.planning.planner import make_plan
from lifecycle.policy.load import load_policies
from lifecycle.retention.steps import plan
from lifecycle.retention.sweep import sweep
from lifecycle.runs import plans
from lifecycle.runs.plans import approve_plan
from lifecycle.store.engine import connect
from lifecycle.store.roles import Role
from support.crm import AS_OF, POLICY, SCHEMA, counts, fill, open_crm

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.execute.door import Outcome
    from lifecycle.runs.company import Company
    from support.databases import Database


def carry_out(company: Company, digest: str | None) -> Outcome:
    """Carry a plan out and end it."""
    outcome = plans.carry_out(company, digest or "")
    plans.check_after(company, digest or "")
    return outcome


def ledger_entries(database: Database) -> list[dict[str, Any]]:
    """What the ledger says, in order."""
    query = "SELECT convert_from(payload, 'UTF8')::jsonb FROM lifecycle.ledger_entry ORDER BY sequence"
    return [row[0] for row in database.execute(query)]


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    return open_crm(database, tmp_path)


def test_people_of_ended_agreements_go_with_their_remarks_and_nothing_else_does(
    database: Database, company: Company
) -> None:
    fill(database, ended=3, live=2)
    swept = sweep(company, "humans", as_of=AS_OF)
    assert dict(swept.rows) == {("crm.human", "deleted"): 6, ("crm.remark", "deleted"): 12}
    assert counts(database) == {"client": 5, "agreement": 5, "human": 4, "remark": 8}
    assert database.execute("SELECT min(client_id) FROM crm.human")[0][0] == 4


def test_the_second_run_finds_nothing(database: Database, company: Company) -> None:
    fill(database, ended=1, live=1)
    sweep(company, "humans", as_of=AS_OF)
    again = sweep(company, "humans", as_of=AS_OF + timedelta(days=1))
    assert again.first.digest is None
    assert not again.rows


def test_an_ended_plan_keeps_counts_and_no_keys(database: Database, company: Company) -> None:
    fill(database, ended=2, live=0)
    sweep(company, "humans", as_of=AS_OF)
    assert database.execute("SELECT state FROM lifecycle.plan") == [("executed",)]
    assert database.execute("SELECT count(*) FROM lifecycle.plan_item WHERE keys IS NOT NULL")[0][0] == 0
    assert database.execute("SELECT sum(row_count) FROM lifecycle.journal")[0][0] == 12
    _adopted, executed, verified = ledger_entries(database)
    assert (executed["kind"], verified["kind"]) == ("plan_executed", "plan_verified")
    assert executed["body"]["collections"] == [
        {"action": "delete", "collection": "crm.human", "rows": 4},
        {"action": "delete", "collection": "crm.remark", "rows": 8},
    ]


@pytest.mark.commitment("A6", "A9")
def test_a_live_agreement_beside_an_ended_one_stops_the_clock(database: Database, company: Company) -> None:
    fill(database, ended=1, live=0)
    database.execute("INSERT INTO crm.agreement VALUES (100, 1, NULL)")
    assert plan(company, "humans", as_of=AS_OF).digest is None


def test_the_same_plan_is_found_again(database: Database, company: Company) -> None:
    fill(database, ended=2, live=0)
    first, second = (plan(company, "humans", as_of=AS_OF) for _ in range(2))
    assert first.digest == second.digest
    assert database.execute("SELECT count(*) FROM lifecycle.plan")[0][0] == 1


class TestTheWorldMovesBetweenPlanAndDeletion:
    """Each row is asked again; what is not as planned is left to a new plan."""

    @pytest.mark.commitment("W9", "A8")
    def test_a_hold_placed_after_the_plan_wins(self, database: Database, company: Company) -> None:
        fill(database, ended=2, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        with company.engine.begin() as connection:
            place(
                connection,
                company.rulebook(AS_OF),
                [Target.parse("crm.remark:1")],
                kind="hold",
                reason="litigation",
                placed_by="tester",
                until=AS_OF + timedelta(days=30),
                as_of=AS_OF,
            )
        outcome = carry_out(company, made.digest)
        assert list(outcome.deferred) == [0]
        assert counts(database)["human"] == 4
        sweep(company, "humans", as_of=AS_OF)
        assert database.execute("SELECT human_id FROM crm.human") == [(1,)]
        assert database.execute("SELECT remark_id FROM crm.remark") == [(1,)]

    @pytest.mark.commitment("A9")
    def test_a_reinstated_agreement_wins(self, database: Database, company: Company) -> None:
        fill(database, ended=2, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        database.execute("UPDATE crm.agreement SET ended_at = NULL WHERE client_id = 1")
        assert carry_out(company, made.digest).deferred
        sweep(company, "humans", as_of=AS_OF)
        assert database.execute("SELECT DISTINCT client_id FROM crm.human") == [(1,)]

    @pytest.mark.commitment("A9")
    def test_a_reinstated_agreement_wins_for_what_belongs_to_somebody_who_stays(
        self, database: Database, company: Company
    ) -> None:
        fill(database, ended=1, live=0, humans=1)
        with company.engine.begin() as connection:
            place(
                connection,
                company.rulebook(AS_OF),
                [Target.parse("crm.remark:1")],
                kind="restriction",
                reason="objection",
                placed_by="tester",
                until=AS_OF + timedelta(days=30),
                as_of=AS_OF,
            )
        made = plan(company, "humans", as_of=AS_OF)
        assert made.plan.counts() == {"crm.remark": {"delete": 1}}
        database.execute("UPDATE crm.agreement SET ended_at = NULL")

        assert carry_out(company, made.digest).deferred == {0: "crm.human: 1 of 1 rows are not due any more"}
        assert counts(database)["remark"] == 2
        assert plan(company, "humans", as_of=AS_OF + timedelta(seconds=1)).digest is None

    def test_a_remark_added_since_goes_with_the_next_plan(self, database: Database, company: Company) -> None:
        fill(database, ended=1, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        database.execute("INSERT INTO crm.remark VALUES (999, 1, 'later')")
        assert carry_out(company, made.digest).deferred
        sweep(company, "humans", as_of=AS_OF)
        assert counts(database)["remark"] == 0

    def test_a_remark_that_moved_to_somebody_else_stays(self, database: Database, company: Company) -> None:
        fill(database, ended=1, live=1)
        made = plan(company, "humans", as_of=AS_OF)
        database.execute("UPDATE crm.remark SET human_id = 3 WHERE remark_id = 1")
        assert carry_out(company, made.digest).deferred
        sweep(company, "humans", as_of=AS_OF)
        assert database.execute("SELECT count(*) FROM crm.remark WHERE remark_id = 1")[0][0] == 1
        assert counts(database)["human"] == 2

    def test_a_row_that_is_gone_already_is_left_to_the_next_plan(
        self, database: Database, company: Company
    ) -> None:
        fill(database, ended=1, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        database.execute("DELETE FROM crm.remark WHERE remark_id = 1")
        assert carry_out(company, made.digest).deferred
        swept = sweep(company, "humans", as_of=AS_OF)
        assert swept.rows["crm.remark", "deleted"] == 3

    @pytest.mark.parametrize("what_follows", ["NO ACTION", "CASCADE"])
    def test_a_row_that_arrives_meanwhile_is_left_to_the_next_plan(
        self, database: Database, tmp_path: Path, what_follows: str
    ) -> None:
        schema = SCHEMA.replace("REFERENCES crm.human,", f"REFERENCES crm.human ON DELETE {what_follows},")
        company = open_crm(database, tmp_path, schema=schema)
        fill(database, ended=1, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        database.execute("INSERT INTO crm.remark VALUES (99, 1, 'one more')")
        outcome = carry_out(company, made.digest)
        assert (list(outcome.deferred), counts(database)["remark"]) == ([0], 5)
        assert sweep(company, "humans", as_of=AS_OF).rows["crm.remark", "deleted"] == 5

    def test_a_row_that_belongs_to_nobody_any_more_stays(self, database: Database, tmp_path: Path) -> None:
        schema = SCHEMA.replace(
            "human_id bigint NOT NULL REFERENCES crm.human", "human_id bigint REFERENCES crm.human"
        )
        policy = POLICY.replace("edges: {", "edges: {crm.remark.human_id: tenant, ")
        company = open_crm(database, tmp_path, schema=schema, policy=policy)
        fill(database, ended=1, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        database.execute("UPDATE crm.remark SET human_id = NULL WHERE remark_id = 1")
        outcome = carry_out(company, made.digest)
        assert outcome.deferred == {0: "crm.remark: 3 of 4 rows were still as planned"}
        sweep(company, "humans", as_of=AS_OF)
        assert database.execute("SELECT remark_id FROM crm.remark") == [(1,)]

    @pytest.mark.commitment("P1")
    @pytest.mark.parametrize(
        ("version", "since"), [("first", "2020-01-01"), ("second", "2026-01-01")], ids=["edited", "amended"]
    )
    def test_a_plan_is_not_carried_out_under_another_policy(
        self, database: Database, company: Company, tmp_path: Path, version: str, since: str
    ) -> None:
        fill(database, ended=2, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        file = tmp_path / "policies" / version / "policy.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(POLICY.replace("2020-01-01", since).replace("keep: P12M", "keep: P10Y"))
        amended = replace(company, policies=load_policies(tmp_path / "policies"), _rulebooks={})

        with pytest.raises(PlanOutdated, match="the policy was changed"):
            plans.carry_out(amended, made.digest or "")
        assert counts(database)["human"] == 4
        assert database.execute("SELECT state FROM lifecycle.plan") == [("abandoned",)]

    @pytest.mark.commitment("P1")
    def test_a_plan_of_another_policy_is_not_found_again(
        self, database: Database, company: Company, tmp_path: Path
    ) -> None:
        fill(database, ended=2, live=0)
        first = plan(company, "humans", as_of=AS_OF)
        (tmp_path / "policies" / "first" / "policy.yaml").write_text(POLICY + "# edited\n")
        edited = replace(company, policies=load_policies(tmp_path / "policies"), _rulebooks={})

        second = plan(edited, "humans", as_of=AS_OF)
        assert second.digest != first.digest
        states = database.execute("SELECT digest, state FROM lifecycle.plan ORDER BY plan_id")
        assert states == [(first.digest, "abandoned"), (second.digest, "planned")]

    def test_a_constraint_that_refuses_an_emptied_column_is_named(
        self, database: Database, tmp_path: Path
    ) -> None:
        schema = SCHEMA.replace(
            "full_name text NOT NULL", "full_name text NOT NULL CONSTRAINT named CHECK (full_name > '')"
        )
        policy = POLICY.replace("action: delete", "action: {redact: [full_name]}")
        company = open_crm(database, tmp_path, schema=schema, policy=policy)
        fill(database, ended=1, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        outcome = plans.carry_out(company, made.digest or "")
        assert outcome.deferred == {0: "what should be emptied may not be (named)"}

    def test_a_table_dropped_meanwhile_is_one_clear_error(self, database: Database, company: Company) -> None:
        fill(database, ended=1, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        database.execute("DROP TABLE crm.remark")
        with pytest.raises(StoreError) as raised:
            carry_out(company, made.digest)
        assert made.digest in raised.value.place
        assert raised.value.next_step
        assert counts_of_humans(database) == 2


def counts_of_humans(database: Database) -> int:
    return int(database.execute("SELECT count(*) FROM crm.human")[0][0])


@pytest.mark.commitment("G1")
class TestNoCollateral:
    """The database's own count of changed rows decides whether a batch is committed."""

    def test_a_trigger_that_copies_deleted_rows_stops_the_batch(
        self, database: Database, company: Company
    ) -> None:
        fill(database, ended=1, live=0)
        database.script("""
            CREATE TABLE crm.shadow (full_name text);
            GRANT INSERT ON crm.shadow TO lifecycle_engine;
            CREATE FUNCTION crm.copy() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO crm.shadow VALUES (OLD.full_name); RETURN OLD; END $$;
            CREATE TRIGGER copy BEFORE DELETE ON crm.human FOR EACH ROW EXECUTE FUNCTION crm.copy();
        """)
        made = plan(company, "humans", as_of=AS_OF)
        with pytest.raises(LifecycleError, match=r"crm\.shadow 2 inserted, 0 planned"):
            carry_out(company, made.digest)
        assert counts(database)["human"] == 2

    def test_a_cascade_to_a_table_outside_the_plan_stops_the_batch(
        self, database: Database, company: Company
    ) -> None:
        fill(database, ended=1, live=0)
        database.script("""
            CREATE TABLE crm.badge (human_id bigint REFERENCES crm.human ON DELETE CASCADE);
            INSERT INTO crm.badge VALUES (1);
        """)
        made = plan(company, "humans", as_of=AS_OF)
        with pytest.raises(LifecycleError, match=r"crm\.badge 1 deleted, 0 planned"):
            carry_out(company, made.digest)
        assert counts(database) == {"client": 1, "agreement": 1, "human": 2, "remark": 4}

    def test_a_trigger_that_waits_for_the_end_of_the_transaction_stops_the_batch(
        self, database: Database, company: Company
    ) -> None:
        fill(database, ended=1, live=1)
        database.script("""
            CREATE FUNCTION crm.take_along() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN DELETE FROM crm.remark WHERE human_id = 3; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER take_along AFTER DELETE ON crm.human DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION crm.take_along();
        """)
        made = plan(company, "humans", as_of=AS_OF)
        with pytest.raises(LifecycleError, match=r"crm\.remark 6 deleted, 4 planned"):
            carry_out(company, made.digest)
        assert counts(database)["remark"] == 8


class TestInterruption:
    """Batches are transactions: killed in the middle, a run goes on where it stopped."""

    WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from support.crm import AS_OF, reopen_crm
from support.databases import Database
from lifecycle.runs.plans import carry_out
company = reopen_crm(Database(url=sys.argv[1]), Path(sys.argv[2]))
def slowly(done, total):
    print(done, flush=True)
    time.sleep(0.3)
carry_out(company, sys.argv[4], progress=slowly)
"""

    def test_a_killed_worker_resumes_to_the_same_end_state(
        self, database: Database, company: Company, tmp_path: Path, pytestconfig: pytest.Config
    ) -> None:
        fill(database, ended=20, live=3)
        made = make_plan(company.engine, company.rulebook(AS_OF), "humans", as_of=AS_OF, batch_rows=6)
        tests = str(pytestconfig.rootpath / "tests")
        worker = subprocess.Popen(  # noqa: S603 - our own program, under our own interpreter
            [sys.executable, "-c", self.WORKER, database.url, str(tmp_path), tests, made.plan.digest],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(pytestconfig.rootpath / "include")},
        )
        with worker:
            assert worker.stdout is not None
            for _ in range(3):
                worker.stdout.readline()
            worker.send_signal(signal.SIGKILL)
        done = database.execute("SELECT count(*) FROM lifecycle.plan_batch WHERE state = 'done'")[0][0]
        assert 3 <= done < len(made.plan.batches)

        carry_out(company, made.plan.digest)
        assert counts(database) == {"client": 23, "agreement": 23, "human": 6, "remark": 12}
        journal = "SELECT collection, sum(row_count), count(DISTINCT batch) FROM lifecycle.journal GROUP BY 1"
        batches = len(made.plan.batches)
        assert sorted(database.execute(journal)) == [("crm.human", 40, batches), ("crm.remark", 80, batches)]
        assert database.execute("SELECT state FROM lifecycle.plan") == [("executed",)]

    def test_two_runs_at_once_do_each_batch_once(self, database: Database, company: Company) -> None:
        fill(database, ended=30, live=0)
        made = make_plan(company.engine, company.rulebook(AS_OF), "humans", as_of=AS_OF, batch_rows=6)
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(carry_out, [company] * 2, [made.plan.digest] * 2))
        assert sum(outcome.done for outcome in outcomes) == len(made.plan.batches)
        assert sum(sum(outcome.rows.values()) for outcome in outcomes) == 180
        assert counts(database)["human"] == 0
        assert database.execute("SELECT sum(row_count) FROM lifecycle.journal")[0][0] == 180
        assert [entry["kind"] for entry in ledger_entries(database)].count("plan_executed") == 1

    def test_a_batch_that_another_run_is_at_is_left_to_that_run(
        self, database: Database, company: Company
    ) -> None:
        fill(database, ended=1, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        patient = company.engine
        impatient = connect(database.url, role=Role.ENGINE, lock_timeout=timedelta(milliseconds=50))
        with patient.connect() as other, other.begin():
            other.execute(sa.text("SELECT FROM lifecycle.plan_batch FOR UPDATE"))
            with pytest.raises(StoreError, match="another run is carrying out this plan"):
                plans.carry_out(replace(company, engine=impatient), made.digest or "")
        assert database.execute("SELECT state FROM lifecycle.plan_batch") == [("pending",)]

    def test_a_row_that_the_application_holds_is_left_to_the_next_plan(
        self, database: Database, company: Company
    ) -> None:
        fill(database, ended=1, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        impatient = connect(database.url, role=Role.ENGINE, lock_timeout=timedelta(milliseconds=50))
        patient = company.engine
        object.__setattr__(company, "engine", impatient)
        with patient.connect() as application, application.begin():
            application.execute(sa.text("SELECT 1 FROM crm.human WHERE human_id = 1 FOR UPDATE"))
            outcome = carry_out(company, made.digest)
        assert outcome.deferred == {0: "the application held its rows"}
        assert sweep(company, "humans", as_of=AS_OF).rows["crm.human", "deleted"] == 2


@pytest.mark.commitment("G1")
class TestGuard:
    """Past the policy's limits a plan waits for a person who names its digest."""

    @pytest.fixture
    def company(self, database: Database, tmp_path: Path) -> Company:
        return open_crm(database, tmp_path, policy=POLICY.replace("default: {}", "default: {rows: 5}"))

    def test_a_plan_past_the_limit_does_nothing_until_approved(
        self, database: Database, company: Company
    ) -> None:
        fill(database, ended=2, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        assert made.excesses == ("12 rows would go, more than 5",)
        with pytest.raises(ApprovalRequired):
            carry_out(company, made.digest)
        assert counts(database)["human"] == 4
        approve_plan(company, made.digest or "", approved_by="Officer", as_of=AS_OF)
        carry_out(company, made.digest)
        assert counts(database)["human"] == 0

    def test_a_share_is_of_the_rows_that_are_there(self, database: Database, tmp_path: Path) -> None:
        policy = POLICY.replace("default: {}", "default: {share: 0.5}")
        company = open_crm(database, tmp_path, policy=policy)
        fill(database, ended=2, live=100)
        database.execute("ANALYZE")
        database.script("""
            DELETE FROM crm.remark WHERE human_id > 6;
            DELETE FROM crm.human WHERE human_id > 6;
            SELECT pg_stat_force_next_flush();
        """)
        assert plan(company, "humans", as_of=AS_OF).excesses == (
            "66.7% of crm.human would go, more than 50.0%",
        )

    def test_emptying_counts_as_deleting_does(self, database: Database, tmp_path: Path) -> None:
        redacting = POLICY.replace("action: delete", "action: {redact: [full_name]}")
        policy = redacting.replace("default: {}", "default: {rows: 3, share: 0.25}")
        company = open_crm(database, tmp_path, policy=policy)
        fill(database, ended=2, live=2)
        database.execute("ANALYZE")
        made = plan(company, "humans", as_of=AS_OF)
        assert made.excesses == (
            "0 rows would go and 4 be emptied, more than 3",
            "50.0% of crm.human would go or be emptied, more than 25.0%",
        )
        with pytest.raises(ApprovalRequired):
            carry_out(company, made.digest)
        assert database.execute("SELECT FROM crm.human WHERE full_name = ''") == []

    def test_an_approval_counts_for_that_plan_only(self, database: Database, company: Company) -> None:
        fill(database, ended=2, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        approve_plan(company, made.digest or "", approved_by="Officer", as_of=AS_OF)
        database.execute("INSERT INTO crm.remark VALUES (999, 1, 'later')")
        assert carry_out(company, made.digest).deferred
        with pytest.raises(ApprovalRequired):
            sweep(company, "humans", as_of=AS_OF)

    def test_the_ledger_does_not_name_who_approved(self, database: Database, company: Company) -> None:
        fill(database, ended=2, live=0)
        made = plan(company, "humans", as_of=AS_OF)
        approve_plan(company, made.digest or "", approved_by="Officer Canary", as_of=AS_OF)
        payloads = database.execute("SELECT convert_from(payload, 'UTF8') FROM lifecycle.ledger_entry")
        assert payloads
        assert not any("Canary" in payload for (payload,) in payloads)


@pytest.mark.commitment("W9", "A8")
def test_a_released_hold_lets_go_what_fell_due(database: Database, company: Company) -> None:
    fill(database, ended=1, live=0)
    with company.engine.begin() as connection:
        number = place(
            connection,
            company.rulebook(AS_OF),
            [Target.parse("crm.client:1")],
            kind="restriction",
            reason="contested",
            placed_by="tester",
            until=AS_OF + timedelta(days=30),
            as_of=AS_OF,
        )
    kept = sweep(company, "humans", as_of=AS_OF).first.plan.kept
    assert {(one.collection, one.reason, one.rows) for one in kept} == {
        ("crm.human", "restriction", 2),
        ("crm.remark", "restriction", 4),
    }
    with company.engine.begin() as connection:
        release(connection, number, released_by="tester", as_of=AS_OF)
    assert sweep(company, "humans", as_of=AS_OF).rows["crm.human", "deleted"] == 2


@pytest.mark.commitment("W9", "A8")
@pytest.mark.parametrize("step", ["place", "extend"])
def test_a_hold_waits_for_the_batch_that_is_being_deleted(
    database: Database, company: Company, step: str
) -> None:
    """Whoever places or extends a hold is told the truth: the rows are covered, or were gone before."""
    fill(database, ended=1, live=0)
    order: list[str] = []

    def place_a_hold() -> UUID:
        with company.engine.begin() as connection:
            return place(
                connection,
                company.rulebook(AS_OF),
                [Target.parse("crm.human")],
                kind="hold",
                reason="late",
                placed_by="tester",
                until=AS_OF + timedelta(days=1),
                as_of=AS_OF,
            )

    def extend_it(number: UUID) -> None:
        with company.engine.begin() as connection:
            extend(
                connection,
                number,
                until=AS_OF + timedelta(days=2),
                extended_by="tester",
                keys=company.keys,
                as_of=AS_OF,
            )

    change = partial(extend_it, place_a_hold()) if step == "extend" else place_a_hold

    def make_it_count() -> None:
        change()
        order.append("counts")

    with company.engine.begin() as batch:
        batch.execute(sa.text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": LOCK})
        placing = threading.Thread(target=make_it_count)
        placing.start()
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while placing.is_alive() and not database.execute(waiting):
            time.sleep(0.01)
        order.append("committed")
    placing.join()
    assert order == ["committed", "counts"]
