"""Requests on the command line: opened without a word of whom, run, and proven by a receipt."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import pyzipper

from lifecycle.requests import steps
from lifecycle.runs import plans
from support.commands import CommandLine, Said
from support.samples import PROJECT, REFERENCE
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "A10")

OPEN = ("request", "open", "--subject", "email", "--by", "Op", "--json")
UNKNOWN = "0" * 64
OF_JAAN = "00000000-0000-4000-8000-000000000200"
"""A visitor's cookie."""


@pytest.fixture
def command(database: Database, tmp_path: Path, monkeypatch, capsys, caplog) -> CommandLine:
    create_people(database)
    settings = {
        "DATABASE_URL": database.url,
        "POLICY_DIR": PROJECT / "include/policies",
        "DATAMAP_DIR": REFERENCE.datamap,
        "KEYRING": tmp_path / "keyring",
        "STATE_DIR": tmp_path,
    }
    return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)


@pytest.fixture
def company(database: Database, command: CommandLine, tmp_path: Path) -> Company:  # noqa: ARG001 - makes the tables
    return open_people(database, tmp_path / "keyring")


def opened(command: CommandLine, *more: str, subject: str = MARI) -> str:
    """The number of a request of which somebody has verified who asks."""
    number: str = command(*OPEN, *more, stdin=f"{subject}\n").document["request"]
    assert command("request", "verify", number, "--how", "callback", "--by", "Op").code == 0
    return number


def planned(command: CommandLine, number: str) -> Any:
    """What an operator is shown of the plan."""
    shown = command("request", "plan", number, "--json")
    assert shown.code == 0, shown.err
    return shown.document


def run_approved(command: CommandLine, number: str, *more: str) -> Said:
    """Approve the plan that was shown, and run it."""
    approve = ("--approve", planned(command, number)["digest"], "--by", "Op")
    return command("request", "run", number, *approve, *more)


def test_an_erasure_from_beginning_to_end(database: Database, command: CommandLine, tmp_path: Path):
    number = command(*OPEN, stdin=f"{MARI}\n").document["request"]
    assert command("request", "run", number).code == 2
    assert command("request", "verify", number, "--how", "callback", "--by", "Op").code == 0
    waits = command("request", "run", number)
    assert waits.code == 3
    assert "a person approves what is done on request" in waits.err
    digest = planned(command, number)["digest"]
    assert f"lifecycle request plan {number}" in waits.err
    assert f"lifecycle request run {number} --approve {digest} --by NAME" in waits.err
    before = rows_of(database)
    done = command("request", "run", number, "--approve", digest, "--by", "Op", "--json")
    assert done.code == 0, done.err
    assert len(before) > len(rows_of(database))
    (tmp_path / "receipt.json").write_text(command("request", "receipt", number).out)
    (tmp_path / "key.pem").write_text(command("ledger", "key").out)
    verify = ("receipt", "verify", str(tmp_path / "receipt.json"), "--key", str(tmp_path / "key.pem"))
    assert command(*verify).code == 0
    whole = (tmp_path / "receipt.json").read_text()
    for forged in (
        f'{{"body": {{"done": []}}, {whole[1:]}',
        whole.replace('"done":', '"done": [], "done":', 1),
    ):
        (tmp_path / "receipt.json").write_text(forged)
        said = command(*verify)
        assert (said.code, "two members of one name" in said.err) == (2, True)
    changed = json.loads(whole)
    changed["body"]["done"] = []
    (tmp_path / "receipt.json").write_text(json.dumps(changed))
    assert command(*verify).code == 1


@pytest.mark.commitment("R1")
def test_who_asks_for_information_is_told_of_the_notice(command: CommandLine):
    number = command(*OPEN, "--kind", "information", stdin=f"{MARI}\n").document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    done = command("request", "run", number)
    assert (done.code, "lifecycle notice" in done.out) == (0, True)
    assert "nothing is held" not in done.out


