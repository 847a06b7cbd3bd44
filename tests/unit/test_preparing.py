"""Raw events become pseudonymised ones: nothing that names anybody is left, and nothing is missing."""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from lifecycle.analytics.derive import Countries
from lifecycle.analytics.preparing import BIGGEST, Preparation
from lifecycle.analytics.pseudonyms import Pseudonyms
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.release_form import Release
from support.geoip import write_geoip
from support.press import CANARY, DESKTOP, PHONE, POLICY, ROBOT

pytestmark = pytest.mark.commitment("W6")
RELEASES = {name: Release.model_validate(one) for name, one in yaml.safe_load(POLICY)["releases"].items()}


@pytest.fixture
def preparation(tmp_path):
    keys = FileKeyring(tmp_path / "keyring", environment={})
    return Preparation(RELEASES["openings"], Pseudonyms(keys, "openings", "2026-03"), Countries(None))


def raw(preparation, *rows):
    names = ("subject", "country", "country.otherwise", "device", "article", "seconds")
    columns = zip(*rows, strict=True) if rows else [[] for _ in names]
    kinds = preparation.types()
    return pa.table(
        {
            name: pa.array(values, kinds[name])
            for name, values in zip(names, columns, strict=True)
            if name in kinds
        }
    )


def test_what_is_derived_takes_the_place_of_what_it_is_told_from(preparation):
    table = preparation.prepare(
        raw(
            preparation,
            (f"{CANARY} 1", "192.0.2.7", "EE", DESKTOP, "/one", 30),
            (f"{CANARY} 2", "192.0.2.8", None, PHONE, " ", None),
            (f"{CANARY} 3", None, "nowhere", None, None, -5),
            (f"{CANARY} 4", None, "fi", DESKTOP, "/two", 2**62),
        )
    )
    assert table.drop_columns("subject").to_pylist() == [
        {"country": "EE", "device": "desktop", "article": "/one", "seconds": 30},
        {"country": "unknown", "device": "mobile", "article": "unknown", "seconds": 0},
        {"country": "unknown", "device": "unknown", "article": "unknown", "seconds": 0},
        {"country": "FI", "device": "desktop", "article": "/two", "seconds": BIGGEST},
    ]
    assert CANARY not in str(table.to_pylist())


def test_an_address_is_asked_for_where_a_file_tells_its_country(preparation, tmp_path):
    assert "country" not in preparation.types()
    keys = FileKeyring(tmp_path / "keyring", environment={})
    telling = Preparation(
        RELEASES["openings"],
        Pseudonyms(keys, "openings", "2026-03"),
        Countries(write_geoip(tmp_path)),
    )
    rows = [
        ("1", "192.0.2.7", "EE", DESKTOP, "/one", 1),
        ("2", "203.0.113.9", "EE", DESKTOP, "/one", 1),
        ("3", None, None, DESKTOP, "/one", 1),
    ]
    table = telling.prepare(raw(telling, *rows))
    assert table["country"].to_pylist() == ["LV", "EE", "unknown"]
    assert "192.0.2" not in str(table.to_pylist())


def test_robots_are_left_out_and_counted(preparation, tmp_path):
    path = tmp_path / "events.parquet"
    row = ("1", None, "EE", DESKTOP, "/one", 1)
    robot = ("2", None, "EE", ROBOT, "/one", 1)
    tables = [raw(preparation, row, robot), raw(preparation), raw(preparation, row)]
    batches = [partial(pa.concat_tables, [table]) for table in tables]
    read = []
    prepared = preparation.write(batches, path, read.append)
    assert (prepared.events, prepared.robots) == (2, 1)
    assert read == [2, 0, 1]
    assert parquet.read_table(path).num_rows == 2


def test_a_file_is_there_when_it_is_complete(preparation, tmp_path):
    path = tmp_path / "events.parquet"

    def breaking():
        yield lambda: raw(preparation, ("1", None, "EE", DESKTOP, "/one", 1))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        preparation.write(breaking(), path, lambda _read: None)
    assert not path.exists()


def test_groups_take_the_place_of_what_belongs_to_them(tmp_path):
    keys = FileKeyring(tmp_path / "keyring", environment={})
    preparation = Preparation(RELEASES["deeds"], Pseudonyms(keys, "deeds", "2026-03"), Countries(None))
    names = ("subject", "organisation", "rank", "family")
    rows = [("1", "1", "high", "Gold smith"), ("2", "1", None, f"{CANARY} seller"), ("3", "2", "low", "King")]
    columns = {
        name: pa.array(values, preparation.types()[name])
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }
    table = preparation.prepare(pa.table(columns))
    assert table["family"].to_pylist() == ["making", "selling", "other"]
    assert table["rank"].to_pylist() == ["high", "unknown", "low"]
    assert table["organisation"].to_pylist()[0] == table["organisation"].to_pylist()[1]
    assert CANARY not in str(table.to_pylist())
