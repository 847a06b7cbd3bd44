"""Which live types are what a Fides type says."""

from __future__ import annotations

import pytest
from fideslang.validation import DATA_TYPE_NAMES

from lifecycle.policy.checks.types import is_compatible


@pytest.mark.parametrize(
    ("data_type", "live_type"),
    [
        ("string", "text"),
        ("string", "uuid"),
        ("string", "timestamp with time zone"),
        ("string", "app.mood"),
        ("integer", "smallint"),
        ("integer", "numeric"),
        ("integer", "app.amount"),
        ("float", "numeric"),
        ("float", "double precision"),
        ("boolean", "boolean"),
        ("object", "jsonb"),
        ("object[]", "jsonb"),
        ("string[]", "text[]"),
        ("integer[]", "bigint[]"),
    ],
)
def test_a_column_is_what_the_map_says(data_type, live_type):
    assert is_compatible(data_type, live_type)


@pytest.mark.parametrize(
    ("data_type", "live_type"),
    [
        ("string", "integer"),
        ("string", "jsonb"),
        ("string", "text[]"),
        ("string", "boolean"),
        ("integer", "text"),
        ("integer", "double precision"),
        ("float", "integer"),
        ("boolean", "text"),
        ("object", "text"),
        ("string[]", "text"),
        ("string[]", "integer[]"),
        ("object[]", "app.mood"),
    ],
)
def test_a_column_is_of_another_type(data_type, live_type):
    assert not is_compatible(data_type, live_type)


@pytest.mark.parametrize("data_type", sorted(DATA_TYPE_NAMES))
def test_every_type_of_fides_is_known(data_type):
    assert is_compatible(data_type, "app.mood")
