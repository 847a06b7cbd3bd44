"""Years of the company for even seeds; ``test_odd_seeds`` has the others, so that two processes share the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulation.seeds import DAYS, SEEDS
from simulation.simulate import simulate

if TYPE_CHECKING:
    from simulation.databases import Originals


@pytest.mark.commitment("W7", "W8", "W9", "A6", "A7", "A8", "A9", "G1", "P1")
@pytest.mark.parametrize("seed", SEEDS[1::2])
def test_no_row_is_late_and_none_early(company_databases: Originals, seed: int) -> None:
    simulated = simulate(company_databases, seed, DAYS)
    assert simulated.failure is None, simulated.report()
    assert simulated.counts["rows released"] > 0
