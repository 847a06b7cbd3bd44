"""What is told of each of many values, asked once for those that are the same, in a batch and in those after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATED = pa.dictionary(pa.int32(), pa.string())
"""Of a column whose values come many times: each is kept, read and told once."""
MOST_BYTES = 4 << 20
"""Of values and what was told of them, kept in memory; somebody may send another long one with every event, and in many
a value is found more slowly."""
_NOTHING = (pa.array([], pa.string()), pa.array([], pa.string()))


class AskedOnce:
    """Tells something of values, and remembers what it told, until that is too much: then it begins anew.

    Args:
        tell: says the same of the same value, whenever it is asked; also of None. It is called in several threads.
        most: bytes that are remembered.
    """

    def __init__(self, tell: Callable[[str | None], str | None], *, most: int = MOST_BYTES) -> None:
        self._tell = tell
        self._most = most
        self._known = _NOTHING

    def of(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """What is told of each value; both are ``REPEATED``."""
        chunks = values.unify_dictionaries().chunks
        different = chunks[0].dictionary if chunks else _NOTHING[0]
        told = self._of_each(pa.concat_arrays([different, pa.nulls(1, pa.string())])).dictionary_encode()
        places = [told.indices.take(pc.fill_null(chunk.indices, len(different))) for chunk in chunks]
        return pa.chunked_array(
            [pa.DictionaryArray.from_arrays(one, told.dictionary) for one in places], REPEATED
        )

    def _of_each(self, values: pa.Array) -> pa.Array:
        known, told = self._known  # read once: another thread may put others in its place
        where = pc.index_in(values, value_set=known)
        if where.null_count:
            new = values.filter(pc.is_null(where))
            known = pa.concat_arrays([known, new])
            of_new = pa.array([self._tell(one) for one in new.to_pylist()], pa.string())
            told = pa.concat_arrays([told, of_new])
            where = pc.index_in(values, value_set=known)
            self._known = (known, told) if known.nbytes + told.nbytes <= self._most else _NOTHING
        return told.take(where)
