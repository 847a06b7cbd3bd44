"""``lifecycle check`` finds each thing that is wrong, at its file and line, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from broken import CASES
from broken.case import add_collection, add_field
from support import club

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def connection(module_database):
    module_database.script(club.SCHEMA)
    with module_database.connect().connect() as connection:
        yield connection


@pytest.mark.commitment("W1", "W2", "A2", "A3", "G2")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.says}")
def test_what_is_broken_is_found_at_its_line(connection, tmp_path, case):
    folder = tmp_path / (case.folder or "club")
    folder.mkdir()
    findings = club.examine(connection, folder, ddl=case.ddl, datamap=case.datamap, policy=case.policy)
    assert {finding.code for finding in findings} == {case.code, *case.also}
    found = [finding for finding in findings if case.says in finding.message and finding.code == case.code]
    assert found, [finding.message for finding in findings]
    for finding in found:
        path, _, line = finding.place.rpartition(":")
        assert case.at in Path(path).read_text(encoding="utf-8").splitlines(keepends=True)[int(line) - 1]
        assert finding.severity is case.severity
        assert finding.next_step


def test_a_company_in_order_has_no_findings(connection, tmp_path):
    assert club.examine(connection, tmp_path) == ()


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TYPE club.state AS ENUM ('live', 'paused', 'over')",
        "CREATE DOMAIN club.state AS varchar(9)",
        "CREATE TYPE club.word AS ENUM ('live', 'paused'); CREATE DOMAIN club.state AS club.word",
    ],
)
def test_what_stops_a_clock_may_be_a_label_of_an_enum_or_a_value_of_a_domain(connection, tmp_path, ddl):
    ddl += "; ALTER TABLE club.stay ALTER state TYPE club.state USING 'live'"
    assert club.examine(connection, tmp_path, ddl=ddl) == ()


STOPPED = "    runs_only_if_none:\n      club.stay.state: [live, paused]\n"


@pytest.mark.parametrize(
    ("ddl", "stopped"),
    [
        ("", "    runs_only_if_none: {club.stay.left_on: null}\n"),
        ("", "    runs_only_if_none: {}\n"),
        ("ALTER TABLE club.stay ALTER left_on SET NOT NULL", ""),
    ],
    ids=["a row without a day stops the clock", "it is meant not to", "every row has a day"],
)
def test_a_clock_is_not_said_to_lack_a_stop_where(connection, tmp_path, ddl, stopped):
    assert club.examine(connection, tmp_path, ddl=ddl, policy=((STOPPED, stopped),)) == ()


def test_everything_that_is_wrong_is_found_at_once_errors_first(connection, tmp_path):
    findings = club.examine(
        connection,
        tmp_path,
        ddl="DROP INDEX club.stay_left_on; CREATE TABLE club.diary (day date)",
        datamap=(add_collection("- name: note", "  fields: []"),),
        policy=(("region: PT", "region: US"), ("starts: entered, keep", "starts: opened, keep")),
    )
    assert [finding.code for finding in findings] == [
        "table.undescribed",
        "table.missing",
        "policy.unresolved",
        "recipient.unsafe",
        "index.anchor",
    ]


def test_what_the_policy_says_of_the_database_is_no_finding(connection, tmp_path):
    """ON DELETE CASCADE where the row goes along anyway, SET NULL where the link is cut anyway."""
    ddl = """
        ALTER TABLE club.stay DROP CONSTRAINT stay_member_id_fkey;
        ALTER TABLE club.stay ADD FOREIGN KEY (member_id) REFERENCES club.member ON DELETE CASCADE;
        ALTER TABLE club.fee DROP CONSTRAINT fee_member_id_fkey;
        ALTER TABLE club.fee ADD FOREIGN KEY (member_id) REFERENCES club.member ON DELETE SET NULL;
        ALTER TABLE club.fee ADD CONSTRAINT of_one CHECK (num_nonnulls(member_id, remark) <= 1);
        ALTER TABLE club.fee ADD CONSTRAINT other_id CHECK (member_id <> fee_id)
    """
    assert club.examine(connection, tmp_path, ddl=ddl) == ()


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        ("motto", "text"),
        ("motto", "varchar(40)"),
        ("motto", "char(40)"),
        ("motto", "json"),
        ("motto", "jsonb"),
        ("motto", "club.words"),
        ("Motto of the year", "text"),
    ],
)
def test_the_statement_that_is_printed_makes_the_index_that_was_missing(connection, tmp_path, column, type_):
    """Whatever the type of the text; a quote inside the expression does not disturb."""
    using = "" if "json" not in type_ else f" USING '{{}}'::{type_}"
    ddl = f"CREATE DOMAIN club.words AS text; ALTER TABLE club.badge ALTER motto TYPE {type_}{using};"
    renamed = (("{name: motto, data_categories: [user.content.private], fides_meta: {data_type: string}}",
                f"{{name: {column}, data_categories: [user.content.private]}}"),)  # fmt: skip
    if column != "motto":
        ddl += f'ALTER TABLE club.badge RENAME motto TO "{column}";'
    stated = (("guards:\n", f"free_text: [club.badge.{column}]\nguards:\n"),)
    (missing,) = club.examine(connection, tmp_path, ddl=ddl, datamap=renamed, policy=stated)
    assert missing.code == "index.text"
    mended = ddl + missing.next_step
    assert club.examine(connection, tmp_path, ddl=mended, datamap=renamed, policy=stated) == ()


@pytest.mark.parametrize(
    ("names", "ddl"),
    [
        ("club.loan: {name: [lent_to], employer: club.member.email}", ""),
        (
            "club.loan: {name: [lent_to], employer: lent_to}",
            "ALTER TABLE club.loan ALTER lent_to TYPE varchar(40)",
        ),
        (
            "club.badge: {name: [motto, state, town], employer: club.member.email}",
            "ALTER TABLE club.badge ADD state text, ADD town varchar",
        ),
    ],
)
def test_the_statement_that_is_printed_makes_the_index_over_names_that_was_missing(
    connection, tmp_path, names, ddl
):
    """However many columns the name stands in."""
    added = tuple(
        add_field("motto", f"{{name: {column}, data_categories: [user.name]}}")
        for column in ("state", "town")
        if column in names
    )
    datamap = (
        [(added[0][0], "".join(new.removesuffix(old) for old, new in added) + added[0][0])] if added else ()
    )
    stated = (("anchors:\n", f"names:\n  {names}\nanchors:\n"),)
    (missing,) = club.examine(connection, tmp_path, ddl=ddl, datamap=datamap, policy=stated)
    assert missing.code == "index.name"
    mended = f"{ddl};{missing.next_step}"
    assert club.examine(connection, tmp_path, ddl=mended, datamap=datamap, policy=stated) == ()


def codes() -> set[str]:
    """Every code that any check gives, read from the source."""
    package = PROJECT / "include" / "lifecycle"
    files = [*(package / "policy" / "checks").glob("*.py"), package / "policy" / "check.py"]
    found = set()
    for path in [*files, package / "datamap" / "load.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(
                getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", "")
            )
            if name in {"error", "warning", "_add"} and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def test_every_finding_there_is_has_a_broken_example():
    assert codes() == {case.code for case in CASES}


@pytest.mark.parametrize("code", sorted(codes()))
def test_every_finding_there_is_is_documented(code):
    page = (PROJECT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert f"| `{code}` |" in page
