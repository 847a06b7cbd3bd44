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


def attempt(name, *, rho=None, gates=None, tables=None):
    release = RELEASES[name]
    feed = release.feeds["internal"]
    stated = feed.model_copy(update={"rho": Decimal(rho or feed.rho), "gates": gates or feed.gates})
    release = release.model_copy(
        update={"feeds": {**release.feeds, "internal": stated}, "tables": tables or release.tables}
    )
    attacks.attempt(release, "internal", noise.plan(release, stated), place=name)


def draw_with(monkeypatch, change):
    """Let draws be made by another plan than is told."""
    drawn = attacks.draw
    monkeypatch.setattr(attacks, "draw", lambda cells, gates, plan: drawn(cells, gates, change(plan)))


def less_noise(mechanism, by=1.5):
    return replace(mechanism, sigma=mechanism.sigma / by, rho=mechanism.rho * by**2)


@pytest.mark.parametrize("name", RELEASES)
def test_no_attempt_succeeds_on_what_is_drawn_as_planned(name):
    attempt(name)


def test_gates_may_ask_for_many():
    gates = (
        RELEASES["deeds"].feeds["internal"].gates.model_copy(update={"persons": 10_000, "organisations": 900})
    )
    attempt("deeds", gates=gates)


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


def test_noise_that_hides_one_cell_of_several_lets_contributors_be_told_apart(monkeypatch):
    """The root of the number of cells is forgotten, in what is drawn and in what is planned."""
    planned = noise.plan

    def forgetful(release, feed):
        return {
            name: replace(
                one, count=replace(one.count, sigma=one.count.sigma / release.tables[name].cells ** 0.5)
            )
            for name, one in planned(release, feed).items()
        }

    monkeypatch.setattr(noise, "plan", forgetful)
    monkeypatch.setattr(noise, "_vouched", lambda *_: True)
    with pytest.raises(CheckFailed, match="by_article: contributors are told apart"):
        attempt("openings")


def test_a_threshold_that_is_too_low_lets_a_cell_of_one_show_itself(monkeypatch):
    draw_with(monkeypatch, lambda plan: replace(plan, count=replace(plan.count, least=1), delta=1.0))
    monkeypatch.setattr(noise, "_vouched", lambda *_: True)
    with pytest.raises(CheckFailed, match="a cell of one shows itself"):
        attempt("openings")


@pytest.mark.parametrize(
    "by",
    [{"by_country": ("country",)}, {"by_country": ("country", "article")}, {"by_country": ("article",)}],
    ids=["adds up", "shares a dimension", "has the same total"],
)
def test_so_large_a_budget_that_sums_tell_a_hidden_cell_is_refused(by):
    tables = RELEASES["openings"].tables
    changed = {name: tables[name].model_copy(update={"by": one}) for name, one in by.items()}
    both = {**changed, "by_country_and_device": tables["by_country_and_device"]}
    with pytest.raises(CheckFailed, match="by_country_and_device: sums tell a hidden cell"):
        attempt("openings", rho="200", tables=both)


def test_a_table_alone_tells_by_its_total():
    table = RELEASES["openings"].tables["by_article"]
    attempt("openings", tables={"by_article": table})
    with pytest.raises(CheckFailed, match="sums tell a hidden cell"):
        attempt("openings", rho="2000", tables={"by_article": table})


def known(*mechanisms):
    """The width of the interval that is left by sums with such noise."""
    return 3.92 / math.sqrt(sum(1 / one.sigma**2 for one in mechanisms))


def test_sums_tell_as_much_as_the_noise_of_those_who_add_up_lets_them():
    release = RELEASES["openings"]
    feeds = [noise.plan(release, feed) for feed in release.feeds.values()]
    expected = known(
        *(of_feed["by_country"].count for of_feed in feeds),
        *(plan.total for of_feed in feeds for plan in of_feed.values()),
    )
    assert attacks.sums_tell(release, "by_country_and_device", feeds) == pytest.approx(expected, rel=1e-3)


def test_numbers_of_one_each_are_the_same_as_contributors():
    release = RELEASES["openings"]
    once = release.tables["by_country"].model_copy(update={"events": 1})
    release = release.model_copy(update={"tables": {**release.tables, "by_country": once}})
    plans = noise.plan(release, release.feeds["internal"])
    expected = known(
        plans["by_country"].count,
        plans["by_country"].numbers["events"],
        *(plan.total for plan in plans.values()),
    )
    assert attacks.sums_tell(release, "by_country_and_device", [plans]) == pytest.approx(expected, rel=1e-3)


def test_persons_of_organisations_are_hidden_as_well():
    deeds = RELEASES["deeds"]
    plans = noise.plan(deeds, deeds.feeds["internal"])
    rank = deeds.tables["by_rank"]
    finer = rank.model_copy(update={"by": ("rank", "family")})
    both = deeds.model_copy(update={"tables": {"by_rank": rank, "finer": finer}})
    told = attacks.sums_tell(
        both, "finer", [{"by_rank": plans["by_rank"], "finer": plans["by_rank"]}], PERSONS
    )
    assert told == pytest.approx(3.92 * plans["by_rank"].numbers[PERSONS].sigma, rel=1e-3)


def test_the_area_under_a_curve_is_one_half_where_nothing_is_told():
    same = np.array([1.0, 2.0, 2.0, 3.0])
    assert attacks.area_under_curve(same, same) == 0.5
    assert attacks.area_under_curve(same + 5, same) == 1.0
    assert attacks.area_under_curve(same, same + 5) == 0.0


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
