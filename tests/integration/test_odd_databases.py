"""What other companies' databases have that the sample ones have not: the promise is kept there, too, or refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.holds.register import place
from lifecycle.holds.targets import Target
from lifecycle.retention.sweep import sweep
from support.crm import AS_OF, SCHEMA, open_crm

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.retention.company import Company
    from support.databases import Database


def hold(company: Company, target: str) -> None:
    """Place a hold for a month."""
    with company.engine.begin() as connection:
        place(
            connection,
            company.rulebook(AS_OF),
            [Target.parse(target)],
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
