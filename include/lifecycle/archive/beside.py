"""The wrapped keys of owners beside the documents that they seal: with the keyring they are enough to read a part.

The control schema has the same. A backup of it may be from before the part was written, or before keys were wrapped
anew: what stands here is put into it again (:mod:`lifecycle.archive.finding`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from lifecycle.archive.manifest import keys_of
from lifecycle.archive.objects import Written, new_object, reading_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lifecycle.archive.envelope import OwnerKey, YearKeys
    from lifecycle.archive.objects import HashedFile, ObjectWriter
    from lifecycle.archive.storage import Location

OWNER, WRAPPING, WRAPPED = "owner", "wrapping", "wrapped"
KEYS_AT_ONCE = 10_000
_SCHEMA = pa.schema(
    [
        pa.field(OWNER, pa.string(), nullable=False),
        pa.field(WRAPPING, pa.int32(), nullable=False),
        pa.field(WRAPPED, pa.binary(), nullable=False),
    ]
)


class KeysWriter:
    """Writes the keys of owners, who come in the order in which their documents stand."""

    def __init__(self, writer: ObjectWriter, file: HashedFile, name: str, wrapped: bytes) -> None:
        self._writer = writer
        self._file = file
        self._name = name
        self._wrapped = wrapped
        self._last: str | None = None

    def add(self, keys: Iterable[OwnerKey]) -> None:
        """Write some; one that was the last before is left out."""
        lines = [(one.owner, one.wrapping, one.wrapped) for one in keys if one.owner != self._last]
        if lines:
            self._last = lines[-1][0]
            columns = zip(*lines, strict=True)
            arrays = [pa.array(one, field.type) for one, field in zip(columns, _SCHEMA, strict=True)]
            self._writer.write(pa.table(arrays, schema=_SCHEMA), rows_per_group=KEYS_AT_ONCE)

    @property
    def written(self) -> Written:
        """The object, when it is closed."""
        return Written(
            name=self._name,
            size=self._file.size,
            sha256=self._file.sha256,
            documents=self._writer.documents,
            key=self._wrapped,
        )


@contextmanager
def new_keys(keys: YearKeys, folder: str, locations: Sequence[Location]) -> Iterator[KeysWriter]:
    """Write keys of owners into the folder of a part.

    Args:
        keys: of the part's year.
        folder: of the part.
        locations: where to, all at once.

    Raises:
        StorageError: a location refuses.
    """
    name = keys_of(folder)
    key, wrapped = keys.new_object_key(name)
    with new_object(locations, name, _SCHEMA, key) as (writer, file):
        yield KeysWriter(writer, file, name, wrapped)


def read_keys(place: Location, written: Written, keys: YearKeys) -> Iterator[pa.Table]:
    """The wrapped keys of a part, at most :data:`KEYS_AT_ONCE` at a time.

    Raises:
        CheckFailed: they are not what was written.
        StorageError: the location cannot be read.
    """
    key = keys.object_key(written.name, written.key)
    with place.opened(written.name) as file, reading_object(file, written.name, key) as parquet:
        for group in range(parquet.num_row_groups):
            yield parquet.read_row_group(group)


class KeysBeside:
    """The keys that stand beside the documents of a new part, asked for in the order of those.

    Args:
        place: where they are read.
        written: the object that has them.
        keys: of the part's year.
    """

    def __init__(self, place: Location, written: Written, keys: YearKeys) -> None:
        self._keys = keys
        self._tables = read_keys(place, written, keys)
        self._known: dict[str, bytes] = {}

    def of(self, owners: Sequence[str]) -> dict[str, bytes]:
        """Those of owners, who come after all that were asked for before; of whom there is none is left out.

        Raises:
            CheckFailed: a key is not what was written.
        """
        while not all(owner in self._known for owner in owners):
            table = next(self._tables, None)
            if table is None:
                break
            still = {owner: self._known[owner] for owner in owners if owner in self._known}
            self._known = still | self._keys.opened(*(table[name].to_pylist() for name in _SCHEMA.names))
        return {owner: self._known[owner] for owner in owners if owner in self._known}
