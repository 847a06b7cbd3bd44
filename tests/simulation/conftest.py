"""What the simulation's tests share: the company's database to copy, and histories that are known in advance."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from simulation.databases import Originals, originals
from simulation.foresee import foresee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulation.foresee import Foreseen
    from support.databases import DatabaseServer

DAYS = 100


@pytest.fixture(scope="session")
def company_databases(database_server: DatabaseServer) -> Iterator[Originals]:
    """The database that every simulation copies."""
    with originals(database_server) as made:
        yield made


@pytest.fixture(scope="session")
def foreseen() -> Callable[[int], Foreseen]:
    """What a seed brings in a season."""
    return cache(lambda seed: foresee(seed, DAYS))
