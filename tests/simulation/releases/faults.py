"""Ways to break releases, each of which a simulation has to find."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pyarrow as pa
import sqlalchemy as sa

from lifecycle.analytics import bounding, draws, events, inspecting, preparing, releasing, spans
from lifecycle.analytics.pseudonyms import Pseudonyms, as_number
from lifecycle.analytics.workplace import Workplace
from lifecycle.holds.cover import Cover
from lifecycle.holds.stops import Stops
from simulation.planted import fault as planted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import date

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.analytics.releasing import Extracted
    from lifecycle.analytics.spans import Span
    from lifecycle.policy.release_form import Feed
    from lifecycle.policy.releases import ResolvedRelease
    from lifecycle.runs.company import Company

fault = partial(planted, with_runs=False)

# --- whose events count


@fault("left out: ended")
def objections_do_not_reach_releases() -> AbstractContextManager[object]:
    """Whoever objected is counted."""
    return patch.object(Stops, "leaves_out", lambda *_: sa.false())


@fault("left out: restricted")
def restrictions_do_not_reach_releases() -> AbstractContextManager[object]:
    """Whoever is restricted is counted."""

    class NoCover(Cover):
        """Covers nothing."""

        def covers(self, *_: Any, **__: Any) -> Any:
            return sa.false()

    return patch.object(events, "Cover", NoCover)


@fault("refused then, allowed since")
def refusals_of_then_are_forgiven() -> AbstractContextManager[object]:
    """What came about under a refusal is counted as soon as that is taken back."""
    return patch.object(events, "_word_counts", lambda words, _moment: words.c.until.is_(None))


@fault("allowed then, refused since")
def refusals_since_do_not_count() -> AbstractContextManager[object]:
    """What came about before a refusal is counted."""

    def then(words: FromClause, moment: ColumnElement[Any]) -> ColumnElement[bool]:
        is_last = sa.or_(words.c.until.is_(None), moment < words.c.until)
        return sa.and_(words.c.since <= moment, is_last)

    return patch.object(events, "_word_counts", then)


@fault("left out: robots")
def robots_are_counted() -> AbstractContextManager[object]:
    """What is no person's is counted."""
    return patch.object(preparing, "ROBOT", "nobody")


@fault("a contributor's part is limited")
def contributions_are_not_limited() -> AbstractContextManager[object]:
    """A contributor adds to a cell what there is."""
    return patch.object(bounding, "most", lambda *_: 10**9)


@fault("an objection between two tries", runs=4)
def a_second_try_goes_on_with_old_events() -> AbstractContextManager[object]:
    """Events that an interrupted run has read are not read again."""
    extract, known = releasing.extract, {}

    def once(company: Company, name: str, span: Span, **named: Any) -> Extracted:
        root = releasing.places_of(company).pseudonymised
        is_there = Workplace(root=root, release=name, first_day=span.first).events.exists()
        if not is_there or (name, span.first) not in known:
            known[name, span.first] = extract(company, name, span, **named)
        return known[name, span.first]

    return patch.object(releasing, "extract", once)


# --- which periods


@fault("a period on its last day", runs=4)
def releases_end_a_day_early() -> AbstractContextManager[object]:
    """The last day on which a period may be released does not count."""
    is_in_time = spans.is_in_time

    def a_day_early(release: ResolvedRelease, first: date, today: date) -> bool:
        return is_in_time(release, first, today + timedelta(days=1))

    return patch.object(spans, "is_in_time", a_day_early)


@fault("a period is lost", runs=7)
def nobody_enters_what_is_late() -> AbstractContextManager[object]:
    """A period that was not released in time is neither released nor lost."""
    return patch.object(inspecting, "record_late", lambda *_, **__: [])


@fault("statistics are released", runs=4)
def what_was_released_is_open_again() -> AbstractContextManager[object]:
    """Nobody looks whether a period was released."""
    return patch.object(draws, "known_feeds", lambda *_: set())


@fault("a draw that a restore took away", runs=20)
@contextmanager
def what_a_backup_has_forgotten_is_drawn_again() -> Iterator[None]:
    """After a restore nobody asks the ledger what was drawn since the backup."""
    with (
        patch.object(inspecting, "remember", lambda _: 0),
        patch.object(releasing, "remember", lambda _: 0),
    ):
        yield


# --- the budget


@fault("a budget is spent", runs=4)
def budgets_have_no_end() -> AbstractContextManager[object]:
    """What failed draws took does not keep anybody from drawing again."""
    reserve = draws.reserve

    def lavish(connection: Any, release: str, name: str, feed: Feed, *more: Any, **named: Any) -> Any:
        budget = feed.budget.model_copy(update={"period": 10 * feed.budget.period})
        return reserve(connection, release, name, feed.model_copy(update={"budget": budget}), *more, **named)

    return patch.object(draws, "reserve", lavish)


@fault("a draw was cut short", runs=4)
def draws_that_nobody_ended_go_on() -> AbstractContextManager[object]:
    """What was reserved when the process died stays so."""
    return patch.object(draws, "burn", lambda *_, **__: 0)


# --- what is left of it


@fault("statistics are released")
def pseudonyms_take_no_key() -> AbstractContextManager[object]:
    """What anybody can make of an identifier takes its place."""

    def digested(_pseudonyms: Pseudonyms, _kind: str, values: pa.ChunkedArray) -> pa.Array:
        return pa.array([as_number(sha256(one.encode()).digest()) for one in values.to_pylist()], pa.int64())

    return patch.object(Pseudonyms, "of", digested)


@fault("statistics are released")
@contextmanager
def the_workplace_is_not_cleared() -> Iterator[None]:
    """What statistics were made of stays."""
    with (
        patch.object(releasing, "finish", lambda *_: None),
        patch.object(releasing, "finish_all", lambda *_: 0),
    ):
        yield
