"""What is told of values: once for those that are the same, and the same however they come."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lifecycle.analytics.asked_once import REPEATED, AskedOnce
from lifecycle.analytics.side_by_side import side_by_side


def tell(value: str | None) -> str | None:
    return None if value == "unsaid" else (value or "nothing").upper()


def batch(*chunks: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(one, REPEATED) for one in chunks], REPEATED)


def test_what_was_told_is_not_asked_again():
    asked = []
    asked_once = AskedOnce(lambda value: asked.append(value) or value)
    asked_once.of(batch(["a", "b", "a"], ["b"]))
    asked_once.of(batch(["b", None, "c"], [None]))
    assert sorted(asked, key=str) == [None, "a", "b", "c"]


def test_no_more_is_remembered_than_may_be():
    asked = []
    asked_once = AskedOnce(lambda value: asked.append(value) or value, most=1_000)
    for number in range(50):
        value = f"{number:0100}"
        assert asked_once.of(batch([value])).to_pylist() == [value]
        assert sum(one.nbytes for one in asked_once._known) <= 1_000
    asked.clear()
    assert asked_once.of(batch(["0" * 2_000])).to_pylist() == ["0" * 2_000]
    assert asked_once.of(batch(["0" * 2_000])).to_pylist() == ["0" * 2_000]
    assert asked == ["0" * 2_000, None] * 2, "too long to be remembered"


def test_a_dictionary_may_have_more_than_its_rows_and_nothing_among_its_values():
    values = pa.DictionaryArray.from_arrays(
        pa.array([2, None, 0, 1], pa.int32()), pa.array(["a", None, "b", "c"])
    )
    assert AskedOnce(tell).of(pa.chunked_array([values])).to_pylist() == ["B", "NOTHING", "A", "NOTHING"]


@pytest.mark.parametrize("most", [0, 500, 100_000])
def test_several_threads_are_told_the_same(most: int):
    asked_once = AskedOnce(tell, most=most)
    batches = [[f"{number * step % 997}" for number in range(500)] for step in range(1, 40)]
    told = [one.to_pylist() for one in side_by_side(lambda values: asked_once.of(batch(values)), batches)]
    assert told == batches
