"""What must be true before a deletion, of its plan, and after it: each breach stops the run and is named."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from lifecycle.errors import ApprovalRequired, CheckFailed, PlanOutdated, PolicyError, UsageError
from lifecycle.holds.register import Target, place
from lifecycle.retention import steps
from lifecycle.retention.sweep import sweep
from lifecycle.runs import agreement, plans
from lifecycle.store.engine import connect
from lifecycle.store.roles import Role
from support.companies import AGENCY, AS_OF, CANARY, create_agency, ledger_of, open_agency, plans_of, rows_of


@pytest.fixture(autouse=True)
def before(database):
    """The agency, every row of it as it was."""
    create_agency(database)
    return rows_of(database)


@pytest.fixture
def company(database, tmp_path):
    return open_agency(database, tmp_path / "keyring")


@contextmanager
def stopped_by(*words: str):
    """A check fails, and says all of these words."""
    with pytest.raises(CheckFailed) as raised:
        yield raised
    assert [one for one in words if one not in str(raised.value)] == []


def reworded(tmp_path, old: str, new: str):
    """A folder with the agency's policy, changed in one place."""
    text = (AGENCY / "policies/2025-01-01/policy.yaml").read_text()
    assert old in text
    (tmp_path / "policies/2025-01-01").mkdir(parents=True)
    (tmp_path / "policies/2025-01-01/policy.yaml").write_text(text.replace(old, new))
    return tmp_path / "policies"


def hold(company, target: str) -> None:
    with company.engine.begin() as connection:
        place(
            connection,
            company.rulebook(AS_OF),
            [Target.parse(target)],
            kind="hold",
            reason="litigation",
            placed_by="lawyer",
            until=AS_OF + timedelta(days=30),
            as_of=AS_OF,
        )


def ledger(database) -> list[tuple[str, dict]]:
    """What became of plans."""
    return [(kind, body) for kind, body in ledger_of(database) if kind.startswith("plan_")]


def keys_left(database) -> int:
    return database.execute("SELECT count(*) FROM lifecycle.plan_item WHERE keys IS NOT NULL")[0][0]


# --- before


def test_a_sound_company_passes_all_checks(company, database):
    swept = {rule: sweep(company, rule, as_of=AS_OF) for rule in ("visits", "persons", "customers")}
    assert {rule: one.left for rule, one in swept.items()} == {"visits": 0, "persons": 0, "customers": 0}
    assert rows_of(database)["person"] == {201, 202, 203, 301, 302, 303}
    assert rows_of(database)["customer"] == {1, 2, 3}
    assert rows_of(database)["visit"] == {3}
    verdicts = [body for kind, body in ledger(database) if kind == "plan_verified"]
    assert [(one["check"], one["passed"]) for one in verdicts] == [("after", True)] * 3
    assert keys_left(database) == 0


def test_what_lifecycle_check_finds_wrong_stops_every_rule(database, tmp_path, before):
    """Here: the address on an invoice would be emptied, though the books need it."""
    policies = reworded(
        tmp_path, "columns: {agency.invoice: [issued_on]}", "columns: {agency.invoice: [issued_on, email]}"
    )
    company = open_agency(database, tmp_path / "keyring", policies)
    with stopped_by("books needs email of agency.invoice, which would be emptied here"):
        sweep(company, "persons", as_of=AS_OF)
    assert rows_of(database) == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            "ALTER TABLE agency.person ADD nickname text",
            "columns of agency.person: not in the data map: nickname",
        ),
        ("ALTER TABLE agency.note DROP body", "columns of agency.note: not in the database: body"),
        ("CREATE TABLE agency.wish (id int)", "tables of agency: not in the data map: agency.wish"),
        ("DROP TABLE agency.visit", "tables of agency: not in the database: agency.visit"),
        (
            "ALTER TABLE agency.person ENABLE ROW LEVEL SECURITY",
            "tables whose rows row level security may hide from the engine (agency.person): 1",
        ),
    ],
)
def test_a_database_that_is_not_as_mapped_stops_every_rule(company, database, before, change, complaint):
    database.execute(change)
    with stopped_by(complaint):
        sweep(company, "persons", as_of=AS_OF)
    if "DROP TABLE" not in change:
        assert rows_of(database) == before
    assert database.execute("SELECT FROM lifecycle.plan") == []


def test_stale_evidence_stops_the_rules_that_stand_on_it(company, database, before):
    database.execute("UPDATE agency.contract SET updated_at = timestamptz '2026-02-06 12:00+02'")
    sweep(company, "visits", as_of=AS_OF - timedelta(days=1))
    late = AS_OF.replace(day=9)
    assert steps.check_evidence(company, "persons", as_of=late)
    with stopped_by("days since the newest agency.contract.updated_at: 32, at most 31"):
        sweep(company, "persons", as_of=AS_OF)
    assert rows_of(database)["person"] == before["person"]


