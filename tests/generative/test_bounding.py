"""The expression that counts cells agrees with counting them by hand, and no contributor adds more than it may."""

from __future__ import annotations

import ibis
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.analytics.bounding import cells, most, numbers
from lifecycle.policy.release_form import Release
from support.counting import counted_by_hand
from support.press import POLICY

RELEASES = {name: Release.model_validate(one) for name, one in yaml.safe_load(POLICY)["releases"].items()}
ENGINE = ibis.duckdb.connect()
TEXTS = st.sampled_from(["a", "b", "B", "õ", "", "z z", "unknown"])
EVENT = {
    "openings": st.fixed_dictionaries(
        {
            "subject": st.sampled_from([f"p{n}" for n in range(4)]),
            "country": TEXTS,
            "device": TEXTS,
            "article": TEXTS,
            "seconds": st.one_of(st.integers(0, 700), st.just(2**53)),
        }
    ),
    "deeds": st.fixed_dictionaries(
        {
            "subject": st.sampled_from([f"p{n}" for n in range(6)]),
            "organisation": st.sampled_from(["o1", "o2", "o3"]),
            "rank": TEXTS,
            "family": TEXTS,
        }
    ),
}


def by_hand(events, release, table):
    """The cells, in plain Python."""
    contributor = "organisation" if release.organisation else "subject"
    limits = {name: most(release, table, name) for name in numbers(release)}
    return counted_by_hand(events, contributor, table.by, table.cells, limits)


def by_expression(events, release, table):
    kinds = {name: pa.int64() if name in release.measures else pa.string() for name in events[0]}
    memory = ibis.memtable(pa.Table.from_pylist(events, schema=pa.schema(list(kinds.items()))))
    rows = ENGINE.to_pyarrow(cells(memory, release, table)).to_pylist()
    return {tuple(row.pop(name) for name in table.by): row for row in rows}


@pytest.mark.parametrize(
    ("name", "table"), [(name, table) for name in RELEASES for table in RELEASES[name].tables]
)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_cells_are_counted_as_by_hand(name, table, data):
    events = data.draw(st.lists(EVENT[name], min_size=1, max_size=40))
    release = RELEASES[name]
    stated = release.tables[table]
    assert by_expression(events, release, stated) == by_hand(events, release, stated)


@pytest.mark.parametrize("name", RELEASES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_one_contributor_changes_no_more_than_its_table_allows(name, data):
    release = RELEASES[name]
    contributor = "organisation" if release.organisation else "subject"
    events = data.draw(st.lists(EVENT[name], min_size=2, max_size=40))
    gone = events[0][contributor]
    others = [event for event in events if event[contributor] != gone]
    if not others:
        return
    for table in release.tables.values():
        every, without = by_expression(events, release, table), by_expression(others, release, table)
        changed = {cell for cell in every if every[cell] != without.get(cell)}
        assert without.keys() <= every.keys()
        assert len(changed) <= table.cells
        for cell in changed:
            for number in ("contributors", *numbers(release)):
                difference = every[cell][number] - without.get(cell, {}).get(number, 0)
                assert 0 <= difference <= most(release, table, number)
