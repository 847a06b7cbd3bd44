"""The simulation is honest: every fault that is planted in the engine is found, and nothing else."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

from simulation.engine import Equipment
from simulation.faults import FAULTS
from simulation.search import find, histories
from simulation.seeds import SEEDS, SEEDS_OF_FAULTS
from simulation.simulate import replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.databases import Originals
    from simulation.foresee import Foreseen


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(
    company_databases: Originals, foreseen: Callable[[int], Foreseen], name: str
) -> None:
    equipment = Equipment()  # of its own: what was compiled or resolved under a fault stays broken
    found = (find(company_databases, foreseen(seed), FAULTS[name], equipment) for seed in SEEDS_OF_FAULTS)
    assert any(found), f"nothing shows that {FAULTS[name].plant.__doc__}"


@pytest.mark.parametrize(
    "occasion",
    ["hold keeps", "statutory keeps", "deletes app.customer", "run killed", "statistics are released"],
)
def test_where_nothing_is_broken_nothing_is_found(
    company_databases: Originals, foreseen: Callable[[int], Foreseen], occasion: str
) -> None:
    some = list(islice((one for seed in SEEDS for one in histories(foreseen(seed), occasion)), 2))
    assert some, "there is no such occasion"
    assert [replay(company_databases, history, to_the_end=False) for history in some] == [None] * len(some)
