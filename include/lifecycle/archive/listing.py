"""What there is of an archive: part by part, with what it holds and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.archive import parts
from lifecycle.archive.building import archive_of
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from datetime import datetime

    from lifecycle.archive.parts import Part
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A part of an archive.

    Attributes:
        size: bytes of its objects in one place; 0 where it is gone.
        missing: numbers between its first and last that no document of it has.
        left_out: what could not be written of its year, by the reason.
    """

    part: Part
    size: int
    missing: int
    left_out: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Counts and dates."""
        return {
            "archive": self.part.archive,
            "year_end": self.part.year_end.isoformat(),
            "part": self.part.number,
            "state": self.part.state,
            "as_of": self.part.as_of.isoformat(),
            "retain_until": self.part.retain_until.isoformat(),
            "documents": self.part.documents,
            "bytes": self.size,
            "sha256": self.part.sha256,
            "missing_numbers": self.missing,
            "left_out": self.left_out,
        }


def listed(company: Company, archive: str, *, as_of: datetime) -> list[Listed]:
    """Every part of an archive, year by year; one that holds nothing yet is left out.

    Raises:
        UsageError: there is no such archive.
    """
    archive_of(company, archive, as_of=as_of)
    with reading(company.engine) as connection:
        return [_listed(part) for part in parts.parts_of(connection, archive) if part.state != "writing"]


def _listed(part: Part) -> Listed:
    if part.manifest is None:
        return Listed(part=part, size=0, missing=0, left_out={})
    manifest = part.read_manifest()
    return Listed(
        part=part,
        size=sum(one.size for one in manifest.everything),
        missing=sum(one.missing for one in manifest.series),
        left_out=manifest.left_out.to_json(),
    )
