"""What is tried before a release is drawn: each attempt fails on what is right, and succeeds where it is broken."""

from __future__ import annotations

import hashlib
import hmac
import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import yaml

from lifecycle.analytics import attacks, noise
from lifecycle.analytics.bounding import PERSONS
from lifecycle.analytics.pseudonyms import Pseudonyms, as_number
from lifecycle.errors import CheckFailed
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.release_form import Release
from support.press import POLICY

pytestmark = pytest.mark.commitment("W6")
RELEASES = {name: Release.model_validate(one) for name, one in yaml.safe_load(POLICY)["releases"].items()}
ADDRESSES = [f"198.51.{n // 256}.{n % 256}" for n in range(1_000)]


def attempt(name, *, rho=None):
    release = RELEASES[name]
    feed = release.feeds["internal"]
    stated = feed.model_copy(update={"rho": Decimal(rho)}) if rho else feed
    return attacks.attempt(release, feed.gates, noise.plan(release, stated), place=name)


def draw_with(monkeypatch, change):
    """Let draws be made by another plan than is told."""
    drawn = attacks.draw
    monkeypatch.setattr(attacks, "draw", lambda cells, gates, plan: drawn(cells, gates, change(plan)))


def less_noise(mechanism):
    return replace(mechanism, sigma=mechanism.sigma / 3, rho=mechanism.rho * 9)


@pytest.mark.parametrize("name", RELEASES)
def test_no_attempt_succeeds_on_what_is_drawn_as_planned(name):
    assert all(passed for _, passed in attempt(name).checks)


@pytest.mark.parametrize("number", ["contributors", "events"])
@pytest.mark.parametrize("name", RELEASES)
def test_too_little_noise_lets_contributors_be_told_apart(monkeypatch, name, number):
    def change(plan):
        if number == "contributors":
            return replace(plan, count=less_noise(plan.count))
        return replace(plan, numbers={**plan.numbers, number: less_noise(plan.numbers[number])})

    draw_with(monkeypatch, change)
    with pytest.raises(CheckFailed, match="contributors are told apart"):
        attempt(name)


def test_a_threshold_that_is_too_low_lets_a_cell_of_one_show_itself(monkeypatch):
    draw_with(monkeypatch, lambda plan: replace(plan, count=replace(plan.count, least=1), delta=1.0))
    monkeypatch.setattr(noise, "_vouched", lambda *_: True)
    with pytest.raises(CheckFailed, match="a cell of one shows itself"):
        attempt("openings")


def test_so_large_a_budget_that_sums_tell_a_hidden_cell_is_refused():
    with pytest.raises(CheckFailed, match="by_country_and_device: sums tell a hidden cell"):
        attempt("openings", rho="20")


def test_sums_tell_as_much_as_the_noise_of_those_who_add_up_lets_them():
    release = RELEASES["openings"]
    plans = noise.plan(release, release.feeds["internal"])
    sigma = plans["by_country"].count.sigma
    assert attacks.sums_tell(release, "by_country_and_device", plans) == pytest.approx(3.92 * sigma, rel=1e-3)
    assert attacks.sums_tell(release, "by_country", plans) == math.inf


def test_persons_of_organisations_are_hidden_as_well():
    deeds = RELEASES["deeds"]
    plans = noise.plan(deeds, deeds.feeds["internal"])
    rank = deeds.tables["by_rank"]
    both = deeds.model_copy(
        update={"tables": {"by_rank": rank, "finer": rank.model_copy(update={"by": ("rank", "family")})}}
    )
    told = attacks.sums_tell(both, "finer", {"by_rank": plans["by_rank"], "finer": plans["by_rank"]}, PERSONS)
    assert told == pytest.approx(3.92 * plans["by_rank"].numbers[PERSONS].sigma, rel=1e-3)


def test_the_area_under_a_curve_is_one_half_where_nothing_is_told():
    same = np.array([1.0, 2.0, 2.0, 3.0])
    assert attacks.area_under_curve(same, same) == 0.5
    assert attacks.area_under_curve(same + 5, same) == 1.0
    assert attacks.area_under_curve(same, same + 5) == 0.0


def test_an_epsilon_is_found_where_scores_differ():
    drawn = np.random.default_rng(7).normal(size=20_000)
    assert attacks.largest_epsilon(drawn[:10_000], drawn[10_000:]) < 0.05
    assert attacks.largest_epsilon(drawn[:10_000] + 2, drawn[10_000:]) > 1


def test_nobody_without_the_key_links_a_pseudonym(tmp_path):
    made = Pseudonyms(FileKeyring(tmp_path / "keyring", environment={}), "openings", "2026-03")
    assert attacks.linkable(ADDRESSES, made.of("subject", pa.chunked_array([ADDRESSES]))) == 0


@pytest.mark.parametrize(
    "digest",
    [
        lambda value: hashlib.sha256(value).digest(),
        lambda value: hashlib.md5(value, usedforsecurity=False).digest(),
        lambda value: hmac.digest(b"", value, "sha256"),
    ],
    ids=["sha256", "md5", "empty key"],
)
def test_digests_that_anybody_can_make_are_linked(digest):
    made = pa.chunked_array([[as_number(digest(value.encode())) for value in ADDRESSES]], pa.int64())
    assert attacks.linkable(ADDRESSES, made) == attacks.GUESSED
