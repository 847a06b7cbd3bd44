"""Four years of the company, day by day, for a handful of seeds; ``script/simulate`` runs more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from simulation.history import told
from simulation.policy import first_policy
from simulation.simulate import foresee, simulate
from simulation.tables import FACTS, LINKS

if TYPE_CHECKING:
    from simulation.databases import Originals

SEEDS = (1, 2, 3, 4)
DAYS = 4 * 365


@pytest.mark.parametrize("seed", SEEDS)
def test_no_row_is_late_and_none_early(company_databases: Originals, seed: int) -> None:
    """Every day the database is as the model says, and the promise is kept."""
    simulated = simulate(company_databases, seed, DAYS)
    assert simulated.failure is None, simulated.report()


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """What the simulated seeds meet, and how often."""
    found: Counter[str] = Counter()
    for seed in SEEDS:
        found += foresee(seed, DAYS)[1]
    return found
