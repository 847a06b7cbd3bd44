"""Looking after an archive: every byte of every part, against its manifest, the control schema and the ledger.

What is missing or was changed in one place is put back from another that has it as it was written, and told.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from lifecycle.archive import parts
from lifecycle.archive.building import archive_of
from lifecycle.archive.checking import (
    CHANGED,
    MISSING,
    compare_with_manifest,
    first_intact,
    first_whole,
    wrong_with,
)
from lifecycle.archive.finding import enter_found
from lifecycle.archive.places import Places, lock_of
from lifecycle.archive.restoring import restore, sample
from lifecycle.archive.storage import NotThere
from lifecycle.errors import LifecycleError, PromiseBroken
from lifecycle.ledger.book import append_all, read_entry
from lifecycle.store.engine import let_idle, reading
from lifecycle.store.failures import describe
from lifecycle.timelimits import local_day

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lifecycle.archive.manifest import Manifest
    from lifecycle.archive.objects import Written
    from lifecycle.archive.parts import Part
    from lifecycle.archive.storage import Location
    from lifecycle.runs.company import Company

    Progress = Callable[[int, int], None]

EXTRA, FORGOTTEN, UNLIKE_LEDGER, UNREADABLE, UNLIKE = (
    "extra",
    "forgotten",
    "unlike_ledger",
    "unreadable",
    "unlike",
)
"""What else may be wrong: an object belongs to no part; the register does not know a part; the ledger says another
manifest; what an object holds cannot be opened, or does not add up; its documents, restored, are others than were
written."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        what: one word of those above.
        name: of the object, or of the part.
        place: address of the location; empty where it is about all.
        repaired: whether it was put back as it was.
        more: what is known besides, in words.
    """

    what: str
    name: str
    place: str = ""
    repaired: bool = False
    more: str = ""

    def to_json(self) -> dict[str, Any]:
        """As values of JSON."""
        return {
            "what": self.what,
            "name": self.name,
            "place": self.place,
            "repaired": self.repaired,
            "more": self.more,
        }

    def __str__(self) -> str:
        where = f" at {self.place}" if self.place else ""
        more = f" ({self.more})" if self.more else ""
        return f"{self.name}{where} {_WORDS[self.what]}{more}{', repaired' if self.repaired else ''}"


_WORDS = {
    MISSING: "is missing",
    CHANGED: "was changed",
    EXTRA: "belongs to no part",
    FORGOTTEN: "was not in the register",
    UNLIKE_LEDGER: "is not what the ledger says was written",
    UNREADABLE: "does not hold what its manifest says",
    UNLIKE: "cannot be restored as it was",
}


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What looking after an archive has found.

    Attributes:
        parts: how many were looked at; ``objects`` and ``size`` likewise, over all places.
        restored: documents that were put back into tables and compared.
    """

    archive: str
    parts: int = 0
    restored: int = 0
    objects: int = 0
    size: int = 0
    findings: tuple[Finding, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Counts and names; nothing of what objects hold."""
        return {
            "archive": self.archive,
            "parts": self.parts,
            "objects": self.objects,
            "bytes": self.size,
            "restored": self.restored,
            "findings": [one.to_json() for one in self.findings],
        }

    def require_whole(self) -> None:
        """Everything is as it was written, or is so again.

        Raises:
            PromiseBroken: names what is not.
        """
        broken = [one for one in self.findings if not one.repaired]
        if broken:
            raise PromiseBroken(
                "\n".join(map(str, broken)),
                place=f"archive {self.archive}",
                next_step="restore what is missing or was changed from a backup of the storage; see whose it is that"
                " belongs to no part, and remove it; then verify again",
            )


def verify(
    company: Company, name: str, *, as_of: datetime, progress: Progress = lambda _done, _all: None
) -> Verified:
    """Read every object of an archive everywhere, put back what is not as it was written, and restore a sample.

    Raises:
        UsageError: there is no such archive.
        StorageError: a location cannot be reached.
        StoreError: the register does not know a part, and somebody else writes to this archive.
    """
    archive_of(company, name, as_of=as_of)
    entered = enter_found(company, name, as_of=as_of)
    with reading(company.engine) as connection:
        written = parts.parts_of(connection, name, states=("written",))
    verification = _Verification(company, name, as_of)
    verification.findings += [Finding(what=FORGOTTEN, name=one, repaired=True) for one in entered]
    for number, part in enumerate(written, start=1):
        is_lost = verification.look_at(part)
        with company.engine.begin() as connection:
            parts.note_lost(connection, part, as_of if is_lost else None)
        progress(number, len(written))
    verification.look_for_others(written)
    verification.restore_sample(written)
    found = verification.verified(len(written))
    with company.engine.begin() as connection:
        append_all(connection, _entries(found), as_of=as_of)
    return found


class _Verification:
    """What has been found so far."""

    def __init__(self, company: Company, name: str, as_of: datetime) -> None:
        self.company = company
        self.as_of = as_of
        self.name = name
        self.places = Places.of(company)
        self.findings: list[Finding] = []
        self.objects = self.size = self.restored = 0

    def look_at(self, part: Part) -> bool:
        """See that the part is what the ledger says, everywhere, and holds what its manifest says.

        Whether something of it is lost: then nothing relies on it, and what the tables have of it is written again.
        """
        before = len(self.findings)
        manifest, is_lost = part.read_manifest(), False
        if not self._is_in_ledger(part, manifest):
            self.findings.append(Finding(what=UNLIKE_LEDGER, name=part.folder))
        for place in self.places.locations:
            self._look_at_manifest(place, part, manifest)
            for one in manifest.everything:
                self.objects += 1
                self.size += one.size
                is_lost |= self._look_at_object(place, part, one)
        self._look_into(manifest)
        if self._was_given_up(part, before):
            return False
        return is_lost or any(one.what == UNREADABLE for one in self.findings[before:])

    def look_for_others(self, written: list[Part]) -> None:
        """See that there is nothing but what belongs to a part, or is being written."""
        with reading(self.company.engine) as connection:
            unfinished = [
                part.folder
                for part in parts.parts_of(connection, self.name, states=(*parts.UNFINISHED, "condemned"))
            ]
        known = {name for part in written for name in _names(part.read_manifest())}
        for place in self.places.locations:
            for name in place.sizes(self.name):
                if name not in known and not name.startswith(tuple(f"{folder}/" for folder in unfinished)):
                    self.findings.append(Finding(what=EXTRA, name=name, place=place.url))

    def restore_sample(self, written: list[Part]) -> None:
        """Put the documents of one object back into tables, each month another, and see that they are as they were."""
        zone = self.company.version(self.as_of).policy.zone
        day = local_day(self.as_of, zone)
        chosen = sample(written, day.year * 12 + day.month)
        if chosen is None:
            return
        part, number = chosen
        one = part.read_manifest().objects[number]
        place, before = first_intact(self.places.locations, one), len(self.findings)
        if place is not None:  # else it was found before
            self._restore(part, number, place, one.name)
            self._was_given_up(part, before)

    def _restore(self, part: Part, number: int, place: Location, name: str) -> None:
        try:
            restored = restore(self.company, part, number, place, self.company.rulebook(self.as_of))
        except LifecycleError as error:
            self.findings.append(Finding(what=UNREADABLE, name=name, more=error.message))
            return
        self.restored = restored.documents
        self.findings += [Finding(what=UNLIKE, name=name, more=more) for more in restored.problems()]

    def verified(self, count: int) -> Verified:
        """All that was found."""
        return Verified(
            archive=self.name,
            parts=count,
            objects=self.objects,
            size=self.size,
            restored=self.restored,
            findings=tuple(self.findings),
        )

    def _is_in_ledger(self, part: Part, manifest: Manifest) -> bool:
        with reading(self.company.engine) as connection:
            entry = None if part.entry is None else read_entry(connection, part.entry)
        return (
            entry is not None
            and entry.kind == "archive_written"
            and (entry.body["archive"], entry.body["year_end"], entry.body["part"])
            == (part.archive, part.year_end.isoformat(), part.number)
            and entry.body["digest"] == part.sha256 == manifest.sha256
        )

    def _look_at_manifest(self, place: Location, part: Part, manifest: Manifest) -> None:
        try:
            is_as_written = sha256(place.read(manifest.name)).hexdigest() == manifest.sha256
            what = "" if is_as_written else CHANGED
        except NotThere:
            what = MISSING
        if what:
            self._replace(place, part, manifest.name, what, lambda: manifest.text().encode())

    def _look_at_object(self, place: Location, part: Part, one: Written) -> bool:
        """See that an object is as it was written, or put it back; whether no place has it any more."""
        what = wrong_with(place, one)
        if not what:
            return False
        source = first_intact([other for other in self.places.locations if other is not place], one)
        if source is None:
            self.findings.append(Finding(what=what, name=one.name, place=place.url))
        else:
            self._replace(place, part, one.name, what, lambda: source.read(one.name))
        return source is None

    def _replace(self, place: Location, part: Part, name: str, what: str, read: Callable[[], bytes]) -> None:
        """Put an object back as it was, unless its part was given up meanwhile."""
        finding = Finding(what=what, name=name, place=place.url)
        zone = self.company.version(self.as_of).policy.zone
        lock = lock_of(part.read_manifest(), as_of=self.as_of, zone=zone)
        try:
            content = read()
            with self.company.engine.begin() as connection:
                if not parts.stays_written(connection, part):
                    return
                let_idle(connection)
                self.places.put_back(place, name, content, lock)
        except LifecycleError as error:
            self.findings.append(replace(finding, more=error.message))
        except DBAPIError as error:
            self.findings.append(replace(finding, more=describe(error).message))
        else:
            self.findings.append(replace(finding, repaired=True))

    def _was_given_up(self, part: Part, before: int) -> bool:
        """Whether a part was condemned meanwhile, so that nothing found since then is told."""
        if len(self.findings) == before:
            return False
        with reading(self.company.engine) as connection:
            given_up = parts.part_of(connection, part.part_id).state != "written"
        if given_up:
            del self.findings[before:]
        return given_up

    def _look_into(self, manifest: Manifest) -> None:
        """See that what the objects hold can be opened and adds up, where there is a place that has all of them."""
        place = first_whole(self.places.locations, manifest)
        problems = compare_with_manifest(self.company, manifest, place) if place else []
        self.findings += [Finding(what=UNREADABLE, name=manifest.folder, more=one) for one in problems]


def _names(manifest: Manifest) -> set[str]:
    """Of everything that belongs to a part."""
    return {manifest.name, *(one.name for one in manifest.everything)}


def _entries(found: Verified) -> list[tuple[str, dict[str, Any]]]:
    """That it was looked after, and what was found, in counts."""
    repaired = sum(one.repaired for one in found.findings)
    broken = len(found.findings) - repaired
    body = {"archive": found.archive, "rows": found.objects, "repaired": repaired, "passed": not broken}
    return [("archive_verified", body)]