def test_what_an_overdue_request_is_told_by(command: CommandLine):
    number = command(*OPEN, stdin=f"{MARI}\n").document["request"]
    on_time = ("request", "list", "--overdue", "--as-of", (AS_OF + timedelta(days=31)).isoformat())
    too_late = ("request", "list", "--overdue", "--as-of", (AS_OF + timedelta(days=32)).isoformat())
    assert command(*on_time).code == 0
    told = command(*too_late)
    assert (told.code, number in told.out, "OVERDUE" in told.out) == (1, True, True)
    assert command("request", "extend", number, "--reason", "complexity", "--by", "Op").code == 0
    assert command(*too_late).code == 0
    assert command("request", "extend", number, "--reason", "again", "--by", "Op").code == 2


def test_nothing_that_is_said_names_the_subject(command: CommandLine):
    said = [command(*OPEN, stdin=f"{MARI}\n")]
    number = said[0].document["request"]
    said += [
        command("request", "verify", number, "--how", "callback", "--by", "Op"),
        command("request", "plan", number),
        run_approved(command, number),
        command("request", "show", number),
        command("request", "list", "--all"),
        command("ledger", "list", "--json"),
        command("request", "open", "--subject", "email", "--by", "Op", stdin="no address of mari.tamm\n"),
    ]
    assert [one.code for one in said] == [0, 0, 0, 0, 0, 0, 0, 2]
    assert "mari" not in "".join(one.everything for one in said).lower()


def test_a_subject_is_named_by_name_and_employer_and_an_operator_says_whose_the_rows_are(
    database: Database, command: CommandLine
):
    before = rows_of(database)
    opened = command(
        "request", "open", "--subject", "name", "--by", "Op", "--json", stdin="Tamm, Mari; Puu AS\n"
    )
    number = opened.document["request"]
    assert command("request", "verify", number, "--how", "callback", "--by", "Op").code == 0
    waits = command("request", "plan", number)
    assert (waits.code, "an operator has to say" in waits.err) == (3, True)
    assert rows_of(database) == before
    shown = command("request", "show", number)
    (candidate,) = command("request", "show", number, "--json").document["candidates"]
    assert "under the name" in shown.out
    said = [
        opened,
        waits,
        shown,
        command("request", "confirm", number, str(candidate["candidate"]), "--by", "Op"),
    ]
    done = run_approved(command, number)
    assert done.code == 0, done.err
    assert len(rows_of(database)) < len(before)
    assert not [
        word for word in ("mari", "tamm", "puu") if word in "".join(one.everything for one in said).lower()
    ]


def test_a_line_of_ten_megabytes_is_refused_and_not_repeated(database: Database, command: CommandLine):
    refused = command(*OPEN, stdin="m" * 10_000_000 + "@example.test\n")
    assert refused.code == 2
    assert "mmmm" not in refused.everything
    assert database.execute("SELECT count(*) AS rows FROM lifecycle.request")[0].rows == 0


@pytest.mark.parametrize("line", ["Mari Tamm", "; Puu AS", ""])
def test_a_name_without_an_employer_is_refused(command: CommandLine, line: str):
    refused = command("request", "open", "--subject", "name", "--by", "Op", stdin=f"{line}\n")
    assert refused.code == 2
    assert "mari" not in refused.everything.lower()


@pytest.mark.commitment("R2")
def test_a_copy_is_fetched_once_into_a_file_of_its_own(command: CommandLine, tmp_path: Path):
    number = command(*OPEN, "--kind", "access", stdin=f"{MARI}\n").document["request"]
    assert command("request", "verify", number, "--how", "callback", "--by", "Op").code == 0
    done = run_approved(command, number, "--json")
    assert done.code == 0, done.err
    file = tmp_path / "copy.zip"
    fetching = ("request", "fetch", number, "--to", str(file), "--by", "Op")
    (tmp_path / "there").write_text("")
    assert command(*fetching[:4], str(tmp_path / "there"), "--by", "Op").code == 2
    assert command(*fetching).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert command(*fetching).code == 2
    shown = command("request", "passphrase", number, "--by", "Op").out.strip()
    with pyzipper.AESZipFile(file) as archive:
        archive.setpassword(shown.encode())
        assert MARI in archive.read("copy.json").decode()
    assert command("request", "passphrase", number, "--by", "Op").code == 2
    assert command("request", "show", number, "--json").document["package"]["fetched_at"]


