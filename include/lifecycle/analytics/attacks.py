"""What somebody would try on a release, tried before anything is drawn: where an attempt succeeds, nothing is released.

Attempts are of the kinds that the law's guidance names: to single somebody out, to link, to infer (Opinion 05/2014 of
the Article 29 Working Party). They are made on canaries and on what is known of a release before its rows are read;
so none of them takes anything of a budget.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from itertools import islice
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from lifecycle.analytics import noise
from lifecycle.analytics.bounding import CONTRIBUTORS, PERSONS, most
from lifecycle.analytics.gates import Exact
from lifecycle.analytics.noise import draw
from lifecycle.analytics.pseudonyms import as_number
from lifecycle.analytics.side_by_side import side_by_side
from lifecycle.policy.release_form import LEAST_PERSONS
from lifecycle.quality.suite import Count, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from lifecycle.analytics.noise import Mechanism, TablePlan
    from lifecycle.policy.release_form import Gates, Release, ReleasedTable

    Scores = NDArray[np.float64]

FEW, MORE, MANY = 1_000, 3_000, 10_000
"""Canaries. Chance moves what is measured on many by a fifth of the tolerance; more are asked where fewer give reason
to."""
TOLERANCE = 0.02
"""By how much the area under an attacker's curve may be larger than the noise allows in theory."""
GUESSED = 200
"""Identifiers of a batch that somebody without the key tries to link."""
_FAR = 20
"""Standard deviations that canaries lie above what is shown at least, so that all of them are seen."""
_WITHIN_95 = 2 * NormalDist().inv_cdf(0.975)
"""Standard deviations that an interval is wide which holds 95 of 100."""


def linkable(values: Iterable[str], pseudonyms: pa.ChunkedArray) -> int:
    """How many pseudonyms somebody without the key can link, by digests that anybody can make of an identifier.

    Args:
        values: identifiers, of which the first are tried.
        pseudonyms: of all of them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    guessed = {digest for value in islice(values, GUESSED) for digest in _digests(value.encode())}
    return pc.sum(pc.is_in(pseudonyms, value_set=pa.array(guessed, pa.int64()))).as_py() or 0


def attempt(release: Release, feed: str, plans: Mapping[str, TablePlan], *, place: str) -> None:
    """Try every table of a feed.

    Args:
        release: of the policy.
        feed: one of its feeds.
        plans: of that feed, by table.
        place: of what is to be drawn, for errors.

    Raises:
        CheckFailed: an attempt succeeds; nothing is drawn.
    """
    gates = release.feeds[feed].gates
    attempts = side_by_side(lambda name: _try(release, name, plans[name], gates), release.tables)
    counts = [count for of_table in attempts for count in of_table]
    validate(
        "attacks",
        counts,
        place=place,
        next_step="nothing was drawn; report it with the versions of lifecycle and OpenDP",
    )
    beside = [noise.plan(release, one) for name, one in release.feeds.items() if name != feed]
    validate(
        "sums",
        [
            Count(
                name=f"{name}: sums tell a hidden cell",
                value=int(_sums_tell(release, name, gates, plans, beside)),
            )
            for name in release.tables
        ],
        place=place,
        next_step="give the release's feeds a smaller rho, or fewer tables that share a dimension",
    )


def _try(release: Release, name: str, plan: TablePlan, gates: Gates) -> list[Count]:
    """What of one table's canaries succeeds."""
    table = release.tables[name]
    succeeds = {
        "contributors are told apart": _is_told_apart(release, table, plan, gates),
        "a cell of one shows itself": _is_singled_out(release, table, plan, gates),
    }
    return [Count(name=f"{name}: {what}", value=int(is_so)) for what, is_so in succeeds.items()]


def sums_tell(
    release: Release, name: str, plans: Sequence[Mapping[str, TablePlan]], number: str = CONTRIBUTORS
) -> float:
    """How close sums bring somebody to a number of a hidden cell: the width of an interval that holds it in 95 of 100.

    They are taken to have every feed and to know all other cells exactly, and to subtract those from each sum that has
    the hidden one in it: the total of every table, and the sum over any table that shares a dimension, whose noise is
    that of one cell at least. Nobody knows so much.

    Args:
        release: says which tables share dimensions.
        name: of the table with the hidden cell.
        plans: of each feed, by table.
        number: of the cell.
    """
    inner = {*release.tables[name].by}
    sharing = [one for one, table in release.tables.items() if one != name and inner & {*table.by}]
    known = 0.0
    for of_feed in plans:
        known += sum(
            1 / one.sigma**2 for other in sharing for one in _same_counts(release, other, of_feed, number)
        )
        if number == CONTRIBUTORS:
            known += sum(1 / plan.total.sigma**2 for plan in of_feed.values())
    return _WITHIN_95 / math.sqrt(known) if known else math.inf


