"""A hold on a subject covers every row that names it, whenever it arrived, and never says who it is."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects import postgresql

from lifecycle.datamap.load import load_datamap
from lifecycle.errors import CheckFailed, UsageError
from lifecycle.holds import register
from lifecycle.holds.subjects import HeldKind, naming_subjects
from lifecycle.holds.targets import Subject, Target
from lifecycle.policy.load import in_force, load_policies
from lifecycle.policy.model import AnyIdentity
from lifecycle.policy.rulebook import resolve
from lifecycle.retention import steps
from lifecycle.retention.sweep import sweep
from lifecycle.runs import plans
from lifecycle.store.inspect import inspect
from lifecycle.synthetic.made import create_schema
from support.commands import CommandLine
from support.companies import AS_OF, agency_settings, create_agency, open_agency, rows_of
from support.processes import waits_for_a_lock
from support.samples import PROJECT, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("W9", "A8")

UNTIL = AS_OF + timedelta(days=30)
HELD = "canary.1.1@example.test"
"""Of person 101, who is due."""
PLACE = ("hold", "place", "--reason", "litigation", "--until", "2036-01-01", "--by", "counsel")


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> dict[str, str | Path]:
    create_agency(database)
    return agency_settings(database, tmp_path)


@pytest.fixture
def company(database: Database, settings: dict[str, str | Path]) -> Company:
    return open_agency(database, settings["KEYRING"])


@pytest.fixture
def lifecycle(monkeypatch, capsys, caplog, settings) -> CommandLine:
    return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)


def hold(company: Company, value: str, *, identity: str = "email", until: datetime = UNTIL) -> UUID:
    with company.engine.begin() as connection:
        return register.place(
            connection,
            company.rulebook(AS_OF),
            [Subject(identity=identity, value=value)],
            kind="hold",
            reason="litigation",
            placed_by="counsel",
            until=until,
            as_of=AS_OF,
        )


def place_on(company: Company, targets: list[str], *, until: datetime = UNTIL) -> UUID:
    """Place a hold on rows and collections."""
    with company.engine.begin() as connection:
        return register.place(
            connection,
            company.rulebook(AS_OF),
            map(Target.parse, targets),
            kind="hold",
            reason="dispute",
            placed_by="counsel",
            until=until,
            as_of=AS_OF,
        )


def values(database: Database) -> list[str | None]:
    """The normal form of each subject that is held; None of those that were forgotten."""
    held = "SELECT spellings[1] AS value FROM lifecycle.hold_subject ORDER BY 1"
    return [row.value for row in database.execute(held)]


# --- what is covered


def test_rows_that_name_the_subject_stay_with_all_that_belongs_to_them(company, database):
    hold(company, HELD)
    swept = sweep(company, "persons", as_of=AS_OF)
    left = rows_of(database)
    assert left["person"] == {101, 201, 202, 203, 301, 302, 303}
    assert {1011, 1012} <= left["note"]
    assert not {1021, 4011} & left["note"]
    kept = {(one.collection, one.reason, one.rows) for one in swept.first.plan.kept}
    assert kept == {("agency.person", "hold", 1), ("agency.note", "hold", 2)}


@pytest.mark.parametrize(
    ("identity", "value", "stay"),
    [
        ("email", "  CANARY.1.1@Example.TEST ", {101}),
        ("email", "canary.1.1@example.tes", set()),
        ("phone_number", "+372canary", {101, 102, 103, 401, 402, 403}),
        ("phone_number", "+372CANARY", set()),
    ],
)
def test_only_addresses_are_compared_without_regard_to_case_and_blanks(
    company, database, identity, value, stay
):
    hold(company, value, identity=identity)
    sweep(company, "persons", as_of=AS_OF)
    assert rows_of(database)["person"] - {201, 202, 203, 301, 302, 303} == stay


def test_an_address_stored_with_blanks_or_capitals_is_covered(company, database):
    database.execute("UPDATE agency.person SET email = ' Canary.1.1@EXAMPLE.test' WHERE id = 101")
    hold(company, HELD)
    sweep(company, "persons", as_of=AS_OF)
    assert 101 in rows_of(database)["person"]


def test_a_row_that_arrives_later_is_covered(company, database):
    """Also of a subject whom no row named when the hold was placed."""
    hold(company, "canary.late@example.test")
    database.execute("INSERT INTO agency.person VALUES (777, 1, 'CANARY.late@example.test', NULL)")
    database.execute("INSERT INTO agency.note VALUES (7771, 777, 'canary')")
    sweep(company, "persons", as_of=AS_OF)
    left = rows_of(database)
    assert left["person"] == {777, 201, 202, 203, 301, 302, 303}
    assert 7771 in left["note"]


def test_a_row_that_comes_to_name_the_subject_after_the_plan_was_made_is_not_deleted(company, database):
    hold(company, "canary.late@example.test")
    digest = steps.plan(company, "persons", as_of=AS_OF).digest or ""
    database.execute("UPDATE agency.person SET email = 'canary.late@example.test' WHERE id = 102")
    assert list(plans.carry_out(company, digest).deferred) == [0]
    assert 102 in rows_of(database)["person"]


def test_a_hold_placed_after_the_plan_wins(company, database):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest or ""
    hold(company, HELD)
    assert plans.carry_out(company, digest).deferred
    assert 101 in rows_of(database)["person"]


def test_no_row_of_a_held_subject_passes_the_check_of_a_plan(company):
    digest = steps.plan(company, "persons", as_of=AS_OF).digest or ""
    hold(company, HELD)
    with pytest.raises(CheckFailed, match=r"rows of agency\.person that are held or restricted: 1") as failed:
        plans.check_plan(company, digest)
    assert HELD not in str(failed.value)


def test_a_partition_with_a_row_of_the_subject_is_not_dropped(company, database):
    hold(company, "canary 1", identity="ip_address")
    sweep(company, "visits", as_of=AS_OF)
    assert rows_of(database)["visit"] == {1, 3}


def test_a_partition_in_which_the_subject_appears_after_the_plan_was_made_is_not_dropped(company, database):
    hold(company, "canary late", identity="ip_address")
    digest = steps.plan(company, "visits", as_of=AS_OF).digest or ""
    database.execute("INSERT INTO agency.visit VALUES (9, '2026-01-09 10:00+02', 'canary late')")
    assert plans.carry_out(company, digest).deferred
    plans.check_after(company, digest)
    sweep(company, "visits", as_of=AS_OF)
    assert rows_of(database)["visit"] == {3, 9}


def test_a_row_that_arrives_at_the_very_moment_is_not_dropped(company, database):
    """Its transaction is open when the batch begins, and commits when the batch waits for the table."""
    hold(company, "canary late", identity="ip_address")
    digest = steps.plan(company, "visits", as_of=AS_OF).digest or ""
    arrived = threading.Event()

    def arrive() -> None:
        with database.connect().begin() as visitor:
            visitor.exec_driver_sql(
                "INSERT INTO agency.visit VALUES (9, '2026-01-09 10:00+02', 'canary late')"
            )
            arrived.set()
            while not waits_for_a_lock(database):
                time.sleep(0.02)

    visit = threading.Thread(target=arrive)
    visit.start()
    arrived.wait()
    outcome = plans.carry_out(company, digest)
    visit.join()
    assert outcome.deferred == {0: "agency.visit: rows are held now"}
    assert rows_of(database)["visit"] == {1, 2, 3, 9}


def test_a_hold_may_name_a_subject_and_a_row_at_once(company, database):
    with company.engine.begin() as connection:
        number = register.place(
            connection,
            company.rulebook(AS_OF),
            [Subject(identity="email", value=HELD), Target.parse("agency.person:102")],
            kind="restriction",
            reason="contested",
            placed_by="counsel",
            until=UNTIL,
            as_of=AS_OF,
        )
        counts = register.covered_counts(connection, company.rulebook(AS_OF), number, as_of=AS_OF)
    assert counts == {"agency.person": 2, "agency.note": 4}
    sweep(company, "persons", as_of=AS_OF)
    assert {101, 102} <= rows_of(database)["person"]
    ((body,),) = database.execute("SELECT body FROM lifecycle.ledger WHERE kind = 'restriction_placed'")
    assert (body["scope"], body["reason"]) == ("subject", "contested")


def with_identities(company: Company, identities: dict[str, dict[str, str]]) -> Company:
    """The company under a policy that compares identities in another way."""
    (version,) = company.policies
    compared = TypeAdapter(dict[str, AnyIdentity]).validate_python(identities)
    policy = version.policy.model_copy(update={"identities": compared})
    return replace(company, policies=(replace(version, policy=policy),), _rulebooks={})


IGNORING_TAGS = {"email": {"form": "email", "plus_tags": "ignored"}}
IN_ESTONIA = {"phone_number": {"form": "phone", "region": "EE"}}


@pytest.mark.parametrize(
    ("identities", "kind", "given_and_stored", "stays"),
    [
        ({}, "email", ("Jõgi@Õun.example", "MAILTO:JÕGI@xn--un-bka.example"), True),
        ({}, "email", ("ann@example.org", "ann+shop@example.org"), False),
        (IGNORING_TAGS, "email", ("ann+a@example.org", "Ann+b@example.org"), True),
        ({}, "phone_number", ("+372 5123 4567", "(00372) 5123-4567"), True),
        ({}, "phone_number", ("+372 5123 4567", "5123 4567"), False),
        (IN_ESTONIA, "phone_number", ("+372 5123 4567", "5123 4567"), True),
        (IN_ESTONIA, "phone_number", ("5123 4567", "+51 234 567"), False),
    ],
)
def test_every_spelling_that_the_policy_calls_the_same_is_covered(
    company, database, identities, kind, given_and_stored, stays
):
    given, stored = given_and_stored
    column = {"email": "email", "phone_number": "phone"}[kind]
    company = with_identities(company, identities)
    database.execute(f"UPDATE agency.person SET {column} = :stored WHERE id = 101", {"stored": stored})
    hold(company, given, identity=kind)
    sweep(company, "persons", as_of=AS_OF)
    assert (101 in rows_of(database)["person"]) is stays


def test_a_hold_covers_what_it_did_when_the_policy_compares_otherwise(company, database):
    """In the same policy, changed by hand, or in a later one."""
    ignoring = with_identities(company, IGNORING_TAGS)
    database.execute("UPDATE agency.person SET email = 'ann+a@example.org' WHERE id = 101")
    database.execute("UPDATE agency.person SET email = 'bo+b@example.org' WHERE id = 102")
    hold(ignoring, "ann@example.org")
    hold(company, "bo+b@example.org")
    for way in (company, ignoring, with_identities(company, {"email": {"form": "exact"}})):
        sweep(way, "persons", as_of=AS_OF)
        assert {101, 102} <= rows_of(database)["person"]


def test_a_hold_that_was_placed_as_exact_covers_no_other_spelling(company, database):
    """Not even while another hold of the kind does."""
    exactly = with_identities(company, {"email": {"form": "exact"}})
    database.execute("UPDATE agency.person SET email = 'BO@example.org' WHERE id = 101")
    database.execute("UPDATE agency.person SET email = 'ANN@example.org' WHERE id = 102")
    hold(exactly, "bo@example.org")
    hold(company, "ann@example.org")
    sweep(company, "persons", as_of=AS_OF)
    left = rows_of(database)["person"]
    assert 102 in left
    assert 101 not in left


# --- how long


def test_what_fell_due_goes_when_the_hold_is_released_and_the_subject_is_forgotten(company, database):
    number = hold(company, HELD)
    hold(company, "canary.4.1@example.test")
    sweep(company, "persons", as_of=AS_OF)
    with company.engine.begin() as connection:
        register.release(connection, number, released_by="counsel", as_of=AS_OF)
    assert values(database) == ["canary.4.1@example.test", None]
    sweep(company, "persons", as_of=AS_OF)
    assert rows_of(database)["person"] == {401, 201, 202, 203, 301, 302, 303}


def test_the_subject_of_a_hold_that_has_ended_is_forgotten_by_the_next_run(company, database):
    hold(company, HELD, until=AS_OF + timedelta(days=1))
    hold(company, "canary.4.1@example.test")
    steps.plan(company, "visits", as_of=AS_OF + timedelta(hours=23))
    assert None not in values(database)
    steps.plan(company, "visits", as_of=AS_OF + timedelta(days=1))
    assert values(database) == ["canary.4.1@example.test", None]


def test_the_rows_of_a_hold_are_forgotten_with_it(company, database):
    """A key may be a number that a person has."""
    ends, released = (
        place_on(company, targets, until=until)
        for targets, until in [
            (["agency.person:101", "agency.person:102", "agency.visit"], AS_OF + timedelta(days=1)),
            (["agency.person:103"], UNTIL),
        ]
    )
    with company.engine.begin() as connection:
        register.release(connection, released, released_by="counsel", as_of=AS_OF)
    named = "SELECT collection, key FROM lifecycle.hold_row WHERE hold_id = :hold ORDER BY 1, 2"
    assert database.execute(named, {"hold": released}) == [("agency.person", None)]
    assert [row.key for row in database.execute(named, {"hold": ends})] == [["101"], ["102"], []]

    steps.plan(company, "visits", as_of=AS_OF + timedelta(days=1))
    assert [row.key for row in database.execute(named, {"hold": ends})] == [None, None, []]
    with company.engine.connect() as connection:
        listed = register.listing(connection, as_of=AS_OF, all_of_them=True)
    assert {one.hold_id: one.collections for one in listed} == {
        ends: ("agency.person", "agency.visit"),
        released: ("agency.person",),
    }


def test_a_forgotten_subject_is_known_by_its_kind_only(company):
    number = hold(company, HELD)
    with company.engine.begin() as connection:
        released = register.release(connection, number, released_by="counsel", as_of=AS_OF)
    assert released.identities == ("email",)
    assert HELD not in repr(released)


# --- the command line


def test_the_identity_is_read_from_input_and_shown_nowhere(lifecycle, database):
    placed = lifecycle(*PLACE, "--subject", "email", stdin=HELD + "\n")
    assert placed.code == 0
    number, *counts = placed.out.splitlines()
    assert UUID(number)
    assert [line.split() for line in counts] == [
        ["2", "agency.note", "covered", "now"],
        ["1", "agency.person", "covered", "now"],
    ]
    listed = lifecycle("hold", "list")
    assert "a subject by email" in listed.out
    assert lifecycle("hold", "list", "--json").document[0]["identities"] == ["email"]
    released = lifecycle("hold", "release", number, "--by", "counsel")
    assert released.code == 0
    assert "canary" not in placed.everything + listed.everything + released.everything
    assert values(database) == [None]


def test_letters_that_may_be_mistaken_for_others_are_pointed_out(lifecycle):
    mixed = lifecycle(*PLACE, "--subject", "email", stdin="c\N{CYRILLIC SMALL LETTER A}nary@example.test\n")
    assert "the email has letters of scripts that are not written together" in mixed.out
    assert "nary" not in mixed.everything
    plain = lifecycle(*PLACE, "--subject", "email", stdin="canary@example.test\n")
    assert "scripts" not in plain.out


def test_a_hold_may_be_placed_before_any_row_names_the_subject(lifecycle):
    placed = lifecycle(*PLACE, "--subject", "email", stdin="canary.unknown@example.test\n")
    assert placed.code == 0
    assert "0  rows are covered now; those that arrive will be" in placed.out
    assert "canary" not in placed.everything


def test_a_line_is_read_for_each_subject(lifecycle):
    stdin = f"{HELD}\r\n+372canary\n"
    placed = lifecycle(*PLACE, "--subject", "email", "--subject", "phone_number", "--json", stdin=stdin)
    assert placed.document["covered"] == {"agency.note": 24, "agency.person": 12}


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (["--subject", "telegram"], "canary\n", "no such kind of identity"),
        (["--subject", "canary@example.test"], "", "no such kind of identity"),
        (["--subject", "email"], "", "has no line for: email of the subject"),
        (["--subject", "email"], "\n", "one line of 1 to 320"),
        (["--subject", "email"], "canary\x00\n", "one line of 1 to 320"),
        (["--subject", "email"], "canary\udcff\n", "one line of 1 to 320"),
        (["--subject", "email"], "canary" * 100 + "\n", "one line of 1 to 320"),
        (["canary@example.test"], "", "give --subject and the kind of identity"),
        (["first.canary@mail.example.test"], "", "give --subject and the kind of identity"),
        (["email:canary@example.test"], "", "give --subject and the kind of identity"),
        ([], "", "at least one row, collection or subject"),
    ],
)
def test_what_is_no_subject_is_refused_without_repeating_it(lifecycle, database, arguments, stdin, says):
    refused = lifecycle(*PLACE, *arguments, stdin=stdin)
    assert refused.code == 2
    assert says in refused.err
    assert "Next: " in refused.err
    assert "canary" not in refused.everything
    assert database.execute("SELECT FROM lifecycle.hold") == []


def test_a_terminal_asks_twice_and_shows_nothing(settings, database):
    """In a process of its own, whose terminal is ours: whatever it echoes comes back to us."""
    ours, its = pty.openpty()
    environment = {f"LIFECYCLE_{name}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "lifecycle", *PLACE, "--subject", "email"],
        env={**os.environ, **environment, "PYTHONPATH": str(PROJECT / "include")},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    shown = b""
    for _ in range(2):
        shown += _read_until(ours, b": ")
        os.write(ours, HELD.encode() + b"\n")
    shown += _read_until(ours, b"agency.person covered now")
    assert process.wait(timeout=60) == 0
    os.close(ours)
    assert b"email of the subject" in shown
    assert b"canary" not in shown
    assert values(database) == [HELD]


def _read_until(terminal: int, wanted: bytes) -> bytes:
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 1024)
    return shown


# --- secrecy


def test_an_identity_is_in_one_table_while_it_is_held_and_in_none_afterwards(company, database):
    secret = "only.canary.of.the.hold@example.test"
    numbers = [hold(company, f"{number}.{secret}") for number in range(3)]
    sweep(company, "persons", as_of=AS_OF)
    database.script("ANALYZE")
    assert _tables_with(database, secret) == {"lifecycle.hold_subject"}
    for number in numbers:
        with company.engine.begin() as connection:
            register.release(connection, number, released_by="counsel", as_of=AS_OF)
    assert _tables_with(database, secret) == set()


def _tables_with(database: Database, text: str) -> set[str]:
    """Every table of the database, the planner's statistics included, in which a text stands."""
    names = database.execute("""
        SELECT format('%I.%I', nspname, relname) AS name
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema' OR relname = 'pg_stats'
    """)
    search = "SELECT count(*) FROM {name} AS any_row WHERE strpos(any_row::text, :text) > 0"
    return {row.name for row in names if database.execute(search.format(name=row.name), {"text": text})[0][0]}