@pytest.mark.commitment("R1", "R9")
def test_the_notice_and_the_record_of_processing_come_from_policy_and_map(command: CommandLine):
    told = command("notice", "--json").document
    assert {one["right"] for one in told["rights"]} >= {"access", "erasure", "complaint"}
    assert "<h2>Your rights</h2>" in command("notice").out
    record = command("ropa", "--json").document
    by_name = {one["purpose"]: one for one in record["activities"]}
    assert "employee" in by_name["service"]["subjects"]
    assert "user.contact.email" in by_name["service"]["categories"]
    (language_model,) = (
        one for one in by_name["service"]["recipients"] if one["recipient"] == "language_model"
    )
    assert (language_model["region"], bool(language_model["safeguard"])) == ("US", True)
    (kept,) = by_name["service"]["kept"]
    assert (kept["rule"], kept["keep"]) == ("persons_after_contract", "P1Y")
    page = command("ropa").out
    assert page.startswith("# Record of processing: Sera Leads OÜ")
    assert "P1Y" in page


def test_what_is_right_is_asked_for_after_the_subject_and_stands_in_no_command_line(
    database: Database, command: CommandLine
):
    asked = command(
        *OPEN, "--kind", "rectification", "--correct", "email", "--correct", "user.name.last",
        stdin=f"{MARI}\nmari.kuusk@example.test\nKuusk\n",
    )  # fmt: skip
    assert asked.code == 0, asked.err
    assert asked.document["corrects"] == ["email", "user.name.last"]
    number = asked.document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    done = run_approved(command, number)
    assert done.code == 0, done.err
    assert "app.person rectify" in done.out
    person = database.execute("SELECT last_name, work_email FROM app.person WHERE id = 100")
    assert [tuple(row) for row in person] == [("Kuusk", "mari.kuusk@example.test")]
    said = asked.out + asked.err + done.out + done.err
    assert not [word for word in ("mari", "kuusk") if word in said.lower()]


def test_a_restriction_is_lifted_when_the_subject_was_told_and_what_fell_due_goes_at_once(
    command: CommandLine,
):
    number = command(*OPEN, "--kind", "restriction", stdin=f"{MARI}\n").document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    done = run_approved(command, number)
    assert "restricted until 2026-09-10" in done.out, done.err
    assert command("request", "lift", number, "--informed-by", "we wrote", "--by", "Op").code == 2
    lifted = command("request", "lift", number, "--informed-by", "letter", "--by", "Op")
    assert lifted.out.startswith("lifted"), lifted.err
    assert command("request", "lift", number, "--informed-by", "letter", "--by", "Op").code == 2


def test_an_objection_that_is_weighed_waits_for_a_decision(command: CommandLine):
    opened = (*OPEN, "--kind", "objection", "--purpose", "service_improvement")
    number = command(*opened, stdin=f"{MARI}\n").document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    waits = command("request", "plan", number)
    assert waits.code == 3
    assert "lifecycle request weigh" in waits.err
    decided = command("request", "weigh", number, "--decision", "compelling_grounds", "--by", "Op")
    assert decided.out == "compelling_grounds: service_improvement\n"
    done = command("request", "run", number)
    assert done.code == 0, done.err
    assert "service_improvement: compelling grounds" in done.out


# --- what is approved has been shown


def test_a_plan_is_shown_as_airflows_question_shows_it(database: Database, command: CommandLine):
    number = opened(command)
    before = rows_of(database)
    document = planned(command, number)
    assert document["counts"]["app.person"] == {"cut": 1, "delete": 2}
    assert document["kept"]
    assert "may end" in document["consequence"]
    assert document["besides"]["identities"]
    shown = command("request", "plan", number).out
    assert "identities that the request does not name" in shown
    assert f"what it means: {document['consequence']}" in shown
    assert re.search(r"2  delete +app\.person", shown)
    assert re.search(r"kept +app\.invoice: statutory \w+, until 20\d\d-", shown)
    assert f"lifecycle request run {number} --approve {document['digest']} --by NAME" in shown
    assert rows_of(database) == before


def test_the_columns_that_a_correction_writes_are_shown(command: CommandLine):
    asked = (*OPEN, "--kind", "rectification", "--correct", "user.name.last")
    number = command(*asked, stdin=f"{MARI}\nKuusk\n").document["request"]
    command("request", "verify", number, "--how", "callback", "--by", "Op")
    assert planned(command, number)["columns"]["app.person"] == ["last_name"]
    shown = command("request", "plan", number).out
    assert "corrects user.name.last" in shown
    assert re.search(r"writes +app\.person: last_name", shown)
    assert "kuusk" not in shown.lower()


