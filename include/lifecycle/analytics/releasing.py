"""The way of a period from events to what is released, step by step; each can be repeated, and none releases twice.

:func:`extract`, :func:`count` and :func:`draw` follow each other, with a check between them; :func:`publish` writes
the files of what was drawn, and :func:`finish` empties the folder that the steps have worked in. :func:`build` is all
of them; whoever takes them one by one holds :func:`~lifecycle.analytics.draws.only_builder` meanwhile.
"""

from __future__ import annotations

import json
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from pyarrow import parquet

from lifecycle.analytics import attacks, checks, draws, files, noise, released, utility
from lifecycle.analytics.bounding import CONTRIBUTORS, PERSONS, numbers
from lifecycle.analytics.counting import count_tables
from lifecycle.analytics.derive import Countries
from lifecycle.analytics.describing import content_digest, describe
from lifecycle.analytics.events import Events
from lifecycle.analytics.gates import read_cells
from lifecycle.analytics.periods import enter_counted
from lifecycle.analytics.preparing import Preparation
from lifecycle.analytics.pseudonyms import Pseudonyms, epoch_of
from lifecycle.analytics.remembering import remember
from lifecycle.analytics.rotation import make_keys
from lifecycle.analytics.workplace import Workplace, periods_at_work
from lifecycle.errors import CheckFailed, StoreError, UsageError
from lifecycle.ledger.book import append
from lifecycle.planning.planner import one_state
from lifecycle.policy.release_form import LEAST_PERSONS
from lifecycle.runs.adoption import adopt
from lifecycle.store.copying import read_in_parts
from lifecycle.store.engine import let_idle, reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from lifecycle.analytics.noise import Drawn, TablePlan
    from lifecycle.analytics.spans import Span
    from lifecycle.policy.releases import ResolvedRelease
    from lifecycle.quality.suite import Checked
    from lifecycle.runs.company import Company, ReleasePlaces

    Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """How many events a period has, for operators: exact numbers.

    Attributes:
        left_out: by reason.
        robots: left out because no person made them.
        taken: what is counted.
    """

    events: int
    left_out: dict[str, int]
    robots: int
    taken: int

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def release_of(company: Company, name: str, *, as_of: datetime) -> ResolvedRelease:
    """A release of the policy in force.

    Raises:
        UsageError: it has none of this name.
    """
    releases = company.rulebook(as_of).releases
    if name not in releases:
        raise UsageError(
            "the policy has no such release",
            place=name,
            next_step=f"one of {', '.join(releases)}" if releases else "state it under releases",
        )
    return releases[name]


def feeds_of(company: Company, name: str, *, as_of: datetime) -> tuple[str, ...]:
    """For whom a release is made."""
    return tuple(release_of(company, name, as_of=as_of).release.feeds)


def build(
    company: Company, name: str, span: Span, *, as_of: datetime, progress: Progress = lambda _read: None
) -> list[draws.Draw]:
    """Release a period for every feed that does not have it; what was released before is handed on as it is.

    Raises:
        CheckFailed: a check fails, or a budget is spent; nothing more is released.
        StoreError: somebody else builds the release.
        UsageError: the epoch's key was destroyed.
    """
    with draws.only_builder(company.engine, name, span.first):
        try:
            remember(company.engine)
            if any(
                not _released(company, name, feed, span)
                for feed in _feeds_to_draw(company, name, span, as_of)
            ):
                extract(company, name, span, as_of=as_of, progress=progress)
                count(company, name, span, as_of=as_of)
            return draw_feeds(company, name, span, as_of=as_of)
        finally:
            finish(company, name, span)


def draw_feeds(company: Company, name: str, span: Span, *, as_of: datetime) -> list[draws.Draw]:
    """Draw and publish a period for each feed; one that cannot be drawn is no reason to leave out another.

    Raises:
        CheckFailed: a feed could not be drawn; the others were.
    """
    drawn, failures = [], []
    for feed in _feeds_to_draw(company, name, span, as_of):
        try:
            drawn.append(draw(company, name, feed, span, as_of=as_of))
            publish(company, name, feed, span, as_of=as_of)
        except CheckFailed as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return drawn


def _feeds_to_draw(company: Company, name: str, span: Span, as_of: datetime) -> list[str]:
    """The feeds, but those of which the ledger knows and this database has forgotten what was drawn."""
    with reading(company.engine) as connection:
        known = draws.known_feeds(connection, name, span.first)
        there = {one.feed for one in draws.draws(connection, name, first_day=span.first, state="released")}
    return [feed for feed in feeds_of(company, name, as_of=as_of) if feed not in known - there]


