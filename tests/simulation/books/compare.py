"""Compares the engine's archive with the model's."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from simulation.books.happen import held, is_over
from simulation.broken import Broken

if TYPE_CHECKING:
    from collections.abc import Collection

    from lifecycle.archive.verifying import Finding
    from simulation.books.keeper import Keeper, Line, Remains
    from simulation.history import Keeping, LookAfter
    from simulation.world import World


def archive(keeper: Keeper, world: World, event: Keeping) -> None:
    """Index, and one document out of it.

    Raises:
        Broken: the archive finds others, or gives something else.
    """
    _index(keeper.index(), world, event)
    readable = sorted(
        key
        for key, documents in world.written.items()
        if not any(is_over(world, one.issued_on, event.at) for one in documents)
    )
    if readable:
        _document(keeper, world, readable[event.at.toordinal() % len(readable)], event)


def _index(said: set[Line], world: World, event: Keeping) -> None:
    wanted = {
        (key, one.revision, one.number, _year_end(one.issued_on))
        for key, documents in world.written.items()
        for one in documents
    }
    if said != wanted:
        extra, missing = sorted(said - wanted), sorted(wanted - said)
        raise Broken(
            "books",
            f"after {event} as of {event.at} the archive finds {extra}, and should find {missing} as well",
            late=len(extra),
            early=len(missing),
        )


def _document(keeper: Keeper, world: World, key: int, event: Keeping) -> None:
    """What is fetched by the number of a document: what was written, revision by revision."""
    wanted = {one.revision: one.content for one in world.written[key]}
    said = keeper.fetched(world.written[key][-1].number)
    if said != wanted:
        raise Broken("books", f"after {event} as of {event.at} invoice {key} is {said}, and was {wanted}")


def whole(findings: Collection[Finding], event: LookAfter) -> None:
    """Nothing is otherwise than it was written.

    Raises:
        Broken: the engine says that something is.
    """
    if findings:
        raise Broken("books", f"{event} as of {event.at} finds {'; '.join(map(str, findings))}")


def nothing_older(remains: Remains, world: World, event: Keeping) -> None:
    """Of years that the law does not ask for nothing is left but what is held, and nothing that opens anything else.

    Raises:
        Broken: late.
    """
    kept = held(world, event.at)
    years = {_year_end(one.issued_on) for key in kept for one in world.written.get(key, ())}
    old = {
        f"{what} of {year}"
        for what, some in (
            ("a key", {year for year, _ in remains.keys}),
            ("a part", {year for year, _ in remains.parts}),
            ("an object", remains.places),
        )
        for year in some - years
        if is_over(world, year, event.at)
    }
    old |= {
        f"a key of {year}, generation {number}"
        for year, number in remains.keys - remains.parts
        if is_over(world, year, event.at)
    }
    if old:
        raise Broken(
            "late", f"after {event} as of {event.at} there is {', '.join(sorted(old))}", late=len(old)
        )


def _year_end(issued_on: date) -> date:
    return date(issued_on.year, 12, 31)
