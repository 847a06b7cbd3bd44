"""Which rules a schedule keeps, read fast and without the rest of the policy."""

from __future__ import annotations

import pytest

from lifecycle.errors import PolicyError
from lifecycle.policy.load import load_policies
from lifecycle.policy.schedule import schedule_of, schedules_in
from lifecycle.settings import PROJECT

POLICY = """
policy: {{name: x, last_updated: {day}, time_zone: {zone}, version_of_format: 1}}
rules:
{rules}
"""


def write(folder, day: str, *rules: str, zone: str = "Europe/Tallinn") -> None:
    (folder / day).mkdir()
    lines = "\n".join(f"  {rule}" for rule in rules)
    (folder / day / "policy.yaml").write_text(POLICY.format(day=day, zone=zone, rules=lines))


def test_rules_come_in_the_order_of_the_policy(tmp_path):
    write(
        tmp_path,
        "2025-01-01",
        "b: {schedule_with: x}",
        "a: {schedule_with: x}",
        "c: {schedule_with: y}",
        "d: {}",
    )
    assert schedule_of(tmp_path, "x").rules == ("b", "a")
    assert schedule_of(tmp_path, "y").rules == ("c",)
    assert schedule_of(tmp_path, "z").rules == ()


def test_every_version_counts_and_the_newest_decides_the_order_and_the_zone(tmp_path):
    write(tmp_path, "2025-01-01", "a: {schedule_with: x}", "old: {schedule_with: x}", zone="Europe/Paris")
    write(tmp_path, "2026-01-01", "new: {schedule_with: x}", "a: {schedule_with: x}", zone="Europe/Riga")
    found = schedule_of(tmp_path, "x")
    assert (found.rules, found.time_zone) == (("new", "a", "old"), "Europe/Riga")


def test_a_changed_file_is_read_again(tmp_path):
    write(tmp_path, "2025-01-01", "a: {schedule_with: x}")
    assert schedule_of(tmp_path, "x").rules == ("a",)
    path = tmp_path / "2025-01-01/policy.yaml"
    path.write_text(path.read_text().replace("a: {", "b: {"))
    assert schedule_of(tmp_path, "x").rules == ("b",)


def test_names_that_yaml_takes_for_truth_values_stay_names(tmp_path):
    write(tmp_path, "2025-01-01", "on: {schedule_with: x}", "no: {schedule_with: x}")
    assert schedule_of(tmp_path, "x").rules == ("on", "no")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rules: [",
        "policy: 1",
        "policy: {last_updated: 2025-01-01}",
        POLICY.format(day=1, zone=1, rules="  'a b': {}"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "v").mkdir()
    (tmp_path / "v/policy.yaml").write_text(text)
    with pytest.raises(PolicyError) as raised:
        schedule_of(tmp_path, "x")
    assert raised.value.place == str(tmp_path / "v/policy.yaml")


def test_without_a_policy_nothing_can_be_scheduled(tmp_path):
    with pytest.raises(PolicyError, match="no policy found"):
        schedule_of(tmp_path, "x")


def test_it_agrees_with_the_policy_as_the_run_reads_it():
    folder = PROJECT / "include/policies"
    newest = load_policies(folder)[-1].policy
    names = {rule.schedule_with for rule in newest.rules.values()}
    assert None not in names
    for name in names:
        expected = tuple(one for one, rule in newest.rules.items() if rule.schedule_with == name)
        assert schedule_of(folder, str(name)).rules[: len(expected)] == expected
        assert schedule_of(folder, str(name)).time_zone == str(newest.zone)


def test_the_dags_that_keep_rules_are_known_by_their_files(tmp_path):
    found = schedules_in(PROJECT / "dags")
    assert found == {"website_retention", "contract_termination_deletion", "customer_data_retention"}
    (tmp_path / "reports.py").write_text('"""Keeps no promises()."""\n')
    assert schedules_in(tmp_path) == frozenset()
    assert schedules_in(tmp_path / "missing") is None
