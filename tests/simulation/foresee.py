"""What a seed will bring, by the model alone: in seconds, without a database.

So it is known which histories meet which occasions (a hold that ends at the very moment of a run, a customer whose
contract lives again while its persons are deleted), and the tests can say that they meet them all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from simulation import model, notices
from simulation.history import Event, Place, Run
from simulation.invent.inventor import Inventor
from simulation.policy import first_policy, in_force
from simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulation.notices import Taken


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """A history and what happens in it.

    Attributes:
        occasions: by position of a run in the history, what it meets, and how often.
    """

    seed: int
    history: Sequence[Event]
    occasions: dict[int, Counter[str]]

    def total(self) -> Counter[str]:
        """What the whole history meets."""
        return sum(self.occasions.values(), Counter())


def foresee(seed: int, days: int) -> Foreseen:
    """The history of a seed and what happens in it."""
    world = World(policies=[first_policy(date(2025, 2, 19))])
    history: list[Event] = []
    occasions: dict[int, Counter[str]] = {}
    for event in Inventor(seed, days, world).history():
        if isinstance(event, Run):
            occasions[len(history)] = _run(world, event)
        else:
            world.apply(event)
        history.append(event)
    return Foreseen(seed=seed, history=history, occasions=occasions)


def _run(world: World, run: Run) -> Counter[str]:
    found = _about_the_run(world, run) + _about_notices(notices.take_notice(world, run.as_of))
    for rule in in_force(world.policies, run.as_of).promises:
        for event in run.meanwhile.get(rule, ()):
            if world.apply(event):
                found["placed meanwhile" if isinstance(event, Place) else "changed meanwhile"] += 1
        if rule not in run.unanswered:
            found += model.sweep(world, rule, run.as_of).counts(rule)
    return found


def _about_the_run(world: World, run: Run) -> Counter[str]:
    is_of_old = in_force(world.policies, run.as_of) is not in_force(world.policies, run.at)
    return +Counter(
        {
            "run": 1,
            "run for a past day": run.as_of < run.at,
            "run for a day of an older policy": is_of_old,
            "run under an amended policy": len(world.policies) > 1,
            "run at the moment in which a hold ends": any(
                hold.until == run.as_of and not hold.is_released for hold in world.holds.values()
            ),
            "run with all checks": run.is_checked,
            "run twice": run.is_repeated,
            "run killed": run.killed_after is not None,
            "run that nobody approves": bool(run.unanswered),
        }
    )


def _about_notices(taken: Taken) -> Counter[str]:
    return +Counter(
        {
            "deletion noticed": taken.added,
            "deletion cancelled": taken.cancelled,
            "deletion announced": sum(taken.announced.values()),
        }
    )
