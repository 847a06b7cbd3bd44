"""What is promised to whoever asks, of each kind of request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.watch.erasures import watch_erasure
from simulation.watch.purposes import watch_purposes
from simulation.watch.rectifications import watch_rectification
from simulation.watch.restrictions import watch_restriction

if TYPE_CHECKING:
    from simulation.history import Asking
    from simulation.watch.watch import Before
    from simulation.world import World


def watch_answer(event: Asking, before: Before, world: World) -> None:
    """Ask after whatever concerns requests.

    Raises:
        Broken: a promise was not kept.
    """
    for watch in (watch_erasure, watch_restriction, watch_rectification, watch_purposes):
        watch(event, before, world)
