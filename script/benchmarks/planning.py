"""What planning costs when ten times as much is stored and the same is due."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median
from typing import Any

from deletion import AS_OF, fill, open_company
from measuring import Scratch

from lifecycle.retention.steps import plan


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
    """Plan ``due`` rows of ``humans`` and of ten times as many: the ratio of the medians."""
    with Scratch() as scratch:
        fill(scratch, "small", humans=humans, due_share=due / humans)
        fill(scratch, "large", humans=humans * 10, due_share=due / humans / 10)
        small = median(plan_seconds(scratch, "small", times=times))
        large = median(plan_seconds(scratch, "large", times=times))
    return {
        "due_rows": due,
        "stored_small": humans,
        "stored_large": humans * 10,
        "small_seconds": small,
        "large_seconds": large,
        "ratio": large / small,
        "ratio_at_most": 1.3,
    }
