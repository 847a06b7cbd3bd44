"""Holds on the command line: what an end means, who moves it, what a hold names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.commands import CommandLine
from support.companies import AGENCY, AS_OF, agency_settings, create_agency, ledger_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("W9", "A8")

MISUSED = 2
PLACE = ("hold", "place", "--reason", "litigation", "--by", "counsel")


@pytest.fixture
def lifecycle(database: Database, monkeypatch, capsys, caplog, tmp_path: Path) -> CommandLine:
    create_agency(database)
    settings = agency_settings(database, tmp_path)
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


def test_a_hold_that_has_ended_is_extended_until_it_is_forgotten(lifecycle, database):
    number = placed(lifecycle, "agency.person:101", until="2027-06-30")
    database.execute("UPDATE lifecycle.hold SET placed_at = '2025-01-01', until = '2026-01-01'")
    assert "2027-12-31" not in lifecycle("hold", "list").out
    assert lifecycle("hold", "extend", number, "--until", "2027-12-31", "--by", "counsel").code == 0
    assert "until 2027-12-31" in lifecycle("hold", "list").out
    database.execute("UPDATE lifecycle.hold SET placed_at = '2025-01-01', until = '2026-01-01'")
    database.execute("UPDATE lifecycle.hold_row SET key = NULL")
    refused = lifecycle("hold", "extend", number, "--until", "2027-12-31", "--by", "counsel")
    assert refused.code == MISUSED
    assert "no such hold is in force" in refused.err


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


@pytest.fixture
def with_animals(database: Database, lifecycle: CommandLine, tmp_path: Path, monkeypatch) -> CommandLine:
    """The agency also has a table for each type of key that may be spelt in several ways, with one row."""
    types = {"uuid": UUID_KEY, "numeric(6,2)": "1.50", "character varying(3)": "abc", "text": "a,b"}
    described = []
    for number, (kind, key) in enumerate(types.items()):
        database.script(
            f"CREATE TABLE agency.animal_{number} (id {kind} PRIMARY KEY);"
            f"INSERT INTO agency.animal_{number} VALUES ('{key}');"
            f"GRANT SELECT, DELETE ON agency.animal_{number} TO lifecycle_engine"
        )
        described.append(
            f"      - name: animal_{number}\n        fields:\n"
            "          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}\n"
        )
    (source,) = (AGENCY / "datamap").glob("*.yml")
    (tmp_path / "datamap").mkdir()
    (tmp_path / "datamap" / source.name).write_text(source.read_text() + "".join(described))
    monkeypatch.setenv("LIFECYCLE_DATAMAP_DIR", str(tmp_path / "datamap"))
    return lifecycle


UUID_KEY = "3f0b8f0e-6a3f-4c1e-9a40-0f6c8e6f2b11"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("agency.person: 0101", ["101"]),
        ("agency.visit:2026-01-05T10:00:00+02:00,1", ["2026-01-05 08:00:00+00", "1"]),
        ("agency.visit:2026-01-05 08:00Z,1", ["2026-01-05 08:00:00+00", "1"]),
        (f"agency.animal_0:{UUID_KEY.upper()}", [UUID_KEY]),
        (f"agency.animal_0:{{{UUID_KEY.replace('-', '')}}}", [UUID_KEY]),
        ("agency.animal_1:1.5", ["1.50"]),
        ("agency.animal_2:abc", ["abc"]),
        ("agency.animal_3:a,b", ["a,b"]),
    ],
)
def test_a_key_is_found_in_any_spelling_and_kept_in_that_of_postgresql(with_animals, database, given, stored):
    said = with_animals(*PLACE, given, given, "--until", "2030-01-01")
    assert (said.code, said.err) == (0, "")
    assert f"1  {given.partition(':')[0]} covered now" in said.out
    assert database.execute("SELECT key FROM lifecycle.hold_row") == [(stored,)]


@pytest.mark.parametrize(
    "given",
    [
        "agency.person:9",
        "agency.person:canary",
        "agency.person:101,102",
        "agency.person:" + "9" * 30,
        "agency.person:\udcff",
        "agency.visit:2026-01-05 10:00+02",
        "agency.visit:2026-02-30,1",
        "agency.visit:1,2026-01-05 10:00+02",
        "agency.animal_0:canary",
        "agency.animal_1:1.499",
        "agency.animal_1:1" + "0" * 9,
        "agency.animal_2:abcd",
        "agency.animal_2:ABC",
    ],
)
def test_a_key_that_no_row_has_is_refused_however_its_type_reads_it(with_animals, database, given):
    refused = with_animals(*PLACE, given, "--until", "2030-01-01")
    assert (refused.code, refused.out) == (MISUSED, "")
    assert f"{given.partition(':')[0]}: no row has this key" in refused.err
    assert "canary" not in refused.everything
    assert database.execute("SELECT FROM lifecycle.hold") == []


@pytest.mark.parametrize("value", ["canary", "@canary", "canary@", " @ ", "canary.example.test"])
def test_what_is_no_address_is_refused_without_repeating_it(lifecycle, database, value):
    refused = lifecycle(*PLACE, "--until", "2030-01-01", "--subject", "email", stdin=value + "\n")
    assert (refused.code, refused.out) == (MISUSED, "")
    assert "subject by email: this is not an e-mail address; it would name nobody" in refused.err
    assert "canary" not in refused.everything
    assert database.execute("SELECT FROM lifecycle.hold") == []


def test_only_an_address_needs_an_at(lifecycle):
    assert placed(lifecycle, "--subject", "phone_number", until="2030-01-01", stdin="+372canary\n")


# --- what is told of it


def test_a_hold_is_shown_with_the_keys_that_it_names(lifecycle):
    targets = ("agency.person:102", "agency.person:101", "agency.visit", "--subject", "email")
    number = placed(lifecycle, *targets, until="2027-06-30", stdin="someone@example.test\n")
    shown = lifecycle("hold", "show", number)
    assert shown.out.splitlines() == [
        f"{number}  hold until 2027-06-30  litigation",
        "  placed by counsel, 2026-03-10 03:00",
        "  agency.person  101",
        "  agency.person  102",
        "  agency.visit  all of it",
        "  a subject by email",
    ]
    told = lifecycle("hold", "show", number, "--json")
    (listed,) = lifecycle("hold", "list", "--json").document
    assert told.document == {
        **listed,
        "rows": [
            {"collection": "agency.person", "key": ["101"]},
            {"collection": "agency.person", "key": ["102"]},
            {"collection": "agency.visit", "key": []},
        ],
        "subjects": [{"identity": "email", "forgotten": False}],
    }
    assert "someone" not in shown.everything + told.everything


def test_what_was_forgotten_is_said_to_be(lifecycle):
    targets = ("agency.person:101", "--subject", "email")
    number = placed(lifecycle, *targets, until="2027-06-30", stdin="someone@example.test\n")
    assert lifecycle("hold", "release", number, "--by", "counsel").code == 0
    shown = lifecycle("hold", "show", number)
    assert shown.out.splitlines()[2:] == [
        "  released, 2026-03-10 03:00",
        "  agency.person  a row whose key is forgotten",
        "  a subject by email, who is forgotten",
    ]
    document = lifecycle("hold", "show", number, "--json").document
    assert document["rows"] == [{"collection": "agency.person", "key": None}]
    assert document["subjects"] == [{"identity": "email", "forgotten": True}]


def test_a_hold_that_has_ended_is_shown_as_such(lifecycle):
    number = placed(lifecycle, "agency.person:101", until="2027-06-30")
    assert "has ended" not in lifecycle("hold", "show", number, "--as-of", "2027-06-30").out
    assert "has ended" in lifecycle("hold", "show", number, "--as-of", "2027-07-01").out


def test_a_hold_that_there_is_not_is_not_shown(lifecycle):
    refused = lifecycle("hold", "show", UUID_KEY)
    assert (refused.code, refused.out) == (MISUSED, "")
    assert f"{UUID_KEY}: there is no such hold" in refused.err


def test_status_names_what_the_holds_that_end_soon_are_on(lifecycle):
    placed(lifecycle, "agency.person:101", "agency.visit", until="2026-03-30")
    assert "litigation, agency.person, agency.visit\n" in lifecycle("status").out


def test_a_release_keeps_the_promises_that_the_hold_may_have_kept_from_being_kept_and_no_other(lifecycle):
    number = placed(lifecycle, "agency.person:101", until="2027-06-30")
    released = lifecycle("hold", "release", number, "--by", "counsel", "--json").document
    assert [one["rule"] for one in released["swept"]] == ["persons", "customers"]
    verdict = lifecycle("ledger", "verify", "--json").document
    assert verdict["covered"] == verdict["entries"]


def test_a_release_tells_what_was_due_by_rule(lifecycle):
    number = placed(lifecycle, "agency.visit", until="2027-06-30")
    said = lifecycle("hold", "release", number, "--by", "counsel").out.splitlines()
    assert said[0] == "released"
    assert said[1:]
    assert all(line.endswith("agency.visit dropped, due under visits") for line in said[1:])
