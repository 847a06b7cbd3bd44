"""Compares what the engine did and said with what the model says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from simulation.broken import Broken
from simulation.database import notice_images, partition_images
from simulation.history import Run
from simulation.model import covered
from simulation.moments import day_of
from simulation.policy import in_force
from simulation.requests.purposes import left_out
from simulation.requests.restriction import restricted as requests_restricted
from simulation.tables import FACTS
from simulation.world import PARTITIONED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lifecycle.retention.notices import Noticed
    from simulation.engine import Told
    from simulation.history import Asking, Fetch, Restore, SeeTo
    from simulation.model import Kept, Result
    from simulation.notices import Taken
    from simulation.package import Fetched
    from simulation.requests.asked import Missing, Package
    from simulation.tables import Name
    from simulation.world import Image, World

SHOWN = 8


def rows(there: set[Image], world: World, after: Asking | Run) -> None:
    """Every row, partition and open notice, column by column.

    Raises:
        Broken: they differ.
    """
    expected = set(world.images.values()) | partition_images(world.days) | notice_images(world.notices)
    if there != expected:
        extra, missing = there - expected, expected - there
        raise Broken(
            "rows",
            f"after {_which(after)} the database and the model differ;"
            f" only in the database: {_some(extra)}; only in the model: {_some(missing)}",
            late=len(_names(extra) - _names(missing)),
            early=len(_names(missing) - _names(extra)),
        )


def _which(after: Asking | Run) -> str:
    return f"the run as of {after.as_of}" if isinstance(after, Run) else f"{after} at {after.at}"


def told(told: Told, expected: Result, world: World, run: Run) -> None:
    """What a run says of itself: policy version, what was kept and until when, how many rows went.

    Raises:
        Broken: it is not so.
    """
    since = in_force(world.policies, run.as_of).since.isoformat()
    kept: Kept = Counter()
    for one in told.plan.kept:
        kept[one.collection, one.reason, None if one.reason == "needed" else one.until] += one.rows
    went = Counter(table for table, _ in expected.gone if table not in PARTITIONED)
    deleted = {table: rows for table, rows in told.deleted.items() if table not in PARTITIONED}
    said = (told.plan.policy_version, dict(kept), deleted, told.left)
    wanted = (since, dict(expected.kept), dict(went), 0)
    if said != wanted:
        raise Broken("told", f"{told.plan.rule} as of {run.as_of} told {said}; the model says {wanted}")


def nothing(told: Told) -> None:
    """A run that is repeated finds nothing to do.

    Raises:
        Broken: it did something.
    """
    if told.plan.items or told.deleted:
        raise Broken("repeated", f"{told.plan.rule} did something when it was run again: {told}")


def notices(noticed: Noticed, expected: Taken, run: Run) -> None:
    """What taking notice says of itself.

    Raises:
        Broken: it is not so.
    """
    announced: Counter[tuple[Any, int]] = Counter()
    for one in noticed.announcements:
        announced[one.planned_on, one.days_ahead] += one.rows
    said = (noticed.added, noticed.cancelled, noticed.done, dict(announced))
    wanted = (expected.added, expected.cancelled, expected.done, dict(expected.announced))
    if said != wanted:
        raise Broken("noticed", f"as of {run.as_of} the engine noticed {said}; the model says {wanted}")


def cover(said: set[Name], restricted: set[int], world: World, event: Asking) -> None:
    """Rows that holds and restrictions cover, and requests of which a restriction is in force.

    Raises:
        Broken: the engine covers others, or keeps others in force.
    """
    there = {name for name in said if world.find(name) is not None}
    wanted = covered(world, [hold for hold in world.holds.values() if hold.is_active(event.at)])
    if there != wanted:
        extra, missing = sorted(there - wanted), sorted(wanted - there)
        raise Broken("cover", f"after {event} the engine covers {extra}, and should cover {missing} as well")
    if restricted != set(in_force := requests_restricted(world, event.at)):
        raise Broken(
            "cover", f"after {event} the engine has restrictions of {restricted}; the model of {in_force}"
        )


def stops(said: Mapping[str, set[Name]], world: World, event: Asking) -> None:
    """Rows that are left out of what is processed for a purpose; the engine may name some that are gone.

    Raises:
        Broken: the engine leaves out others.
    """
    for purpose, names in said.items():
        there = {name for name in names if world.find(name) is not None}
        wanted = left_out(world, purpose, event.at)
        if there != wanted:
            extra, missing = sorted(there - wanted), sorted(wanted - there)
            raise Broken(
                "stops", f"after {event} {purpose} leaves out {extra}, and should leave out {missing} as well"
            )


def package(said: Fetched | None, wanted: Package | None, event: Fetch) -> None:
    """What whoever fetches a package is given, if anything.

    Raises:
        Broken: something else.
    """
    if said is None or wanted is None:
        if (said is None) != (wanted is None):
            raise Broken("copy", f"{event}: the engine gives {said and said.own}; the model {wanted}")
    elif (said.own, said.others) != (wanted.own, Counter(table for table, _ in wanted.others)):
        raise Broken(
            "copy",
            f"{event}: engine and model differ in {sorted(said.own ^ wanted.own)};"
            f" of others' the engine shows {said.others}, the model {sorted(wanted.others)}",
        )


def overdue(said: set[int], world: World, event: SeeTo) -> None:
    """Requests that should have been answered by now.

    Raises:
        Broken: the engine names others.
    """
    wanted = world.desk.overdue(day_of(event.at))
    if said != wanted:
        raise Broken("told", f"as of {event.at} the engine says {said} are overdue; the model says {wanted}")


def to_do(said: Mapping[str, int], missing: Missing, event: Restore) -> None:
    """What a person has to do again after a restore.

    Raises:
        Broken: the engine counts otherwise.
    """
    wanted = Counter({f"{kind}_to_place": count for kind, count in missing.lost.items()})
    wanted += Counter(f"{hold.kind}_to_extend" for hold in missing.moved.values())
    wanted += Counter({f"{kind}_to_answer": count for kind, count in missing.answers.items()})
    placed = {name: count for name, count in said.items() if not name.endswith("_end")}
    ended = sum(count for name, count in said.items() if name.endswith("_end"))
    if (placed, ended) != (dict(wanted), len(missing.ended)):
        raise Broken("told", f"after {event} the engine wants {said} to be done again; the model {missing}")


def _names(images: Iterable[Image]) -> set[Image]:
    """Table and key of rows; a partition and a notice is none."""
    return {image[:2] for image in images if image[0] in FACTS}


def _some(images: Iterable[Any]) -> str:
    shown = sorted(" ".join(part for part in image if part) for image in images)
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ("; ".join(shown[:SHOWN]) or "nothing") + more
