"""Functions are short: a reader holds one in the head."""

from __future__ import annotations

from statistics import median, quantiles

import pytest

from support.source import PROJECT, files, functions, length, name_of

LONGEST = 60
NINTH_DECILE = 30
MEDIAN = 10

FILES = files(".")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_function_is_too_long_to_read_at_once(path):
    assert {
        function.name: length(function) for function in functions(path) if length(function) > LONGEST
    } == {}


@pytest.mark.parametrize("tree", [".", "include/lifecycle", "tests"])
def test_most_functions_are_short(tree):
    lengths = [length(function) for path in files(tree) for function in functions(path)]
    assert median(lengths) <= MEDIAN
    assert quantiles(lengths, n=10)[-1] <= NINTH_DECILE


def test_scripts_and_dags_are_counted_too():
    assert {path.relative_to(PROJECT).parts[0] for path in FILES} >= {"include", "tests"}
