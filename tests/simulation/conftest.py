"""The company's database, made once for all simulations of a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulation.databases import Originals, originals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.databases import DatabaseServer


@pytest.fixture(scope="session")
def company_databases(database_server: DatabaseServer) -> Iterator[Originals]:
    """The database that every simulation copies."""
    with originals(database_server) as made:
        yield made
