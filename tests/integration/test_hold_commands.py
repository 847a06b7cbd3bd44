"""Holds on the command line: what an end means, who moves it, what a hold names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.commands import CommandLine
from support.companies import AGENCY, AS_OF, create_agency, ledger_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("W9", "A8")

MISUSED = 2
PLACE = ("hold", "place", "--reason", "litigation", "--by", "counsel")


@pytest.fixture
def lifecycle(database: Database, monkeypatch, capsys, caplog, tmp_path: Path) -> CommandLine:
    create_agency(database)
    settings = {
        "DATABASE_URL": database.url,
        "POLICY_DIR": AGENCY / "policies",
        "DATAMAP_DIR": AGENCY / "datamap",
        "KEYRING": tmp_path / "keyring",
        "STATE_DIR": tmp_path,
    }
    return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)


def placed(lifecycle: CommandLine, *targets: str, until: str, stdin: str = "") -> str:
    """Place a hold; returns its number."""
    said = lifecycle(*PLACE, *targets, "--until", until, stdin=stdin)
    assert said.code == 0, said
    return said.out.splitlines()[0]


# --- when it ends


@pytest.mark.parametrize(
    ("until", "ends", "listed"),
    [
        ("2027-06-30", "2027-07-01 00:00+03", "2027-06-30"),
        ("2026-03-10", "2026-03-11 00:00+02", "2026-03-10"),
        ("2026-03-29", "2026-03-30 00:00+03", "2026-03-29"),
        ("2027-06-30T00:00:00+03:00", "2027-06-30 00:00+03", "2027-06-29"),
        ("2027-06-30T12:00:00Z", "2027-06-30 12:00+00", "2027-06-30 15:00"),
    ],
)
def test_a_day_counts_to_its_end_and_a_moment_as_it_is(lifecycle, database, until, ends, listed):
    number = placed(lifecycle, "agency.person:101", until=until)
    stands = "SELECT until = CAST(:ends AS timestamptz) FROM lifecycle.hold"
    assert database.execute(stands, {"ends": ends}) == [(True,)]
    assert f"until {listed}  litigation" in lifecycle("hold", "list").out
    assert f"{number}  hold until {listed}, litigation" in lifecycle("status", "--days", "999").out


def test_an_end_that_no_calendar_holds_is_refused(lifecycle):
    refused = lifecycle(*PLACE, "agency.person:101", "--until", "9999-12-31")
    assert (refused.code, refused.out) == (MISUSED, "")
    assert "--until: is no moment" in refused.err


@pytest.mark.parametrize(
    ("until", "says"),
    [("2027-12-31", "extended until 2027-12-31"), ("2026-04-30", "now ends 2026-04-30")],
)
def test_an_end_is_moved_in_both_directions(lifecycle, database, until, says):
    number = placed(lifecycle, "agency.person:101", until="2027-06-30")
    moved = lifecycle("hold", "extend", number, "--until", until, "--by", "counsel")
    assert (moved.code, moved.out.strip()) == (0, says)
    assert f"until {until}" in lifecycle("hold", "list").out
    kind, body = ledger_of(database)[-1]
    assert (kind, body["scope"]) == ("hold_placed", "extension")
    assert len(body["approved_by"]) == 64
    assert "counsel" not in str(body)


@pytest.mark.parametrize("by", [(), ("--by", " ")])
def test_somebody_moves_an_end(lifecycle, by):
    number = placed(lifecycle, "agency.person:101", until="2027-06-30")
    refused = lifecycle("hold", "extend", number, "--until", "2027-12-31", *by)
    assert refused.code == MISUSED
    assert "until 2027-06-30" in lifecycle("hold", "list").out


@pytest.mark.parametrize(
    "command",
    [
        (*PLACE, "agency.person:101", "--until", "2030-01-01"),
        ("hold", "extend", "NUMBER", "--until", "2030-01-01", "--by", "counsel"),
        ("hold", "release", "NUMBER", "--by", "counsel"),
        ("ledger", "checkpoint"),
        ("apply", "0" * 64, "--approve", "--by", "olivia"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_nothing_is_done_for_a_moment_that_has_not_come(lifecycle, database, command):
    number = placed(lifecycle, "agency.person:101", until="2027-06-30")
    before = ledger_of(database)
    arguments = [number if one == "NUMBER" else one for one in command]
    refused = lifecycle(*arguments, "--as-of", "2026-03-10T03:00:01+02:00")
    assert (refused.code, refused.out) == (MISUSED, "")
    assert "--as-of: lies in the future" in refused.err
    assert ledger_of(database) == before


@pytest.mark.parametrize("command", [("hold", "list"), ("status",), ("calendar",)], ids=" ".join)
def test_what_only_looks_may_look_ahead(lifecycle, command):
    assert lifecycle(*command, "--as-of", "2026-04-01").code == 0


# --- what it names


@pytest.mark.parametrize("value", ["canary", "@canary", "canary@", " @ ", "canary.example.test"])
def test_what_is_no_address_is_refused_without_repeating_it(lifecycle, database, value):
    refused = lifecycle(*PLACE, "--until", "2030-01-01", "--subject", "email", stdin=value + "\n")
    assert (refused.code, refused.out) == (MISUSED, "")
    assert "subject by email: an e-mail address has an @ between two parts" in refused.err
    assert "canary" not in refused.everything
    assert database.execute("SELECT FROM lifecycle.hold") == []


def test_only_an_address_needs_an_at(lifecycle):
    assert placed(lifecycle, "--subject", "phone_number", until="2030-01-01", stdin="+372canary\n")