def test_evidence_of_the_future_or_of_infinity_counts_as_fresh(company, database):
    database.execute("UPDATE agency.contract SET updated_at = 'infinity'")
    fresh = steps.check_evidence(company, "persons", as_of=AS_OF)
    assert fresh.checks == (("days since the newest agency.contract.updated_at", True),)


def test_an_empty_table_of_evidence_stops_what_is_decided_by_it(company, database, before):
    """Without a contract the customers' own age would start their clocks: all of them would be due."""
    database.execute("DELETE FROM agency.contract")
    with stopped_by("agency.contract is empty; collections with rows that are decided"):
        sweep(company, "persons", as_of=AS_OF)
    assert rows_of(database)["person"] == before["person"]


def test_an_empty_company_is_no_failure(company, database):
    database.script("DELETE FROM agency.note; DELETE FROM agency.person; DELETE FROM agency.contract")
    assert sweep(company, "persons", as_of=AS_OF).first.plan.is_empty


@pytest.mark.parametrize("stated", ["{column: gone_at, within: P31D}", "{column: customer_id, within: P31D}"])
def test_freshness_of_a_column_that_tells_no_time_is_refused(database, tmp_path, stated):
    policies = reworded(tmp_path, "{column: updated_at, within: P31D}", stated)
    other = open_agency(database, tmp_path / "keyring", policies)
    with pytest.raises(PolicyError, match=r"freshness\.agency\.contract"):
        steps.check_evidence(other, "persons", as_of=AS_OF)


def test_freshness_of_a_naive_timestamp_is_read_in_its_own_zone(database, tmp_path):
    """5 February 23:30 in New York is 6 February in Tallinn: 32 days before 10 March, not 33."""
    stated = "{column: updated_at, within: P32D, time_zone: America/New_York}"
    policies = reworded(tmp_path, "{column: updated_at, within: P31D}", stated)
    database.execute(
        "ALTER TABLE agency.contract ALTER updated_at TYPE timestamp USING timestamp '2026-02-05 23:30'"
    )
    other = open_agency(database, tmp_path / "keyring", policies)
    assert steps.check_evidence(other, "persons", as_of=AS_OF)
    with stopped_by("updated_at: 33, at most 32"):
        steps.check_evidence(other, "persons", as_of=AS_OF + timedelta(days=1))


# --- the plan


def abandoned_untouched(database, before, digest) -> None:
    """Nothing was deleted; the plan is abandoned, its keys are emptied, the ledger says why."""
    assert rows_of(database) == before
    assert (
        database.execute("SELECT state FROM lifecycle.plan WHERE digest = :d", {"d": digest})[0][0]
        == "abandoned"
    )
    assert keys_left(database) == 0
    kind, body = ledger(database)[-1]
    assert (kind, body["plan"], body["reason"], body["collections"]) == (
        "plan_refused",
        digest,
        "check_failed",
        [],
    )


@pytest.mark.parametrize(
    ("change", "complaints"),
    [
        (
            "UPDATE agency.contract SET ended_at = NULL WHERE id = 10",
            [
                "planned rows of agency.person that are not due: 3",
                "planned rows of agency.person whose clock is stopped: 3",
            ],
        ),
        (
            "INSERT INTO agency.contract VALUES (11, 1, '2026-03-01', '2026-03-01')",
            ["planned rows of agency.person that are not due: 3"],
        ),
        (
            "UPDATE lifecycle.plan_item SET keys[1] = replace(keys[1], '101', '201') WHERE keys[1] LIKE '{101%'",
            ["items whose keys differ", "that are not due: 1", "whose clock is stopped: 1"],
        ),
        (
            "UPDATE lifecycle.plan_item SET keys[1] = replace(keys[1], '101', '102') WHERE keys[1] LIKE '{101%'",
            ["items whose keys differ", "rows of agency.person planned twice: 1"],
        ),
        (
            "UPDATE lifecycle.plan_item SET row_count = row_count + 1",
            ["items that differ", "items whose keys"],
        ),
        ("UPDATE lifecycle.plan_item SET is_root = false", ["items that differ from the plan's document: 2"]),
        ("DELETE FROM lifecycle.plan_item WHERE collection = 'agency.note'", ["items that differ"]),
        ("UPDATE lifecycle.plan_item SET keys = NULL WHERE is_root", ["items whose keys differ"]),
        (
            "DELETE FROM agency.note WHERE person_id < 400",
            ["rows of agency.note planned beyond those it has"],
        ),
    ],
)
def test_a_plan_that_makes_no_sense_is_abandoned(company, database, change, complaints):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    database.execute(change)
    now = rows_of(database)
    with stopped_by(*complaints):
        plans.check_plan(company, digest)
    abandoned_untouched(database, now, digest)


