"""Events out of PostgreSQL into files of pseudonymised events: nothing that names anybody is written.

A batch at a time: read, derived, pseudonymised and written, so that memory does not grow with the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from lifecycle.analytics.asked_once import REPEATED, AskedOnce
from lifecycle.analytics.attacks import GUESSED, linkable
from lifecycle.analytics.derive import ROBOT, UNKNOWN, Countries, Devices, as_country, group_of
from lifecycle.analytics.events import ORGANISATION, SUBJECT
from lifecycle.analytics.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lifecycle.analytics.pseudonyms import Pseudonyms
    from lifecycle.policy.release_form import Dimension, Release

BIGGEST = 2**53
"""A measure beyond is cut off: nobody is in view for so long."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What was written.

    Attributes:
        events: how many.
        robots: how many were left out because no person made them.
        linkable: how many, of a sample, have pseudonyms that anybody can make.
    """

    events: int
    robots: int
    linkable: int


class Preparation:
    """Turns raw events into pseudonymised ones.

    Args:
        release: says what is derived of what.
        pseudonyms: of its epoch.
        countries: tells those of addresses.
    """

    def __init__(self, release: Release, pseudonyms: Pseudonyms, countries: Countries) -> None:
        self._release = release
        self._pseudonyms = pseudonyms
        self._countries = countries
        self._told = {name: AskedOnce(self._tell(one)) for name, one in release.dimensions.items()}
        self._carried = AskedOnce(as_country)

    def types(self) -> dict[str, pa.DataType]:
        """The columns of raw events and what they are read as: no address where nothing tells its country."""
        found: dict[str, pa.DataType] = dict.fromkeys(self._kinds(), pa.string())
        for name, dimension in self._release.dimensions.items():
            if not dimension.ip or self._countries.tells_any:
                found[name] = REPEATED
            if dimension.ip and dimension.otherwise:
                found[f"{name}.otherwise"] = REPEATED
        return found | dict.fromkeys(self._release.measures, pa.int64())

    def schema(self) -> pa.Schema:
        """The columns of pseudonymised events."""
        fields = [pa.field(name, pa.int64(), nullable=False) for name in self._kinds()]
        fields += [pa.field(name, REPEATED, nullable=False) for name in self._release.dimensions]
        fields += [pa.field(name, pa.int64(), nullable=False) for name in self._release.measures]
        return pa.schema(fields)

    def prepare(self, raw: pa.Table) -> pa.Table:
        """Pseudonymised events, without those of robots."""
        columns = {name: self._dimension(raw, name, one) for name, one in self._release.dimensions.items()}
        for name in self._release.measures:
            whole = pc.fill_null(raw[name], 0)
            columns[name] = pc.min_element_wise(pc.max_element_wise(whole, 0), BIGGEST)
        kinds = self._kinds()
        table = pa.table({**{name: raw[name] for name in kinds}, **columns})
        for name, dimension in self._release.dimensions.items():
            if dimension.user_agent:
                table = table.filter(pc.invert(_are(table[name], ROBOT)))
        for number, name in enumerate(kinds):
            table = table.set_column(number, name, self._pseudonyms.of(name, table[name]))
        return table.select(self.schema().names).cast(self.schema()).unify_dictionaries()

    def write(
        self, batches: Iterable[Callable[[], pa.Table]], path: Path, progress: Callable[[int], None]
    ) -> Prepared:
        """Write all batches into one file, which is not there until it is complete.

        Args:
            batches: each gives raw events, with the columns of :meth:`types`, in the thread that prepares them.
            path: of the file; its folder is private.
            progress: told how many raw events were read.
        """
        unfinished = path.with_suffix(".unfinished")
        read = written = linked = 0
        with parquet.ParquetWriter(
            unfinished,
            self.schema(),
            compression="zstd",
            compression_level=1,
            use_dictionary=list(self._release.dimensions),
            write_statistics=False,
        ) as writer:
            for rows, table, of_batch in side_by_side(self._prepare_and_link, batches):
                writer.write_table(table)
                read += rows
                written += table.num_rows
                linked += of_batch
                progress(rows)
        unfinished.replace(path)
        return Prepared(events=written, robots=read - written, linkable=linked)

    def _kinds(self) -> tuple[str, ...]:
        """The columns of identifiers."""
        return (SUBJECT, ORGANISATION) if self._release.organisation else (SUBJECT,)

    def _prepare_and_link(self, batch: Callable[[], pa.Table]) -> tuple[int, pa.Table, int]:
        """How many raw events there were, what became of them, and how many somebody without the key can link."""
        raw = batch()
        table = self.prepare(raw)
        tried = {kind: raw[kind].slice(0, GUESSED).to_pylist() for kind in self._kinds()}
        return raw.num_rows, table, sum(linkable(values, table[kind]) for kind, values in tried.items())

    def _tell(self, dimension: Dimension) -> Callable[[str | None], str | None]:
        """What is told of a value of a dimension."""
        if dimension.ip:
            return self._countries.of
        if dimension.user_agent:
            return Devices(self._release.leave_out).of
        if dimension.groups:
            otherwise = dimension.otherwise or UNKNOWN
            return lambda value: group_of(value, dimension.groups, otherwise)
        return lambda value: value if value and value.strip() else UNKNOWN

    def _dimension(self, raw: pa.Table, name: str, dimension: Dimension) -> pa.ChunkedArray:
        return self._country(raw, name, dimension) if dimension.ip else self._told[name].of(raw[name])

    def _country(self, raw: pa.Table, name: str, dimension: Dimension) -> pa.ChunkedArray:
        nothing = pa.chunked_array([pa.nulls(raw.num_rows, REPEATED)])
        carried = self._carried.of(raw[f"{name}.otherwise"] if dimension.otherwise else nothing)
        return _first_said(self._told[name].of(raw[name]), carried) if self._countries.tells_any else carried


def _first_said(first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.ChunkedArray:
    """The first where it says something, else the second; by their codes, without a text for each row."""
    one, other = (values.unify_dictionaries().combine_chunks() for values in (first, second))
    said = pa.concat_arrays([one.dictionary, other.dictionary]).dictionary_encode()
    where = pc.coalesce(one.indices, pc.add(other.indices, len(one.dictionary)))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(said.indices.take(where), said.dictionary)])


def _are(values: pa.ChunkedArray, wanted: str) -> pa.ChunkedArray:
    """Whether each value is the wanted one."""
    are = [pc.equal(chunk.dictionary, wanted).take(chunk.indices) for chunk in values.chunks]
    return pa.chunked_array(are, pa.bool_())
