"""Plans on the command line: what is told where another run was faster, or the plan has ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.retention import steps, sweep
from lifecycle.runs import plans
from support.commands import CommandLine
from support.companies import AS_OF, agency_settings, create_agency, open_agency

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

CHECK_FAILED, MISUSED = 1, 2


@pytest.fixture
def lifecycle(database: Database, monkeypatch, capsys, caplog, tmp_path: Path) -> CommandLine:
    create_agency(database)
    settings = agency_settings(database, tmp_path)
    return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)


@pytest.fixture
def company(database: Database, lifecycle: CommandLine, tmp_path: Path) -> Company:
    assert lifecycle("status").code == 0
    return open_agency(database, tmp_path / "keyring")


@pytest.fixture
def digest(lifecycle: CommandLine) -> str:
    """Of a plan that was made."""
    return str(lifecycle("plan", "--rule", "persons", "--json").document[0]["digest"])


# --- another run


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(hours=1)], ids=["same plan", "plan of its own"])
def test_a_sweep_says_that_it_did_nothing_where_another_run_did_all(lifecycle, company, monkeypatch, earlier):
    """The other run comes between this one's plan and its first batch."""
    check_plan, begun = sweep.check_plan, []

    def check_and_be_overtaken(opened: Company, digest: str) -> object:
        checked = check_plan(opened, digest)
        if not begun:
            begun.append(digest)
            sweep.sweep(company, "persons", as_of=AS_OF - earlier)
        return checked

    monkeypatch.setattr(sweep, "check_plan", check_and_be_overtaken)
    said = lifecycle("sweep", "--rule", "persons")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-2:] == [
        "  this run did nothing of it",
        "  the rest was done by another run meanwhile, or is not due any more",
    ]
    assert "done as planned" not in said.out


def test_a_sweep_says_what_it_did_itself(lifecycle, database, monkeypatch):
    """Person 101 and the notes go by other hands, after the plan was made."""
    check_plan, begun = sweep.check_plan, []

    def check_and_be_overtaken(opened: Company, digest: str) -> object:
        checked = check_plan(opened, digest)
        if not begun:
            begun.append(digest)
            database.execute("DELETE FROM agency.note WHERE person_id = 101")
            database.execute("DELETE FROM agency.person WHERE id = 101")
        return checked

    monkeypatch.setattr(sweep, "check_plan", check_and_be_overtaken)
    said = lifecycle("sweep", "--rule", "persons")
    assert (said.code, said.err) == (0, "")
    assert [line.split() for line in said.out.splitlines()[-4:-1]] == [
        ["this", "run", "did", "of", "it:"],
        ["10", "deleted", "agency.note"],
        ["5", "deleted", "agency.person"],
    ]
    assert said.out.splitlines()[-1].startswith("  the rest was done by another run")


def test_a_plan_whose_rows_another_run_deleted_is_said_to_be_left_and_why(lifecycle, company, digest):
    sweep.sweep(company, "persons", as_of=AS_OF - timedelta(hours=1))
    said = lifecycle("apply", digest)
    assert (said.code, said.out) == (CHECK_FAILED, "nothing was done\n")
    why, next_step = said.err.splitlines()
    assert why.startswith(f"lifecycle: plan {digest}: 1 batch was rolled back and is left: ")
    assert why.endswith("left: agency.note: 0 of 12 rows were still as planned")
    assert next_step == ("Next: this plan has ended; plan anew with lifecycle plan, or run lifecycle sweep")


# --- plans that have ended


def approve(lifecycle: CommandLine, digest: str) -> str:
    """Approve a plan; returns why it may not be."""
    said = lifecycle("apply", digest, "--approve", "--by", "olivia")
    assert (said.code, said.out) == (MISUSED, "")
    return said.err.splitlines()[0].removeprefix(f"lifecycle: {digest}: ")


def test_a_plan_that_was_carried_out_is_not_approved(lifecycle, digest):
    assert lifecycle("apply", digest).code == 0
    assert approve(lifecycle, digest) == "this plan has ended: it was carried out"
    again = lifecycle("apply", digest)
    assert (again.code, again.out) == (0, "nothing was done: the plan has ended, it was carried out\n")


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("refused", "because a person refused it"),
        ("superseded", "because a later run planned anew"),
        ("check_failed", "because its check failed"),
    ],
)
def test_a_plan_that_was_abandoned_is_not_approved(lifecycle, database, company, digest, reason, says):
    if reason == "refused":
        plans.refuse_plan(company, digest, as_of=AS_OF)
    elif reason == "superseded":
        steps.plan(company, "persons", as_of=AS_OF + timedelta(days=2))
    else:
        database.execute("DELETE FROM agency.person WHERE id = 101")
        database.execute("UPDATE lifecycle.plan_item SET keys = NULL")
        assert lifecycle("apply", digest).code == CHECK_FAILED
    assert approve(lifecycle, digest) == f"this plan has ended: it was abandoned, {says}"
    again = lifecycle("apply", digest)
    assert again.out == f"nothing was done: the plan has ended, it was abandoned, {says}\n"


def test_a_plan_is_approved_once(lifecycle, company, digest):
    plans.approve_plan(company, digest, approved_by="olivia", as_of=AS_OF)
    assert approve(lifecycle, digest) == "this plan was approved already"


def test_a_plan_that_there_is_not_is_not_approved(lifecycle):
    assert approve(lifecycle, "0" * 64) == "there is no plan of this digest"