def test_a_subject_does_not_show_its_identity():
    assert HELD not in repr(Subject(identity="email", value=HELD))


def test_an_identity_that_cannot_be_stored_is_not_repeated(company):
    with pytest.raises(UsageError) as raised:
        hold(company, "canary\ud800")
    assert "canary" not in str(raised.value)


# --- speed


@pytest.fixture(scope="module")
def reference(module_database: Database) -> Callable[[str], list[str]]:
    """How PostgreSQL finds the subjects of holds in a table of the reference company, reading not all of it."""
    create_schema(module_database.connect(), REFERENCE.sample)
    datamap = load_datamap(REFERENCE.datamap)
    with module_database.connect().connect() as connection:
        live = inspect(connection, datamap.schemas)
    as_of = datetime(2026, 1, 1, tzinfo=UTC)
    rulebook = resolve(in_force(load_policies(PROJECT / "include/policies"), as_of), datamap, live)

    held = [
        HeldKind(kind=kind, form=rulebook.policy.identity_rule(kind).form) for kind in datamap.identity_kinds
    ]

    def explain(collection: str) -> list[str]:
        with module_database.connect().begin() as connection:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            return [
                "\n".join(connection.scalars(sa.text(f"EXPLAIN {_as_text(query)}")))
                for query in naming_subjects(rulebook, collection, held, as_of)
            ]

    return explain


def _as_text(query: sa.Select) -> str:
    compiled = query.compile(dialect=postgresql.psycopg.dialect(), compile_kwargs={"literal_binds": True})
    return str(compiled).replace("%%", "%").replace(":", r"\:")


@pytest.mark.parametrize(
    ("collection", "indexes"),
    [
        ("app.contact", ["contact_email", "contact_phone"]),
        ("app.person", ["person_work_email", "person_phone"]),
        ("app.invoice", ["invoice_contact_email"]),
        ("website.enquiry", ["enquiry_email", "enquiry_phone", "enquiry_visitor_id"]),
        (
            "website.marketing_subscription",
            ["marketing_subscription_email", "marketing_subscription_visitor_id"],
        ),
        ("website.visitor", ["visitor_pkey"]),
    ],
)
def test_a_subject_is_found_by_an_index(reference, collection, indexes):
    plans = reference(collection)
    assert len(plans) == len(indexes)
    for plan, index in zip(plans, indexes, strict=True):
        assert f"on {index}" in plan or f"using {index}" in plan, plan
