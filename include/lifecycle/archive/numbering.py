"""The numbers of documents: the series that they form, and how many are missing in each."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_SERIES = 100
"""Numbers that form more are not counted up, and nothing can be missing between them."""
_SERIES = r"(?s)^(?P<prefix>.*?)(?P<digits>[0-9]{0,18})$"
"""As many digits at the end as are surely a number of eight bytes."""
_Counters = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Series:
    """Numbers that differ only in the digits at their end.

    Attributes:
        prefix: what stands before those.
        first: the least of what they say; ``last`` the greatest; None where there are no digits.
        missing: how many between them no document has.
    """

    prefix: str
    first: int | None
    last: int | None
    documents: int
    missing: int

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return asdict(self)


class Numbers:
    """The numbers of documents, some thousand at a time."""

    def __init__(self) -> None:
        self._documents: Counter[str] = Counter()
        self._counters: dict[str, list[_Counters]] = {}

    def add(self, numbers: pa.ChunkedArray) -> None:
        """Count some up."""
        if len(self._documents) > MOST_SERIES:
            return
        told = pc.extract_regex(numbers, _SERIES).combine_chunks()
        prefixes, digits = told.field("prefix").dictionary_encode(), told.field("digits")
        has_digits = pc.not_equal(digits, "")
        counters = pc.if_else(has_digits, digits, "0").cast(pa.int64()).to_numpy()
        of_prefix, has_digits = prefixes.indices.to_numpy(), has_digits.to_numpy(zero_copy_only=False)
        names, documents = prefixes.dictionary.to_pylist(), np.bincount(of_prefix)
        self._documents.update(dict(zip(names, documents.tolist(), strict=True)))
        if len(self._documents) <= MOST_SERIES:
            for index, name in enumerate(names):
                found = counters[(of_prefix == index) & has_digits]
                self._counters.setdefault(name, []).append(found)

    def series(self) -> tuple[Series, ...]:
        """The series that they form, by their prefixes; none where they form too many."""
        if len(self._documents) > MOST_SERIES:
            return ()
        return tuple(self._one(prefix) for prefix in sorted(self._documents, key=str.encode))

    def _one(self, prefix: str) -> Series:
        counters = in_order(self._counters[prefix])
        self._counters[prefix].append(counters)
        first, last = (int(counters[0]), int(counters[-1])) if len(counters) else (None, None)
        return Series(
            prefix=prefix,
            first=first,
            last=last,
            documents=self._documents[prefix],
            missing=0 if first is None or last is None else last - first + 1 - different(counters),
        )


def in_order(parts: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The values of all parts, sorted where they stand: a million are held in memory once."""
    values = np.concatenate(parts)
    parts.clear()
    values.sort()
    return values


def different(values: np.ndarray[Any, Any]) -> int:
    """How many different values there are among sorted ones."""
    return int(np.count_nonzero(values[1:] != values[:-1])) + min(len(values), 1)
