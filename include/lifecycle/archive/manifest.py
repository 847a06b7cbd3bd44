"""The manifest of a part: what stands in it, so that every object of it can be told from any other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lifecycle.archive.documents import LeftOut
from lifecycle.archive.layout import FORMAT
from lifecycle.archive.numbering import Series
from lifecycle.archive.objects import Written
from lifecycle.archive.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Mapping


MANIFEST = "manifest.json"
_MOST = 2**31 - 1
"""Of parts and generations: what the register's columns can have."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What stands in a part.

    Attributes:
        year_end: last day of the financial year of its documents.
        number: of the part within the year, from 1.
        generation: of the year's keys.
        as_of: the moment whose state of the tables it holds.
        retain_until: last day on which the law asks for its documents.
        layout: what the columns of its objects mean, as those say themselves.
        owner_keys: the object that has the wrapped keys of owners; its ``documents`` is how many.
        revisions: how many of its documents were written before, and have changed since.
        series: of the numbers of its documents.
        left_out: what could not be written of the year.
    """

    archive: str
    year_end: date
    number: int
    generation: int
    as_of: datetime
    policy_version: str
    policy_digest: str
    retain_until: date
    layout: Mapping[str, Any]
    objects: tuple[Written, ...]
    owner_keys: Written
    revisions: int
    totals: Totals
    series: tuple[Series, ...]
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def documents(self) -> int:
        """How many stand in it."""
        return sum(one.documents for one in self.objects)

    @property
    def everything(self) -> tuple[Written, ...]:
        """All objects that it names: those of documents, and that of keys."""
        return (*self.objects, self.owner_keys)

    @property
    def folder(self) -> str:
        """Where its objects are."""
        return folder_of(self.archive, self.year_end, self.number)

    @property
    def name(self) -> str:
        """Of the object that it is itself."""
        return manifest_of(self.folder)

    @property
    def sha256(self) -> str:
        """Of its text, hexadecimal: the ledger has it."""
        return sha256(self.text().encode()).hexdigest()

    def entry(self, **more: str) -> dict[str, Any]:
        """The body of the ledger's entry that says it was written."""
        return {
            "archive": self.archive,
            "year_end": self.year_end,
            "part": self.number,
            "digest": self.sha256,
            "rows": self.documents,
            "retain_until": self.retain_until,
            "policy_version": self.policy_version,
            **more,
        }

    def text(self) -> str:
        """The manifest as it is written: JSON with sorted keys, in one line."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def to_json(self) -> dict[str, Any]:
        """As values of JSON: names, digests, counts and sums."""
        return {
            "format": FORMAT,
            "archive": self.archive,
            "year_end": self.year_end.isoformat(),
            "number": self.number,
            "generation": self.generation,
            "as_of": self.as_of.isoformat(),
            "policy_version": self.policy_version,
            "policy_digest": self.policy_digest,
            "retain_until": self.retain_until.isoformat(),
            "layout": dict(self.layout),
            "objects": [one.to_json() for one in self.objects],
            "owner_keys": self.owner_keys.to_json(),
            "documents": self.documents,
            "revisions": self.revisions,
            "totals": self.totals.to_json(),
            "series": [one.to_json() for one in self.series],
            "left_out": self.left_out.to_json(),
        }

    @classmethod
    def from_text(cls, text: str) -> Manifest:
        """The manifest that was written so.

        Raises:
            ValueError: it is none, or of a later format.
        """
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise ValueError("a later format")
            return cls._checked(
                archive=document["archive"],
                year_end=date.fromisoformat(document["year_end"]),
                number=document["number"],
                generation=document["generation"],
                as_of=datetime.fromisoformat(document["as_of"]),
                policy_version=date.fromisoformat(document["policy_version"]).isoformat(),
                policy_digest=document["policy_digest"],
                retain_until=date.fromisoformat(document["retain_until"]),
                layout=document["layout"],
                objects=tuple(map(Written.from_json, document["objects"])),
                owner_keys=Written.from_json(document["owner_keys"]),
                revisions=document["revisions"],
                totals=Totals.from_json(document["totals"]),
                series=tuple(Series(**one) for one in document["series"]),
                left_out=LeftOut(**document["left_out"]),
            )
        except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise ValueError(f"no manifest: {type(error).__name__}") from None

    @classmethod
    def _checked(cls, **values: Any) -> Manifest:
        """One that the register can have: whoever can write to a place may have put anything there."""
        found = cls(**values)
        counted = (found.number, found.generation)
        if min(counted) < 1 or max(counted) > _MOST or found.retain_until < found.year_end:
            raise ValueError("a number or day that no part has")
        if any(one.documents < 0 or not one.name.startswith(f"{found.folder}/") for one in found.everything):
            raise ValueError("an object that is not the part's")
        return found


def year_of(archive: str, year_end: date) -> str:
    """Where the parts of a financial year are."""
    return f"{archive}/{year_end}"


def folder_of(archive: str, year_end: date, number: int) -> str:
    """Where the objects of a part are."""
    return f"{year_of(archive, year_end)}/{number:04}"


def manifest_of(folder: str) -> str:
    """The name of the manifest of a part."""
    return f"{folder}/{MANIFEST}"


def number_of_manifest(name: str) -> int | None:
    """The number of the part whose manifest has a name; None where it is the name of something else."""
    *_, number, what = ("", *name.split("/"))
    return int(number) if what == MANIFEST and number.isdecimal() else None


def keys_of(folder: str) -> str:
    """The name of the object of a part that has the keys of owners."""
    return f"{folder}/keys.parquet"


def object_of(folder: str, number: int) -> str:
    """The name of an object of a part, from 0."""
    return f"{folder}/{number:04}.parquet"
