"""Noise: as large as what one contributor may add, and thresholds that let a gate decide nothing."""

from __future__ import annotations

import math
import statistics

import pyarrow as pa
import pytest
import yaml

from lifecycle.analytics import noise
from lifecycle.analytics.gates import Exact, dominated, passes, read_cells
from lifecycle.errors import PromiseBroken
from lifecycle.policy.release_form import Gates, Release
from support.press import POLICY

pytestmark = pytest.mark.commitment("W6")
RELEASES = {name: Release.model_validate(one) for name, one in yaml.safe_load(POLICY)["releases"].items()}
OPENINGS, DEEDS = RELEASES["openings"], RELEASES["deeds"]


def exact(contributors, largest=1, **numbers):
    return Exact(contributors=contributors, numbers=numbers, largest=dict.fromkeys(numbers, largest))


@pytest.mark.parametrize("name", RELEASES)
def test_what_all_tables_take_is_what_the_feed_says(name):
    release = RELEASES[name]
    for feed in release.feeds.values():
        plans = noise.plan(release, feed)
        assert sum(one.rho for one in plans.values()) == pytest.approx(float(feed.rho))
        assert sum(one.delta for one in plans.values()) == pytest.approx(float(feed.delta))
        for plan in plans.values():
            for one in (plan.count, plan.total, *plan.numbers.values()):
                assert one.sensitivity**2 / (2 * one.sigma**2) == pytest.approx(one.rho)


def test_sensitivity_is_what_one_contributor_may_add():
    plan = noise.plan(DEEDS, DEEDS.feeds["internal"])["by_rank"]
    assert plan.count.sensitivity == pytest.approx(math.sqrt(2))
    assert plan.numbers["persons"].sensitivity == pytest.approx(math.sqrt(2) * 3)
    assert plan.numbers["events"].sensitivity == pytest.approx(math.sqrt(2) * 30)
    assert plan.total.sensitivity == 2


@pytest.mark.parametrize("name", RELEASES)
def test_no_cell_that_a_gate_stops_comes_above_the_threshold_but_by_delta(name):
    release = RELEASES[name]
    for feed in release.feeds.values():
        for table, plan in noise.plan(release, feed).items():
            cells = release.tables[table].cells
            spent = 0.0
            few = max(feed.gates.persons, feed.gates.organisations) - 1
            spent += cells * math.exp(-((plan.count.least - few) ** 2) / (2 * plan.count.sigma**2))
            for number, one in plan.numbers.items():
                highest = noise.most(release, release.tables[table], number) / float(feed.gates.largest_share)
                spent += cells * math.exp(-((one.least - highest) ** 2) / (2 * one.sigma**2))
            assert spent <= plan.delta / 2 * 1.001


def test_noise_has_the_deviation_that_is_said():
    plan = noise.plan(OPENINGS, OPENINGS.feeds["commercial"])["by_country"]
    cells = {(f"{n}",): exact(5_000, events=9_000, seconds=90_000) for n in range(1_500)}
    drawn = noise.draw(cells, OPENINGS.feeds["commercial"].gates, plan)
    assert drawn.cells.keys() == cells.keys()
    counts = [one.contributors for one in drawn.cells.values()]
    assert statistics.mean(counts) == pytest.approx(5_000, abs=5 * plan.count.sigma / math.sqrt(1_500))
    assert statistics.stdev(counts) == pytest.approx(plan.count.sigma, rel=0.15)
    for name, value in (("events", 9_000), ("seconds", 90_000)):
        shown = [one.numbers[name] for one in drawn.cells.values()]
        assert None not in shown
        assert statistics.mean(shown) == pytest.approx(
            value, abs=5 * plan.numbers[name].sigma / math.sqrt(1_500)
        )
        assert statistics.stdev(shown) == pytest.approx(plan.numbers[name].sigma, rel=0.15)


def test_a_cell_of_few_is_not_shown():
    plan = noise.plan(OPENINGS, OPENINGS.feeds["internal"])["by_country"]
    cells = {(f"{n}",): exact(9, events=9, seconds=9) for n in range(500)}
    drawn = noise.draw(cells, OPENINGS.feeds["internal"].gates, plan)
    assert drawn.cells == {}


def test_a_number_that_one_contributor_dominates_is_not_shown():
    plan = noise.plan(OPENINGS, OPENINGS.feeds["internal"])["by_country"]
    cells = {
        ("EE",): Exact(
            contributors=5_000,
            numbers={"events": 9_000, "seconds": 1_100},
            largest={"events": 20, "seconds": 600},
        )
    }
    (shown,) = noise.draw(cells, OPENINGS.feeds["internal"].gates, plan).cells.values()
    assert shown.numbers["seconds"] is None
    assert shown.numbers["events"] is not None


def test_what_is_missing_is_told_as_far_as_noise_lets_it():
    plan = noise.plan(OPENINGS, OPENINGS.feeds["internal"])["by_country"]
    cells = {("EE",): exact(6_000, events=6_000, seconds=6_000)}
    cells |= {(f"{n}",): exact(5, events=5, seconds=5) for n in range(800)}
    drawn = noise.draw(cells, OPENINGS.feeds["internal"].gates, plan)
    assert drawn.cells.keys() == {("EE",)}
    assert drawn.missing == pytest.approx(0.4, abs=0.02)


def test_nothing_is_drawn_of_nothing():
    plan = noise.plan(OPENINGS, OPENINGS.feeds["internal"])["by_country"]
    drawn = noise.draw({}, OPENINGS.feeds["internal"].gates, plan)
    assert drawn.cells == {}
    assert drawn.missing is None or drawn.missing <= 1


def test_noise_that_is_smaller_than_the_budget_asks_for_is_refused():
    from dataclasses import replace

    plan = noise.plan(OPENINGS, OPENINGS.feeds["internal"])["by_country"]
    cells = {("EE",): exact(6_000, events=6_000, seconds=6_000)}
    small = replace(plan, numbers={**plan.numbers, "events": replace(plan.numbers["events"], sigma=1.0)})
    for wrong in (small, replace(plan, count=replace(plan.count, sigma=0.5))):
        with pytest.raises(PromiseBroken, match="does not hide one contributor"):
            noise.draw(cells, OPENINGS.feeds["internal"].gates, wrong)


def test_gates():
    gates = Gates(persons=10, organisations=3)
    assert passes(exact(10), Gates())
    assert not passes(exact(9), Gates())
    assert passes(exact(3, persons=10), gates)
    assert not passes(exact(2, persons=50), gates)
    assert not passes(exact(3, persons=9), gates)
    assert dominated(exact(20, largest=51, events=100), Gates()) == {"events"}
    assert dominated(exact(20, largest=50, events=100), Gates()) == frozenset()
    rows = [{"land": "EE", "contributors": 2, "events": 3, "largest_events": 2}]
    cells = pa.Table.from_pylist(rows)
    assert read_cells(cells, ["land"], ["events"]) == {("EE",): exact(2, largest=2, events=3)}
    assert read_cells(cells.slice(1), ["land"], ["events"]) == {}
