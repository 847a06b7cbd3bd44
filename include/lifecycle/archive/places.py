"""The places of archives, which are written to all at once and read from whichever has what was written."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from lifecycle.archive.storage import AlreadyThere, Location, location
from lifecycle.errors import StorageError
from lifecycle.timelimits import first_instant

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from lifecycle.archive.manifest import Manifest
    from lifecycle.runs.company import Company


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

    def clear(self, folder: str) -> None:
        """Remove what an attempt has left that did not get through.

        Raises:
            StorageError: a location refuses.
        """
        for place in self.locations:
            for name in place.sizes(folder):
                place.delete(name)

    def put_back(
        self, place: Location, manifest: Manifest, name: str, content: bytes, zone: ZoneInfo
    ) -> None:
        """Replace an object that is missing or was changed with what was written.

        A bucket that locks keeps what was written below what somebody put over it, and it is enough to remove that.

        Raises:
            StorageError: the location refuses.
        """
        with suppress(StorageError):
            place.delete(name)
        self._create(place, name, content)
        place.retain(name, first_instant(manifest.retain_until + timedelta(days=1), zone))

    def put_in_place(self, manifest: Manifest, zone: ZoneInfo) -> None:
        """Write a manifest, and let nobody change or remove it and its objects before their time is over.

        Raises:
            StorageError: a location refuses, or has another manifest there.
        """
        until = first_instant(manifest.retain_until + timedelta(days=1), zone)
        for place in self.locations:
            for one in manifest.objects:
                place.retain(one.name, until)
            self._create(place, manifest.name, manifest.text().encode())
            place.retain(manifest.name, until)

    def _create(self, place: Location, name: str, content: bytes) -> None:
        """Write a small object, unless it is there already as it should be."""
        try:
            with place.create(name) as file:
                file.write(content)
        except AlreadyThere:
            if place.read(name) != content:
                raise