def test_no_live_contract_goes_along(company, database, before):
    digest = steps.plan(company, "customers", as_of=AS_OF).digest
    database.execute("UPDATE agency.contract SET ended_at = NULL WHERE id = 40")
    with stopped_by("live rows of agency.contract in the plan: 1, at most 0", "whose clock is stopped: 1"):
        plans.check_plan(company, digest)
    abandoned_untouched(database, before, digest)


@pytest.mark.parametrize(
    ("rule", "target", "complaint"),
    [
        ("persons", "agency.person:101", "planned rows of agency.person that are held or restricted: 1"),
        ("persons", "agency.customer:1", "planned rows of agency.note that are held or restricted: 6"),
        ("persons", "agency.note", "planned rows of agency.note that are held or restricted: 12"),
        ("customers", "agency.invoice:4", "planned rows of agency.invoice that are held or restricted: 1"),
        ("visits", "agency.visit", "planned rows of agency.visit that are held or restricted: 1"),
    ],
)
def test_no_held_row_is_in_a_plan(company, database, before, rule, target, complaint):
    digest = steps.plan(company, rule, as_of=AS_OF).digest
    hold(company, target)
    with stopped_by(complaint):
        plans.check_plan(company, digest)
    abandoned_untouched(database, before, digest)


def test_a_plan_that_was_written_over_does_not_pass_as_what_was_approved(company, database, before):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    database.execute(
        "UPDATE lifecycle.plan SET document = jsonb_set(document, '{as_of}', '\"2027-03-10T03:00:00+02:00\"')"
    )
    for step in (plans.check_plan, plans.carry_out):
        with pytest.raises((UsageError, CheckFailed)):
            step(company, digest)
    assert rows_of(database) == before


def test_a_partition_younger_than_the_plan_says_is_not_dropped(company, database, before):
    digest = steps.plan(company, "visits", as_of=AS_OF).digest
    database.execute("UPDATE lifecycle.plan_item SET upper_bound = '2026-03-09'")
    with stopped_by("planned partitions with rows that are not due: 1"):
        plans.check_plan(company, digest)
    abandoned_untouched(database, before, digest)


class TestRowsThatChangeBetweenPlanAndCheck:
    """As often as nobody interferes any more the promise is kept by the same run; what was found is never deleted."""

    @pytest.fixture
    def check_after(self, monkeypatch):
        """Lets something happen before the next checks of a plan, once for each."""

        def happen(*changes):
            pending, check_plan = list(changes), plans.check_plan

            def check_later(company, digest):
                if pending:
                    pending.pop(0)()
                return check_plan(company, digest)

            monkeypatch.setattr("lifecycle.retention.sweep.check_plan", check_later)

        return happen

    def test_a_hold_that_is_placed_is_respected_and_the_rest_goes(self, company, database, check_after):
        check_after(lambda: hold(company, "agency.person:101"))
        swept = sweep(company, "persons", as_of=AS_OF)
        assert rows_of(database)["person"] == {101, 201, 202, 203, 301, 302, 303}
        assert swept.left == 0
        assert sorted(plans_of(database)) == ["abandoned", "executed"]

    def test_a_run_that_is_outdated_every_time_stops(self, company, database, before, check_after):
        check_after(*(partial(hold, company, f"agency.person:{number}") for number in (101, 102, 103)))
        with pytest.raises(PlanOutdated, match="held or restricted: 1"):
            sweep(company, "persons", as_of=AS_OF)
        assert rows_of(database) == before
        assert plans_of(database) == ["abandoned"] * 3

    def test_what_only_the_engine_writes_is_not_outdated_but_wrong(self, company, database, before):
        digest = steps.plan(company, "persons", as_of=AS_OF).digest
        hold(company, "agency.person:101")
        database.execute("UPDATE lifecycle.plan_item SET is_root = false")
        with stopped_by("items that differ from the plan's document: 2", "held or restricted: 1") as raised:
            plans.check_plan(company, digest)
        assert type(raised.value) is CheckFailed
        abandoned_untouched(database, before, digest)


