"""Country and kind of device, as they are told of what an event carries."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from lifecycle.analytics.derive import Countries, Devices, as_country, group_of
from lifecycle.errors import UsageError
from support.geoip import write_geoip
from support.press import DESKTOP, PHONE, ROBOT

if TYPE_CHECKING:
    from pathlib import Path

TABLET = "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0{} Safari/537.36"
)


@pytest.fixture
def geoip(tmp_path: Path) -> Path:
    return write_geoip(tmp_path)


@pytest.mark.parametrize(
    ("user_agent", "kind"),
    [
        (DESKTOP, "desktop"),
        (PHONE, "mobile"),
        (TABLET, "tablet"),
        (ANDROID.format("SM-S921B", " Mobile"), "mobile"),
        (ANDROID.format("SM-X710", ""), "tablet"),
        (
            "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV",
            "television",
        ),
        (ROBOT, "robot"),
        ("curl/8.5.0", "robot"),
        ("CompanyProbe/1.0", "robot"),
        ("something else", "unknown"),
        ("", "unknown"),
        ("  ", "unknown"),
        (None, "unknown"),
        ("x" * 100_000, "unknown"),
    ],
)
def test_a_user_agent_names_a_kind_of_device(user_agent, kind):
    assert Devices(["companyprobe"]).of(user_agent) == kind


def test_countries_are_told_by_the_operators_file(geoip: Path):
    countries = Countries(geoip)
    assert countries.tells_any
    told = [
        countries.of(one)
        for one in ("192.0.2.7", "2001:db8::7", "203.0.113.1", "198.51.100.1", "no address", "", None)
    ]
    assert told == ["LV", "FI", None, None, None, None, None]
    assert not Countries(None).tells_any
    assert Countries(None).of(str(ipaddress.ip_address("192.0.2.7"))) is None


def test_a_file_that_is_none_is_named(tmp_path: Path):
    (tmp_path / "broken.mmdb").write_text("nothing of the kind")
    for name in ("broken.mmdb", "missing.mmdb"):
        with pytest.raises(UsageError, match="cannot be read") as error:
            Countries(tmp_path / name)
        assert name in error.value.place


@pytest.mark.parametrize(
    ("value", "country"),
    [("EE", "EE"), (" ee ", "EE"), ("EST", "unknown"), ("", "unknown"), (None, "unknown"), ("E1", "unknown")],
)
def test_a_country_is_two_letters(value, country):
    assert as_country(value) == country


@pytest.mark.parametrize(
    ("value", "group"),
    [
        ("Head of Sales", "sales"),
        ("SALES", "sales"),
        ("Salesforce engineer", "engineering"),
        ("Sales engineer", "sales"),
        ("Cook", "other"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_value_belongs_to_the_first_group_of_which_it_has_a_word(value, group):
    assert group_of(value, {"sales": ["sales"], "engineering": ["engineer"]}, "other") == group
