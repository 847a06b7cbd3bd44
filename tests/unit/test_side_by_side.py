"""Several items are worked on at once; whoever takes what becomes of them sees no difference."""

from __future__ import annotations

import threading

import pytest

from lifecycle.analytics.side_by_side import AT_ONCE, side_by_side


def test_what_is_made_comes_in_the_order_of_the_items():
    assert list(side_by_side(lambda number: number * number, range(10))) == [n * n for n in range(10)]
    assert list(side_by_side(str, [])) == []


def test_two_are_worked_on_at_once():
    meet = threading.Barrier(AT_ONCE, timeout=30)
    assert list(side_by_side(lambda _item: meet.wait() >= 0, range(2 * AT_ONCE))) == [True] * (2 * AT_ONCE)


def test_items_are_not_taken_before_there_is_room_for_them():
    taken = []
    items = (taken.append(number) or number for number in range(10))
    made = side_by_side(lambda number: number, items)
    assert next(made) == 0
    assert len(taken) == AT_ONCE + 1


def test_a_failure_comes_where_its_item_would():
    made = side_by_side(lambda number: 1 // (number - 1), [0, 1, 2])
    assert next(made) == -1
    with pytest.raises(ZeroDivisionError):
        next(made)
