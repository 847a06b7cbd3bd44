"""What the simulated seeds meet: a simulation in which nothing happens would find nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from simulation.faults import FAULTS
from simulation.foresee import foresee
from simulation.seeds import DAYS, SEEDS
from simulation.tables import FACTS, LINKS

OCCASIONS = (
    *(f"deletes {table}" for table in FACTS),
    *(f"cuts {link.holder}.{link.column}" for link in LINKS if not link.belongs),
    *(f"{reason} keeps" for reason in ("hold", "restriction", "statutory", "needed")),
    "run for a past day",
    "run with all checks",
    "run twice",
    "run killed",
    "run that nobody approves",
    "Add meanwhile",
    "Change meanwhile",
    "Place meanwhile",
    "Release meanwhile",
    "deletion noticed",
    "deletion cancelled",
    "deletion announced",
)


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """What all seeds of ``script/test`` meet, and how often."""
    return sum((foresee(seed, DAYS).total() for seed in SEEDS), Counter())


@pytest.mark.parametrize("occasion", OCCASIONS)
def test_the_seeds_meet_everything_that_may_happen(met: Counter[str], occasion: str) -> None:
    assert any(occasion in name for name in met), f"no seed meets: {occasion}"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_seeds_meet_what_shows_each_fault(met: Counter[str], fault: str) -> None:
    assert any(FAULTS[fault].occasion in name for name in met)


def test_a_seed_always_tells_the_same_history() -> None:
    assert foresee(1, 60).history == foresee(1, 60).history
    assert foresee(1, 60).history != foresee(2, 60).history
