"""The faults that are planted in the engine, by name: :mod:`simulation.faults` has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Plant = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to break the engine.

    Attributes:
        plant: breaks it, as long as the block lasts.
        occasion: what a run must meet to show it; a part of the name is enough.
        runs: how many runs before it a history has to begin.
        with_archive: whether it shows only where the archive has something by then.
        with_runs: whether it shows only where rules are run; the others are looked for without, which is faster.
    """

    plant: Plant
    occasion: str
    runs: int = 3
    with_archive: bool = False
    with_runs: bool = True


FAULTS: dict[str, Fault] = {}
"""By name."""


def fault(
    occasion: str, *, runs: int = 3, with_archive: bool = False, with_runs: bool = True
) -> Callable[[Plant], Plant]:
    """Name a fault by its function, and say on which occasion it must show."""

    def named(plant: Plant) -> Plant:
        FAULTS[plant.__name__] = Fault(
            plant=plant, occasion=occasion, runs=runs, with_archive=with_archive, with_runs=with_runs
        )
        return plant

    return named
