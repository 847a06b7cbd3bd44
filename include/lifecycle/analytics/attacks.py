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

from lifecycle.analytics.bounding import CONTRIBUTORS, PERSONS, most
from lifecycle.analytics.describing import epsilon
from lifecycle.analytics.gates import Exact
from lifecycle.analytics.noise import draw
from lifecycle.analytics.pseudonyms import as_number
from lifecycle.quality.suite import Checked, Count, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from lifecycle.analytics.noise import Shown, TablePlan
    from lifecycle.policy.release_form import Gates, Release, ReleasedTable

    Scores = NDArray[np.float64]

FEW, MANY = 1_000, 10_000
"""Canaries. Chance moves what is measured on many by a fifth of the tolerance; many are asked where few
give reason to."""
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


def attempt(release: Release, gates: Gates, plans: Mapping[str, TablePlan], *, place: str) -> Checked:
    """Try every table of a feed.

    Raises:
        CheckFailed: an attempt succeeds; nothing is drawn.
    """
    counts = [
        Count(name=f"{name}: {what}", value=int(is_so))
        for name, table in release.tables.items()
        for what, is_so in {
            "contributors are told apart": _is_told_apart(release, table, plans[name], gates),
            "a cell of one shows itself": _is_singled_out(release, table, plans[name], gates),
            "sums tell a hidden cell": _sums_tell(release, name, plans, gates),
        }.items()
    ]
    return validate(
        "attacks",
        counts,
        place=place,
        next_step="nothing was drawn; report it with the versions of lifecycle and OpenDP",
    )


def sums_tell(
    release: Release, name: str, plans: Mapping[str, TablePlan], number: str = CONTRIBUTORS
) -> float:
    """How close sums bring somebody to a number of a hidden cell: the width of an interval that holds it in 95 of 100.

    They are taken to know everything of the cells beside it, which is more than anybody does, and to subtract that from
    each table that adds it up.
    """
    inner = {*release.tables[name].by}
    adding = [plans[other] for other, table in release.tables.items() if {*table.by} < inner]
    known = sum(1 / plan.mechanism(number).sigma ** 2 for plan in adding)
    return _WITHIN_95 / math.sqrt(known) if known else math.inf


def _sums_tell(release: Release, name: str, plans: Mapping[str, TablePlan], gates: Gates) -> bool:
    """Whether sums tell a hidden cell closer than by so many as a cell has to be about."""
    if not release.organisation:
        return sums_tell(release, name, plans) < gates.persons
    of_organisations = sums_tell(release, name, plans) < gates.organisations
    return of_organisations or sums_tell(release, name, plans, PERSONS) < gates.persons


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
    """Whether one more contributor is noticed more often than theory allows, by any number or by all of them."""
    without, with_one = _canaries(release, table, plan)
    # Each number's noise is taken for normal, so its part of the likeliest guess is its distance in deviations.
    sigmas = [plan.mechanism(name).sigma for name in _names(plan)]
    distances = (_values(with_one, plan) - _values(without, plan)) / sigmas

    def is_beyond(tries: int) -> bool:
        drawn = [_drawn(cell, plan, gates, tries) / sigmas for cell in (with_one, without)]
        return any(
            _notices(
                drawn[0] @ looked_at, drawn[1] @ looked_at, float(looked_at @ looked_at) ** 0.5, plan.rho
            )
            for looked_at in (*np.diag(distances), distances)
        )

    return is_beyond(FEW) and is_beyond(MANY)


def _notices(positive: Scores, negative: Scores, distance: float, rho: float) -> bool:
    """Whether scores tell more than normal distributions do that lie so many deviations apart."""
    allowed = NormalDist().cdf(distance / math.sqrt(2)) + TOLERANCE
    return area_under_curve(positive, negative) > allowed or largest_epsilon(positive, negative) > epsilon(
        rho
    )


def largest_epsilon(positive: Scores, negative: Scores) -> float:
    """The most that any score tells, as an epsilon, less two standard errors."""
    found = 0.0
    for threshold in np.quantile(negative, np.linspace(0.02, 0.98, 49)):
        hits, misses = ((scores > threshold).mean() for scores in (positive, negative))
        if hits and misses:
            error = math.sqrt((1 - hits) / (hits * len(positive)) + (1 - misses) / (misses * len(negative)))
            found = max(found, math.log(hits / misses) - 2 * error)
    return found


def _canaries(release: Release, table: ReleasedTable, plan: TablePlan) -> tuple[Exact, Exact]:
    """A cell, and the same with one more contributor who adds all that one may."""
    added = {name: most(release, table, name) for name in plan.numbers}
    numbers = {name: one.least + math.ceil(_FAR * one.sigma) for name, one in plan.numbers.items()}
    contributors = plan.count.least + math.ceil(_FAR * plan.count.sigma)
    more = {name: number + added[name] for name, number in numbers.items()}
    return (
        Exact(contributors=contributors, numbers=numbers, largest=added),
        Exact(contributors=contributors + 1, numbers=more, largest=added),
    )


def _names(plan: TablePlan) -> tuple[str, ...]:
    return CONTRIBUTORS, *plan.numbers


def _values(cell: Exact | Shown, plan: TablePlan) -> Scores:
    """The numbers of a cell, in the order of the plan."""
    return np.array([cell.contributors, *(cell.numbers[name] for name in plan.numbers)], np.float64)


def _drawn(cell: Exact, plan: TablePlan, gates: Gates, tries: int) -> Scores:
    """What is released of so many cells that are all the same."""
    shown = draw({(str(number),): cell for number in range(tries)}, gates, plan).cells
    return np.array([_values(one, plan) for one in shown.values()])


def _is_singled_out(release: Release, table: ReleasedTable, plan: TablePlan, gates: Gates) -> bool:
    """Whether a cell of one contributor, who adds all that one may, is ever shown, if no gate stops it."""
    added = {name: most(release, table, name) for name in plan.numbers}
    lonely = Exact(contributors=1, numbers=added, largest=added)
    no_gates = gates.model_copy(update={"persons": 0, "organisations": 0})
    return bool(draw({(str(number),): lonely for number in range(FEW)}, no_gates, plan).cells)
