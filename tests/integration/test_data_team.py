"""The data team's example works from a login of their own, and every other table refuses that."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from lifecycle.analytics import releasing
from lifecycle.settings import PROJECT
from support.press import AS_OF, POLICY, add_openings, add_readers, open_press, span

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database, DatabaseServer

pytestmark = pytest.mark.commitment("W6")


@pytest.fixture
def login(database: Database, database_server: DatabaseServer, tmp_path: Path):
    """The address of somebody who is in the data team of a company that has released two days."""
    company = open_press(database, tmp_path, policy=POLICY.replace("by_country:", "visits_by_country:"))
    add_readers(database, 1, 600)
    for day in (2, 3):
        add_openings(database, 1, 400, at=f"2026-03-0{day} 12:00+02")
        add_openings(database, 401, 600, at=f"2026-03-0{day} 12:00+02", land="FI")
        releasing.build(
            company,
            "openings",
            span(company, first=date(2026, 3, day)),
            as_of=AS_OF + timedelta(days=day - 2),
        )
    name, server = f"analyst_{uuid.uuid4().hex[:8]}", database_server.as_superuser(database)
    server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret' IN ROLE data_team")
    yield (
        sa.make_url(database.url).set(username=name, password="secret").render_as_string(hide_password=False)
    )
    server.execute(f"DROP ROLE {name}")


def test_the_example_draws_what_was_released(login: str):
    command = [sys.executable, str(PROJECT / "examples/statistics/visits.py"), login]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own file
    rows = [line.split("│")[1:5] for line in told.splitlines() if "█" in line]
    assert [row[0].strip() for row in rows] == ["EE", "FI"]
    assert int(rows[0][1].replace(",", "")) == pytest.approx(800, abs=80)
    assert "±" in rows[0][2]


def test_every_other_table_refuses_them(login: str, database: Database):
    tables = database.execute("""
        SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'analytics')
    """)
    assert {"press.reader", "press.opening", "lifecycle.release_draw", "lifecycle.release_period"} <= {
        row.name for row in tables
    }
    engine = sa.create_engine(sa.make_url(login).set(drivername="postgresql+psycopg"))
    for table in tables:
        with pytest.raises(ProgrammingError, match="permission denied"), engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT FROM {table.name} LIMIT 1")
    with pytest.raises(ProgrammingError, match="permission denied"), engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE analytics.mine (id int)")
    engine.dispose()
