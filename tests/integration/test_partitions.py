"""Partitions of every make: which go as a whole, which row by row, and which stay."""

from __future__ import annotations

import pytest

from lifecycle.errors import ApprovalRequired
from lifecycle.plan import Action
from lifecycle.retention.steps import plan
from lifecycle.retention.sweep import sweep
from lifecycle.runs import plans
from support.companies import AGENCY, AS_OF, create_agency, open_agency, rows_of

DUTY = """
  visits:
    commitments: [A7]
    applies_to: [agency.visit]
    starts: visited
    keep: P1Y
edges:
"""


@pytest.fixture(autouse=True)
def agency(database):
    create_agency(database)


@pytest.fixture
def company(database, tmp_path):
    return open_agency(database, tmp_path / "keyring")


def dropped(planned):
    """Partitions that a plan drops, and how many rows it believes to be in each."""
    return {item.partition: item.rows for item in planned.plan.items if item.action is Action.DROP_PARTITION}


@pytest.mark.commitment("A7")
def test_rows_that_a_duty_keeps_stay_though_their_partition_is_old_enough(database, tmp_path):
    text = (AGENCY / "policies/2025-01-01/policy.yaml").read_text()
    (tmp_path / "policies/first").mkdir(parents=True)
    (tmp_path / "policies/first/policy.yaml").write_text(text.replace("\nedges:\n", DUTY))
    company = open_agency(database, tmp_path / "keyring", tmp_path / "policies")
    sweep(company, "visits", as_of=AS_OF)
    assert rows_of(database)["visit"] == {1, 2, 3}


def test_a_partition_that_has_partitions_counts_with_their_rows(company, database):
    database.script("""
        CREATE TABLE agency.visit_old PARTITION OF agency.visit FOR VALUES FROM ('-infinity') TO ('2026-01-01 00:00+02')
            PARTITION BY RANGE (seen_at);
        CREATE TABLE agency.visit_older PARTITION OF agency.visit_old FOR VALUES FROM (MINVALUE) TO ('2025-06-01');
        CREATE TABLE agency.visit_newer PARTITION OF agency.visit_old DEFAULT;
        INSERT INTO agency.visit SELECT n, '2025-05-01', 'canary' FROM generate_series(11, 15) AS n;
        INSERT INTO agency.visit SELECT n, '2025-07-01', 'canary' FROM generate_series(21, 24) AS n;
    """)
    database.execute("ANALYZE")
    planned = plan(company, "visits", as_of=AS_OF)
    assert dropped(planned) == {"agency.visit_old": 9, "agency.visit_january": 2}


class TestPartitionsWithoutStatistics:
    """After a restore or a crash nothing tells how many rows there are, and the guard must not take that for none."""

    @pytest.fixture(autouse=True)
    def uncounted(self, database, database_server):
        """Visits that no statistics know of, as short as they can be."""
        database.script("""
            CREATE TABLE agency.visit_old PARTITION OF agency.visit
                FOR VALUES FROM ('2025-01-01') TO ('2026-01-01 00:00+02') PARTITION BY RANGE (seen_at);
            CREATE TABLE agency.visit_older PARTITION OF agency.visit_old
                FOR VALUES FROM (MINVALUE) TO ('2025-06-01') WITH (autovacuum_enabled = false);
            CREATE TABLE agency.visit_newer PARTITION OF agency.visit_old DEFAULT WITH (autovacuum_enabled = false);
        """)
        database_server.as_superuser(database).script("""
            SET LOCAL track_counts = off;
            INSERT INTO agency.visit SELECT n, '2025-05-01', '' FROM generate_series(11, 3010) AS n;
        """)

    def test_no_fewer_rows_are_expected_than_there_are(self, company):
        rows = dropped(plan(company, "visits", as_of=AS_OF))
        assert 3000 <= rows["agency.visit_old"] < 6000
        assert rows["agency.visit_january"] == 2

    @pytest.mark.commitment("G1")
    def test_a_person_is_asked(self, company, database):
        with pytest.raises(ApprovalRequired, match="rows would go, more than 1000"):
            sweep(company, "visits", as_of=AS_OF)
        assert {11, 3010} < rows_of(database)["visit"]

    def test_of_a_partition_without_rows_none_is_expected(self, company, database):
        database.execute("TRUNCATE agency.visit_old")
        assert dropped(plan(company, "visits", as_of=AS_OF))["agency.visit_old"] == 0

    def test_a_partition_that_was_analyzed_counts_as_its_statistics_say(self, company, database):
        database.execute("ANALYZE agency.visit_old")
        assert dropped(plan(company, "visits", as_of=AS_OF))["agency.visit_old"] == 3000


def test_a_partition_without_any_of_its_own_has_no_rows(company, database):
    database.execute("""
        CREATE TABLE agency.visit_old PARTITION OF agency.visit FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')
            PARTITION BY RANGE (seen_at)
    """)
    assert dropped(plan(company, "visits", as_of=AS_OF))["agency.visit_old"] == 0


def test_due_rows_of_a_default_partition_go_one_by_one_and_no_row_goes_twice(company, database):
    database.script("""
        CREATE TABLE agency.visit_other PARTITION OF agency.visit DEFAULT;
        INSERT INTO agency.visit VALUES (7, '2025-06-01', 'canary'), (8, '2026-05-01', 'canary');
        CREATE TABLE agency.visit_old PARTITION OF agency.visit FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')
            PARTITION BY RANGE (seen_at);
        CREATE TABLE agency.visit_older PARTITION OF agency.visit_old DEFAULT;
        INSERT INTO agency.visit VALUES (9, '2025-01-07', 'canary');
    """)
    planned = plan(company, "visits", as_of=AS_OF)
    assert sum(item.rows for item in planned.plan.items if item.action is Action.DELETE) == 1
    assert dropped(planned).keys() == {"agency.visit_old", "agency.visit_january"}
    assert sweep(company, "visits", as_of=AS_OF).left == 0
    assert rows_of(database)["visit"] == {3, 8}


def test_a_partition_without_an_end_stays(company, database):
    database.script("""
        DROP TABLE agency.visit_march;
        CREATE TABLE agency.visit_last PARTITION OF agency.visit FOR VALUES FROM ('2026-03-01') TO ('infinity');
        INSERT INTO agency.visit VALUES (4, '2026-03-05', 'canary');
    """)
    assert dropped(plan(company, "visits", as_of=AS_OF)).keys() == {"agency.visit_january"}


def test_what_was_dropped_is_told_of_a_plan_that_was_carried_out(company, database):
    database.execute("ANALYZE")
    planned = plan(company, "visits", as_of=AS_OF)
    expected = sum(dropped(planned).values())
    assert plans.carry_out(company, planned.digest).rows["agency.visit", "dropped"] == expected > 0
