"""The numbers that may be seen: noise on each, and none of a cell that too few contributors made.

Differential privacy, zero-concentrated (Bun and Steinke 2016): whoever is protected changes the distribution of all
that is released of a period by no more than ``rho``, but for a probability of ``delta``. The noise is OpenDP's
discrete Gaussian; which cells exist at all is told by its Gaussian threshold mechanism, because a cell that only one
contributor made would betray it.

A cell's gates look at exact numbers, which noise does not protect. So each threshold lies so high that a cell which
a gate would stop is above it with a probability that ``delta`` has room for: that a gate stopped it then tells nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lifecycle.analytics.bounding import CONTRIBUTORS, most, numbers
from lifecycle.analytics.gates import dominated, passes
from lifecycle.errors import PromiseBroken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lifecycle.analytics.gates import Exact
    from lifecycle.policy.release_form import Feed, Gates, Release, ReleasedTable

Cell = tuple[str, ...]
"""The values of a table's dimensions."""
_ROUNDING = 1 + 1e-9
"""Both accounts are of binary fractions."""
COUNT_SHARE = 0.5
"""Of a table's budget, what the contributors take, by whom it is decided which cells there are."""
TOTAL_SHARE = 0.04
"""What is taken to tell how much is missing."""


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """How one number is released.

    Attributes:
        sensitivity: the most, as a Euclidean distance over all cells, by which one contributor changes it.
        rho: what it takes of the budget.
        sigma: standard deviation of the noise.
        least: the smallest that is shown.
    """

    sensitivity: float
    rho: float
    sigma: float
    least: int


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """How one table of a feed is released: known before any row is read.

    Attributes:
        count: of contributors.
        total: of the contributors of all cells, shown or not.
        numbers: of the other numbers.
        delta: of the table.
    """

    count: Mechanism
    total: Mechanism
    numbers: Mapping[str, Mechanism]
    delta: float

    @property
    def rho(self) -> float:
        """What the table takes of the budget."""
        return self.count.rho + self.total.rho + sum(one.rho for one in self.numbers.values())

    def mechanism(self, number: str) -> Mechanism:
        """How a number is released, that of contributors among them."""
        return self.count if number == CONTRIBUTORS else self.numbers[number]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A cell that is released; a number that is too small to be shown is None."""

    contributors: int
    numbers: Mapping[str, int | None]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A table as it is released.

    Attributes:
        missing: the share of contributors in cells that are not shown, as far as noise lets it be told; None where it
            does not.
    """

    cells: Mapping[Cell, Shown]
    missing: float | None


def plan(release: Release, feed: Feed) -> dict[str, TablePlan]:
    """How each table of a feed is released."""
    weights = sum(table.weight for table in release.tables.values())
    return {
        name: _plan_table(
            release,
            table,
            feed.gates,
            float(feed.rho * table.weight / weights),
            float(feed.delta) / len(release.tables),
        )
        for name, table in release.tables.items()
    }


def draw(cells: Mapping[Cell, Exact], gates: Gates, table: TablePlan, *, total: int | None = None) -> Drawn:
    """Draw the numbers of a table: each call takes what the plan says of the budget.

    Args:
        cells: exact; those that no gate lets pass may be left out.
        gates: of the feed.
        table: its plan.
        total: of the contributors of all cells, where some are left out.

    Raises:
        PromiseBroken: OpenDP does not vouch for what the plan says.
    """
    passed = [(cell, exact) for cell, exact in cells.items() if passes(exact, gates)]
    counts = _counts(table, [exact.contributors for _, exact in passed])
    shown = {passed[number][0]: count for number, count in counts.items() if count >= table.count.least}
    everybody = sum(exact.contributors for exact in cells.values()) if total is None else total
    noisy_total = _noisy(table.total, [everybody], "total")[0]
    values = {
        name: _values(mechanism, name, [cells[cell] for cell in shown], gates)
        for name, mechanism in table.numbers.items()
    }
    return Drawn(
        cells={
            cell: Shown(contributors=count, numbers={name: values[name][number] for name in values})
            for number, (cell, count) in enumerate(shown.items())
        },
        missing=min(1.0, max(0.0, 1 - sum(shown.values()) / noisy_total)) if noisy_total > 0 else None,
    )


def _counts(table: TablePlan, counts: list[int]) -> dict[int, int]:
    """Noisy counts by place in the list, of those above the threshold."""
    mechanism = _count_mechanism(table.count.sigma, table.count.least)
    cells = round(table.count.sensitivity**2)
    if not _vouched(mechanism, cells, table.count.rho, table.delta / 2):
        raise _not_vouched("contributors")
    drawn = mechanism({str(number): float(count) for number, count in enumerate(counts)})
    return {int(number): round(count) for number, count in sorted(drawn.items(), key=lambda one: int(one[0]))}


