"""Planning and deleting read what is due, not what is stored: PostgreSQL reads no large table from end to end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from lifecycle.holds.register import Target, place
from lifecycle.retention.steps import plan
from lifecycle.runs.plans import carry_out
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
