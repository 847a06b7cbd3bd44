"""Compares what the engine did and said with what the model says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from simulation.broken import Broken
from simulation.database import notice_images, partition_images
from simulation.policy import in_force
from simulation.world import PARTITIONED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.retention.notices import Noticed
    from simulation.engine import Told
    from simulation.history import Run
    from simulation.model import Kept, Result
    from simulation.notices import Taken
    from simulation.world import Image, World

SHOWN = 8


def rows(there: set[Image], world: World, run: Run) -> None:
    """Every row, partition and open notice, column by column.

    Raises:
        Broken: they differ.
    """
    expected = set(world.images.values()) | partition_images(world.days) | notice_images(world.notices)
    if there != expected:
        raise Broken(
            "rows",
            f"after the run as of {run.as_of} the database and the model differ;"
            f" only in the database: {_some(there - expected)}; only in the model: {_some(expected - there)}",
        )


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


def _some(images: Iterable[Any]) -> str:
    shown = sorted(" ".join(part for part in image if part) for image in images)
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ("; ".join(shown[:SHOWN]) or "nothing") + more
