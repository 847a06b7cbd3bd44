"""What falls due when, and what does not yet, as the database says it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from lifecycle.planning.calendar import Due, Waiting, calendar, waiting
from support.crm import AS_OF, POLICY, fill, open_crm

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

STOPPED = "    runs_only_if_none: {crm.agreement.ended_at: null}\n"


@pytest.mark.parametrize(("policy", "stopped"), [(POLICY, 4), (POLICY.replace(STOPPED, ""), 0)])
def test_rows_without_a_running_clock_are_counted_by_what_keeps_it_from_running(
    database: Database, tmp_path: Path, policy: str, stopped: int
) -> None:
    company = open_crm(database, tmp_path, policy=policy)
    fill(database, ended=1, live=2)
    with company.engine.connect() as connection:
        rulebook = company.rulebook(AS_OF)
        found = waiting(connection, rulebook, "humans")
        due = calendar(connection, rulebook, "humans", as_of=AS_OF, days=1)
    assert found == [Waiting(rule="humans", collection="crm.human", stopped=stopped, undated=4 - stopped)]
    assert due == [
        Due(
            rule="humans",
            collection="crm.human",
            planned_on=date(2025, 6, 1),
            last_day=date(2025, 6, 1),
            rows=2,
        )
    ]
