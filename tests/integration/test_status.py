"""What an operator is told of how things stand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from lifecycle.holds.register import place
from lifecycle.holds.targets import Target
from lifecycle.retention import steps
from lifecycle.retention.notices import take_notice
from lifecycle.retention.status import ComingDeletion, WaitingPlan, status
from lifecycle.runs import plans, signing
from support.commands import CommandLine
from support.companies import AGENCY, AS_OF, CANARY, agency_settings, create_agency, open_agency

MONTH = timedelta(days=30)


@pytest.fixture(autouse=True)
def agency(database):
    create_agency(database)


@pytest.fixture
def open_with(database, tmp_path):
    """Opens the agency with a guard of so many rows."""

    def opened(rows):
        policy = (AGENCY / "policies/2025-01-01/policy.yaml").read_text()
        file = tmp_path / "policies/2025-01-01/policy.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(policy.replace("rows: 1000", f"rows: {rows}"))
        return open_agency(database, tmp_path / "keyring", tmp_path / "policies")

    return opened


def test_a_plan_waits_until_it_is_approved_and_carried_out(open_with):
    company = open_with(5)
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    (waiting,) = status(company, as_of=AS_OF, within=MONTH).plans
    assert waiting == WaitingPlan(
        digest=digest,
        rule="persons",
        as_of=AS_OF,
        state="planned",
        rows=18,
        waits_for=("18 rows would go, more than 5",),
    )
    plans.approve_plan(company, digest, approved_by="olivia", as_of=AS_OF)
    (approved,) = status(company, as_of=AS_OF, within=MONTH).plans
    assert approved.waits_for == ()
    plans.carry_out(company, digest)
    plans.check_after(company, digest)
    assert status(company, as_of=AS_OF, within=MONTH).plans == ()


def test_a_plan_that_no_run_takes_up_any_more_does_not_wait(open_with):
    company = open_with(5)
    hour, day = timedelta(hours=1), timedelta(days=1)
    earlier, later = (steps.plan(company, "persons", as_of=at).digest for at in (AS_OF - hour, AS_OF))
    assert earlier != later
    assert [one.digest for one in status(company, as_of=AS_OF, within=MONTH).plans] == [later]
    assert status(company, as_of=AS_OF + day, within=MONTH).plans == ()
    plans.approve_plan(company, later, approved_by="olivia", as_of=AS_OF)
    plans.carry_out(company, later)
    assert [one.state for one in status(company, as_of=AS_OF + day, within=MONTH).plans] == ["executing"]
    plans.check_after(company, later)
    assert status(company, as_of=AS_OF, within=MONTH).plans == ()


def test_holds_are_named_that_end_soon(open_with):
    company = open_with(1000)
    with company.engine.begin() as connection:
        for days in (10, 40):
            place(
                connection,
                company.rulebook(AS_OF),
                [Target.parse("agency.person:101")],
                kind="hold",
                reason=f"case-{days}",
                placed_by="counsel",
                until=AS_OF + timedelta(days=days),
                as_of=AS_OF,
            )
    assert [one.reason for one in status(company, as_of=AS_OF, within=MONTH).ending] == ["case-10"]
    assert status(company, as_of=AS_OF + timedelta(days=11), within=timedelta(days=1)).ending == ()


def test_deletions_that_were_noticed_and_what_is_signed_are_counted(open_with, database):
    company = open_with(1000)
    database.execute("UPDATE agency.contract SET ended_at = '2026-02-01 12:00+02' WHERE customer_id = 2")
    take_notice(company, "persons", as_of=AS_OF)
    found = status(company, as_of=AS_OF, within=MONTH)
    assert (
        ComingDeletion(rule="persons", planned_on=date(2027, 1, 25), last_day=date(2027, 2, 1), rows=1)
        in found.coming
    )
    assert (found.entries > 0, found.signed) == (True, 0)
    signing.sign_ledger(company, as_of=AS_OF)
    assert status(company, as_of=AS_OF, within=MONTH).signed == found.entries


def test_the_command_tells_no_personal_data(open_with, database, tmp_path, monkeypatch, capsys, caplog):
    company = open_with(5)
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    settings = agency_settings(database, tmp_path, tmp_path / "policies")
    command = CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)
    said = command("status")
    assert said.code == 0
    assert f"{digest}  persons as of" in said.out
    assert "for a person: 18 rows would go, more than 5" in said.out
    told = command("status", "--json")
    assert told.document["plans"][0]["digest"] == digest
    assert CANARY not in (said.everything + told.everything).lower()
