"""The watch asks what is promised of releases, of tables, ledgers and workplaces that are wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from simulation.broken import Broken
from simulation.history import Aggregate
from simulation.moments import at
from simulation.policy import first_policy
from simulation.releases.promised import RELEASES
from simulation.watch.releases import Releases
from simulation.world import World

DAY = date(2026, 3, 2)
EVENT = Aggregate(at=at(DAY + timedelta(days=1)))
TABLE = ("visits_by_country_internal", DAY)
VISITS = RELEASES["website_visits"]
TAKES = int(VISITS.feeds[0].takes * 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Of the ledger."""

    first_day: date
    kind: str = "release_drawn"
    release: str = VISITS.name
    feed: str = VISITS.feeds[0].name
    millionths: int = TAKES

    @property
    def last_day(self) -> date:
        """Of the period."""
        return self.first_day


@pytest.fixture
def watch() -> Releases:
    """A watch that has seen nothing yet."""
    return Releases(world=World(policies=[first_policy(DAY)]))


def test_a_table_that_changes_is_seen_also_when_it_was_gone_for_a_while(watch: Releases) -> None:
    watch.tables({TABLE: frozenset({'{"persons": 20}'})}, EVENT)
    watch.tables({}, EVENT)
    with pytest.raises(Broken, match="republished"):
        watch.tables({TABLE: frozenset({'{"persons": 21}'})}, EVENT)


@pytest.mark.parametrize("said", ["00000000-0000-0000-0000-000000000007", "anne1@example.com", "192.0.2.1"])
def test_whoever_is_named_in_a_table_is_seen(watch: Releases, said: str) -> None:
    with pytest.raises(Broken, match="traced"):
        watch.tables({TABLE: frozenset({f'{{"page": "{said}"}}'})}, EVENT)


def test_a_workplace_that_is_left_is_seen(watch: Releases) -> None:
    watch.workplace(["website_visits/2026-03-02/events.parquet"], is_dead=True, event=EVENT)
    with pytest.raises(Broken, match="traced"):
        watch.workplace(["website_visits/2026-03-02/events.parquet"], is_dead=False, event=EVENT)


def test_a_period_that_is_released_twice_is_seen(watch: Releases) -> None:
    once = [Entry(first_day=DAY), Entry(first_day=DAY, feed="commercial", millionths=TAKES // 2)]
    watch.ledger([*once, Entry(first_day=DAY, kind="release_failed")], EVENT)
    with pytest.raises(Broken, match="republished"):
        watch.ledger([*once, Entry(first_day=DAY)], EVENT)


def test_a_period_of_which_too_much_was_taken_is_seen(watch: Releases) -> None:
    with pytest.raises(Broken, match="overdrawn"):
        watch.ledger([Entry(first_day=DAY, kind="release_failed")] * 3, EVENT)


@pytest.mark.parametrize(("days", "failed"), [(30, 4), (365, 19)])
def test_days_of_which_too_much_was_taken_are_seen(watch: Releases, days: int, failed: int) -> None:
    """Of thirty days, and of a year, in which as many draws failed as there is room for, and one more."""
    entries = [Entry(first_day=DAY + timedelta(days=number)) for number in range(days)]
    spread = days // failed
    entries += [
        Entry(first_day=DAY + timedelta(days=spread * number), kind="release_failed")
        for number in range(failed)
    ]
    watch.ledger(entries[:-1], EVENT)
    with pytest.raises(Broken, match="overdrawn"):
        watch.ledger(entries, EVENT)
