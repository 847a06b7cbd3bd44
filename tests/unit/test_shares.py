"""Shares that several released tables tell of: as close to each as they agree, exactly as the coarsest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.synthetic.shares import Shares, Told, share_out

BY_COUNTRY_AND_PAGE = {("EE",): {"/": 60, "/a": 40}, ("FI",): {"/": 10, "/a": 90}}


def of(shares: Shares, group: int) -> dict[str, float]:
    """The shares of a group that are more than nought."""
    row = zip(shares.values, shares.of[group], strict=True)
    return {value: pytest.approx(float(share)) for value, share in row if share > 1e-12}


def test_what_is_told_of_everything_is_shared_out_so():
    shares = share_out([()], [7], [Told(given=(), cells={(): {"EE": 3, "FI": 1}})])
    assert of(shares, 0) == {"EE": 0.75, "FI": 0.25}


def test_each_group_has_the_shares_that_are_told_of_it():
    shares = share_out([("EE",), ("FI",)], [5, 50], [Told(given=(0,), cells=BY_COUNTRY_AND_PAGE)])
    assert of(shares, 0) == {"/": 0.6, "/a": 0.4}
    assert of(shares, 1) == {"/": 0.1, "/a": 0.9}


def test_a_group_of_which_nothing_is_told_has_those_of_all():
    tables = [Told(given=(0,), cells=BY_COUNTRY_AND_PAGE)]
    assert of(share_out([("LU",)], [9], tables), 0) == {"/": 0.35, "/a": 0.65}
    tables.append(Told(given=(), cells={(): {"/": 1, "/a": 1}}))
    assert of(share_out([("LU",)], [9], tables), 0) == {"/": 0.5, "/a": 0.5}


def test_tables_that_agree_are_both_met():
    tables = [
        Told(given=(0,), cells=BY_COUNTRY_AND_PAGE),
        Told(given=(), cells={(): {"/": 70, "/a": 130}}),
    ]
    shares = share_out([("EE",), ("FI",)], [100, 100], tables)
    assert of(shares, 0) == {"/": 0.6, "/a": 0.4}
    assert of(shares, 1) == {"/": 0.1, "/a": 0.9}


def test_a_value_that_the_finer_table_lacks_comes_to_every_group():
    """Too few opened it in any one country to be shown there."""
    tables = [
        Told(given=(0,), cells=BY_COUNTRY_AND_PAGE),
        Told(given=(), cells={(): {"/": 70, "/a": 110, "/rare": 20}}),
    ]
    shares = share_out([("EE",), ("FI",)], [100, 100], tables)
    rare = shares.of[:, shares.values.index("/rare")]
    assert rare.sum() == pytest.approx(2 * 0.1)
    assert rare.min() > 0.04
    assert shares.of[0][0] == pytest.approx(0.6), "of what there is enough of nothing moves"


SHOWN = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 1000), min_size=1)
GROUPS = [("x",), ("y",), ("z",)]


@given(
    st.dictionaries(st.sampled_from(GROUPS), SHOWN),
    SHOWN,
    st.lists(st.integers(1, 1000), min_size=3, max_size=3),
)
def test_the_coarsest_is_met_exactly_and_no_more_is_moved_than_needed(fine, coarse, sizes):
    alone = Told(given=(0,), cells=fine)
    whole = Told(given=(), cells={(): coarse})
    shares = share_out(GROUPS, sizes, [alone, whole])
    weights = np.array(sizes) / sum(sizes)
    together = weights @ shares.of
    target = np.array([coarse.get(value, 0) for value in shares.values]) / sum(coarse.values())
    assert together == pytest.approx(target, abs=1e-9)
    assert shares.of.sum(axis=1) == pytest.approx(1)
    assert shares.of.min() >= 0
    first = np.array(
        [[shown.get(value, 0) for value in shares.values] for shown in (fine.get(g, coarse) for g in GROUPS)]
    )
    first = first / first.sum(axis=1, keepdims=True)
    moved = (weights @ np.abs(shares.of - first)) / 2
    assert moved.sum() == pytest.approx(np.abs(weights @ first - target).sum() / 2, abs=1e-9)


def test_intervals_begin_where_the_one_before_ends():
    shares = Shares(values=("a", "b", "c"), of=np.array([[0.5, 0.0, 0.5], [0.2, 0.3, 0.5]]))
    assert shares.bounds() == [[0, 0.5, 0.5], [0, 0.2, 0.5]]
