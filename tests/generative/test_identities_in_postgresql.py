"""PostgreSQL and Python say the same of every value: whom it names; and no mention is missed by the index's words."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import JSONB

from lifecycle.datamap.identity import names_subject
from lifecycle.datamap.live import LiveColumn
from lifecycle.datamap.model import Identity
from lifecycle.identity.mentions import mentions
from lifecycle.store import identities
from lifecycle.store.mentions import may_mention
from support.spellings import FINAL_SIGMA, REGIONS, SIGMA, dialled, identifiers, written

TYPES = {"alone": "text", "several": "text[]", "inside": "jsonb"}
COLUMNS = {name: LiveColumn(name=name, type=type_, is_nullable=True) for name, type_ in TYPES.items()}
IDENTITY = {name: Identity(kind="any", path=("to",) if name == "inside" else ()) for name in TYPES}
QUICKLY = settings(max_examples=settings().max_examples // 2, suppress_health_check=list(HealthCheck))

storable = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
anything = st.text(storable, max_size=12) | st.text(
    alphabet=f"abAΣ{SIGMA}{FINAL_SIGMA}İõß1+-0.@x# ", max_size=12
)


@st.composite
def stored_values(draw: st.DrawFn, identifier) -> list[str]:
    """Spellings of the identifier, spellings with something changed, and anything else."""
    spellings = st.sampled_from(identifier.spellings)
    near = st.builds("{}{}{}".format, st.sampled_from(("", " ", "+", "0", "x", "(")), spellings, anything)
    rewritten = spellings
    if "@" in identifier.normal:
        rewritten = spellings.map(lambda one: one.removeprefix("mailto:")).flatmap(written)
    elif re.fullmatch(r"\+\d+", identifier.normal):
        rewritten = st.sampled_from(REGIONS).flatmap(lambda region: dialled(identifier.normal, region))
    changed = st.tuples(rewritten, st.integers(0, 8)).map(lambda one: one[0][: one[1]] + one[0][one[1] + 1 :])
    return draw(st.lists(near | rewritten | changed | anything, min_size=8, max_size=8))


@pytest.fixture(scope="module")
def connection(module_database):
    with module_database.connect().connect() as connection:
        yield connection


def stored(values: list[str]) -> sa.Subquery:
    """The values as rows of three columns, each also beside others and beside nulls."""
    rows = json.dumps([{"number": number, "one": one} for number, one in enumerate(values)])
    given_rows = sa.func.jsonb_to_recordset(sa.cast(sa.literal(rows), JSONB)).table_valued(
        sa.column("number", sa.Integer), sa.column("one", sa.Text), name="given_rows"
    )
    one = given_rows.render_derived(with_types=True)
    inside = sa.func.jsonb_build_object("to", sa.func.jsonb_build_array(sa.null(), one.c.one))
    several = sa.func.array_append(sa.literal(["x", None], sa.ARRAY(sa.Text)), one.c.one)
    return sa.select(
        one.c.number, one.c.one.label("alone"), several.label("several"), inside.label("inside")
    ).subquery("stored")


@QUICKLY
@given(st.data(), identifiers)
def test_a_value_names_the_same_persons(connection, data, identifier):
    values = data.draw(stored_values(identifier))
    rows = stored(values)
    spellings = identities.bound_spellings(identifier.spellings)
    foreseen = [
        number for number, one in enumerate(values) if names_subject(IDENTITY["alone"], one, identifier)
    ]
    with connection.begin():
        for name in TYPES:
            condition = identities.names_subject(
                rows, COLUMNS[name], IDENTITY[name], identifier.form, spellings
            )
            query = sa.select(rows.c.number).where(condition).order_by(rows.c.number)
            found = list(connection.scalars(query))
            beside = names_subject(IDENTITY[name], {"to": "x"} if name == "inside" else ["x"], identifier)
            assert found == (list(range(len(values))) if beside and name == "several" else foreseen)


@QUICKLY
@given(st.data(), st.lists(identifiers, min_size=1, max_size=2))
def test_no_mention_is_missed_by_the_words_of_the_index(connection, data, subjects):
    """But for numbers digit by digit and in digits of other scripts, which only a reader finds."""
    texts = [
        data.draw(anything) + value + data.draw(anything)
        for subject in subjects
        for value in data.draw(stored_values(subject))
    ]
    rows = stored(texts)
    with connection.begin():
        query = sa.select(rows.c.number).where(may_mention(rows, COLUMNS["alone"], subjects))
        documents = sa.select(rows.c.number).where(may_mention(rows, COLUMNS["inside"], subjects))
        found = set(connection.scalars(query)), set(connection.scalars(documents))
    for number, text in enumerate(texts):
        for span in mentions(text, subjects):
            if not _is_digit_by_digit(text[span.start : span.end]):
                assert number in found[0] & found[1], text


def _is_digit_by_digit(text: str) -> bool:
    groups = re.findall(r"[0-9]+", text)
    has_other_digits = any(one.isdecimal() and not one.isascii() for one in text)
    return has_other_digits or any(len(group) == 1 for group in groups[1:])
