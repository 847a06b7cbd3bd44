"""Drives the engine's releases, and reads what there is of them: exact cells, register, tables, files."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from uuid import UUID

import sqlalchemy as sa
from pyarrow import parquet

from lifecycle.analytics import attacks, checks, draws, inspecting, lateness, noise, releasing
from lifecycle.analytics.pseudonyms import Pseudonyms, epoch_of
from lifecycle.analytics.workplace import Workplace
from lifecycle.errors import CheckFailed
from lifecycle.runs import agreement
from simulation.engine import Killed
from simulation.releases.promised import RELEASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date, datetime

    from lifecycle.analytics.releasing import Extracted
    from lifecycle.analytics.spans import Span
    from simulation.engine import Engine
    from simulation.history import Aggregate
    from simulation.releases.register import Period
    from simulation.tables import Key

_TABLES = sa.text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'r' ORDER BY relname"
)
_LEDGER = sa.text(
    "SELECT kind, body ->> 'release' AS release, body ->> 'feed' AS feed, (body ->> 'first_day')::date AS first_day,"
    " (body ->> 'last_day')::date AS last_day, (body ->> 'rho_millionths')::bigint AS millionths"
    " FROM lifecycle.ledger WHERE kind IN ('release_drawn', 'release_failed') ORDER BY sequence"
)
_DRAWS = sa.text("SELECT release, first_day, feed, state FROM lifecycle.release_draw")
_LOST = sa.text("SELECT release, first_day FROM lifecycle.release_lost")
_COUNTED = sa.text("SELECT release, first_day, events FROM lifecycle.release_period")

_plans: dict[tuple[str, str], Any] = {}
"""How a feed is released takes longer to find than to do, and is the same every time."""


@dataclass(kw_only=True)
class Told:
    """What became of one period.

    Attributes:
        extracted: how many events it has, and why some are left out.
        cells: exactly, by table.
        pseudonyms: that stand in the workplace.
    """

    period: Period
    extracted: Extracted | None = None
    cells: dict[str, dict[tuple[str, ...], dict[str, int]]] = field(default_factory=dict)
    pseudonyms: set[int] = field(default_factory=set)
    is_refused: bool = False


@dataclass(kw_only=True)
class Said:
    """What a run says of itself."""

    late: list[Period] = field(default_factory=list)
    open: list[Period] = field(default_factory=list)
    built: list[Told] = field(default_factory=list)
    is_dead: bool = False


class Builder:
    """Whoever releases statistics."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def aggregate(self, event: Aggregate) -> Said:
        """What DAG and command line do."""
        said = Said()
        with ExitStack() as stack:
            stack.enter_context(patch.object(noise, "plan", _planned_once(noise.plan)))
            # With so little noise as these budgets allow, whoever attacks succeeds.
            stack.enter_context(patch.object(attacks, "attempt", lambda *_, **__: None))
            if not event.is_checked:
                stack.enter_context(patch.object(checks, "validate", lambda *_, **__: None))
            try:
                self._aggregate(event, said)
            except Killed:
                said.is_dead = True
        return said

    def _aggregate(self, event: Aggregate, said: Said) -> None:
        company = self.engine.company
        if event.is_checked:
            agreement.check_before(company, as_of=event.at)
        for name in RELEASES:
            said.late += [(name, first) for first in inspecting.record_late(company, name, as_of=event.at)]
            lateness.record_late_events(company, name, as_of=event.at)
        spans = [
            (name, span) for name in RELEASES for span in inspecting.open_spans(company, name, as_of=event.at)
        ]
        said.open = [(name, span.first) for name, span in spans]
        for name, span in spans:
            self._build(event, name, span, said)
        if event.is_by_steps:
            releasing.finish_all(company)

    def _build(self, event: Aggregate, name: str, span: Span, said: Said) -> None:
        told = Told(period=(name, span.first))
        said.built.append(told)
        build = self._by_steps if event.is_by_steps else releasing.build
        with self._watching(told), self._dying(event.dies_after, name, span):
            try:
                build(self.engine.company, name, span, as_of=event.at)
            except CheckFailed as failure:
                if "budget" not in str(failure):
                    raise
                told.is_refused = True

    def _by_steps(self, company: Any, name: str, span: Span, *, as_of: datetime) -> None:
        for step in (releasing.extract, releasing.count, releasing.draw_feeds):
            with draws.only_builder(company.engine, name, span.first):
                step(company, name, span, as_of=as_of)

    @contextmanager
    def _watching(self, told: Told) -> Iterator[None]:
        """Look at what stands in the workplace while a period is built."""
        extract, count = releasing.extract, releasing.count
        places = releasing.places_of(self.engine.company)
        workplace = Workplace(root=places.pseudonymised, release=told.period[0], first_day=told.period[1])

        def extracting(*arguments: Any, **named: Any) -> Extracted:
            told.extracted = extract(*arguments, **named)
            told.pseudonyms = set(parquet.read_table(workplace.events)["subject"].to_pylist())
            return told.extracted

        def counting(*arguments: Any, **named: Any) -> Any:
            found = count(*arguments, **named)
            for table, stated in RELEASES[told.period[0]].tables.items():
                rows = parquet.read_table(workplace.cells(table)).to_pylist()
                told.cells[table] = {tuple(row.pop(one) for one in stated.by): row for row in rows}
            return found

        with patch.object(releasing, "extract", extracting), patch.object(releasing, "count", counting):
            yield

    @contextmanager
    def _dying(self, step: str | None, name: str, span: Span) -> Iterator[None]:
        """The process dies after a step: nothing of what it was about to do is done."""
        if step is None:
            yield
            return
        with self.engine.connections.connect() as connection:
            there = draws.known_feeds(connection, name, span.first)
        module, called = (noise, "draw") if step == "reserve" else (releasing, step)
        whole = getattr(module, called)

        def dying(*arguments: Any, **named: Any) -> Any:
            found = None if step == "reserve" else whole(*arguments, **named)
            if step in {"draw", "publish"} and arguments[2] in there:
                return found
            raise Killed

        with patch.object(module, called, dying), patch.object(releasing, "finish", lambda *_: None):
            yield

    # --- what there is

    def late_events(self, as_of: datetime) -> dict[Period, int]:
        """What came after it was counted, as the engine says."""
        company = self.engine.company
        return {
            (name, first): more
            for name in RELEASES
            for first, more in lateness.late_events(company, name, as_of=as_of).by_day.items()
        }

    def verify(self, as_of: datetime) -> list[str]:
        """What the engine finds that is not as it was drawn."""
        company = self.engine.company
        found = (inspecting.verify(company, name, as_of=as_of) for name in RELEASES)
        return [one for verified in found for one in verified.changed]

    def pseudonyms(self, period: Period, subjects: set[Key]) -> set[int]:
        """How subjects are called in the workplace of a period."""
        name, first = period
        pseudonyms = Pseudonyms(self.engine.company.keys, name, epoch_of(first))
        is_visit = RELEASES[name].events == "website.page_view"
        return {pseudonyms.one("subject", str(UUID(int=one)) if is_visit else str(one)) for one in subjects}

    def draws(self) -> list[tuple[str, date, str, str]]:
        """Every draw: release, period, feed, state."""
        return [tuple(row) for row in self._rows(_DRAWS)]

    def lost(self) -> set[Period]:
        """Periods that are never released."""
        return {(name, first) for name, first in self._rows(_LOST)}

    def counted(self) -> dict[Period, int]:
        """How many events each period had."""
        return {(name, first): events for name, first, events in self._rows(_COUNTED)}

    def ledger(self) -> list[Any]:
        """What the ledger says of draws: kind, release, feed, days, and what each took."""
        return self._rows(_LEDGER)

    def released(self) -> dict[tuple[str, date], frozenset[str]]:
        """Every row of every released table, and what is said of it, by table and period."""
        found: dict[tuple[str, date], set[str]] = {}
        tables = [row.relname for row in self._rows(_TABLES)]
        parts = [
            f"SELECT '{name}' AS name, first_day, to_jsonb(one)::text AS said FROM analytics.\"{name}\" AS one"
            for name in tables
            if name != "dictionary"
        ]
        parts.append("SELECT table_name, first_day, to_jsonb(one)::text FROM analytics.dictionary AS one")
        for name, first, said in self._rows(sa.text(" UNION ALL ".join(parts))):
            found.setdefault((name, first), set()).add(said)
        return {of: frozenset(rows) for of, rows in found.items()}

    def at_work(self) -> list[str]:
        """What stands in the workplace."""
        root = releasing.places_of(self.engine.company).pseudonymised
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def _rows(self, query: Any) -> list[Any]:
        with self.engine.connections.connect() as connection:
            return list(connection.execute(query))


def _planned_once(plan: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    def planned(release: Any, feed: Any) -> Mapping[str, Any]:
        told = release.model_dump_json(), feed.model_dump_json()
        if told not in _plans:
            _plans[told] = plan(release, feed)
        return _plans[told]

    return planned
