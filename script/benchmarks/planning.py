"""What planning costs when ten times as much is stored and the same is due."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median
from typing import Any

from deletion import AS_OF, fill, open_company
from measuring import Scratch

from lifecycle.retention.steps import plan

MORE = """
INSERT INTO crm.client SELECT n, '2015-01-01' FROM generate_series({clients} + 1, {all_clients}) AS n;
INSERT INTO crm.agreement SELECT n, n, NULL FROM generate_series({clients} + 1, {all_clients}) AS n;
INSERT INTO crm.human
SELECT n, {clients} + 1 + n * 7919 % ({all_clients} - {clients}), 'Human ' || n, 'human' || n || '@example.com',
    '+3725' || n, 'engineer'
FROM generate_series({humans}::bigint + 1, {all_humans}) AS n;
INSERT INTO crm.remark
SELECT n, {humans} + 1 + n * 6151 % ({all_humans} - {humans}),
    'A remark about somebody, of the usual length, number ' || n
FROM generate_series({humans}::bigint * 3 + 1, {all_humans}::bigint * 3) AS n;
"""


def fill_tenfold(scratch: Scratch, name: str, *, humans: int, due: int) -> None:
    """The same company with the same due rows where they were, and nine times as many rows that are not due."""
    fill(scratch, name, humans=humans, due_share=due / humans)
    counts = {"humans": humans, "clients": humans // 50}
    scratch.run(name, MORE.format(**counts, **{f"all_{key}": 10 * count for key, count in counts.items()}))
    scratch.vacuum(name)


def plan_seconds(scratch: Scratch, name: str, *, times: int) -> list[float]:
    """Seconds of each of several plans of the same rows, a moment apart, after one that warms the cache."""
    company = open_company(scratch.url(name), scratch.files)
    company.rulebook(AS_OF)
    found = []
    for number in range(times + 1):
        begun = time.perf_counter()
        plan(company, "humans", as_of=AS_OF + timedelta(seconds=number))
        found.append(time.perf_counter() - begun)
    return found[1:]


def run(*, humans: int = 200_000, due: int = 10_000, times: int = 5) -> dict[str, Any]:
    """Plan ``due`` rows of ``humans`` and of ten times as many: the ratio of the medians.

    Told too is the time where the due rows lie scattered over all of the larger tables, so that each is on a page
    of its own: what that costs is the reading of pages, and depends on the machine.
    """
    with Scratch() as scratch:
        fill(scratch, "small", humans=humans, due_share=due / humans)
        fill_tenfold(scratch, "large", humans=humans, due=due)
        fill(scratch, "scattered", humans=humans * 10, due_share=due / humans / 10)
        small, large, scattered = (
            median(plan_seconds(scratch, name, times=times)) for name in ("small", "large", "scattered")
        )
    return {
        "due_rows": due,
        "stored_small": humans,
        "stored_large": humans * 10,
        "small_seconds": small,
        "large_seconds": large,
        "ratio": large / small,
        "ratio_at_most": 1.3,
        "scattered_seconds": scattered,
    }