def test_after_a_failed_check_the_same_run_can_plan_anew(company, database):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    hold(company, "agency.person:101")
    with pytest.raises(CheckFailed):
        plans.check_plan(company, digest)
    swept = sweep(company, "persons", as_of=AS_OF)
    assert rows_of(database)["person"] == {101, 201, 202, 203, 301, 302, 303}
    assert swept.first.plan.attempt == 2


def test_a_refused_plan_is_abandoned_and_may_be_made_again(company, database, before):
    first = steps.plan(company, "persons", as_of=AS_OF)
    plans.refuse_plan(company, first.digest, as_of=AS_OF)
    assert rows_of(database) == before
    assert ledger(database)[-1][1]["reason"] == "refused"
    with pytest.raises(UsageError, match="this plan has ended"):
        plans.approve_plan(company, first.digest, approved_by="somebody", as_of=AS_OF)
    second = steps.plan(company, "persons", as_of=AS_OF)
    assert second.digest not in {None, first.digest}
    assert second.plan.items == first.plan.items


def test_a_refused_plan_does_nothing_when_it_is_carried_out(company, database, before):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    plans.refuse_plan(company, digest, as_of=AS_OF)
    assert plans.carry_out(company, digest).done == 0
    assert rows_of(database) == before
    plans.refuse_plan(company, digest, as_of=AS_OF)
    plans.end_unchecked(company, digest)
    assert [kind for kind, _ in ledger(database)] == ["plan_refused"]


def test_a_plan_left_behind_is_abandoned_by_the_run_of_another_day(company, database):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    steps.plan(company, "persons", as_of=AS_OF + timedelta(hours=23))
    assert [kind for kind, _ in ledger(database)] == []
    sweep(company, "persons", as_of=AS_OF + timedelta(days=1))
    refused = [body for kind, body in ledger(database) if kind == "plan_refused"]
    assert (refused[0]["plan"], refused[0]["reason"]) == (digest, "superseded")
    assert database.execute("SELECT state, count(*) FROM lifecycle.plan GROUP BY 1 ORDER BY 1") == [
        ("abandoned", 1),
        ("executed", 1),
        ("planned", 1),
    ]


def test_rows_the_application_holds_are_planned_again_and_left(company, database):
    """The plan made anew says the same as the first one did; each has its own digest all the same."""
    early = AS_OF - timedelta(days=10)
    database.execute("UPDATE agency.contract SET ended_at = NULL WHERE id = 40")
    with database.connect().connect() as application:
        application.execute(sa.text("SELECT FROM agency.person WHERE id = 101 FOR UPDATE"))
        swept = sweep(impatient(company, database), "persons", as_of=early)
    assert swept.left == 1
    assert {101, 102, 103} <= rows_of(database)["person"]
    assert sweep(company, "persons", as_of=early).left == 0
    assert not {101, 102, 103} & rows_of(database)["person"]


def test_rows_the_application_holds_past_their_limit_are_a_breach(company, database):
    with database.connect().connect() as application:
        application.execute(sa.text("SELECT FROM agency.person WHERE id = 101 FOR UPDATE"))
        with stopped_by("rows of agency.person past their limit: 6"):
            sweep(impatient(company, database), "persons", as_of=AS_OF)


def impatient(company, database):
    """The same company over connections that wait for a lock for a moment only."""
    return replace(
        company, engine=connect(database.url, role=Role.ENGINE, lock_timeout=timedelta(milliseconds=50))
    )


# --- after


def test_a_row_that_refers_to_a_deleted_one_is_found(company, database):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    plans.carry_out(company, digest)
    database.execute("INSERT INTO agency.note VALUES (1, 101, 'canary'), (2, 201, 'canary')")
    with pytest.raises(
        CheckFailed, match=r"rows whose agency\.note\.person_id refers to a deleted row: 1, at most 0"
    ):
        plans.check_after(company, digest)
    kinds = [(kind, body.get("passed")) for kind, body in ledger(database)]
    assert kinds == [("plan_executed", None), ("plan_verified", False)]
    assert keys_left(database) == 0


def test_a_row_that_was_created_again_may_be_referred_to(company, database):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    plans.carry_out(company, digest)
    database.script(
        "INSERT INTO agency.person VALUES (101, 2, 'canary', NULL); INSERT INTO agency.note VALUES (1, 101, 'canary')"
    )
    assert plans.check_after(company, digest)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lifecycle.journal SET row_count = row_count + 1 WHERE collection = 'agency.note'",
        "DELETE FROM lifecycle.journal WHERE collection = 'agency.note'",
        "INSERT INTO lifecycle.journal SELECT plan_id, batch, 99, collection, action, 1 FROM lifecycle.journal LIMIT 1",
    ],
)
def test_a_journal_that_does_not_say_what_the_plan_says_is_found(company, database, change):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    plans.carry_out(company, digest)
    database.execute(change)
    with stopped_by("items that the journal does not confirm"):
        plans.check_after(company, digest)


