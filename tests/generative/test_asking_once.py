"""What is told of values is the same, however they come and whatever is remembered of those before."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.analytics.asked_once import REPEATED, AskedOnce

VALUES = st.lists(st.none() | st.sampled_from(["a", "b", "c", "D", "", "unsaid"]))


def tell(value: str | None) -> str | None:
    return None if value == "unsaid" else (value or "nothing").upper()


@given(st.lists(st.lists(VALUES, max_size=3), max_size=5), st.integers(0, 60))
def test_of_every_value_is_told_what_it_is_asked_for(batches, most):
    asked_once = AskedOnce(tell, most=most)
    for chunks in batches:
        told = asked_once.of(pa.chunked_array([pa.array(one, REPEATED) for one in chunks], REPEATED))
        assert told.type == REPEATED
        assert told.to_pylist() == [tell(value) for chunk in chunks for value in chunk]
