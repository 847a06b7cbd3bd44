"""Expectations are run by Great Expectations, and only names and counts come back."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from contextlib import nullcontext

import pytest

from lifecycle.errors import CheckFailed
from lifecycle.quality import suite
from lifecycle.quality.suite import Count, Names, validate


def run(*expected):
    return validate("sanity", expected, place="somewhere", next_step="look")


def names(found: str, expected: str) -> Names:
    return Names(name="columns of a.b", found=frozenset(found), expected=frozenset(expected))


@pytest.mark.parametrize(
    ("count", "is_met"),
    [
        (Count(name="bad rows", value=0), True),
        (Count(name="bad rows", value=1), False),
        (Count(name="days", value=31, most=31), True),
        (Count(name="days", value=32, most=31), False),
        (Count(name="rows", value=-1, most=31), True),
        (Count(name="rows", value=4, least=4, most=None), True),
        (Count(name="rows", value=3, least=4, most=None), False),
    ],
)
def test_a_count_is_held_against_its_bounds(count, is_met):
    if is_met:
        assert run(count).checks == ((count.name, True),)
    else:
        with pytest.raises(CheckFailed, match=f"1 of 1 expectations of sanity are not met: {count.name}: "):
            run(count)


@pytest.mark.parametrize(
    ("found", "expected", "complaint"),
    [
        ("ab", "ba", None),
        ("", "", None),
        ("abc", "ab", "not in the data map: c"),
        ("a", "abc", "not in the database: b, c"),
        ("", "a", "not in the database: a"),
        ("ax", "ab", "not in the data map: x; not in the database: b"),
    ],
)
def test_names_must_be_exactly_those_expected(found, expected, complaint):
    if complaint is None:
        assert run(names(found, expected)).checks == (("columns of a.b", True),)
    else:
        with pytest.raises(CheckFailed) as raised:
            run(names(found, expected))
        assert raised.value.message.endswith(f"columns of a.b: {complaint}")
        assert raised.value.place == "somewhere"


def test_every_failure_is_named_and_nothing_that_passed():
    with pytest.raises(CheckFailed, match="2 of 4 expectations") as raised:
        run(Count(name="good", value=0), Count(name="late", value=7), names("a", "a"), names("a", "b"))
    assert "late: 7, at most 0" in raised.value.message
    assert "good" not in raised.value.message


def test_two_counts_of_one_name_are_two_expectations():
    with pytest.raises(CheckFailed, match="1 of 2 "):
        run(Count(name="rows", value=0), Count(name="rows", value=1))


def test_a_suite_that_passed_says_so_in_json():
    assert run(Count(name="rows", value=0)).to_json() == {
        "suite": "sanity",
        "checks": [{"name": "rows", "passed": True}],
    }


def test_bounds_that_contradict_each_other_are_not_met():
    with pytest.raises(CheckFailed, match="1 of 1 "):
        run(Count(name="rows", value=3, least=5, most=2))


def test_an_expectation_that_cannot_be_computed_passes_nothing():
    import pandas as pd

    gx = suite._great_expectations()
    expectation = gx.expectations.ExpectColumnMaxToBeBetween(
        column="absent", max_value=0, batch_id=suite.BATCH
    )
    with pytest.raises(gx.exceptions.GreatExpectationsError):
        suite._Asked(expectation).about(pd.DataFrame({"beyond": [0]}))


def test_results_hold_no_values():
    """BOOLEAN_ONLY is the only format that repeats none of what an expectation met."""
    import pandas as pd

    gx = suite._great_expectations()
    frame = pd.DataFrame({"mail": ["canary@example.test"]})
    expectation = gx.expectations.ExpectColumnValuesToMatchRegex(
        column="mail", regex="^x$", batch_id=suite.BATCH
    )
    result = suite._Asked(expectation).about(frame)
    assert not result.success
    assert "canary" not in str(result)


def test_what_was_met_before_is_asked_again():
    """The question is kept, and nothing of an answer."""
    for rows in (0, 1, 0, 2):
        counted = [Count(name="rows", value=rows), Count(name="others", value=0)]
        if rows:
            with pytest.raises(CheckFailed, match=f"rows: {rows}"):
                run(*counted)
        else:
            run(*counted)


def test_a_failing_suite_is_silent(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(CheckFailed):
        run(Count(name="rows", value=1), names("a", "b"))
    assert [record.name for record in caplog.records if record.name.startswith("great_expectations")] == []
    assert capfd.readouterr() == ("", "")


def test_its_import_is_silent_where_everything_is_logged():
    """As in a task of Airflow, which keeps what is logged."""
    code = (
        "import logging, sys; logging.basicConfig(level=logging.INFO, stream=sys.stdout);"
        "from lifecycle.quality.suite import Count, validate;"
        "validate('sanity', [Count(name='rows', value=0)], place='here', next_step='none')"
    )
    ran = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], check=True, capture_output=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert ran.stdout == b""


@pytest.mark.parametrize("before", ["", "import pyspark.sql;"])
def test_great_expectations_does_not_load_spark_and_leaves_it_to_others(before):
    code = (
        f"import sys; {before} loaded = [name for name in sys.modules if name.startswith('pyspark')];"
        "from lifecycle.quality.suite import Count, validate;"
        "validate('sanity', [Count(name='rows', value=0)], place='here', next_step='none');"
        "assert loaded == [name for name in sys.modules if name.startswith('pyspark')];"
        "import pyspark; sys.exit(4)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": ":".join(sys.path)})  # noqa: S603 - our own code
    assert ran.returncode == 4


def test_great_expectations_is_imported_only_when_something_is_checked():
    code = (
        "import sys, lifecycle.quality.before, lifecycle.quality.plans, lifecycle.quality.after,"
        " lifecycle.retention.sweep;"
        "sys.exit('great_expectations' in sys.modules or 'pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})  # noqa: S603 - our own code


def test_whoever_validates_waits_for_the_thread_that_loads_ahead(monkeypatch):
    """Each hides a package from its own imports only: the other would find it gone, or hidden for good."""
    hidden = [0]
    most = [0]

    class Hiding(nullcontext):
        def __enter__(self):
            hidden[0] += 1
            most[0] = max(most[0], hidden[0])
            threading.Event().wait(0.05)

        def __exit__(self, *_):
            hidden[0] -= 1

    monkeypatch.setattr(suite, "_unseen", lambda _package: Hiding())
    loading = [threading.Thread(target=suite._great_expectations.__wrapped__) for _ in range(3)]
    for one in loading:
        one.start()
    for one in loading:
        one.join()
    assert most == [1]


def test_a_package_is_seen_again_even_where_another_has_shown_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "somewhere", logging)
    with suite._unseen("somewhere"):
        assert sys.modules.pop("somewhere") is None
    assert sys.modules["somewhere"] is logging
