"""Which periods may be released, and whether what was released is still what was drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from lifecycle.analytics import draws, periods, released, spans
from lifecycle.analytics.describing import content_digest
from lifecycle.analytics.releasing import places_of, release_of, write_files
from lifecycle.analytics.remembering import remember
from lifecycle.errors import CheckFailed, PolicyError, PromiseBroken, UsageError
from lifecycle.ledger.book import read_entry
from lifecycle.store.engine import reading
from lifecycle.timelimits import first_instant, local_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from lifecycle.analytics.draws import Draw
    from lifecycle.analytics.spans import Span
    from lifecycle.policy.releases import ResolvedRelease
    from lifecycle.runs.company import Company


FURTHEST_BACK = timedelta(days=60)
"""Before that nobody looks for periods that were not released in time."""
AUTOMATIC = "lifecycle"
"""Who declares a period lost that nobody released in time."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was found of a release.

    Attributes:
        tables: how many periods of tables were looked at.
        written: how many files were missing or damaged, and are there again.
        changed: what is not as it was drawn, in words.
    """

    release: str
    tables: int
    written: int
    changed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "release": self.release,
            "tables": self.tables,
            "written": self.written,
            "changed": list(self.changed),
        }

    def lines(self) -> list[str]:
        """The same for people."""
        told = f"{self.release}: {self.tables} tables as they were drawn"
        if self.changed:
            told = f"{self.release}: {len(self.changed)} of {self.tables} tables are not as they were drawn"
        files_told = [f"{self.release}: {self.written} files written again"] if self.written else []
        return [told, *files_told, *self.changed]

    def require_whole(self) -> None:
        """Refuse to call it whole where it is not.

        Raises:
            PromiseBroken: something is not as it was drawn.
        """
        if self.changed:
            raise PromiseBroken(
                f"{len(self.changed)} tables are not as they were drawn",
                place=self.release,
                next_step="find out who may write there; the manifest in lifecycle.release_draw has what was drawn",
            )


def open_spans(company: Company, name: str, *, as_of: datetime) -> Iterator[Span]:
    """The periods that are over, may still be released and are not, oldest first."""
    release, zone = release_of(company, name, as_of=as_of), company.rulebook(as_of).policy.zone
    remember(company.engine)
    for span in spans.closed_spans(release, as_of, zone):
        with reading(company.engine) as connection:
            if periods.is_lost(connection, name, span.first):
                continue
            there = draws.known_feeds(connection, name, span.first)
        if there != set(release.release.feeds):
            yield span


def is_released(company: Company, name: str, first_day: date, *, as_of: datetime) -> bool:
    """Whether every feed has a period, in tables that are there."""
    feeds = release_of(company, name, as_of=as_of).release.feeds
    with reading(company.engine) as connection:
        there = {one.feed for one in draws.draws(connection, name, first_day=first_day, state="released")}
    return there >= set(feeds)


def record_late(company: Company, name: str, *, as_of: datetime) -> list[date]:
    """Enter periods as lost that were not released in time, from the first that the register knows; their first days.

    After a restore from a backup that may be one of which only the ledger has told that it was drawn, or lost.

    Their events go when their time has come: nobody waits for a release that cannot be made.
    """
    release, zone = release_of(company, name, as_of=as_of), company.rulebook(as_of).policy.zone
    today = local_day(as_of, zone)
    remember(company.engine)
    with reading(company.engine) as connection:
        counted = [one.first_day for one in periods.counted(connection, name)]
        lost = periods.lost_days(connection, name)
        drawn = [one for one in draws.draws(connection, name) if one.is_known]
    known = [*counted, *lost, *(one.first_day for one in drawn)]
    if not known:
        return []
    late = []
    for span in spans.spans_since(release, max(min(known), today - FURTHEST_BACK), zone):
        if spans.is_in_time(release, span.first, today) or span.last >= today:
            break
        feeds = {one.feed for one in drawn if one.first_day <= span.last and one.last_day >= span.first}
        if span.first not in lost and not feeds >= _promised(company, release, span, zone):
            periods.declare_lost(company, name, span, reason="late", by=AUTOMATIC, as_of=as_of)
            late.append(span.first)
    return late


def _promised(company: Company, release: ResolvedRelease, span: Span, zone: ZoneInfo) -> frozenset[str]:
    """The feeds of the policy that was in force when a period could be released for the last time.

    A feed that came later was never promised the period.
    """
    last_chance = first_instant(span.last + timedelta(days=release.release.within), zone)
    try:
        then = company.version(last_chance).policy.releases.get(release.name)
    except PolicyError:  # the versions of then are kept no more
        then = release.release
    return frozenset(then.feeds if then else ())


def require_open(company: Company, name: str, span: Span, *, as_of: datetime) -> None:
    """Refuse a period that is not over, or may not be released any more.

    Raises:
        CheckFailed: it is too late, or it was declared lost.
        UsageError: it is not over.
    """
    release, zone = release_of(company, name, as_of=as_of), company.rulebook(as_of).policy.zone
    today = local_day(as_of, zone)
    if span.last >= today:
        raise UsageError(
            f"the period of {span.first} is not over", place=name, next_step=f"release it after {span.last}"
        )
    with reading(company.engine) as connection:
        if periods.is_lost(connection, name, span.first):
            raise CheckFailed(
                f"{span.first} was declared lost", place=name, next_step="nothing: it is never released"
            )
    if not spans.is_in_time(release, span.first, today):
        raise CheckFailed(
            f"it is too late to release {span.first}: its events may be gone in part",
            place=name,
            next_step="declare it lost: lifecycle release lost",
        )


def verify(company: Company, name: str, *, as_of: datetime) -> Verified:
    """Hold every table of a release against what was drawn, and write files that are missing or damaged."""
    release_of(company, name, as_of=as_of)
    root = places_of(company).files
    changed: list[str] = []
    tables = written = 0
    with company.engine.connect() as connection, connection.begin():
        for one in draws.draws(connection, name, state="released"):
            manifest, wrong = _manifest(connection, one)
            changed += wrong
            for table, told in manifest.items():
                tables += 1
                differs = list(_changed(connection, table, one.first_day, told))
                changed += differs
                if not differs and not wrong:
                    written += write_files(connection, root, table, one.first_day, told)
    return Verified(release=name, tables=tables, written=written, changed=tuple(changed))


def _manifest(connection: Connection, draw: Draw) -> tuple[dict[str, Any], list[str]]:
    """The tables that a manifest names, and what is wrong with it: the ledger has its digest."""
    text, place = draw.manifest or "{}", f"{draw.release} for {draw.feed}, {draw.first_day}"
    entry = read_entry(connection, draw.entry) if draw.entry is not None else None
    digests = {sha256(text.encode()).hexdigest(), draw.sha256, entry.body.get("digest") if entry else None}
    wrong = [] if len(digests) == 1 else [f"{place}: not the manifest that the ledger has"]
    return json.loads(text).get("tables", {}), wrong


def _changed(connection: Connection, table: str, first_day: date, told: dict[str, Any]) -> Iterator[str]:
    shape = released.shape_told(told["says"])
    try:
        with connection.begin_nested():
            rows = released.read(connection, shape, first_day)
            says = released.read_dictionary(connection, table, first_day)
    except DBAPIError:
        yield f"analytics.{table}, {first_day}: its columns are not those that were drawn"
        return
    if content_digest(rows) != told["sha256"]:
        yield f"analytics.{table}, {first_day}: not the {told['rows']} rows that were drawn"
    if says != told["says"]:
        yield f"analytics.dictionary, {table}, {first_day}: not what was said when it was drawn"
