"""The watch asks the promise itself, without the engine: here of the model, which is broken on purpose."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from simulation import model, notices
from simulation.books import happen as books
from simulation.books.happen import keep_books
from simulation.broken import Broken
from simulation.history import Aggregate, Asking, Expire, Keeping, Restore, Run
from simulation.invent.inventor import Inventor
from simulation.moments import Period
from simulation.policy import first_policy, in_force, is_of_old
from simulation.releases import happen as happen_releases
from simulation.requests import erasure, purposes, rectification, restriction
from simulation.requests.happen import happen
from simulation.seeds import DAYS, SEEDS
from simulation.watch.answers import watch_answer
from simulation.watch.books import watch_expiry
from simulation.watch.watch import Before, Watch
from simulation.world import World

if TYPE_CHECKING:
    from datetime import datetime


def watched(seed: int) -> Watch:
    """Years in which the model does what the engine would."""
    world = World(policies=[first_policy(date(2025, 2, 19))])
    watch = Watch(world=world)
    for event in Inventor(seed, DAYS, world).history():
        if isinstance(event, Run):
            run(watch, event)
        elif isinstance(event, Asking):
            ask(watch, event)
        elif isinstance(event, Keeping):
            see_to_books(watch.world, event)
        elif isinstance(event, Aggregate):
            watch.releases.aggregated(event)
            happen_releases.aggregate(world, event)
        else:
            world.apply(event)
    return watch


def ask(watch: Watch, event: Asking) -> None:
    before = Before.of(watch.world, event.at)
    if happen(event, watch.world) is not None:
        if isinstance(event, Restore):
            watch.forget()
        watch_answer(event, before, watch.world)


def see_to_books(world: World, event: Keeping) -> None:
    before = dict(world.written)
    keep_books(event, world)
    if isinstance(event, Expire):
        watch_expiry(event, before, world)


def run(watch: Watch, event: Run) -> None:
    world = watch.world
    if is_of_old(world.policies, event):
        return
    notices.take_notice(world, event.as_of)
    before = watch.before(event.as_of)
    for rule in in_force(world.policies, event.as_of).promises:
        for meanwhile in event.meanwhile.get(rule, ()):
            world.apply(meanwhile)
            before.follow(meanwhile, world)
        if rule not in event.unanswered:
            model.sweep(world, rule, event.as_of)
    names = {(table, key) for table, rows in before.rows.items() for key in rows}
    watch.after(event, before, names - world.images.keys())


@cache
def counted(seed: int) -> Counter[str]:
    """What happens in years in which nothing is broken."""
    return watched(seed).counts


@pytest.mark.parametrize("seed", SEEDS)
def test_the_model_keeps_its_promises(seed: int) -> None:
    assert counted(seed)["rows gone"] > 100


def test_events_go_when_their_period_is_released_or_lost() -> None:
    assert sum(counted(seed)["rows gone after their release"] for seed in SEEDS) > 100


def test_a_row_that_goes_a_day_early_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    due = model.due

    def early(world: World, rule: str, as_of: datetime) -> Any:
        return due(world, rule, as_of + timedelta(days=1))

    monkeypatch.setattr(model, "due", early)
    assert broken_by_any_seed() == {"early"}


def test_a_row_that_outlives_its_lead_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    due = model.due

    def late(world: World, rule: str, as_of: datetime) -> Any:
        return due(world, rule, as_of - timedelta(days=2))

    monkeypatch.setattr(model, "due", late)
    assert broken_by_any_seed() == {"late"}


def test_a_held_row_that_goes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.Cover, "strongest", lambda *_: None)
    monkeypatch.setattr(model.Cover, "rows", lambda *_: set())
    assert "early" in broken_by_any_seed()


def test_a_row_kept_for_no_reason_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = model._kept

    def hoarding(world: World, policy: Any, cover: Any, reached: set[Any], as_of: datetime) -> Any:
        return kept(world, policy, cover, reached, as_of) | dict.fromkeys(
            (name for name in reached if name[0] == "website.chat"), ("needed", None)
        )

    monkeypatch.setattr(model, "_kept", hoarding)
    broken = broken_by_any_seed()
    assert broken
    assert broken <= {"late", "left"}  # past its limit, or though its subject asked to be erased


def test_a_bill_that_goes_before_it_is_archived_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "is_as_it_stands", lambda *_: True)
    assert broken_by_any_seed() == {"early"}


def test_a_bill_that_stays_though_it_is_archived_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "is_as_it_stands", lambda *_: False)
    assert broken_by_any_seed() == {"late"}


def test_a_bill_of_which_a_part_goes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = model._kept

    def torn(*given: Any) -> Any:
        found = kept(*given)
        return {
            name: why
            for name, why in found.items()
            if (name[0], why[0]) not in {("app.invoice_line", "needed"), ("app.payment", "needed")}
        }

    monkeypatch.setattr(model, "_kept", torn)
    assert broken_by_any_seed() == {"early"}


def test_books_that_outlive_their_years_in_the_archive_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "is_over", lambda *_: False)
    assert broken_by_any_seed() == {"late"}


def test_books_that_the_archive_destroys_though_they_are_held_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(books, "held", lambda *_: set())
    assert broken_by_any_seed() == {"early"}


def test_a_person_who_goes_unannounced_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_announce", lambda *_: None)
    assert broken_by_any_seed() == {"unannounced"}


def test_somebody_who_is_not_erased_whole_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "GOES", erasure.GOES - {"app.person"})
    assert "left" in broken_by_any_seed()


def test_a_mention_that_stays_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "mentioning", lambda *_: set())
    assert broken_by_any_seed() == {"left"}


def test_somebody_else_who_goes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    find = erasure.named

    def too_many(world: World, *rest: Any) -> Any:
        return find(world, *rest) | {("app.contact", key) for key in list(world.rows["app.contact"])[:1]}

    monkeypatch.setattr(erasure, "named", too_many)
    assert broken_by_any_seed() == {"collateral"}


def test_a_restriction_that_is_too_short_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restriction, "LASTS", Period(months=5))
    assert broken_by_any_seed() == {"unrestricted"}


def test_a_correction_that_misses_rows_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    find = rectification.named

    def too_few(world: World, *rest: Any, **more: Any) -> Any:
        return {name for name in find(world, *rest, **more) if name[0] != "app.contact"}

    monkeypatch.setattr(rectification, "named", too_few)
    assert broken_by_any_seed() == {"wrong"}


def test_a_correction_of_somebody_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    find = rectification.named

    def too_many(world: World, *rest: Any, **more: Any) -> Any:
        return find(world, *rest, **more) | {("app.contact", key) for key in world.rows["app.contact"]}

    monkeypatch.setattr(rectification, "named", too_many)
    assert broken_by_any_seed() == {"collateral"}


def test_a_correction_that_frees_rows_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rectification, "_follow", lambda *_: None)
    assert broken_by_any_seed() == {"unrestricted"}


def test_a_withdrawal_that_is_not_recorded_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purposes, "_record", lambda *_: Counter())
    assert broken_by_any_seed() == {"goes on"}


def test_an_event_that_goes_before_its_period_is_released_or_lost_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(happen_releases, "_enter_late", lambda *_: [])
    assert broken_by_any_seed() == {"expired unreleased"}


def broken_by_any_seed() -> set[str]:
    """In which ways the seeds break."""
    kinds = set()
    for seed in SEEDS:
        try:
            watched(seed)
        except Broken as broken:
            kinds.add(broken.kind)
    return kinds
