"""What was written, read again: digest and size of every object everywhere, and the control totals of what is in it."""

from __future__ import annotations

from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from lifecycle.archive import totals
from lifecycle.archive.ahead import ahead
from lifecycle.archive.beside import KeysBeside
from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.layout import OWNER, ROWS_PER_GROUP, SEALED, Layout
from lifecycle.archive.numbering import different, in_order
from lifecycle.archive.objects import reading_object, sha256_of, unlike_what_was_written
from lifecycle.archive.sealing import Sealer
from lifecycle.archive.storage import NotThere
from lifecycle.archive.tables import archive_part
from lifecycle.errors import LifecycleError
from lifecycle.planning.archived import archive_record
from lifecycle.quality.suite import Checked, Count, validate

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from lifecycle.archive.manifest import Manifest
    from lifecycle.archive.objects import Written
    from lifecycle.archive.places import Places
    from lifecycle.archive.storage import Location
    from lifecycle.runs.company import Company


MISSING, CHANGED = "missing", "changed"
"""What may be wrong with an object: it is not there, or has other bytes."""
_GROUPS_AT_ONCE = 5
"""Held in memory together."""


def check_objects(company: Company, manifest: Manifest, places: Places) -> Checked:
    """Every object is everywhere as it was written, and holds what the tables had, to the cent.

    Raises:
        CheckFailed: names each object and each total that differs.
        StorageError: a location cannot be read.
    """
    counts = [
        Count(name=f"{one.name} at {place.url} unlike what was written", value=int(not is_intact(place, one)))
        for place in places.locations
        for one in manifest.everything
    ]
    counts += _Reread(company, manifest, places.locations[0], is_new=True).compared()
    return validate(
        "archive",
        counts,
        place=manifest.folder,
        next_step="the tables keep what it holds; run lifecycle archive build, which begins the part anew",
    )


def compare_with_manifest(company: Company, manifest: Manifest, place: Location) -> list[str]:
    """What the objects of a part hold otherwise than its manifest says, in words.

    Raises:
        StorageError: an object cannot be read.
    """
    try:
        counts = _Reread(company, manifest, place, is_new=False).compared()
        return [one.complaint() for one in counts if one.beyond() > 0]
    except LifecycleError as error:
        return [error.message]


def is_intact(place: Location, written: Written) -> bool:
    """Whether an object has the bytes that were written.

    Raises:
        StorageError: it is not there, or cannot be read.
    """
    with place.opened(written.name) as file:
        return sha256_of(file) == (written.sha256, written.size)


def wrong_with(place: Location, written: Written) -> str:
    """What is wrong with an object, or nothing.

    Raises:
        StorageError: the location cannot be read.
    """
    try:
        return "" if is_intact(place, written) else CHANGED
    except NotThere:
        return MISSING


def first_intact(places: Iterable[Location], written: Written) -> Location | None:
    """The first place that has an object as it was written.

    Raises:
        StorageError: a location cannot be read.
    """
    return next((place for place in places if not wrong_with(place, written)), None)


def first_whole(places: Iterable[Location], manifest: Manifest) -> Location | None:
    """The first place that has every object of a part as it was written.

    Raises:
        StorageError: a location cannot be read.
    """
    return next(
        (one for one in places if not any(wrong_with(one, each) for each in manifest.everything)), None
    )


