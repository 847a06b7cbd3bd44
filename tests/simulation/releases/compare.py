"""Compares the engine's releases with the model's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.moments import day_of
from simulation.releases.happen import late_events

if TYPE_CHECKING:
    from simulation.history import Aggregate
    from simulation.releases.builder import Builder, Said, Told
    from simulation.releases.happen import Built, Made
    from simulation.world import World


def aggregated(said: Said, made: Made, event: Aggregate) -> None:
    """Which periods were late, open, and built; and what was counted of each.

    Raises:
        Broken: others, or something else.
    """
    what = (said.late, said.open, [(one.period, one.is_refused) for one in said.built], said.is_dead)
    wanted = (made.late, made.open, [(one.period, one.is_refused) for one in made.built], made.is_dead)
    if what != wanted:
        raise Broken("periods", f"{event} as of {event.at} made {what}; the model says {wanted}")
    for told, built in zip(said.built, made.built, strict=True):
        _counted(told, built, event)


def _counted(told: Told, built: Built, event: Aggregate) -> None:
    extracted, wanted = told.extracted, built.counted
    if extracted is None:
        raise Broken("counted", f"{event} as of {event.at} counted nothing of {told.period}")
    numbers = extracted.events, extracted.left_out, extracted.robots, extracted.taken
    should = wanted.all, wanted.left_out, wanted.robots, wanted.taken
    if numbers != should:
        raise Broken(
            "counted", f"{event} as of {event.at} reads {numbers} of {told.period}; the model says {should}"
        )
    for table, cells in told.cells.items():
        if cells != wanted.cells[table]:
            raise Broken(
                "counted",
                f"{event} as of {event.at} counts {cells} in {table} of {told.period};"
                f" the model says {wanted.cells[table]}",
            )


def whose(builder: Builder, said: Said, made: Made, event: Aggregate) -> None:
    """In the workplace stood pseudonyms of those whose events count, and of nobody else.

    Raises:
        Broken: of others, or something that is no pseudonym.
    """
    for told, built in zip(said.built, made.built, strict=True):
        wanted = builder.pseudonyms(told.period, built.counted.whose)
        if told.pseudonyms != wanted:
            raise Broken(
                "traced",
                f"{event} as of {event.at} has {len(told.pseudonyms - wanted)} in the workplace of {told.period}"
                f" that should not be there, and lacks {len(wanted - told.pseudonyms)}",
            )


def register(builder: Builder, world: World, event: Aggregate) -> None:
    """What was drawn, is lost, and was counted.

    Raises:
        Broken: the engine's register says something else.
    """
    drawn = Counter(builder.draws())
    wanted = Counter((*one.period, one.feed, one.state) for one in world.register.draws)
    if drawn != wanted:
        raise Broken(
            "periods",
            f"after {event} as of {event.at} the register has {sorted((drawn - wanted).elements())} more,"
            f" and lacks {sorted((wanted - drawn).elements())}",
        )
    said = builder.lost(), builder.counted()
    should = set(world.register.lost), world.register.counted
    if said != should:
        raise Broken("periods", f"after {event} as of {event.at} lost and counted are {said}, not {should}")


def checked(builder: Builder, world: World, event: Aggregate) -> None:
    """What the engine says when somebody looks closely: what came late, and that nothing was changed.

    Raises:
        Broken: it says something else.
    """
    late, wanted = builder.late_events(event.at), late_events(world, day_of(event.at))
    if late != wanted:
        raise Broken("counted", f"after {event} as of {event.at} {late} came late; the model says {wanted}")
    if changed := builder.verify(event.at):
        raise Broken("republished", f"after {event} as of {event.at}: {'; '.join(changed)}")