def extract(
    company: Company, name: str, span: Span, *, as_of: datetime, progress: Progress = lambda _read: None
) -> Extracted:
    """Write the period's pseudonymised events, check them, and enter how many there are.

    Raises:
        CheckFailed: they are not what they should be.
        UsageError: the epoch's key was destroyed.
    """
    release, places = release_of(company, name, as_of=as_of), places_of(company)
    pseudonyms = Pseudonyms(company.keys, name, epoch_of(span.first))
    make_keys(company, release, pseudonyms.epoch, as_of=as_of)
    preparation = Preparation(release.release, pseudonyms, Countries(places.geoip))
    workplace = Workplace(root=places.pseudonymised, release=name, first_day=span.first)
    workplace.begin()
    with one_state(company.engine) as connection:
        let_idle(connection)
        events = Events(connection, company.rulebook(as_of), release, span, as_of)
        counted, query = events.count(), events.query(preparation.types())
        with closing(read_in_parts(connection, query, place=release.release.events)) as parts:
            batches = (partial(part.table, preparation.types()) for part in parts)
            prepared = preparation.write(batches, workplace.events, progress)
    checks.check_events(workplace.events, preparation.schema(), counted, prepared, place=_place(name, span))
    found = Extracted(
        events=counted.events, left_out=counted.left_out, robots=prepared.robots, taken=prepared.events
    )
    with company.engine.begin() as connection:
        enter_counted(connection, name, span, found.events, found.left_out, found.robots, as_of=as_of)
    return found


def count(company: Company, name: str, span: Span, *, as_of: datetime) -> Checked:
    """Limit what each contributor adds, count the cells of every table exactly, and check them.

    Raises:
        CheckFailed: events are missing, a contributor adds more than it may, or Spark fails.
        UsageError: Spark was asked for and cannot be opened.
    """
    release = release_of(company, name, as_of=as_of).release
    workplace = _workplace(company, name, span)
    path = workplace.require(workplace.events)
    count_tables(workplace, release, master=places_of(company).spark)
    with parquet.ParquetFile(path) as file:
        events_there = file.metadata.num_rows
    exact = {table: parquet.read_table(workplace.cells(table)) for table in release.tables}
    found = checks.contributors(path, release)
    return checks.check_cells(exact, release, events_there, found, place=_place(name, span))


def draw(company: Company, name: str, feed: str, span: Span, *, as_of: datetime) -> draws.Draw:
    """Draw the numbers of a period for one feed and write them, once; what was written before is handed on as it is.

    What it takes of the budget is taken before anything is drawn, in a transaction of its own, and after everything
    that may fail.

    Raises:
        CheckFailed: a budget is spent, an attack succeeds, or somebody declared the period lost.
    """
    release = release_of(company, name, as_of=as_of)
    if before := _released(company, name, feed, span):
        return before
    stated, version = release.release.feeds[feed], company.version(as_of)
    plans = noise.plan(release.release, stated)
    exact = {table: _exact(company, release, span, table) for table in plans}
    attacks.attempt(release.release, feed, plans, place=f"{_place(name, span)}, {feed}")
    _make_ready(company, release, feed, span, as_of)
    with company.engine.begin() as connection:
        draw_id = draws.reserve(
            connection, name, feed, stated, span, version=version.policy.policy.last_updated, as_of=as_of
        )
    drawn = {
        table: (
            plan,
            noise.draw(exact[table].cells, stated.gates, plan, total=exact[table].sums[CONTRIBUTORS]),
        )
        for table, plan in plans.items()
    }
    with company.engine.begin() as connection:
        adopt(connection, version, as_of=as_of)
        manifest = _write(connection, release, feed, span, drawn, as_of)
        of_tables = {table: (exact[table], one) for table, (_, one) in drawn.items()}
        utility.enter(connection, name, release.release, feed, span, of_tables)
        text = json.dumps(manifest, sort_keys=True, ensure_ascii=False)
        digest = sha256(text.encode()).hexdigest()
        body = {
            "release": name,
            "feed": feed,
            "first_day": span.first,
            "last_day": span.last,
            "digest": digest,
            "rows": sum(len(one.cells) for _, one in drawn.values()),
            "rho_millionths": draws.millionths(stated.rho),
        }
        entry = append(connection, "release_drawn", body, as_of=as_of)
        draws.end(
            connection, draw_id, "released", as_of=as_of, manifest=text, sha256=digest, entry=entry.sequence
        )
    found = _released(company, name, feed, span)
    if found is None:
        raise AssertionError("what was committed is there")
    return found


def _make_ready(company: Company, release: ResolvedRelease, feed: str, span: Span, as_of: datetime) -> None:
    """Make tables that are not there, and end draws that nobody ended, before anything is taken of the budget.

    Raises:
        CheckFailed: a table is there with other columns.
    """
    with company.engine.begin() as connection:
        draws.burn(connection, release.name, feed, span.first, as_of=as_of)
    with company.engine.begin() as connection, draws.as_builder(connection):
        utility.require_place(connection)
        for table in release.release.tables:
            released.make(connection, release.name, feed, released.shape_of(release.release, table, feed))


