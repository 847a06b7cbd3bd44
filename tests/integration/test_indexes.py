"""Planning and deleting read what is due, not what is stored: PostgreSQL reads no large table from end to end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from lifecycle.holds.register import Target, place
from lifecycle.identity.forms import identify
from lifecycle.requests.mentions import mentions_subject
from lifecycle.requests.subject import Whom
from lifecycle.retention.steps import plan
from lifecycle.runs.plans import carry_out
from lifecycle.store.mentions import may_mention
from lifecycle.store.names import has_name
from lifecycle.store.relations import relation
from support import subjects
from support.crm import AS_OF, POLICY, fill, open_crm

if TYPE_CHECKING:
    from lifecycle.runs.company import Company
    from support.databases import Database

DUTY = """
statutory:
  claims: {commitments: [H1], applies_to: [crm.client], starts: over, keep: P3Y, columns: {crm.client: []}}
"""


@pytest.fixture
def company(database, tmp_path):
    company = open_crm(database, tmp_path, policy=POLICY + DUTY)
    fill(database, ended=5, live=20_000)
    with company.engine.begin() as connection:
        until = AS_OF.replace(year=AS_OF.year + 1)
        place(
            connection,
            company.rulebook(AS_OF),
            [Target.parse("crm.remark:1")],
            kind="hold",
            reason="dispute",
            placed_by="counsel",
            until=until,
            as_of=AS_OF,
        )
    with database.connect().begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    return company


def test_a_plan_and_its_execution_find_their_rows_by_index(company, database):
    before = reads(company, database)
    planned = plan(company, "humans", as_of=AS_OF)
    outcome = carry_out(company, planned.digest)
    after = reads(company, database)

    assert dict(outcome.rows) == {("crm.human", "deleted"): 9, ("crm.remark", "deleted"): 19}
    assert after["deleted"] - before["deleted"] == Counter(human=9, remark=19)
    assert after["by_scan"] - before["by_scan"] == Counter()
    by_index = after["by_index"] - before["by_index"]
    assert set(by_index) == {"client", "agreement", "human", "remark"}
    assert max(by_index.values()) < 1_000


def reads(company: Company, database: Database) -> dict[str, Counter[str]]:
    """Rows of each table that PostgreSQL has read by scans of all of it, by index, and has deleted."""
    with company.engine.connect() as connection:  # the one connection that the work was done on
        connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
    rows = database.execute(
        "SELECT relname, seq_tup_read, coalesce(idx_tup_fetch, 0), n_tup_del FROM pg_stat_user_tables"
        " WHERE schemaname = 'crm'"
    )
    return {
        name: Counter({row[0]: row[number] for row in rows})
        for number, name in enumerate(("by_scan", "by_index", "deleted"), start=1)
    }


MANY_TEXTS = (
    """
INSERT INTO website.message (id, enquiry_id, sender, body, sent_at)
SELECT n, 200, 'company', 'Call customer' || n || '@example.test or +372 5' || n, '2026-03-02 10:00+00'
FROM generate_series(10001, 20000) AS n;
INSERT INTO website.chat (id, started_at, ended_at, transcript)
SELECT id, sent_at, sent_at, jsonb_build_array(jsonb_build_object('text', body)) FROM website.message WHERE id > 10000;
INSERT INTO app.note (id, person_id, body, created_at)
SELECT id, 201, body, sent_at FROM website.message WHERE id > 10000;
INSERT INTO app.activity (id, person_id, kind, detail, occurred_at)
SELECT id, 201, 'email', jsonb_build_object('subject', body), sent_at FROM website.message WHERE id > 10000;
INSERT INTO website.interaction (id, occurred_at, visitor_id, session_id, path, element, kind, detail)
SELECT id, sent_at, '00000000-0000-4000-8000-000000000200', gen_random_uuid(), '/', 'menu', 'copy',
       jsonb_build_object('text', body)
FROM website.message WHERE id > 10000;
UPDATE app.note SET body = 'Ask ' || '"""
    + subjects.MARI
    + """' WHERE id = 10500;
ANALYZE;
"""
)


