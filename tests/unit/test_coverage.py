"""Coverage names, from data, everything that keeps a commitment, and says where nothing does."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifecycle.errors import UsageError
from lifecycle.policy.coverage import _cited_by_tests, coverage
from lifecycle.policy.load import load_policies, read_policy
from support import club

PROJECT = Path(__file__).parents[2]

DAG = '''"""Keeps members no longer than promised: C1 and, with Annex C2x, nothing else; see X1."""

from somewhere import that_is_never_imported

COMMITMENTS: tuple[str, ...] = ("C3", "C4")
'''
TEST = """
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.commitment("C2")]


@pytest.mark.commitment("C1", "C3")
def test_members_go():
    @pytest.mark.commitment("C4")
    def helper(): ...


def test_nothing(): ...


class TestVisits:
    @pytest.mark.commitment("C3")
    async def test_visits_go(self): ...
"""


@pytest.fixture
def covered(tmp_path):
    """Coverage of the club by one DAG and one test file."""
    club.write(
        tmp_path, policy=(("commitments:\n  C1:", "commitments:\n  C0: {section: a, promise: b}\n  C1:"),)
    )
    (tmp_path / "dags").mkdir()
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "dags" / "members.py").write_text(DAG, encoding="utf-8")
    (tmp_path / "tests" / "unit" / "test_members.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "tests" / "unit" / "helper.py").write_text("not python", encoding="utf-8")
    found = coverage(read_policy(tmp_path / "policy.yaml"), tmp_path / "dags", tmp_path / "tests")
    return {one.commitment: one for one in found}


def test_every_commitment_is_there_in_the_order_of_the_policy(covered):
    assert list(covered) == ["C0", "C1", "C2", "C3", "C4"]
    assert covered["C1"].section == "Members"
    assert covered["C1"].promise == "Members are gone a year after they left"


def test_what_the_policy_keeps_it_with_is_named(covered):
    assert covered["C1"].rules == ("members", "places")
    assert covered["C1"].purposes == ("membership",)
    assert covered["C2"].statutory == ("books",)
    assert covered["C4"].recipients == ("printer",)
    assert covered["C4"].kept_by == ("policy versions",)


def test_dags_are_those_whose_constant_or_docstring_names_it(covered):
    assert {name: one.dags for name, one in covered.items()} == {
        "C0": (),
        "C1": ("members.py",),
        "C2": (),
        "C3": ("members.py",),
        "C4": ("members.py",),
    }


def test_tests_are_those_that_are_marked_with_it(covered):
    assert covered["C1"].tests == ("unit/test_members.py::test_members_go",)
    assert covered["C2"].tests == ("unit/test_members.py",)
    assert covered["C3"].tests == (
        "unit/test_members.py::test_members_go",
        "unit/test_members.py::TestVisits::test_visits_go",
    )
    assert covered["C4"].tests == ()


def test_a_commitment_that_nothing_enforces_or_proves_is_reported_as_such(covered):
    assert {name for name, one in covered.items() if not one.is_enforced} == {"C0"}
    assert {name for name, one in covered.items() if not one.is_proven} == {"C0", "C4"}


@pytest.mark.parametrize("content", ["def broken(:\n", "x = '\0'\n"])
def test_a_file_that_is_not_python_is_named(tmp_path, content):
    club.write(tmp_path)
    (tmp_path / "dag.py").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="is not Python") as raised:
        coverage(read_policy(tmp_path / "policy.yaml"), tmp_path, tmp_path / "tests")
    assert raised.value.place == f"{tmp_path / 'dag.py'}:1"


def test_every_commitment_that_a_test_says_it_proves_is_one_of_the_reference_company():
    version = load_policies(PROJECT / "include" / "policies")[-1]
    proven = {
        one.commitment for one in coverage(version, PROJECT / "dags", PROJECT / "tests") if one.is_proven
    }
    assert {commitment for commitment, _ in _cited_by_tests(PROJECT / "tests")} == proven