def _same_counts(
    release: Release, name: str, plans: Mapping[str, TablePlan], number: str
) -> Iterator[Mechanism]:
    """How a table releases a number, and others that are the same, since each contributor adds one at most to them."""
    plan = plans[name]
    yield plan.mechanism(number)
    if number == CONTRIBUTORS:
        table = release.tables[name]
        yield from (one for other, one in plan.numbers.items() if most(release, table, other) == 1)


def _sums_tell(
    release: Release,
    name: str,
    gates: Gates,
    plans: Mapping[str, TablePlan],
    beside: Sequence[Mapping[str, TablePlan]],
) -> bool:
    """Whether sums tell a hidden cell closer than by so many as any cell has to be about."""
    of_all = (plans, *beside)
    if not release.organisation:
        return sums_tell(release, name, of_all) < LEAST_PERSONS
    of_organisations = sums_tell(release, name, of_all) < min(gates.organisations, LEAST_PERSONS)
    return of_organisations or sums_tell(release, name, of_all, PERSONS) < LEAST_PERSONS


def area_under_curve(positive: Scores, negative: Scores) -> float:
    """How often a score of the first is higher than one of the second: one half where nothing can be told."""
    below = np.searchsorted(np.sort(negative), positive, side="left")
    with_same = np.searchsorted(np.sort(negative), positive, side="right")
    return float((below + with_same).mean() / 2 / len(negative))


def _digests(value: bytes) -> Iterator[int]:
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
        yield as_number(hashlib.new(name, value, usedforsecurity=False).digest())
    yield as_number(hmac.digest(b"", value, "sha256"))


def _is_told_apart(release: Release, table: ReleasedTable, plan: TablePlan, gates: Gates) -> bool:
    """Whether more contributors are noticed in a number more often than the budget allows."""
    crowds = [_crowd(plan.mechanism(name).rho, table.cells) for name in _names(plan)]

    def is_beyond(tries: int) -> bool:
        drawn = [_drawn(cell, plan, gates, tries) for cell in _canaries(release, table, plan, gates)]
        return any(
            area_under_curve(drawn[1][:, number], drawn[0][:, number])
            > NormalDist().cdf(distance / 2**0.5) + TOLERANCE
            for number, (_, distance) in enumerate(crowds)
        )

    return all(is_beyond(tries) for tries in (FEW, MORE, MANY))


def _crowd(rho: float, cells: int) -> tuple[int, float]:
    """How many more contributors lie a standard deviation away at most, of noise that so much budget asks for; how far.

    One of them may be too near to be noticed by anybody, whether the noise is right or not.
    """
    of_one = math.sqrt(2 * rho / cells)
    size = max(1, math.floor(1 / of_one))
    return size, size * of_one


def _canaries(release: Release, table: ReleasedTable, plan: TablePlan, gates: Gates) -> tuple[Exact, Exact]:
    """A cell, and the same with more contributors who add all that one may to each number."""
    added = {name: most(release, table, name) for name in plan.numbers}
    contributors = max(_far_above(plan.count), gates.persons, gates.organisations)
    numbers = {name: max(_far_above(one), contributors) for name, one in plan.numbers.items()}
    more = {
        name: number + _crowd(plan.numbers[name].rho, table.cells)[0] * added[name]
        for name, number in numbers.items()
    }
    crowd, _ = _crowd(plan.count.rho, table.cells)
    return (
        Exact(contributors=contributors, numbers=numbers, largest=added),
        Exact(contributors=contributors + crowd, numbers=more, largest=added),
    )


def _far_above(mechanism: Mechanism) -> int:
    return mechanism.least + math.ceil(_FAR * mechanism.sigma)


def _names(plan: TablePlan) -> tuple[str, ...]:
    return CONTRIBUTORS, *plan.numbers


def _drawn(cell: Exact, plan: TablePlan, gates: Gates, tries: int) -> Scores:
    """What is released of so many cells that are all the same: a row for each."""
    shown = draw({(str(number),): cell for number in range(tries)}, gates, plan).cells
    if len(shown) != tries:
        raise AssertionError("canaries lie far above what is shown")
    return np.array([[one.contributors, *one.numbers.values()] for one in shown.values()], np.float64)


def _is_singled_out(release: Release, table: ReleasedTable, plan: TablePlan, gates: Gates) -> bool:
    """Whether a cell of one contributor, who adds all that one may, is ever shown, if no gate stops it."""
    added = {name: most(release, table, name) for name in plan.numbers}
    lonely = Exact(contributors=1, numbers=added, largest=added)
    no_gates = gates.model_copy(update={"persons": 0, "organisations": 0})
    return bool(draw({(str(number),): lonely for number in range(FEW)}, no_gates, plan).cells)