@pytest.mark.parametrize("is_planned", [False, True])
def test_what_nobody_has_seen_is_not_approved(database: Database, command: CommandLine, *, is_planned: bool):
    number = opened(command)
    before = rows_of(database)
    digest = planned(command, number)["digest"] if is_planned else "no plan"
    refused = command("request", "run", number, "--approve", UNKNOWN, "--by", "Op")
    assert (refused.code, digest in refused.err, f"lifecycle request plan {number}" in refused.err) == (
        3, True, True
    )  # fmt: skip
    assert command("request", "run", number).code == 3, "nothing was approved by it"
    assert rows_of(database) == before
    assert command("request", "run", number, "--approve", UNKNOWN).code == 2


def test_a_plan_that_was_made_anew_is_approved_by_its_own_digest(command: CommandLine, company: Company):
    number = opened(command)
    first = planned(command, number)["digest"]
    steps.plan_anew(company, UUID(number), by="Op", as_of=AS_OF)
    refused = command("request", "run", number, "--approve", first, "--by", "Op")
    assert (refused.code, "no plan waits" in refused.err) == (3, True)
    second = planned(command, number)["digest"]
    refused = command("request", "run", number, "--approve", first, "--by", "Op")
    assert (refused.code, second in refused.err) == (3, True)
    assert command("request", "run", number, "--approve", second, "--by", "Op").code == 0


def test_what_was_approved_elsewhere_is_carried_out(command: CommandLine, company: Company):
    number = opened(command)
    digest = planned(command, number)["digest"]
    steps.approve_plan(company, UUID(number), digest, approved_by="Op", as_of=AS_OF)
    assert "somebody approved it" in command("request", "plan", number).out
    assert command("request", "run", number).code == 0


def test_a_run_that_stopped_before_the_request_was_closed_goes_on(command: CommandLine, company: Company):
    number = opened(command)
    digest = planned(command, number)["digest"]
    steps.approve_plan(company, UUID(number), digest, approved_by="Op", as_of=AS_OF)
    steps.carry_out(company, digest)
    plans.check_after(company, digest)
    assert command("request", "run", number, "--approve", digest, "--by", "Op").code == 0


def share_a_browser(database: Database) -> None:
    """From now on a cookie stands on an enquiry of Mari and on one of somebody else."""
    database.execute("UPDATE website.enquiry SET visitor_id = :visitor WHERE id = 100", {"visitor": OF_JAAN})


def test_a_candidate_is_shown_before_it_can_be_left_out(database: Database, command: CommandLine):
    number = opened(command)
    digest = planned(command, number)["digest"]
    approving = ("request", "run", number, "--approve", digest, "--by", "Op")
    share_a_browser(database)
    for _ in ("found", "still not shown"):
        refused = command(*approving)
        assert (refused.code, "was not shown: candidate" in refused.err) == (3, True)
    shown = command("request", "plan", number)
    assert re.search(r"candidate \d+: a visitor_id that stands on .*2 of website\.enquiry", shown.out)
    assert [one["kind"] for one in planned(command, number)["candidates"]] == ["visitor_id"]
    assert planned(command, number)["digest"] == digest
    assert command(*approving).code == 0
    assert ("website.visitor", OF_JAAN) in rows_of(database)


def test_what_is_confirmed_counts_from_the_next_plan_on(database: Database, command: CommandLine):
    share_a_browser(database)
    number = opened(command)
    first = planned(command, number)
    (candidate,) = first["candidates"]
    command("request", "confirm", number, str(candidate["candidate"]), "--by", "Op")
    second = planned(command, number)
    assert (second["digest"] != first["digest"], second["candidates"]) == (True, [])
    assert command("request", "run", number, "--approve", first["digest"], "--by", "Op").code == 3
    done = command("request", "run", number, "--approve", second["digest"], "--by", "Op")
    assert done.code == 0, done.err
    assert ("website.visitor", OF_JAAN) not in rows_of(database)