def _write(
    connection: Connection,
    release: ResolvedRelease,
    feed: str,
    span: Span,
    tables: dict[str, tuple[TablePlan, Drawn]],
    as_of: datetime,
) -> dict[str, Any]:
    """Write and check the rows of every table; the manifest of them."""
    shapes = {table: released.shape_of(release.release, table, feed) for table in tables}
    written: dict[str, list[dict[str, Any]]] = {}
    digests = {}
    with draws.as_builder(connection):
        for table, shape in shapes.items():
            plan, drawn = tables[table]
            says = describe(
                release,
                feed,
                table,
                shape,
                span,
                plan=plan,
                drawn=drawn,
                epoch=epoch_of(span.first),
            )
            released.fill(connection, shape, span, released.rows_of(shape, span, drawn), says)
            written[table] = released.read(connection, shape, span.first)
            digests[shape.name] = {
                "rows": len(written[table]),
                "sha256": content_digest(written[table]),
                "says": says,
            }
    plans = {table: plan for table, (plan, _) in tables.items()}
    checks.check_released(written, shapes, plans, place=_place(release.name, span))
    return {
        "release": release.name,
        "feed": feed,
        "first_day": span.first.isoformat(),
        "last_day": span.last.isoformat(),
        "as_of": as_of.isoformat(),
        "tables": digests,
    }


def publish(company: Company, name: str, feed: str, span: Span, *, as_of: datetime) -> int:
    """Write the files of what was drawn, those that are missing or damaged; says how many tables it wrote.

    Raises:
        UsageError: nothing was drawn.
    """
    release_of(company, name, as_of=as_of)
    found = _released(company, name, feed, span)
    if found is None or found.manifest is None:
        raise UsageError(
            f"nothing was released of {span.first}",
            place=f"{name}.{feed}",
            next_step="run lifecycle release build",
        )
    root, manifest = places_of(company).files, json.loads(found.manifest)
    with reading(company.engine) as connection:
        return sum(
            write_files(connection, root, table, span.first, told)
            for table, told in manifest["tables"].items()
        )


def write_files(
    connection: Connection, root: Path, table: str, first_day: date, told: dict[str, Any]
) -> bool:
    """Write the files of one period of a table where they are missing or damaged; whether it did.

    Raises:
        CheckFailed: the table has not what was drawn.
    """
    there = files.digest(root, table, first_day), files.says(root, table, first_day)
    if there == (told["sha256"], told["says"]):
        return False
    shape = released.shape_told(told["says"])
    rows = released.read(connection, shape, first_day)
    if content_digest(rows) != told["sha256"]:
        raise CheckFailed(
            "the table has not what was drawn",
            place=f"analytics.{table}, {first_day}",
            next_step="find out who changed it: lifecycle release verify",
        )
    files.write(root, shape, first_day, rows, told["says"])
    return True


def finish(company: Company, name: str, span: Span) -> None:
    """Let nothing stay of what the period was made of."""
    _workplace(company, name, span).clear()


def finish_all(company: Company) -> int:
    """Let nothing stay of any period that nobody builds at this moment; says how many there were."""
    cleared = 0
    for workplace in periods_at_work(places_of(company).pseudonymised):
        with suppress(StoreError), draws.only_builder(company.engine, workplace.release, workplace.first_day):
            workplace.clear()
            cleared += 1
    return cleared


def _exact(company: Company, release: ResolvedRelease, span: Span, table: str) -> utility.Counted:
    """The cells of a table that a gate may let pass, and the sums of all of them."""
    workplace = _workplace(company, release.name, span)
    cells = parquet.read_table(workplace.require(workplace.cells(table)))
    number = PERSONS if release.organisation else CONTRIBUTORS
    many = cells.filter(pc.field(number) >= LEAST_PERSONS)
    return utility.Counted(
        cells=read_cells(many, release.release.tables[table].by, numbers(release.release)),
        number=cells.num_rows,
        sums=utility.sums(cells, release.release),
    )


def _released(company: Company, name: str, feed: str, span: Span) -> draws.Draw | None:
    with reading(company.engine) as connection:
        return draws.released(connection, name, feed, span.first)


def _workplace(company: Company, name: str, span: Span) -> Workplace:
    return Workplace(root=places_of(company).pseudonymised, release=name, first_day=span.first)


def places_of(company: Company) -> ReleasePlaces:
    """Where releases are made.

    Raises:
        UsageError: nobody has said.
    """
    if company.releases is None:
        raise UsageError(
            "nobody has said where releases are made",
            place="LIFECYCLE_RELEASES",
            next_step="open the company with its settings",
        )
    return company.releases


def _place(name: str, span: Span) -> str:
    return f"release {name}, {span.first}"