class _Reread:
    """What the objects of a part hold.

    Args:
        place: where they are read.
        is_new: whether nobody can have taken a document out of it yet, or destroyed the key of an owner.
    """

    def __init__(self, company: Company, manifest: Manifest, place: Location, *, is_new: bool) -> None:
        self.company = company
        self.is_new = is_new
        self.manifest = manifest
        self.place = place
        self.keys = YearKeys.of_part(company.keys, manifest)
        self.totals = totals.Totals()
        self.numbers: list[np.ndarray[Any, np.dtype[np.uint64]]] = []
        self.unsealed = 0

    def compared(self) -> Iterator[Count]:
        """How far it is from what the tables had."""
        with closing(ahead(self._tables())) as tables:
            for table, layout, position, groups in tables:
                with unlike_what_was_written(self.manifest.objects[position].name):
                    self._take(table, layout, position, groups)
        yield Count(name="documents of which what is sealed cannot be opened", value=self.unsealed)
        numbers = in_order(self.numbers or [np.empty(0, np.uint64)])
        yield Count(name="numbers that stand in it twice", value=len(numbers) - different(numbers))
        for key in sorted({*self.totals, *self.manifest.totals}):
            currency, collection, column = key
            there, wanted = self.totals.get(key, 0), self.manifest.totals.get(key, 0)
            yield Count(
                name=f"difference of {collection} {column} in {currency or 'no currency'}, {there} for {wanted}",
                value=int(there != wanted),
            )

    def _tables(self) -> Generator[tuple[pa.Table, Layout, int, range]]:
        """Some groups of documents after another, their object's layout and number, and which groups they are."""
        for position, written in enumerate(self.manifest.objects):
            key = self.keys.object_key(written.name, written.key)
            with self.place.opened(written.name) as file, reading_object(file, written.name, key) as parquet:
                layout = Layout.from_schema(parquet.schema_arrow)
                for first in range(0, parquet.num_row_groups, _GROUPS_AT_ONCE):
                    groups = range(first, min(first + _GROUPS_AT_ONCE, parquet.num_row_groups))
                    yield parquet.read_row_groups(groups), layout, position, groups
            pa.default_memory_pool().release_unused()

    def _take(self, table: pa.Table, layout: Layout, position: int, groups: range) -> None:
        self.totals += totals.of_objects(table, layout)
        self.numbers.append(_hashed(table[layout.number]))
        if self.is_new:
            self.unsealed += self._unsealed_beside(table, layout)
        else:
            self.unsealed += self._unsealed(table, layout, position, groups)

    @cached_property
    def _indexed(self) -> dict[tuple[int, int], int]:
        """By object and group, the first row that the index names; others were written anew elsewhere."""
        record, part = archive_record, archive_part
        query = (
            sa.select(record.c.object, record.c.row_group, sa.func.min(record.c.place))
            .join(part, part.c.part_id == record.c.part_id)
            .where(
                part.c.archive == self.manifest.archive,
                part.c.year_end == self.manifest.year_end,
                part.c.number == self.manifest.number,
            )
            .group_by(record.c.object, record.c.row_group)
        )
        with self.company.engine.connect() as connection:
            return {(number, group): place for number, group, place in connection.execute(query)}

    @cached_property
    def _keys_beside(self) -> KeysBeside:
        return KeysBeside(self.place, self.manifest.owner_keys, self.keys)

    def _unsealed_beside(self, documents: pa.Table, layout: Layout) -> int:
        """How many owners have no key beside their documents, and of how many groups the first cannot be opened."""
        owners = documents[OWNER].unique().to_pylist()
        keys = self._keys_beside.of(owners)
        firsts = documents.take([*range(0, len(documents), ROWS_PER_GROUP)])
        return len(owners) - len(keys) + self._unopened(firsts, layout, keys)

    def _unsealed(self, documents: pa.Table, layout: Layout, position: int, groups: range) -> int:
        """Of how many groups of an object the first document that the index names cannot be opened."""
        places = [
            (group - groups.start) * ROWS_PER_GROUP + self._indexed[position, group]
            for group in groups
            if (position, group) in self._indexed
        ]
        chosen = documents.take(pa.array(places, pa.int64()))
        with self.company.engine.connect() as connection:
            keys = self.keys.owner_keys(connection, chosen[OWNER].unique().to_pylist())
        return self._unopened(chosen, layout, keys)

    def _unopened(self, documents: pa.Table, layout: Layout, keys: Mapping[str, bytes]) -> int:
        return Sealer(self.keys, keys).open(documents, layout.key, documents[SEALED].to_pylist()).count(None)


def _hashed(numbers: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Eight bytes for each, by which a million are told apart in little memory."""
    from pandas.util import hash_array

    texts = pc.cast(numbers, pa.string()).to_numpy()
    return hash_array(texts, categorize=False)
