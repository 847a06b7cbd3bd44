"""The keys of an archive: each object has one, and each owner one for each financial year (AES-256-GCM).

All of a year are wrapped by keys of the keyring: destroying those destroys the year, wherever copies of it are, in
storage that refuses to delete and in backups too. What shall outlive the year is written anew before, under keys of the
next generation. To destroy one owner's key, the others are wrapped anew and the key that wrapped them is destroyed.
"""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from lifecycle.archive.tables import archive_key
from lifecycle.errors import CheckFailed
from lifecycle.keys.provider import KEY_BYTES
from lifecycle.keys.sealing import Broken, seal, unseal
from lifecycle.store.failures import without_values
from lifecycle.store.prepared import Prepared, bound

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection

    from lifecycle.archive.manifest import Manifest
    from lifecycle.keys.provider import KeyProvider


_OF_OWNERS = Prepared(
    sa.select(archive_key.c.owner, archive_key.c.wrapping, archive_key.c.wrapped).where(
        archive_key.c.archive == bound("archive", sa.Text),
        archive_key.c.year_end == bound("year_end", sa.Date),
        archive_key.c.generation == bound("generation", sa.Integer),
        archive_key.c.owner == sa.any_(bound("owners", sa.ARRAY(sa.Text))),
    )
)


def years_of(keys: KeyProvider, archive: str) -> set[date]:
    """The years of which the keyring has keys of an archive, those that were destroyed left out."""
    prefix = f"archive.{archive}."
    names = (name.removeprefix(prefix) for name in keys.names() if name.startswith(prefix))
    return {date.fromisoformat(name.split(".")[0]) for name in names}


def names_of_year(keys: KeyProvider, archive: str, year_end: date) -> list[str]:
    """The names of all keys of a year that the keyring has, of whatever generation."""
    return [name for name in keys.names() if name.startswith(f"archive.{archive}.{year_end}.")]


class OwnerKey(NamedTuple):
    """The key of an owner.

    Attributes:
        key: in clear.
        wrapping: number of the key that wraps it.
        wrapped: as it is kept.
    """

    owner: str
    key: bytes
    wrapping: int
    wrapped: bytes


