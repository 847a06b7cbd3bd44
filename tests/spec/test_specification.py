"""Every row of the specification holds, and the documentation prints all of them."""

from __future__ import annotations

import pytest

from spec import time_limits
from spec.write import pages

CASES = [
    pytest.param(chapter, case, id=f"{chapter.title}: {', '.join(case.given)}")
    for chapter in time_limits.CHAPTERS
    for case in chapter.cases
]


@pytest.mark.parametrize(("chapter", "case"), CASES)
def test_the_code_gives_what_the_table_says(chapter, case):
    assert chapter.ask(*case.given) == case.gives, case.because


@pytest.mark.parametrize("chapter", time_limits.CHAPTERS, ids=lambda chapter: chapter.title)
def test_no_case_is_asked_twice_and_each_is_argued(chapter):
    assert len({case.given for case in chapter.cases}) == len(chapter.cases)
    assert all(len(case.given) == len(chapter.given) for case in chapter.cases)
    assert all(case.because.endswith(".") for case in chapter.cases)


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_the_page_is_what_the_tables_make(path):
    assert path.read_text(encoding="utf-8") == pages()[path], (
        "run: PYTHONPATH=include:tests python -m spec.write"
    )
