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
from simulation.books.happen import keep_books
from simulation.books.written import INVOICE, is_as_it_stands
from simulation.history import Aggregate, Asking, Event, Keeping, Run
from simulation.invent.inventor import Inventor
from simulation.midway import Midway
from simulation.moments import day_of, last_day
from simulation.policy import first_policy, in_force, is_of_old
from simulation.releases.happen import aggregate, gone_unreleased
from simulation.releases.promised import RELEASES
from simulation.requests.happen import happen
from simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulation.tables import Name

BOOKS_RULE = "billing_two_years"
COUNTED = tuple(promised.events for promised in RELEASES.values())


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """A history and what happens in it.

    Attributes:
        occasions: by position in the history of a run, or of what concerns requests, what it meets, and how often.
        midway: by position of a run in the history, the company just before it.
    """

    seed: int
    history: Sequence[Event]
    occasions: dict[int, Counter[str]]
    midway: dict[int, Midway]

    def total(self) -> Counter[str]:
        """What the whole history meets."""
        return sum(self.occasions.values(), Counter())


def foresee(seed: int, days: int) -> Foreseen:
    """The history of a seed and what happens in it."""
    world = World(policies=[first_policy(date(2025, 2, 19))])
    found = Foreseen(seed=seed, history=(history := []), occasions={}, midway={})
    for event in Inventor(seed, days, world).history():
        if isinstance(event, Run):
            found.midway[len(history)] = Midway.of(world, event.at)
            found.occasions[len(history)] = +_run(world, event)
        elif isinstance(event, Asking):
            before = {table: dict(world.rows[table]) for table in COUNTED}
            found.occasions[len(history)] = happen(event, world) or Counter()
            found.occasions[len(history)] += gone_unreleased(before, world, event.at)
        elif isinstance(event, Keeping):
            found.occasions[len(history)] = keep_books(event, world)
        elif isinstance(event, Aggregate):
            found.occasions[len(history)] = aggregate(world, event).met
        else:
            world.apply(event)
        history.append(event)
    return found


def _run(world: World, run: Run) -> Counter[str]:
    if is_of_old(world.policies, run):
        return _about_the_run(world, run)
    found = _about_the_run(world, run) + _about_contracts(world, run) + _take_notice(world, run)
    ending = _whose_hold_ends(world, run)
    world.forget_ended(run.as_of)
    for rule in in_force(world.policies, run.as_of).promises:
        found += _interfere(world, run, rule)
        if rule not in run.unanswered:
            result = model.sweep(world, rule, run.as_of)
            found += result.counts(rule)
            found += _about_books(world, run, result) if rule == BOOKS_RULE else Counter()
            found["row that goes when its hold ends"] += len(result.gone & ending)
    return found


def _about_books(world: World, run: Run, result: model.Result) -> Counter[str]:
    """Why the law keeps what it keeps, and what the archive has in the tables' stead."""
    kept = Counter(until for (_, reason, until) in result.kept.elements() if reason == "statutory")
    changed = model.due(world, BOOKS_RULE, run.as_of) & {(INVOICE, key) for key in world.written}
    return Counter(
        {
            "the law's last day": kept[day_of(run.as_of)],
            "the law keeps what was changed since": bool(kept)
            and sum(not is_as_it_stands(world, key) for _, key in changed),
            "the archive keeps in the tables' stead": sum(
                table == INVOICE and key in world.written for table, key in result.gone
            ),
        }
    )


def _about_the_run(world: World, run: Run) -> Counter[str]:
    return Counter(
        {
            "run": 1,
            "run for a past day": run.as_of < run.at,
            "run for a day of an older policy": is_of_old(world.policies, run),
            "run under an amended policy": len(world.policies) > 1,
            "run with all checks": run.is_checked,
            "run twice": run.is_repeated,
            "run killed": run.killed_after is not None,
            "run that nobody approves": bool(run.unanswered),
        }
    )


def _about_contracts(world: World, run: Run) -> Counter[str]:
    """Persons who would go, if a live contract did not count beside one that ended long ago."""
    clocks, promise = model.Clocks(world), in_force(world.policies, run.as_of).promises[notices.RULE]
    found: Counter[str] = Counter()
    for row in world.rows[promise.table].values():
        ends = clocks.contracts.get(row["customer_id"], [])
        known = [end for end in ends if end is not None]
        if known and len(known) < len(ends):
            is_over = last_day(day_of(max(known)), promise.keep) < day_of(run.as_of)
            found["person kept by a live contract"] += is_over
    return found


def _take_notice(world: World, run: Run) -> Counter[str]:
    before = dict(world.notices)
    taken = notices.take_notice(world, run.as_of)
    return Counter(
        {
            "deletion noticed": taken.added,
            "deletion cancelled": taken.cancelled,
            "deletion noticed anew": sum(
                world.notices[key].last_day != before[key].last_day
                for key in before.keys() & world.notices.keys()
            ),
            "deletion announced": sum(taken.announced.values()),
        }
    )


def _interfere(world: World, run: Run, rule: str) -> Counter[str]:
    """What the application does between plan and execution."""
    found: Counter[str] = Counter()
    if rule not in run.meanwhile:
        return found
    due, left = model.due(world, rule, run.as_of), model.left_by_parts(world, rule, run.as_of)
    for event in run.meanwhile[rule]:
        found[f"{type(event).__name__} meanwhile"] += world.apply(event)
    stopped = due - model.due(world, rule, run.as_of)
    found["row no longer due meanwhile"] += len(stopped)
    if stopped <= left:  # of a row that was to go itself the batch would ask, and leave everything
        found["row that is left by its parts no longer due meanwhile"] += len(stopped)
    return found


def _whose_hold_ends(world: World, run: Run) -> set[Name]:
    """Rows covered by a hold that ends at the very moment of the run."""
    ending = [hold for hold in world.holds.values() if hold.until == run.as_of and not hold.is_released]
    return model.covered(world, ending)
