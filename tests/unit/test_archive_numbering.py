"""The series that numbers of documents form, and how many are missing between them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lifecycle.archive.numbering import MOST_SERIES, Numbers, Series

pytestmark = pytest.mark.commitment("A7")


def series_of(*batches: list[str]) -> tuple[Series, ...]:
    numbers = Numbers()
    for one in batches:
        numbers.add(pa.chunked_array([one], pa.string()))
    return numbers.series()


def series(prefix: str, first: int | None, last: int | None, documents: int, missing: int = 0) -> Series:
    return Series(prefix=prefix, first=first, last=last, documents=documents, missing=missing)


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ([], ()),
        (["7"], (series("", 7, 7, 1),)),
        (["A-1", "A-3", "A-4"], (series("A-", 1, 4, 3, missing=1),)),
        (["A-09", "A-10", "A-8"], (series("A-", 8, 10, 3),)),
        (["B1", "A1", "a1"], (series("A", 1, 1, 1), series("B", 1, 1, 1), series("a", 1, 1, 1))),
        (["A-1", "A-01"], (series("A-", 1, 1, 2),)),
        (["draft", "draft2"], (series("draft", 2, 2, 2),)),
        (["draft"], (series("draft", None, None, 1),)),
        (["2024/1\n5", "2024/1\n7"], (series("2024/1\n", 5, 7, 2, missing=1),)),
        (["Ü9", "Z9"], (series("Z", 9, 9, 1), series("Ü", 9, 9, 1))),
        (["1" + "0" * 18], (series("1", 0, 0, 1),)),
        (["9" * 18], (series("", int("9" * 18), int("9" * 18), 1),)),
        (["٣٤"], (series("٣٤", None, None, 1),)),
    ],
)
def test_numbers_form_series(numbers: list[str], found: tuple[Series, ...]):
    assert series_of(numbers) == found


def test_a_series_goes_on_from_one_batch_to_the_next():
    assert series_of(["A1", "B7"], ["A2"], ["A5", "B8"]) == (
        series("A", 1, 5, 3, missing=2),
        series("B", 7, 8, 2),
    )


def test_numbers_that_form_too_many_series_form_none():
    prefixes = [f"{'x' * count}-" for count in range(1, MOST_SERIES + 2)]
    assert len(series_of([f"{one}1" for one in prefixes[:-1]])) == MOST_SERIES
    assert series_of([f"{one}1" for one in prefixes]) == ()
    assert series_of([f"{one}1" for one in prefixes[:-1]], [f"{prefixes[-1]}1"], ["x-2"]) == ()
