"""A deletion whose worker is killed (SIGKILL) is taken up again, and ends as if nothing had happened."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from lifecycle.retention import steps
from lifecycle.runs import plans
from support.companies import AS_OF, create_agency, open_agency, rows_of
from support.processes import run_until, waits_for_a_lock

CARRY_OUT = """
import sys
from pathlib import Path
from lifecycle.runs import plans
from support.companies import open_agency
from support.databases import Database
plans.carry_out(open_agency(Database(url=sys.argv[1]), Path(sys.argv[2])), sys.argv[3])
"""


@pytest.fixture
def company(database, tmp_path):
    create_agency(database)
    return open_agency(database, tmp_path / "keyring")


def test_killed_inside_the_statement_that_deletes(company, database, tmp_path):
    before = rows_of(database)
    digest = steps.plan(company, "persons", as_of=AS_OF).digest
    with database.connect().connect() as application:
        application.execute(sa.text("SELECT FROM agency.person WHERE id = 401 FOR UPDATE"))
        run_until(
            lambda: waits_for_a_lock(database),
            CARRY_OUT,
            database.url,
            str(tmp_path / "keyring"),
            digest,
            output=tmp_path / "said.log",
        )
        assert rows_of(database) == before
    assert steps.plan(company, "persons", as_of=AS_OF).digest == digest
    assert plans.carry_out(company, digest).deferred == {}
    assert plans.check_after(company, digest)
    assert rows_of(database)["person"] == {201, 202, 203, 301, 302, 303}
    assert rows_of(database)["note"] == {one for one in before["note"] if 2000 < one < 4000}
    assert database.execute("SELECT sum(row_count) FROM lifecycle.journal")[0][0] == 18
