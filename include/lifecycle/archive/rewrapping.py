"""What wrapped the keys of owners before they were wrapped anew: destroyed, once what wraps them now is kept.

Until then a backup of the database could bring back the key of an owner that was forgotten. A part of its own, without
documents, has the others as they are wrapped now.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lifecycle.archive import parts
from lifecycle.archive.anew import write_anew
from lifecycle.archive.beside import KEYS_AT_ONCE, new_keys
from lifecycle.archive.destroying import destroy_keys
from lifecycle.archive.documents import LeftOut
from lifecycle.archive.places import Places
from lifecycle.archive.totals import Totals
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from lifecycle.archive.envelope import YearKeys
    from lifecycle.archive.manifest import Manifest
    from lifecycle.archive.parts import Part
    from lifecycle.runs.company import Company


def destroy_wrapping(company: Company, keys: YearKeys, wrapping: Collection[int], *, as_of: datetime) -> int:
    """Destroy keys that wrapped those of owners and wrap none any more, for the only writer; how many there were.

    Args:
        company: opened.
        keys: of a year and generation.
        wrapping: the numbers of what is destroyed.
        as_of: the moment of the run.

    Raises:
        CheckFailed: what is written of the others is not the same when it is read again; nothing is destroyed.
        StorageError: a location refuses; nothing is destroyed.
    """
    there = set(company.keys.names())
    names = [name for name in map(keys.of_owners, wrapping) if name in there]
    if names:
        _write_others(company, keys, as_of)
    return destroy_keys(company, names, as_of=as_of)


def _write_others(company: Company, keys: YearKeys, as_of: datetime) -> None:
    """Write the keys of all owners of a generation as they are wrapped now; nothing where none is left."""
    with reading(company.engine) as connection:
        written = parts.parts_of(connection, keys.archive, year_end=keys.year_end, states=("written",))
        has_keys = bool(keys.wrapping(connection))
    like = next((part for part in written if part.generation == keys.generation), None)
    if like and has_keys:
        write = partial(_write_keys, company, keys, like.read_manifest())
        write_anew(company, like, keys.generation, write, as_of=as_of, reason="wrapped_anew")


def _write_keys(company: Company, keys: YearKeys, like: Manifest, part: Part) -> Manifest:
    with (
        company.engine.begin() as connection,
        new_keys(keys, part.folder, Places.of(company).locations) as writer,
    ):
        for some in keys.all_wrapped(connection, KEYS_AT_ONCE):
            writer.add(some)
    return replace(
        like,
        number=part.number,
        objects=(),
        owner_keys=writer.written,
        revisions=0,
        totals=Totals(),
        series=(),
        left_out=LeftOut(),
    )
