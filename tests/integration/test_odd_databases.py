"""What other companies' databases have that the sample ones have not: the promise is kept there, too, or refused."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.errors import CheckFailed
from lifecycle.holds.register import place
from lifecycle.holds.targets import Subject, Target
from lifecycle.retention.steps import plan
from lifecycle.retention.sweep import sweep
from lifecycle.runs.plans import carry_out
from support.crm import AS_OF, DATAMAP, POLICY, SCHEMA, counts, fill, open_crm, reopen_crm

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database


def hold(company: Company, *targets: str | Subject) -> None:
    """Place a hold for a month."""
    with company.engine.begin() as connection:
        place(
            connection,
            company.rulebook(AS_OF),
            [Target.parse(one) if isinstance(one, str) else one for one in targets],
            kind="hold",
            reason="litigation",
            placed_by="tester",
            until=AS_OF + timedelta(days=30),
            as_of=AS_OF,
        )


@pytest.mark.parametrize(
    ("kind", "codes"), [("char(8)", ("AAA", "ABB", "A")), ("bit(3)", ("101", "110", "100"))]
)
class TestKeysOfFixedLength:
    """``character`` and ``bit`` without a length mean one: no key may be cut to it."""

    @pytest.fixture
    def company(self, database: Database, tmp_path: Path, kind: str, codes: tuple[str, ...]) -> Company:
        """Two clients that are due and one that is not, each with a human of the same code."""
        schema = SCHEMA.replace("client_id bigint", f"client_id {kind}").replace(
            "human_id bigint", f"human_id {kind}"
        )
        company = open_crm(database, tmp_path, schema=schema)
        for number, code in enumerate(codes):
            ended = "'2024-06-01'" if number < 2 else "NULL"
            database.script(f"""
                INSERT INTO crm.client VALUES ('{code}');
                INSERT INTO crm.agreement VALUES ({number}, '{code}', {ended});
                INSERT INTO crm.human VALUES ('{code}', '{code}', 'Cy');
                INSERT INTO crm.remark VALUES ({number}, '{code}', 'said');
            """)
        return company

    def humans(self, database: Database) -> list[str]:
        """Whose codes are left."""
        return [
            row[0].rstrip() for row in database.execute("SELECT human_id::text FROM crm.human ORDER BY 1")
        ]

    def test_what_is_due_goes_and_nothing_else(
        self, database: Database, company: Company, codes: tuple[str, ...]
    ) -> None:
        assert sweep(company, "humans", as_of=AS_OF).left == 0
        assert self.humans(database) == [codes[2]]

    @pytest.mark.commitment("W9", "A8")
    def test_a_hold_covers_the_row_it_names(
        self, database: Database, company: Company, codes: tuple[str, ...]
    ) -> None:
        hold(company, f"crm.client:{codes[0]}")
        sweep(company, "humans", as_of=AS_OF)
        assert self.humans(database) == sorted([codes[0], codes[2]])


@pytest.mark.commitment("W9", "A8")
class TestHoldsOnWhatWasRenamed:
    """What such a hold covers nobody knows, so nothing is deleted until somebody says it anew."""

    @pytest.fixture
    def company(self, database: Database, tmp_path: Path) -> Company:
        company = open_crm(database, tmp_path)
        fill(database, ended=1, live=0)
        return company

    def test_a_table_that_was_renamed_stops_planning(
        self, database: Database, company: Company, tmp_path: Path
    ) -> None:
        hold(company, "crm.client:1")
        database.execute("ALTER TABLE crm.client RENAME TO customer")
        file = tmp_path / "datamap" / "crm.yml"
        renamed = (
            file.read_text()
            .replace("name: client}", "name: customer}")
            .replace("name: client\n", "name: customer\n")
        )
        datamap = renamed.replace("client.client_id", "customer.client_id")
        policy = POLICY.replace("crm.client\n", "crm.customer\n")
        company = reopen_crm(database, tmp_path, policy=policy, datamap=datamap)
        with pytest.raises(CheckFailed, match=r"holds name crm\.client, which"):
            plan(company, "humans", as_of=AS_OF)

    def test_a_kind_of_identity_that_no_column_has_any_more_stops_a_plan(
        self, database: Database, company: Company
    ) -> None:
        made = plan(company, "humans", as_of=AS_OF)
        hold(company, "crm.agreement:1")
        database.script("""
            INSERT INTO lifecycle.hold_subject (hold_id, position, identity, form, spellings)
                SELECT hold_id, 0, 'membership', 'exact', '{canary}' FROM lifecycle.hold;
        """)
        with pytest.raises(CheckFailed, match="holds name membership, which") as failed:
            carry_out(company, made.digest or "")
        assert "canary" not in str(failed.value)
        assert counts(database)["human"] == 2


@pytest.mark.commitment("A7")
def test_what_is_computed_from_an_emptied_column_is_emptied_with_it(
    database: Database, tmp_path: Path
) -> None:
    computed = "GENERATED ALWAYS AS (upper(full_name)) STORED"
    schema = SCHEMA.replace("full_name text NOT NULL", f"full_name text NOT NULL, folded text {computed}")
    name = "- {name: full_name, data_categories: [user.name]}\n"
    datamap = DATAMAP.replace(name, f"{name}          {name.replace('full_name', 'folded')}")
    duty = "papers: {commitments: [H1], applies_to: [crm.human], starts: over, keep: P10Y, columns: {crm.human: []}}"
    policy = f"{POLICY}statutory:\n  {duty}\n"
    database.script(schema)
    company = reopen_crm(database, tmp_path, policy=policy, datamap=datamap)
    database.script("""
        INSERT INTO crm.client VALUES (1);
        INSERT INTO crm.agreement VALUES (1, 1, '2024-06-01');
        INSERT INTO crm.human VALUES (1, 1, 'Cy');
    """)
    assert sweep(company, "humans", as_of=AS_OF, checks=False).left == 0
    assert database.execute("SELECT full_name, folded FROM crm.human") == [("", "")]


@pytest.mark.commitment("A9")
@pytest.mark.parametrize(
    "types",
    [
        "CREATE TYPE crm.state AS ENUM ('over', 'live', 'paused')",
        "CREATE TYPE crm.word AS ENUM ('over', 'live', 'paused'); CREATE DOMAIN crm.state AS crm.word",
        "CREATE DOMAIN crm.state AS varchar(9) CHECK (VALUE <> '')",
    ],
    ids=["an enum", "a domain over an enum", "a domain over a text"],
)
class TestStatesOfTypesOfTheirOwn:
    """A clock is stopped by a label of an enum, and by what a domain holds, as by any text."""

    @pytest.fixture
    def company(self, database: Database, tmp_path: Path, types: str) -> Company:
        """Four clients with an agreement that ended long ago; beside it two have one that is live or paused."""
        schema, made = SCHEMA.split("CREATE TABLE crm.agreement", 1)
        made = made.replace(
            "ended_at timestamptz", "ended_at timestamptz NOT NULL, state crm.state NOT NULL", 1
        )
        database.script(f"{schema}{types}; CREATE TABLE crm.agreement{made}")
        company = reopen_crm(
            database,
            tmp_path,
            policy=POLICY.replace("crm.agreement.ended_at: null", "crm.agreement.state: [live, paused]"),
            datamap=DATAMAP.replace(
                "- {name: ended_at,",
                "- {name: state, data_categories: [system.operations]}\n          - {name: ended_at,",
            ),
        )
        database.script("""
            INSERT INTO crm.client VALUES (1), (2), (3), (4);
            INSERT INTO crm.human SELECT client_id, client_id, 'Cy' FROM crm.client;
            INSERT INTO crm.agreement SELECT client_id, client_id, '2024-06-01', 'over' FROM crm.client;
            INSERT INTO crm.agreement VALUES (6, 2, '2024-06-01', 'live'), (7, 3, '2024-06-01', 'paused');
        """)
        return company

    def test_who_has_one_that_lives_stays_and_nobody_else(self, database: Database, company: Company) -> None:
        assert sweep(company, "humans", as_of=AS_OF).left == 0
        assert database.execute("SELECT human_id FROM crm.human ORDER BY 1") == [(2,), (3,)]

    def test_an_agreement_that_lives_again_keeps_the_human_of_a_plan(
        self, database: Database, company: Company
    ) -> None:
        made = plan(company, "humans", as_of=AS_OF)
        database.execute("UPDATE crm.agreement SET state = 'live' WHERE agreement_id = 4")
        carry_out(company, made.digest or "")
        assert {(2,), (3,), (4,)} <= set(database.execute("SELECT human_id FROM crm.human"))


LONG = "some_tool_made_up_this_name_of_a_table_and_it_is_too_long_for_"


@pytest.mark.commitment("W9", "A8")
def test_a_hold_covers_rows_of_tables_whose_names_differ_in_their_last_character_only(
    database: Database, tmp_path: Path
) -> None:
    def renamed(text: str) -> str:
        text = re.sub(r"\b(crm\.|name: )human\b", rf"\g<1>{LONG}1", text).replace(
            "human.human_id", f"{LONG}1.human_id"
        )
        return re.sub(r"\b(crm\.|name: )remark\b", rf"\g<1>{LONG}2", text)

    database.script(renamed(SCHEMA))
    company = reopen_crm(database, tmp_path, policy=renamed(POLICY), datamap=renamed(DATAMAP))
    database.script(f"""
        INSERT INTO crm.client VALUES (1), (2);
        INSERT INTO crm.agreement VALUES (1, 1, '2024-06-01'), (2, 2, '2024-06-01');
        INSERT INTO crm.{LONG}1 VALUES (1, 1, 'Cy'), (2, 2, 'Di');
        INSERT INTO crm.{LONG}2 VALUES (1, 1, 'said'), (2, 2, 'said');
    """)
    hold(company, "crm.client:1")
    assert sweep(company, "humans", as_of=AS_OF).left == 0
    assert database.execute(f"SELECT remark_id FROM crm.{LONG}2") == [(1,)]


@pytest.mark.commitment("W9", "A8")
@pytest.mark.parametrize("types", ["text[] bigint[] bigint", "crm.emails crm.numbers crm.number"])
def test_a_subject_that_a_number_or_one_of_several_in_an_array_names_is_held(
    database: Database, tmp_path: Path, types: str
) -> None:
    """A domain over either names whom the type under it names."""
    name = "- {name: full_name, data_categories: [user.name]}\n"
    emails = "- {name: emails, data_categories: [user.contact.email], fides_meta: {identity: email}}\n"
    numbers = "- {name: numbers, data_categories: [user.unique_id], fides_meta: {identity: member_no}}\n"
    card = numbers.replace("numbers", "card")
    datamap = DATAMAP.replace(name, f"{name}          {emails}          {numbers}          {card}")
    of_emails, of_numbers, of_card = types.split()
    columns = f"full_name text, emails {of_emails}, numbers {of_numbers}, card {of_card}"
    domains = """
        CREATE DOMAIN crm.emails AS text[];
        CREATE DOMAIN crm.numbers AS bigint[];
        CREATE DOMAIN crm.number AS bigint;
    """
    schema, tables = SCHEMA.split("CREATE TABLE", 1)
    database.script(f"{schema}{domains}CREATE TABLE{tables.replace('full_name text NOT NULL', columns)}")
    company = reopen_crm(database, tmp_path, datamap=datamap)
    database.script("""
        INSERT INTO crm.client VALUES (1);
        INSERT INTO crm.agreement VALUES (1, 1, '2024-06-01');
        INSERT INTO crm.human VALUES (1, 1, 'Cy', '{b@example.org, A@example.org}', '{}', NULL),
            (2, 1, 'Di', NULL, '{7, 8}', NULL), (3, 1, 'Ed', '{a@example.orga}', '{78}', 80),
            (4, 1, 'Fo', NULL, NULL, 8);
    """)
    hold(company, Subject(identity="email", value="a@example.org"), Subject(identity="member_no", value="08"))
    assert sweep(company, "humans", as_of=AS_OF).left == 0
    assert database.execute("SELECT human_id FROM crm.human ORDER BY 1") == [(1,), (2,), (4,)]
