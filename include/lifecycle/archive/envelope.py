"""The keys of an archive: each object has one, and each owner one for each financial year (AES-256-GCM).

All of a year are wrapped by keys of the keyring: destroying those destroys the year, wherever copies of it are, in
storage that refuses to delete and in backups too. What shall outlive the year is written anew before, under keys of the
next generation. To destroy one owner's key, the others are wrapped anew and the key that wrapped them is destroyed.
"""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.archive.tables import archive_key
from lifecycle.errors import CheckFailed, UsageError
from lifecycle.keys.provider import KEY_BYTES
from lifecycle.keys.sealing import Broken, seal, unseal
from lifecycle.store.engine import reading
from lifecycle.store.prepared import Prepared, bound

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Connection, Engine

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


_made = (
    sa.func.unnest(bound("made", sa.ARRAY(sa.Text)), bound("sealed", sa.ARRAY(sa.LargeBinary)))
    .table_valued(sa.column("owner", sa.Text), sa.column("wrapped", sa.LargeBinary), name="made")
    .render_derived()
)
_MAKING = Prepared(
    sa.insert(archive_key).from_select(
        ["archive", "year_end", "generation", "owner", "wrapping", "wrapped"],
        sa.select(
            bound("archive", sa.Text),
            bound("year_end", sa.Date),
            bound("generation", sa.Integer),
            _made.c.owner,
            bound("number", sa.Integer),
            _made.c.wrapped,
        ),
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
        """Whether documents can be written under them: none of them was destroyed."""
        return self._is_usable(self.of_objects)

    def _is_usable(self, name: str) -> bool:
        try:
            self.keys.secret(name)
        except UsageError:
            return False
        return True

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
        found = _OF_OWNERS.rows(connection, {**self._bound, "owners": list(owners)})
        wrapping = {
            number: self.keys.secret(self.of_owners(number)) for number in {row.wrapping for row in found}
        }
        return {row.owner: self._unwrapped(wrapping[row.wrapping], row.owner, row.wrapped) for row in found}

    def make_owner_keys(self, connection: Connection, owners: Collection[str]) -> dict[str, bytes]:
        """The keys of owners; made, in the caller's transaction, for those who have none."""
        found = self.owner_keys(connection, owners)
        missing = [owner for owner in dict.fromkeys(owners) if owner not in found]
        if missing:
            number = self._wrapping(connection)
            made = {owner: os.urandom(KEY_BYTES) for owner in missing}
            wrapping = self.keys.secret(self.of_owners(number))
            sealed = [seal(wrapping, key, self._about(owner)) for owner, key in made.items()]
            values = {"number": number, "made": list(made), "sealed": sealed}
            _MAKING.run(connection, {**self._bound, **values})
            found |= made
        return found

    def forget(self, connection: Connection, owner: str) -> None:
        """Forget the key of an owner: those of the others are wrapped anew, in the caller's transaction.

        The key that wrapped them all before is destroyed after that (:meth:`unused_names`): until then a backup of the
        database could bring the owner's back.
        """
        of_year = self._of_year()
        known = connection.scalars(sa.select(archive_key.c.owner).where(of_year)).all()
        if owner not in known:
            return
        owners = [one for one in known if one != owner]
        number, wrapping = self._wrapping(connection) + 1, b""
        if owners:
            while not self._is_usable(self.of_owners(number)):
                number += 1
            wrapping = self.keys.secret(self.of_owners(number))
        for one, key in self.owner_keys(connection, owners).items():
            sealed = seal(wrapping, key, self._about(one))
            connection.execute(
                sa.update(archive_key)
                .values(wrapping=number, wrapped=sealed)
                .where(of_year, archive_key.c.owner == one)
            )
        connection.execute(sa.delete(archive_key).where(of_year, archive_key.c.owner == owner))

    def unused_names(self, engine: Engine) -> list[str]:
        """The names of keys of the keyring that wrapped those of owners, and wrap none any more."""
        with reading(engine) as connection:
            used = connection.scalars(
                sa.select(archive_key.c.wrapping).where(self._of_year()).distinct()
            ).all()
        kept = {self.of_objects, *map(self.of_owners, used)}
        return [name for name in self.names() if name not in kept]

    @property
    def _bound(self) -> dict[str, Any]:
        return {"archive": self.archive, "year_end": self.year_end, "generation": self.generation}

    def _of_year(self) -> ColumnElement[bool]:
        return sa.and_(
            archive_key.c.archive == self.archive,
            archive_key.c.year_end == self.year_end,
            archive_key.c.generation == self.generation,
        )

    def _wrapping(self, connection: Connection) -> int:
        """Number of the key that wraps those of owners now."""
        newest = sa.select(sa.func.coalesce(sa.func.max(archive_key.c.wrapping), 1)).where(self._of_year())
        return int(connection.scalar(newest) or 1)

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
