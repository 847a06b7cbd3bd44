"""A release that could betray somebody, or could not be made, is found before anything is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lifecycle.errors import PolicyError
from lifecycle.policy.check import check
from lifecycle.policy.findings import Severity
from lifecycle.policy.load import read_policy
from lifecycle.policy.rulebook import resolve
from lifecycle.store.inspect import inspect
from support.press import POLICY, open_press

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("W6")


@pytest.fixture(scope="module")
def live(module_database: Database, tmp_path_factory):
    company = open_press(module_database, tmp_path_factory.mktemp("press"))
    with company.engine.connect() as connection:
        return inspect(connection, company.datamap.schemas), company.datamap


UNRESOLVED = [
    ("purpose: improving", "purpose: selling", "there is no purpose selling", "purpose:"),
    ("purpose: improving", "purpose: asking", "asking rests on consent", "purpose:"),
    ("purpose: improving", "purpose: serving", "serving does not use press.opening", "purpose:"),
    ("events: press.opening", "events: press.page", "there is no collection press.page", "events:"),
    ("at: opened_at", "at: opened", "press.opening has no column opened", "at:"),
    ("at: opened_at", "at: article", "press.opening.article is text, not a moment", "at:"),
    ("subject: code", "subject: press.firm.firm_id", "leads to press.firm by no reference", "subject:"),
    (
        "article: {column: article}",
        "article: {column: code}",
        "user.device.cookie_id, by which nothing",
        "article:",
    ),
    (
        "article: {column: article}",
        "article: {column: address}",
        "user.device.ip_address, by which",
        "article:",
    ),
    ("{column: seconds, at_most", "{column: article, at_most", "is text, not whole numbers", "seconds:"),
    (
        "{user_agent: agent}",
        "{user_agent: seconds}",
        "press.opening.seconds is integer, not a text",
        "device:",
    ),
    (
        "{ip: address, otherwise: land}",
        "{ip: seconds, otherwise: land}",
        "is integer, not an address",
        "country:",
    ),
    ("{ip: address, otherwise: land}", "{ip: address, otherwise: code}", "user.device.cookie_id", "country:"),
    ("{column: press.member.rank}", "{column: press.member.name}", "is of the category user.name", "rank:"),
    (
        "subject: code\n",
        "subject: code\n    within: P29D\n",
        "may be released 30 days after it came about",
        "within:",
    ),
]


@pytest.mark.parametrize(("old", "new", "says", "at"), UNRESOLVED, ids=[case[2] for case in UNRESOLVED])
def test_what_cannot_be_released_is_named_with_its_place(live, tmp_path: Path, old, new, says, at):
    tables, datamap = live
    beginning, releases = POLICY.split("releases:\n")
    assert old in releases
    path = tmp_path / "policy.yaml"
    path.write_text(f"{beginning}releases:\n{releases.replace(old, new, 1)}")
    version = read_policy(path)
    with pytest.raises(PolicyError, match=says) as mistake:
        resolve(version, datamap, tables)
    line = int(mistake.value.place.rsplit(":", 1)[1])
    assert at in path.read_text().splitlines()[line - 1]
    assert says in " ".join(
        one.message for one in check(version, datamap, tables) if one.code == "policy.unresolved"
    )


MISWRITTEN = [
    ("by: [country], cells", "by: [planet], cells", "by_country is divided by planet, which is none"),
    ("by: [country, device]", "by: [country]", "two tables are divided by the same"),
    ("by: [country, device]", "by: [country, country]", "divided twice by the same"),
    ("rho: 0.36", "rho: 1.5", "more than budget.period"),
    ("days_30: 16", "days_30: 0.2", "a longer time has no smaller budget"),
    ("days_30: 16", "days_30: 10", "does not hold the 30 periods of 30 days"),
    ("days_365: 190", "days_365: 130", "does not hold the 365 periods of 365 days"),
    ("seconds: {column", "xmin: {column", "xmin is a column of its own"),
    ("seconds: {column", "device: {column", "device is a dimension and a measure"),
    ("      by_rank: {by", "      by_country: {by", "two released tables are called by_country_internal"),
    ("gates: {persons: 10", "gates: {persons: 9", "greater than or equal to 10"),
    ("cells: 4, events: 5", "cells: 4, persons: 2, events: 5", "belongs to a release with organisation"),
    ("{user_agent: agent}", "{user_agent: agent, column: land}", "exactly one of column, ip and user_agent"),
    (
        "        description: For others\n",
        "        description: For others\n        gates: {organisations: 3}\n",
        "feeds.commercial.gates.organisations belongs to",
    ),
    ("delta: 1.0e-6", "delta: 0.01", "less than or equal to"),
    (", otherwise: other}", "}", "what everything else is"),
    ("seconds: {column", "persons: {column", "persons is a column of its own"),
    ("article: {column", "first_day: {column", "first_day is a column of its own"),
]


@pytest.mark.parametrize(("old", "new", "says"), MISWRITTEN, ids=[case[2] for case in MISWRITTEN])
def test_what_cannot_be_meant_is_refused_when_it_is_read(tmp_path: Path, old, new, says):
    path = tmp_path / "policy.yaml"
    assert old in POLICY
    path.write_text(
        POLICY.replace(old, new, 1).replace(
            "by: [article]", f"by: [{'first_day' if 'first_day' in new else 'article'}]"
        )
    )
    with pytest.raises(PolicyError, match=says):
        read_policy(path)


def test_an_opt_out_that_says_nothing_is_refused(live, tmp_path: Path):
    tables, datamap = live
    path = tmp_path / "policy.yaml"
    path.write_text(
        POLICY.replace("    stop: {record: press.choice, values: {statistics: false}, at: made_at}\n", "")
    )
    with pytest.raises(PolicyError, match=r"nobody knows which value of press\.choice\.statistics"):
        resolve(read_policy(path), datamap, tables)


def test_what_is_in_order_is_resolved(live, tmp_path: Path):
    tables, datamap = live
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    releases = resolve(read_policy(path), datamap, tables).releases
    openings, deeds = releases["openings"], releases["deeds"]
    assert openings.protected == "subject"
    assert openings.refusal is not None
    assert (openings.refusal.column, openings.refusal.value) == ("statistics", False)
    assert deeds.protected == "organisation"
    assert deeds.days == 7
    assert [edge.target for edge in deeds.columns["rank"].path] == ["press.member"]
    found = check(read_policy(path), datamap, tables)
    assert [one.message for one in found if one.severity is Severity.ERROR] == []


def test_a_table_whose_name_postgresql_would_cut_short_is_refused(tmp_path: Path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        POLICY.replace("by_country_and_device:", f"{'t' * 31}:").replace("internal:", f"{'i' * 31}:")
    )
    with pytest.raises(PolicyError, match="is too long for the name of a table: 55 characters at most"):
        read_policy(path)
