"""``script/simulate``: its verdict and exit code, and how it is interrupted and resumed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from simulation import __main__ as script
from simulation.processes import Order, simulated
from simulation.record import Record
from simulation.simulate import Failure, Simulated
from support.server_folder import server_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FAILURE = Failure(late=2, early=1, message="rows: they differ", history=())


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is remembered from other runs."""
    monkeypatch.setenv("LIFECYCLE_STATE_DIR", str(tmp_path))


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    """What was ordered; seed 13 fails, at seed 99 somebody interrupts, the others keep every promise."""
    orders: list[Order] = []

    def played(order: Order, _: Path, progress: Callable[[int], None]) -> Iterator[Simulated]:
        orders.append(order)
        for seed in order.seeds:
            if seed == 99:
                raise KeyboardInterrupt
            progress(order.days)
            failure = FAILURE if seed == 13 else None
            yield Simulated(seed=seed, days=order.days, seconds=1, counts=Counter(), failure=failure)

    monkeypatch.setattr(script, "simulated", played)
    return orders


def test_years_without_a_broken_promise(ordered: list[Order], capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--years", "2", "--seeds", "3"]) == 0
    assert [(order.seeds, order.days) for order in ordered] == [((1, 2, 3), 730)]
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert verdict.startswith("3 of 3 seeds, 2190 simulated days; 0 rows late, 0 rows early; 0 seeds failed;")


@pytest.mark.usefixtures("ordered")
def test_a_broken_promise_is_told_and_makes_the_command_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--seed", "12", "--seeds", "3"]) == 1
    told = capsys.readouterr().out
    assert "rows: they differ" in told
    assert "2 rows late, 1 rows early; 1 seeds failed (13)" in told.splitlines()[-1]


def test_an_interrupted_simulation_is_resumed(
    ordered: list[Order], capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--seed", "97", "--seeds", "4"]) == script.INTERRUPTED
    assert "interrupted" in capsys.readouterr().out
    script.main(["--seed", "97", "--seeds", "4", "--resume"])
    assert [order.seeds for order in ordered] == [(97, 98, 99, 100), (99, 100)]
    script.main(["--seed", "97", "--seeds", "2", "--resume"])
    assert capsys.readouterr().out.splitlines()[-1].endswith("2 seeds had passed before")


def test_a_seed_is_simulated_again_for_longer_and_where_it_failed(ordered: list[Order]) -> None:
    script.main(["--seed", "12", "--seeds", "2"])
    script.main(["--seed", "12", "--seeds", "2", "--resume"])
    script.main(["--seed", "12", "--seeds", "2", "--years", "5", "--resume"])
    assert [order.seeds for order in ordered] == [(12, 13), (13,), (12, 13)]


def test_what_passed_with_a_planted_fault_is_not_remembered(ordered: list[Order]) -> None:
    script.main(["--fault", "a_day_late"])
    assert ordered[0].fault == "a_day_late"
    assert Record(ordered[0].days).passed() == set()


def test_what_other_code_did_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    Record(10).remember(1)
    assert Record(10).passed() == {1}
    monkeypatch.setattr("simulation.record._digest", lambda: "other")
    assert Record(10).passed() == set()


def test_processes_simulate_beside_each_other() -> None:
    days: list[int] = []
    order = Order(seeds=(1, 2), days=2, jobs=2, patience=0)
    with server_folder() as folder:
        found = {one.seed: one for one in simulated(order, folder, days.append)}
    assert found.keys() == {1, 2}
    assert all(one.failure is None and one.counts["Run"] for one in found.values())
    assert days
