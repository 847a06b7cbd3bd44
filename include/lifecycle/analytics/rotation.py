"""Keys of pseudonyms by the month: made when it begins, destroyed when nothing is released of it any more.

Once it is destroyed nobody can tell whose a pseudonym was, nor make it again. That files of pseudonymised events are
gone does not rest on it: those go with the run that made them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from lifecycle.analytics.events import ORGANISATION, SUBJECT
from lifecycle.analytics.pseudonyms import PREFIX, epoch_of, key_name
from lifecycle.keys.provider import Purpose
from lifecycle.ledger.book import append
from lifecycle.timelimits import local_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from lifecycle.policy.releases import ResolvedRelease
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """The keys that were made, and those that were destroyed, by name."""

    created: tuple[str, ...]
    destroyed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"created": list(self.created), "destroyed": list(self.destroyed)}


def rotate(company: Company, *, as_of: datetime) -> Rotated:
    """Make this month's keys that are not there, destroy those of closed months, and say so in the ledger.

    Keys of releases that the policy has no more are destroyed when their month is over.
    """
    rulebook = company.rulebook(as_of)
    today = local_day(as_of, rulebook.policy.zone)
    there = {name for name in company.keys.names() if name.startswith(PREFIX)}
    created = [
        name
        for release in rulebook.releases.values()
        for name in make_keys(company, release, epoch_of(today), as_of=as_of)
    ]
    closed = sorted(name for name in there if _is_closed(name, rulebook.releases, today))
    for name in closed:
        # First the ledger: where this is cut short it is done again, and what is gone could not be named any more.
        body = {
            "key": name,
            "purpose": Purpose.SECRET.value,
            "key_id": company.keys.create(name, Purpose.SECRET),
        }
        with company.engine.begin() as connection:
            append(connection, "key_destroyed", body, as_of=as_of)
        company.keys.destroy(name)
    return Rotated(created=tuple(created), destroyed=tuple(closed))


def make_keys(company: Company, release: ResolvedRelease, epoch: str, *, as_of: datetime) -> list[str]:
    """Make the keys of an epoch that never were, and say so in the ledger; their names."""
    names = [key_name(release.name, kind, epoch) for kind in _kinds(release)]
    there = set(company.keys.names())
    created = [name for name in names if name not in there and not company.keys.is_destroyed(name)]
    for name in created:
        body = {
            "key": name,
            "purpose": Purpose.SECRET.value,
            "key_id": company.keys.create(name, Purpose.SECRET),
        }
        with company.engine.begin() as connection:
            append(connection, "key_created", body, as_of=as_of)
    return created


def _kinds(release: ResolvedRelease) -> Iterator[str]:
    yield SUBJECT
    if release.organisation:
        yield ORGANISATION


def _is_closed(name: str, releases: Mapping[str, ResolvedRelease], today: date) -> bool:
    """Whether no period that began in the key's month may be released any more."""
    release_name, _, epoch = name.removeprefix(PREFIX).split(".")
    year, month = map(int, epoch.split("-"))
    following = date(year + month // 12, month % 12 + 1, 1)
    release = releases.get(release_name)
    open_for = release.days - 1 + release.release.within if release else 0
    return today >= following + timedelta(days=open_for)
