"""PostgreSQL finds the rows that name or mention a person: exactly those, and by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from lifecycle.datamap.identity import could_name, helpful_indexes, names_subject
from lifecycle.datamap.live import LiveColumn
from lifecycle.datamap.model import Identity
from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import DEFAULT_RULES, EXACTLY, IdentityRule, identify
from lifecycle.store import identities
from lifecycle.store.mentions import may_mention, words_of
from spec.identities import IDENTITIES, KIND, identifier_of

if TYPE_CHECKING:
    from lifecycle.identity.forms import Identifier

TYPES = {"alone": "text", "several": "text[]", "inside": "jsonb"}
IDENTITY = {name: Identity(kind=KIND, path=("to",) if name == "inside" else ()) for name in TYPES}
COLUMNS = {name: LiveColumn(name=name, type=type_, is_nullable=True) for name, type_ in TYPES.items()}
STORED = sa.table("stored", sa.column("number", sa.Integer), *map(sa.column, TYPES))
BODY = LiveColumn(name="body", type="text", is_nullable=True)
DOCUMENT = LiveColumn(name="document", type="jsonb", is_nullable=True)
NOTE = sa.table("note", sa.column("number", sa.Integer), sa.column("body"), sa.column("document"))
UNTAGGED = IdentityRule(form=NormalForm.UNTAGGED_EMAIL)
PHONE = IdentityRule(form=NormalForm.PHONE, region="EE")

ALL_MASKED = [text for case in IDENTITIES["mentions"] for text in case["masked"]]

every_case = pytest.mark.parametrize("case", IDENTITIES["cases"], ids=lambda case: case["name"])
every_mention = pytest.mark.parametrize("case", IDENTITIES["mentions"], ids=lambda case: case["name"])


@pytest.fixture(scope="module")
def connection(module_database):
    with module_database.connect().connect() as connection:
        connection.exec_driver_sql(
            "CREATE TEMPORARY TABLE stored (number serial, alone text, several text[], inside jsonb)"
        )
        connection.exec_driver_sql("CREATE TEMPORARY TABLE note (number serial, body text, document jsonb)")
        connection.commit()
        yield connection


@pytest.fixture
def transaction(connection):
    """Undone at the end."""
    with connection.begin() as transaction:
        yield connection
        transaction.rollback()


def store(connection, values: list[str]) -> None:
    rows = [
        {"alone": value, "several": ["x", value, None], "inside": {"to": ["x", value, None]}}
        for value in values
    ]
    typed = STORED.insert().values(
        alone=sa.bindparam("alone", type_=sa.Text),
        several=sa.bindparam("several", type_=sa.ARRAY(sa.Text)),
        inside=sa.bindparam("inside", type_=sa.JSON),
    )
    connection.execute(typed, rows)
    connection.exec_driver_sql("INSERT INTO stored (alone) VALUES (NULL)")


def named(connection, identifier: Identifier, name: str) -> list[int]:
    """Numbers of the rows of which a column names the person."""
    condition = identities.names_subject(
        STORED,
        COLUMNS[name],
        IDENTITY[name],
        identifier.form,
        identities.bound_spellings(identifier.spellings),
    )
    return list(connection.scalars(sa.select(STORED.c.number).where(condition).order_by(STORED.c.number)))


@every_case
@pytest.mark.parametrize("name", TYPES)
def test_rows_name_the_same_person_or_another(transaction, case, name):
    store(transaction, [*case["same"], *case["other"]])
    numbers = list(transaction.scalars(sa.select(STORED.c.number).order_by(STORED.c.number)))
    assert named(transaction, identifier_of(case), name) == numbers[: len(case["same"])]


@pytest.mark.parametrize(
    ("type_", "stored", "identifier"),
    [
        ("bigint", 37251234567, identify(KIND, "5123 4567", PHONE)),
        ("numeric", 37251234567, identify(KIND, "5123 4567", PHONE)),
        ("integer", 42, identify(KIND, "042", EXACTLY)),
        (
            "uuid",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            identify(KIND, "3F2504E0-4F89-11D3-9A0C-0305E82C3301", EXACTLY),
        ),
        ("inet", "10.0.0.1", identify(KIND, "10.0.0.1", EXACTLY)),
        ("character varying", "Ann@example.org", identify(KIND, "ann@example.org", DEFAULT_RULES["email"])),
        ("character(20)", "Ann+x@example.org", identify(KIND, "ann@example.org", UNTAGGED)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_column_of_another_type_names_a_person_too(transaction, type_, stored, identifier):
    transaction.exec_driver_sql(f"CREATE TEMPORARY TABLE typed (one {type_}) ON COMMIT DROP")
    transaction.execute(sa.text(f"INSERT INTO typed VALUES (CAST(:one AS {type_})), (NULL)"), {"one": stored})
    column = LiveColumn(name="one", type=type_.partition("(")[0], is_nullable=True)
    condition = identities.names_subject(
        sa.table("typed", sa.column("one")),
        column,
        Identity(kind=KIND),
        identifier.form,
        identities.bound_spellings(identifier.spellings),
    )
    assert transaction.scalar(sa.select(sa.func.count()).where(condition)) == 1


# --- mentions


def candidates(connection, identifier: Identifier, column: LiveColumn) -> set[int]:
    query = sa.select(NOTE.c.number).where(may_mention(NOTE, column, [identifier]))
    return set(connection.scalars(query))


NOT_BY_INDEX = {
    "5 1 2 3 4 5 6 7",
    *(text for text in ALL_MASKED if any(one > "9" and one.isdecimal() for one in text)),
}
"""Mentions that only a reader of the row finds: digit by digit, and in digits of other scripts."""


@every_mention
@pytest.mark.parametrize("column", [BODY, DOCUMENT], ids=lambda column: column.type)
def test_the_index_finds_every_row_with_a_mention(transaction, case, column):
    texts = [text for text in case["masked"] if text not in NOT_BY_INDEX]
    for text in texts:
        insert = NOTE.insert().values(
            body=text, document=sa.literal({"said": [f"\n{text}", 1], "\t": '"\\'}, sa.JSON)
        )
        transaction.execute(insert)
    transaction.exec_driver_sql("INSERT INTO note (body, document) VALUES ('nobody', '{}'), (NULL, NULL)")
    assert len(candidates(transaction, identifier_of(case), column)) == len(texts)


def test_a_name_of_a_json_member_is_found(transaction):
    transaction.exec_driver_sql(
        """INSERT INTO note (document) VALUES ('{"ann@example.org": 1}'), ('{"a": "ann"}')"""
    )
    assert (
        len(candidates(transaction, identify(KIND, "ann@example.org", DEFAULT_RULES["email"]), DOCUMENT)) == 1
    )


def test_nobody_is_mentioned_where_nobody_is_asked_for(transaction):
    transaction.exec_driver_sql("INSERT INTO note (body) VALUES ('anything')")
    assert list(transaction.scalars(sa.select(NOTE.c.number).where(may_mention(NOTE, BODY, [])))) == []


# --- indexes


@pytest.fixture(scope="module")
def crowded(module_database):
    """A table of many persons with an index for each form, as the advice says."""
    made = LiveColumn(name="name", type="text", is_nullable=True)
    forms = [form for form in NormalForm if form is not NormalForm.EXACT]
    folded = [helpful_indexes(made, Identity(kind=KIND), form)[0] for form in forms]
    with module_database.connect().begin() as connection:
        connection.exec_driver_sql("CREATE TABLE crowd (number serial, name text, body text, document jsonb)")
        for expression in (*folded, "name"):
            connection.execute(sa.DDL(f"CREATE INDEX ON crowd ({expression})".replace("%", "%%")))
        for column in (BODY, DOCUMENT):
            connection.execute(
                sa.DDL(f"CREATE INDEX ON crowd USING gin ({_written(connection, column)})".replace("%", "%%"))
            )
        connection.exec_driver_sql("""
            INSERT INTO crowd (name, body, document)
            SELECT name, 'from ' || name || ' call +372 5' || number, jsonb_build_object('from', name)
            FROM generate_series(1000000, 1005000) AS number, concat('person', number, '@example.org') AS name
        """)
        connection.exec_driver_sql("ANALYZE crowd")
    with module_database.connect().connect() as connection:
        yield connection


def _written(connection, column: LiveColumn) -> str:
    words = words_of(column, sa.column(column.name))
    return str(
        words.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    ).replace("%%", "%")


def explained(connection, query: sa.Select[Any]) -> str:
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    lines = connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars()
    return "\n".join(lines)


IDENTIFIERS = [
    identify(KIND, "Person1000042@example.org", DEFAULT_RULES["email"]),
    identify(KIND, "Person1000042@example.org", UNTAGGED),
    identify(KIND, "5123 4567", PHONE),
    identify(KIND, "person1000042@example.org", EXACTLY),
]
every_form = pytest.mark.parametrize("identifier", IDENTIFIERS, ids=lambda one: one.form.value)


@every_form
def test_rows_that_name_a_person_are_found_by_the_index_that_is_advised(crowded, identifier):
    row = sa.table("crowd", sa.column("number"), sa.column("name"))
    column = LiveColumn(name="name", type="text", is_nullable=True)
    condition = identities.names_subject(
        row, column, Identity(kind=KIND), identifier.form, identities.bound_spellings(identifier.spellings)
    )
    query = sa.select(row.c.number).where(condition)
    assert "Seq Scan" not in explained(crowded, query)
    expected = [] if identifier.form is NormalForm.PHONE else [43]
    assert list(crowded.scalars(query)) == expected


@every_form
@pytest.mark.parametrize("column", [BODY, DOCUMENT], ids=lambda column: column.type)
def test_rows_that_may_mention_a_person_are_found_by_a_full_text_index(crowded, identifier, column):
    row = sa.table("crowd", sa.column("number"), sa.column("body"), sa.column("document"))
    query = sa.select(row.c.number).where(may_mention(row, column, [identifier]))
    assert "Bitmap Index Scan" in explained(crowded, query)
    expected = [] if identifier.form is NormalForm.PHONE else [43]
    assert list(crowded.scalars(query)) == expected
    everybody = may_mention(row, column, IDENTIFIERS)
    assert "Bitmap Index Scan" in explained(crowded, sa.select(row.c.number).where(everybody))


def test_a_bound_spelling_that_no_type_can_hold_is_nobodys(transaction):
    store(transaction, ["42"])
    transaction.exec_driver_sql("CREATE TEMPORARY TABLE numbered (one bigint) ON COMMIT DROP")
    for given in ("9" * 30, "x", "-"):
        condition = identities.names_subject(
            sa.table("numbered", sa.column("one")),
            LiveColumn(name="one", type="bigint", is_nullable=True),
            Identity(kind=KIND),
            NormalForm.EXACT,
            identities.bound_spellings((given,)),
        )
        assert transaction.scalar(sa.select(sa.func.count()).where(condition)) == 0


@pytest.mark.parametrize(
    ("type_", "could_be", "could_not"),
    [
        ("uuid", "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "3F2504E04F8911D39A0C0305E82C3301"),
        ("uuid[]", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "42"),
        ("bigint", "-042", "4.2"),
        ("smallint", "42", "forty-two"),
    ],
)
def test_a_column_of_numbers_or_uuids_holds_no_word(type_, could_be, could_not):
    column = LiveColumn(name="one", type=type_, is_nullable=True)
    assert could_name(column, Identity(kind=KIND), identify(KIND, could_be, EXACTLY))
    assert not could_name(column, Identity(kind=KIND), identify(KIND, could_not, EXACTLY))
    for other in (
        could_name(column, Identity(kind=KIND, path=("to",)), identify(KIND, could_not, EXACTLY)),
        could_name(
            LiveColumn(name="one", type="text", is_nullable=True),
            Identity(kind=KIND),
            identify(KIND, could_not, EXACTLY),
        ),
    ):
        assert other


def test_python_agrees_about_numbers():
    identifier = identify(KIND, "042", EXACTLY)
    assert names_subject(Identity(kind=KIND), 42, identifier)
    assert not names_subject(Identity(kind=KIND), "42", identifier)
