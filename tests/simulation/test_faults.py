"""The simulation is honest: every fault that is planted in the engine is found, and nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from simulation.engine import Equipment
from simulation.faults import FAULTS, Fault
from simulation.search import find, histories

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.databases import Originals
    from simulation.foresee import Foreseen

SEEDS = (1, 2, 3, 4)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(
    company_databases: Originals, foreseen: Callable[[int], Foreseen], name: str
) -> None:
    equipment = Equipment()  # of its own: what was compiled or resolved under a fault stays broken
    found = (find(company_databases, foreseen(seed), FAULTS[name], equipment) for seed in SEEDS)
    assert any(found), f"nothing shows that {FAULTS[name].plant.__doc__}"


@pytest.mark.parametrize("occasion", ["hold keeps", "statutory keeps", "deletes app.customer", "run killed"])
def test_where_nothing_is_broken_nothing_is_found(
    company_databases: Originals, foreseen: Callable[[int], Foreseen], occasion: str
) -> None:
    sound = Fault(plant=nullcontext, occasion=occasion)
    assert list(histories(foreseen(1), occasion)), "there is no such occasion"
    assert find(company_databases, foreseen(1), sound, Equipment()) is None