class YearKeys:
    """The keys of one archive and financial year, of one generation.

    Args:
        keys: the keyring.
        archive: its name.
        year_end: last day of the financial year.
        generation: from 1.
    """

    def __init__(self, keys: KeyProvider, archive: str, year_end: date, generation: int) -> None:
        self.keys = keys
        self.archive = archive
        self.year_end = year_end
        self.generation = generation
        self._prefix = f"archive.{archive}.{year_end}.{generation}"
        self._wraps: int | None = None

    @classmethod
    def of_part(cls, keys: KeyProvider, manifest: Manifest) -> YearKeys:
        """Those of a part."""
        return cls(keys, manifest.archive, manifest.year_end, manifest.generation)

    @property
    def of_objects(self) -> str:
        """The name of the key that wraps those of objects."""
        return f"{self._prefix}.objects"

    def of_owners(self, wrapping: int) -> str:
        """The name of a key that wraps those of owners."""
        return f"{self._prefix}.owners.{wrapping}"

    def are_usable(self) -> bool:
        """Whether documents can be written under them: they were not destroyed."""
        return not self.keys.is_destroyed(self.of_objects)

    def names(self) -> list[str]:
        """The names of all that the keyring has of them, those of keys that were destroyed left out."""
        return [name for name in self.keys.names() if name.startswith(f"{self._prefix}.")]

    def new_object_key(self, name: str) -> tuple[bytes, bytes]:
        """A key for an object, in clear and wrapped."""
        key = os.urandom(KEY_BYTES)
        return key, seal(self.keys.secret(self.of_objects), key, self._about(name))

    def object_key(self, name: str, wrapped: bytes) -> bytes:
        """The key of an object.

        Raises:
            CheckFailed: it was wrapped for another object, or changed.
        """
        try:
            return unseal(self.keys.secret(self.of_objects), wrapped, self._about(name))
        except Broken:
            raise CheckFailed(
                "the key of this object is not what was written",
                place=name,
                next_step="lifecycle archive verify says what else is wrong with its part",
            ) from None

    def owner_keys(self, connection: Connection, owners: Collection[str]) -> dict[str, bytes]:
        """The keys of owners who have one.

        Raises:
            CheckFailed: one of them was changed.
        """
        return {one.owner: one.key for one in self._known(connection, owners).values()}

    def opened(
        self, owners: Iterable[str], wrapping: Iterable[int], wrapped: Iterable[bytes]
    ) -> dict[str, bytes]:
        """Keys of owners that were wrapped.

        Args:
            owners: whose.
            wrapping: the number of the key that wraps each.
            wrapped: each, wrapped.

        Raises:
            CheckFailed: one of them was changed.
        """
        lines = list(zip(owners, wrapping, wrapped, strict=True))
        numbers = {number for _, number, _ in lines}
        unwrap = {number: self.keys.secret(self.of_owners(number)) for number in numbers}
        return {owner: self._unwrapped(unwrap[number], owner, one) for owner, number, one in lines}

    def all_wrapped(self, connection: Connection, at_once: int) -> Iterator[list[OwnerKey]]:
        """All keys of owners that there are, in order, some thousand at once; none in clear."""
        key = archive_key
        query = sa.select(key.c.owner, key.c.wrapping, key.c.wrapped).where(self._of_year())
        ordered = query.order_by(key.c.owner.collate("C")).execution_options(yield_per=at_once)
        for rows in connection.execute(ordered).partitions():
            yield [OwnerKey(row.owner, b"", row.wrapping, row.wrapped) for row in rows]

    def make_owner_keys(self, connection: Connection, owners: Collection[str]) -> dict[str, OwnerKey]:
        """The keys of owners, in their order; made, in the caller's transaction, for those who have none."""
        found = self._known(connection, owners)
        missing = [owner for owner in owners if owner not in found]
        if missing:
            if self._wraps is None:  # nobody wraps keys anew while an archive is written to
                self._wraps = self.newest_wrapping(connection)
            number = self._wraps
            wrapping = self.keys.secret(self.of_owners(number))
            random = os.urandom(KEY_BYTES * len(missing))  # one call of the system is dear, bytes are not
            made = {
                owner: random[KEY_BYTES * place : KEY_BYTES * (place + 1)]
                for place, owner in enumerate(missing)
            }
            found |= {
                owner: OwnerKey(owner, key, number, seal(wrapping, key, self._about(owner)))
                for owner, key in made.items()
            }
            self._insert(connection, [found[owner] for owner in missing])
        return {owner: found[owner] for owner in owners}

    def enter(self, connection: Connection, lines: Iterable[Sequence[Any]]) -> None:
        """Enter keys of owners that were found, unless there are some that were wrapped later.

        Args:
            connection: in the caller's transaction.
            lines: owner, number of the key that wraps it, and the key wrapped.
        """
        values = [
            {**self._bound, "owner": owner, "wrapping": number, "wrapped": wrapped}
            for owner, number, wrapped in lines
        ]
        if values:
            entering = insert(archive_key)
            excluded = entering.excluded
            entering = entering.on_conflict_do_update(
                index_elements=["archive", "year_end", "generation", "owner"],
                set_={"wrapping": excluded.wrapping, "wrapped": excluded.wrapped},
                where=archive_key.c.wrapping < excluded.wrapping,
            )
            connection.execute(entering, values)

    def forget_before(self, connection: Connection, wrapping: int) -> None:
        """Forget the keys that were not among those that were wrapped anew, in the caller's transaction."""
        connection.execute(sa.delete(archive_key).where(self._of_year(), archive_key.c.wrapping < wrapping))

    def forget(self, connection: Connection, owners: Collection[str]) -> None:
        """Forget the keys of owners: those of the others are wrapped anew, in the caller's transaction.

        What wrapped them all before is to be destroyed after that
        (:func:`lifecycle.archive.rewrapping.destroy_wrapping`): until then a backup of the database could bring
        the owners' back.
        """
        of_year, key = self._of_year(), archive_key
        gone = sa.delete(key).where(of_year, key.c.owner == sa.any_(sa.literal([*owners], sa.ARRAY(sa.Text))))
        if not connection.execute(gone).rowcount:
            return
        number, self._wraps = self.newest_wrapping(connection) + 1, None
        while self.keys.is_destroyed(self.of_owners(number)):
            number += 1
        others = connection.scalars(sa.select(key.c.owner).where(of_year)).all()
        if others:
            wrapping = self.keys.secret(self.of_owners(number))
            values = [
                {"other": other, "sealed": seal(wrapping, one, self._about(other))}
                for other, one in self.owner_keys(connection, others).items()
            ]
            rewrapped = sa.update(key).values(wrapping=number, wrapped=sa.bindparam("sealed"))
            connection.execute(rewrapped.where(of_year, key.c.owner == sa.bindparam("other")), values)

    def wrapping(self, connection: Connection) -> set[int]:
        """The numbers of the keys that wrap those of owners."""
        return set(connection.scalars(sa.select(archive_key.c.wrapping).where(self._of_year()).distinct()))

    def outdated_wrapping(self, connection: Connection) -> set[int]:
        """The numbers of those that the keyring has though all is wrapped by later ones."""
        prefix = self.of_owners(0)[:-1]
        there = {int(name.removeprefix(prefix)) for name in self.names() if name.startswith(prefix)}
        used = self.wrapping(connection)
        return {number for number in there if used and number < min(used)}

    def newest_wrapping(self, connection: Connection) -> int:
        """Number of the key that wraps those of owners now."""
        newest = sa.select(sa.func.coalesce(sa.func.max(archive_key.c.wrapping), 1)).where(self._of_year())
        return int(connection.scalar(newest) or 1)

    def _known(self, connection: Connection, owners: Collection[str]) -> dict[str, OwnerKey]:
        rows = _OF_OWNERS.rows(connection, {**self._bound, "owners": list(owners)})
        keys = self.opened(*zip(*rows, strict=True)) if rows else {}
        return {row.owner: OwnerKey(row.owner, keys[row.owner], row.wrapping, row.wrapped) for row in rows}

    def _insert(self, connection: Connection, made: Iterable[OwnerKey]) -> None:
        """Insert keys by COPY, which takes a tenth of what arrays of bytes do."""
        driver: Any = connection.connection.driver_connection
        columns = ", ".join(column.name for column in archive_key.c)

        def copy_in() -> None:
            with driver.cursor() as cursor, cursor.copy(f"COPY {archive_key} ({columns}) FROM STDIN") as copy:
                for one in made:
                    copy.write_row((*self._bound.values(), one.owner, one.wrapping, one.wrapped))

        without_values(copy_in, place=str(archive_key))

    @property
    def _bound(self) -> dict[str, Any]:
        return {"archive": self.archive, "year_end": self.year_end, "generation": self.generation}

    def _of_year(self) -> ColumnElement[bool]:
        return sa.and_(
            archive_key.c.archive == self.archive,
            archive_key.c.year_end == self.year_end,
            archive_key.c.generation == self.generation,
        )

    def _unwrapped(self, wrapping: bytes, owner: str, wrapped: bytes) -> bytes:
        try:
            return unseal(wrapping, bytes(wrapped), self._about(owner))
        except Broken:
            raise CheckFailed(
                "the key of an owner is not what was written",
                place=f"archive {self.archive}, year to {self.year_end}",
                next_step="restore lifecycle.archive_key from a backup; what it opens cannot be read otherwise",
            ) from None

    def _about(self, name: str) -> bytes:
        return f"lifecycle archive {self.archive} {self.year_end} {name}".encode()