def test_a_plan_that_was_not_carried_out_does_not_pass_as_done(company, database, before):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    with stopped_by("batches not carried out: 1"):
        plans.check_after(company, digest)
    assert rows_of(database) == before
    assert plans.carry_out(company, digest).done == 1


def test_checking_twice_ends_and_records_once(company, database):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    plans.carry_out(company, digest)
    assert plans.check_after(company, digest)
    assert plans.check_after(company, digest)
    assert [kind for kind, _ in ledger(database)] == ["plan_executed", "plan_verified"]


def test_what_is_left_past_its_limit_is_found(company):
    with stopped_by("rows of agency.person past their limit: 6, at most 0"):
        steps.check_kept(company, "persons", as_of=AS_OF)
    with stopped_by("rows of agency.visit past their limit: 1, at most 0"):
        steps.check_kept(company, "visits", as_of=AS_OF)
    for rule in ("visits", "persons"):
        sweep(company, rule, as_of=AS_OF)
        assert steps.check_kept(company, rule, as_of=AS_OF)


def test_what_is_due_but_not_past_its_limit_is_no_breach(company, database):
    early = AS_OF - timedelta(days=10)
    assert steps.plan(company, "persons", as_of=early).plan.counts()["agency.person"] == {"delete": 6}
    database.execute("UPDATE agency.contract SET ended_at = NULL WHERE id = 40")
    assert steps.check_kept(company, "persons", as_of=early)


def test_what_is_held_is_no_breach(company):
    hold(company, "agency.customer:1")
    hold(company, "agency.customer:4")
    assert steps.check_kept(company, "persons", as_of=AS_OF)
    hold(company, "agency.visit")
    assert steps.check_kept(company, "visits", as_of=AS_OF)


# --- the whole


def test_the_guard_stops_a_sweep_after_the_plan_was_checked(database, tmp_path, before):
    strict = open_agency(database, tmp_path / "keyring", reworded(tmp_path, "rows: 1000", "rows: 5"))
    with pytest.raises(ApprovalRequired, match="18 rows would go, more than 5"):
        sweep(strict, "persons", as_of=AS_OF)
    assert rows_of(database) == before
    assert sweep(strict, "persons", as_of=AS_OF, approved_by="somebody").left == 0


def test_an_opened_company_sees_what_becomes_of_the_database_since_it_agreed(company, database, monkeypatch):
    agreed = agreement.check_before(company, as_of=AS_OF)
    database.script("ALTER TABLE agency.person ADD COLUMN nickname text")
    with pytest.raises(CheckFailed, match="nickname"):
        agreement.check_before(company, as_of=AS_OF)
    database.script("ALTER TABLE agency.person DROP COLUMN nickname")
    monkeypatch.setattr("lifecycle.quality.suite._Asked.about", None)
    assert agreement.check_before(company, as_of=AS_OF) == agreed, "it is as it was"


def test_checks_can_be_left_out(company, database, monkeypatch):
    monkeypatch.setattr("lifecycle.quality.suite._Asked.about", None)
    with pytest.raises(TypeError):
        sweep(company, "persons", as_of=AS_OF)
    assert sweep(company, "persons", as_of=AS_OF, checks=False).left == 0
    assert rows_of(database)["person"] == {201, 202, 203, 301, 302, 303}
    assert [kind for kind, _ in ledger(database)] == ["plan_executed"]


def test_no_value_of_a_row_reaches_results_errors_or_logs(company, caplog):
    """Every personal value holds the word canary; the frames hold counts, so nothing can repeat it."""
    caplog.set_level(logging.DEBUG)
    checked = [
        agreement.check_before(company, as_of=AS_OF),
        steps.check_evidence(company, "persons", as_of=AS_OF),
    ]
    said = [str(one.to_json()) for one in checked]
    for rule in ("visits", "persons", "customers"):
        with pytest.raises(CheckFailed) as overdue:
            steps.check_kept(company, rule, as_of=AS_OF)
        digest = steps.plan(company, rule, as_of=AS_OF).digest
        said += [str(overdue.value), str(plans.check_plan(company, digest).to_json())]
        plans.carry_out(company, digest)
        said.append(str(plans.check_after(company, digest).to_json()))
    said += [str(steps.check_kept(company, "persons", as_of=AS_OF).to_json()), caplog.text]
    assert len(said) == 13
    assert [text for text in said if CANARY in text.lower()] == []