def test_show_tells_which_plan_waits(command: CommandLine):
    number = opened(command)
    assert command("request", "show", number, "--json").document["plan"] is None
    digest = planned(command, number)["digest"]
    shown = command("request", "show", number)
    assert f"the plan that waits, digest {digest}" in shown.out
    assert re.search(r"2  delete +app\.person", shown.out)
    document = command("request", "show", number, "--json").document
    assert (document["plan"]["digest"], document["plan"]["counts"]["app.person"]) == (
        digest, {"cut": 1, "delete": 2}
    )  # fmt: skip


def test_status_tells_which_requests_plan_waits(command: CommandLine):
    number = opened(command)
    digest = planned(command, number)["digest"]
    said = command("status", "--as-of", (AS_OF + timedelta(days=9)).isoformat())
    assert f"{digest}  erasure of request {number}" in said.out
    assert "for a person: a person approves what is done on request" in said.out
    (waiting,) = command("status", "--json").document["plans"]
    assert (waiting["request"], waiting["rows"] > 0) == (number, True)


def test_the_plan_of_a_request_is_not_approved_as_one_of_a_rule(command: CommandLine):
    number = opened(command)
    digest = planned(command, number)["digest"]
    refused = command("apply", digest, "--approve", "--by", "Op")
    assert (refused.code, f"lifecycle request plan {number}" in refused.err) == (2, True)
    assert command("request", "run", number).code == 3, "nothing was approved by it"


# --- what is said at once, and how


def test_what_the_register_refuses_is_refused_before_anything_is_checked(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch
):
    number = opened(command, subject="nobody@example.test")
    assert command("request", "run", number).code == 0
    other = command(*OPEN, stdin=f"{MARI}\n").document["request"]

    def check(*_: object, **__: object) -> None:
        raise AssertionError("nothing has to be looked at")

    monkeypatch.setattr("lifecycle.requests.answering.check_before", check)
    for doing in (("plan",), ("run",), ("run", "--approve", UNKNOWN, "--by", "Op")):
        action, *options = doing
        done, unverified = (command("request", action, one, *options) for one in (number, other))
        assert (done.code, "it is done already" in done.err) == (2, True)
        assert (unverified.code, "nobody has verified" in unverified.err) == (2, True)


def test_letters_of_several_scripts_are_pointed_out_at_once(command: CommandLine):
    address = "m\N{CYRILLIC SMALL LETTER A}ri.tamm@example.test\n"
    for _ in ("taken", "and taken again"):
        said = command(*OPEN[:-1], stdin=address)
        assert (said.code, "letters of scripts that are not written together" in said.out) == (0, True)
    assert command(*OPEN, stdin=address).document["mixed_scripts"] == ["email"]
    assert command(*OPEN, stdin=f"{MARI}\n").document["mixed_scripts"] == []


@pytest.mark.parametrize("name", ["x\ny", "\x1b[31mred", "x" * 500])
def test_a_name_that_cannot_be_shown_is_nobodys(command: CommandLine, name: str):
    number = opened(command)
    digest = planned(command, number)["digest"]
    by = ("--by", name)
    notice = "00000000-0000-4000-8000-000000000000"
    given = [
        ("request", "open", "--subject", "email", *by),
        ("request", "verify", number, "--how", "callback", *by),
        ("request", "refuse", number, "--reason", "excessive", *by),
        ("request", "run", number, "--approve", digest, *by),
        ("request", "extend", number, "--reason", "complexity", *by),
        ("hold", "place", "app.person:101", "--reason", "dispute", "--until", "2030-01-01", *by),
        ("hold", "release", notice, *by),
        ("hold", "extend", notice, "--until", "2030-01-01", *by),
        ("sweep", "--approve", *by),
        ("apply", UNKNOWN, "--approve", *by),
        ("replay", "--since", AS_OF.isoformat(), *by),
    ]
    for one in given:
        said = command(*one, stdin=f"{MARI}\n")
        assert (said.code, "characters that can be seen" in said.err) == (2, True), one
        assert name not in said.everything
    assert [event["by"] for event in command("request", "show", number, "--json").document["events"]
            if event["by"]] == ["Op", "Op"]  # fmt: skip


def test_moments_are_local_time_of_the_policy(command: CommandLine):
    number = opened(command)
    assert "  2026-03-10 05:00  verified by Op" in command("request", "show", number).out