DAY = "interaction_20260302"
"""The partition in which these are."""
WORDS_OF_DAY = {"website.interaction": f"{DAY}_to_tsvector_idx"}
"""The part of a partitioned index that finds them; days without rows are read as they are."""
MANY_NAMES = """
INSERT INTO website.enquiry (id, kind, first_name, last_name, email, employer, submitted_at)
SELECT n, 'demo', 'Given' || n, 'Family' || n, n || '@example.test', 'Puu AS', '2026-03-02 10:00+00'
FROM generate_series(10001, 20000) AS n;
INSERT INTO app.contact (id, customer_id, first_name, last_name, email, created_at)
SELECT id, 1, first_name, last_name, email, submitted_at FROM website.enquiry WHERE id > 10000;
INSERT INTO app.person (id, customer_id, first_name, last_name, work_email, country, created_at)
SELECT id, 1, first_name, last_name, email, 'EE', submitted_at FROM website.enquiry WHERE id > 10000;
INSERT INTO app.invoice (id, number, customer_id, issued_on, due_on, currency, net, vat, gross, buyer_name,
                         buyer_street, buyer_city, buyer_postal_code, buyer_country, contact_name)
SELECT id, id::text, 1, '2026-02-28', '2026-03-14', 'EUR', 100, 24, 124, 'Puu AS', 'Pikk 1', 'Tallinn', '10123', 'EE',
       first_name || ' ' || last_name
FROM website.enquiry WHERE id > 10000;
ANALYZE;
"""


@pytest.fixture
def texts(database, tmp_path):
    """The reference company with ten thousand texts of each kind, one of which mentions somebody."""
    subjects.create_people(database)
    database.script(MANY_TEXTS)
    return subjects.open_people(database, tmp_path / "keyring")


@pytest.mark.commitment("W2")
def test_texts_that_mention_a_subject_are_found_by_the_index_over_their_words(texts):
    rulebook = texts.rulebook(subjects.AS_OF)
    rules = {"email": subjects.MARI, "phone_number": "+372 5123 4567"}
    whom = Whom(
        subjects=tuple(
            identify(kind, one, rulebook.policy.identity_rule(kind)) for kind, one in rules.items()
        )
    )
    columns = rulebook.erasure.masking.redacts
    assert {f"{name}.{column}" for name in columns for column in columns[name]} == set(
        rulebook.policy.free_text
    )
    with texts.engine.connect() as connection:
        for collection, (column,) in columns.items():
            row = relation(rulebook.live, collection, "read")
            search = sa.select(row.c.id).where(
                may_mention(row, rulebook.live[collection].columns[column], whom.written)
            )
            explained = search.compile(connection, compile_kwargs={"render_postcompile": True})
            lines = connection.exec_driver_sql(f"EXPLAIN {explained}", explained.params).scalars().all()
            index = WORDS_OF_DAY.get(collection, f"{collection.rsplit('.', 1)[1]}_{column}")
            assert any(f"Bitmap Index Scan on {index}" in line for line in lines), lines
            read = [line for line in lines if collection not in WORDS_OF_DAY or DAY in line]
            assert not any("Seq Scan" in line for line in read)
        assert mentions_subject(connection, rulebook, whom).keys["app.note"] == [("10500",)]


@pytest.mark.commitment("W4")
def test_rows_of_a_name_are_found_by_index(texts, database):
    database.script(MANY_NAMES)
    rulebook = texts.rulebook(subjects.AS_OF)
    with texts.engine.connect() as connection:
        for collection, stated in rulebook.names.items():
            row = relation(rulebook.live, collection, "read")
            search = sa.select(row.c.id).where(has_name(row, stated.columns, "Mari Liisa Tamm"))
            explained = search.compile(connection, compile_kwargs={"render_postcompile": True})
            lines = connection.exec_driver_sql(f"EXPLAIN {explained}", explained.params).scalars().all()
            assert any("Index Scan" in line and "_name" in line for line in lines), lines
            assert not any("Seq Scan" in line for line in lines)
