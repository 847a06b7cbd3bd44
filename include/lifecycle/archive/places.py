"""The places of archives, which are written to all at once and read from whichever has what was written."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from lifecycle.archive.manifest import manifest_of, number_of_manifest, year_of
from lifecycle.archive.storage import AlreadyThere, Location, NotThere, location
from lifecycle.errors import StorageError
from lifecycle.timelimits import first_instant

if TYPE_CHECKING:
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from lifecycle.archive.manifest import Manifest
    from lifecycle.runs.company import Company


def lock_of(manifest: Manifest, *, as_of: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment before which nobody may remove a part; None where the law does not ask for it any more."""
    until = first_instant(manifest.retain_until + timedelta(days=1), zone)
    return until if until > as_of else None


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where archives stand.

    Attributes:
        locations: one, or several that have the same.
    """

    locations: tuple[Location, ...]

    @classmethod
    def of(cls, company: Company) -> Places:
        """Those that the company's settings name.

        Raises:
            UsageError: one of them is none that is known here.
        """
        return cls(locations=tuple(map(location, company.archive_urls)))

    def numbers(self, archive: str, year_end: date) -> set[int]:
        """The numbers of all parts of a year that have a manifest in some place.

        Raises:
            StorageError: a location cannot be reached.
        """
        year = year_of(archive, year_end)
        return {
            number
            for place in self.locations
            for name in place.sizes(year)
            if (number := number_of_manifest(name)) is not None
        }

    def has_manifest(self, folder: str, digest: str) -> bool:
        """Whether a manifest of this SHA-256 stands in a folder, in some place.

        Raises:
            StorageError: a location cannot be read.
        """
        name = manifest_of(folder)
        for place in self.locations:
            with suppress(NotThere):
                if sha256(place.read(name)).hexdigest() == digest:
                    return True
        return False

    def clear(self, folder: str) -> None:
        """Remove what an attempt has left that did not get through.

        Raises:
            StorageError: a location refuses.
        """
        for place in self.locations:
            place.clear(folder)

    def put_back(self, place: Location, name: str, content: bytes, lock: datetime | None) -> None:
        """Replace an object that is missing or was changed with what was written.

        A bucket that locks keeps what was written below what somebody put over it, and it is enough to remove that.

        Args:
            place: where.
            name: of the object.
            content: what was written.
            lock: the moment before which nobody may remove it; None where anybody may.

        Raises:
            StorageError: the location refuses.
        """
        with suppress(StorageError):
            place.delete(name)
        self._create(place, name, content)
        place.retain(name, lock)

    def put_in_place(self, manifest: Manifest, lock: datetime | None) -> None:
        """Write a manifest, and let nobody change or remove it and its objects before their time is over.

        Args:
            manifest: of a part.
            lock: the moment at which it is; None where it is already.

        Raises:
            StorageError: a location refuses, or has another manifest there.
        """
        for place in self.locations:
            for one in manifest.everything:
                place.retain(one.name, lock)
            self._create(place, manifest.name, manifest.text().encode())
            place.retain(manifest.name, lock)

    def _create(self, place: Location, name: str, content: bytes) -> None:
        """Write a small object, unless it is there already as it should be."""
        try:
            with place.create(name) as file:
                file.write(content)
        except AlreadyThere:
            if place.read(name) != content:
                raise
