"""The wrapped keys of owners beside the documents that they seal: with the keyring they are enough to read a part.

The control schema has the same. A backup of it may be from before the part was written, or before keys were wrapped
anew: what stands here is put into it again (:mod:`lifecycle.archive.finding`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lifecycle.archive.manifest import keys_of
from lifecycle.archive.objects import Written, new_object, reading_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import sqlalchemy as sa

    from lifecycle.archive.envelope import YearKeys
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


def write_keys(
    connection: sa.Connection,
    keys: YearKeys,
    owners: sa.Select[tuple[str]] | None,
    folder: str,
    locations: Sequence[Location],
) -> Written:
    """Write the keys of owners into the folder of a part, in the order in which their documents stand.

    Args:
        connection: on which they were made, in a transaction.
        keys: of the part's year.
        owners: whose; None for all of the generation.
        folder: of the part.
        locations: where to, all at once.

    Raises:
        StorageError: a location refuses.
    """
    name = keys_of(folder)
    key, wrapped = keys.new_object_key(name)
    with new_object(locations, name, _SCHEMA, key) as (writer, file):
        for lines in keys.wrapped(connection, owners, KEYS_AT_ONCE):
            columns = zip(*lines, strict=True)
            arrays = [pa.array(one, field.type) for one, field in zip(columns, _SCHEMA, strict=True)]
            writer.write(pa.table(arrays, schema=_SCHEMA), rows_per_group=KEYS_AT_ONCE)
    return Written(name=name, size=file.size, sha256=file.sha256, documents=writer.documents, key=wrapped)


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
