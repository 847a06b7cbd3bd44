"""What released numbers are worth, of cells small enough to reckon by hand."""

from __future__ import annotations

import pytest

from lifecycle.analytics.gates import Exact
from lifecycle.analytics.noise import Drawn, Shown
from lifecycle.analytics.utility import Counted, measure

pytestmark = pytest.mark.commitment("W6")


def exact(contributors: int, events: int) -> Exact:
    return Exact(contributors=contributors, numbers={"events": events}, largest={"events": 1})


def shown(contributors: int, events: int | None) -> Shown:
    return Shown(contributors=contributors, numbers={"events": events})


CELLS = {("EE",): exact(200, 1_000), ("FI",): exact(100, 400), ("LV",): exact(50, 0), ("LT",): exact(20, 40)}
COUNTED = Counted(cells=CELLS, number=6, sums={"contributors": 400, "events": 2_000})
"""Six cells, of which a gate lets no more than four pass."""
DRAWN = Drawn(
    cells={("EE",): shown(190, 1_100), ("FI",): shown(101, 396), ("LV",): shown(60, None)}, missing=0.1
)


def test_errors_are_relative_and_only_of_what_is_shown():
    worth = measure(COUNTED, DRAWN)
    assert worth.keys() == {"contributors", "events"}
    found = worth["contributors"]
    assert (found.cells, found.cells_shown) == (6, 3)
    assert found.share_shown == pytest.approx((200 + 100 + 50) / 400)
    assert found.median_error == pytest.approx(0.05), "of 0.05, 0.01 and 0.2"
    assert found.error_95 == pytest.approx(0.05 + 0.9 * 0.15), "a tenth below the largest of three"
    assert found.largest_error == pytest.approx(0.2)


def test_a_number_that_is_empty_is_not_shown():
    found = measure(COUNTED, DRAWN)["events"]
    assert (found.cells, found.cells_shown) == (6, 2)
    assert found.share_shown == pytest.approx(1_400 / 2_000)
    assert found.median_error == pytest.approx((0.1 + 0.01) / 2)
    assert found.largest_error == pytest.approx(0.1)


def test_of_nothing_there_is_no_error():
    found = measure(COUNTED, Drawn(cells={}, missing=None))["contributors"]
    assert (found.cells_shown, found.share_shown) == (0, 0)
    assert (found.median_error, found.error_95, found.largest_error) == (None, None, None)
    empty = measure(Counted(cells={}, number=0, sums={"contributors": 0}), Drawn(cells={}, missing=None))
    assert empty["contributors"].share_shown is None


def test_what_noise_makes_of_nothing_has_an_error():
    drawn = Drawn(cells={("LV",): shown(50, 30)}, missing=None)
    assert measure(COUNTED, drawn)["events"].largest_error == 30
