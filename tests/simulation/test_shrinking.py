"""A history that fails is shrunk to what the failure needs, in bounded time."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.faults import FAULTS
from simulation.foresee import foresee
from simulation.history import Add, Place, Run
from simulation.seeds import DAYS
from simulation.shrink import shortest
from simulation.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulation.databases import Originals
    from simulation.history import Event


def needs_a_held_person(events: Sequence[Event]) -> bool:
    """Fails where a hold is placed after its person was added, and a run follows."""
    persons = {event.key for event in events if isinstance(event, Add) and event.table == "app.person"}
    holds = [event for event in events if isinstance(event, Place)]
    held = any(("app.person", key) in event.targets for event in holds for key in persons)
    return held and isinstance(events[-1], Run)


def test_only_what_a_failure_needs_is_left() -> None:
    history = next(
        history[: position + 1]
        for history in (foresee(seed, DAYS).history for seed in count(1))
        for position, event in enumerate(history)
        if isinstance(event, Run) and needs_a_held_person(history[: position + 1])
    )
    person, hold, run = shortest(history, needs_a_held_person)
    assert isinstance(person, Add)
    assert person.row["manager_person_id"] is None
    assert isinstance(hold, Place)
    assert hold.targets == (("app.person", person.key),)
    assert run == Run(at=history[-1].at, as_of=history[-1].as_of)


def test_shrinking_stops_when_patience_ends() -> None:
    history = foresee(1, 30).history
    tried = []

    def fails(events: Sequence[Event]) -> bool:
        tried.append(events)
        return True

    assert shortest(history, fails, patience=0) == history
    assert not tried


def test_failures_that_complain_of_something_else_are_not_alike() -> None:
    held, held_later, stale = (
        Broken("failed", f"as of {number}", error=f"plan {number}: {complaint}")
        for number, complaint in ((1, "held: 2"), (20, "held: 3"), (1, "stale: 2"))
    )
    assert held.is_like(held_later)
    assert not held.is_like(stale)
    assert not held.is_like(Broken("at the end", "as of 1", error="plan 1: held: 2"))


def test_a_seed_that_fails_tells_the_shortest_history(company_databases: Originals) -> None:
    with FAULTS["customers_without_contract_forgotten"].plant():
        simulated = simulate(company_databases, 1, 30, patience=120)
    assert simulated.failure is not None
    *added, run = simulated.failure.history
    # The clock of either starts otherwise where nothing tells a day: a contract of the one, a consent of the other.
    assert {event.table for event in added} <= {"app.customer", "app.person"} or [
        event.table for event in added
    ] == ["website.marketing_subscription"]
    assert len(added) <= 2
    assert run == Run(at=run.at, as_of=run.as_of)
    assert simulated.report().splitlines()[-1].endswith(str(run))