def _values(mechanism: Mechanism, name: str, cells: Iterable[Exact], gates: Gates) -> list[int | None]:
    """Noisy values of a number; None where it is too small, or mostly one contributor's."""
    exact = [0 if name in dominated(cell, gates) else cell.numbers[name] for cell in cells]
    return [value if value >= mechanism.least else None for value in _noisy(mechanism, exact, name)]


def _noisy(mechanism: Mechanism, exact: list[int], name: str) -> list[int]:
    import opendp.prelude as dp

    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    measurement = dp.m.make_gaussian(domain, dp.l2_distance(T=float), scale=mechanism.sigma)
    if measurement.map(mechanism.sensitivity) > mechanism.rho * _ROUNDING:
        raise _not_vouched(name)
    return [int(value) for value in measurement(exact)] if exact else []


def _not_vouched(name: str) -> PromiseBroken:
    return PromiseBroken(
        "the noise does not hide one contributor as well as the budget says",
        place=name,
        next_step="release nothing: report it, with the versions of lifecycle and OpenDP",
    )


def _plan_table(release: Release, table: ReleasedTable, gates: Gates, rho: float, delta: float) -> TablePlan:
    """Divide a table's budget, half of ``delta`` for OpenDP's threshold and the rest for the gates."""
    others = numbers(release)
    root = math.sqrt(table.cells)
    for_gates = delta / 2 / (1 + len(others)) / table.cells
    count = _mechanism(root, rho * COUNT_SHARE)
    least_contributors = max(gates.persons, gates.organisations, 1)
    rest = rho * (1 - COUNT_SHARE - TOTAL_SHARE) / len(others)
    return TablePlan(
        count=Mechanism(
            sensitivity=root,
            rho=count.rho,
            sigma=count.sigma,
            least=max(
                _threshold(count.sigma, table.cells, count.rho, delta / 2),
                _above(least_contributors - 1, count.sigma, for_gates),
            ),
        ),
        total=_mechanism(float(table.cells), rho * TOTAL_SHARE),
        numbers={
            name: _number(table.cells, most(release, table, name), rest, gates, for_gates) for name in others
        },
        delta=delta,
    )


def _mechanism(sensitivity: float, rho: float, least: int = 0) -> Mechanism:
    return Mechanism(sensitivity=sensitivity, rho=rho, sigma=sensitivity / math.sqrt(2 * rho), least=least)


def _number(cells: int, highest: int, rho: float, gates: Gates, delta: float) -> Mechanism:
    """A number of which one contributor may not make up too much.

    Where one does, the number is smaller than the most that one may add, divided by the share.
    """
    mechanism = _mechanism(math.sqrt(cells) * highest, rho)
    dominated = math.ceil(Decimal(highest) / gates.largest_share)
    return _mechanism(mechanism.sensitivity, rho, _above(dominated, mechanism.sigma, delta))


def _above(exact: int, sigma: float, delta: float) -> int:
    """The smallest number that noise lifts ``exact`` to with a probability of ``delta`` at most.

    The discrete Gaussian is subgaussian (Canonne, Kamath and Steinke 2020): no further out than the continuous one's
    bound says.
    """
    return exact + math.ceil(sigma * math.sqrt(2 * math.log(1 / delta)))


def _threshold(sigma: float, cells: int, rho: float, delta: float) -> int:
    """The smallest threshold with which OpenDP vouches for ``rho`` and ``delta``."""
    low, high = 2, 2 + math.ceil(60 * sigma)
    while low < high:
        middle = (low + high) // 2
        if _vouched(_count_mechanism(sigma, middle), cells, rho, delta):
            high = middle
        else:
            low = middle + 1
    return low


def _vouched(mechanism: Any, cells: int, rho: float, delta: float) -> bool:
    from opendp.mod import OpenDPException

    try:
        found, failing = mechanism.map((cells, math.sqrt(cells), 1.0))
    except OpenDPException:  # the threshold is too low for any delta
        return False
    return bool(found <= rho * _ROUNDING and failing <= delta)


def _count_mechanism(sigma: float, threshold: int) -> Any:
    """OpenDP's threshold mechanism, on whole numbers: those that it calls so take no fraction as a distance."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    domain = dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T=float, nan=False))
    metric = dp.l02inf_distance(dp.absolute_distance(T=float))
    return dp.m.make_gaussian_threshold(domain, metric, scale=sigma, threshold=float(threshold), k=0)
