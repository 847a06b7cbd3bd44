"""Invented values depend on the seed and on nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata

import pytest

from lifecycle.errors import UsageError
from lifecycle.synthetic.pools import records
from lifecycle.synthetic.sample import Pool, read_sample
from support.samples import PROJECT, REFERENCE

PEOPLE = Pool(
    size=200, columns={"name": "last_name", "country": "locale_territory", "language": "locale_language"}
)
LOCALES = {"et_EE": 3, "uk_UA": 1}

IN_ANOTHER_PROCESS = """
import hashlib, pathlib
from lifecycle.synthetic.pools import records
from lifecycle.synthetic.sample import read_sample
pools = read_sample(pathlib.Path("include/sample")).pools
rows = [row for name, pool in pools.pools.items() for row in records(name, pool, pools.locales, 5)]
print(hashlib.sha256(repr(rows).encode()).hexdigest())
"""


def test_the_same_seed_gives_the_same_records():
    assert list(records("people", PEOPLE, LOCALES, 1)) == list(records("people", PEOPLE, LOCALES, 1))


def test_another_seed_or_another_pool_gives_others():
    first = list(records("people", PEOPLE, LOCALES, 1))
    assert list(records("people", PEOPLE, LOCALES, 2)) != first
    assert list(records("others", PEOPLE, LOCALES, 1)) != first


def test_two_processes_invent_the_same_people():
    """Neither the hash seed of the interpreter nor what ran before changes a value."""
    digests = {
        subprocess.run(  # noqa: S603  the interpreter of this test, with a text of this file
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT / "include"), "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


def test_positions_count_from_one_without_gaps():
    assert [record[0] for record in records("people", PEOPLE, LOCALES, 1)] == list(range(1, 201))


def test_a_record_is_of_one_locale_and_locales_come_by_weight():
    rows = list(records("people", PEOPLE, LOCALES, 1))
    assert {row[2:] for row in rows} == {("EE", "et"), ("UA", "uk")}
    assert all(("CYRILLIC" in unicodedata.name(row[1][0])) == (row[2] == "UA") for row in rows)
    assert 110 < sum(row[2] == "EE" for row in rows) < 180


def test_line_breaks_inside_a_value_become_spaces():
    pool = Pool(size=300, columns={"address": "address"}, locales={"en_GB": 1})
    assert not any("\n" in row[1] for row in records("addresses", pool, LOCALES, 1))


def test_a_locale_that_faker_lacks_is_named():
    with pytest.raises(UsageError, match="xx_YY") as refused:
        list(records("people", PEOPLE, {"xx_YY": 1}, 1))
    assert "people" in refused.value.place


@pytest.mark.parametrize("provider", ["no_such_thing", "_Generator__config", "__class__", "factories"])
def test_a_provider_that_faker_lacks_is_named(provider):
    pool = Pool(size=1, columns={"value": provider})
    with pytest.raises(UsageError, match=provider):
        list(records("people", pool, LOCALES, 1))


def test_the_reference_company_knows_people_of_ten_locales():
    pools = read_sample(REFERENCE.sample).pools
    people = list(records("person", pools.pools["person"], pools.locales, 1))
    assert {person[-1] for person in people} == {"EE", "FI", "SE", "LV", "LT", "PL", "DE", "GB", "UA", "GR"}
