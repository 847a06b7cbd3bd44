"""The DAGs as they are parsed: what they promise, when they run, what they try again."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from lifecycle.errors import (
    ApprovalRequired,
    CheckFailed,
    PolicyError,
    PromiseBroken,
    StoreError,
    UsageError,
)
from lifecycle.policy.load import load_policies
from lifecycle.settings import PROJECT

NAMES = ("contract_termination_deletion", "customer_data_retention", "website_retention")
"""Those that keep rules."""
REQUESTS = (
    "consent_withdrawal", "subject_access", "subject_erasure", "subject_information", "subject_objection",
    "subject_portability", "subject_rectification", "subject_restriction",
)  # fmt: skip
"""Those that answer requests."""
ARCHIVES = ("billing_archive", "billing_archive_expiry", "billing_archive_verify")
"""Those that keep archives."""
RELEASES = ("analytics_aggregation", "key_rotation")
"""Those that release statistics."""
OTHERS = (*ARCHIVES, *RELEASES, "recipient_notification", "request_remainders", "restore_replay", *REQUESTS)
HEAVY = {
    "pandas", "numpy", "great_expectations", "faker", "fideslang", "ruamel.yaml", "sqlalchemy", "psycopg",
    "cryptography", "lifecycle.store", "lifecycle.datamap", "lifecycle.retention.steps", "lifecycle.runs.plans",
}  # fmt: skip


@pytest.fixture(scope="module")
def policy():
    return load_policies(PROJECT / "include/policies")[-1].policy


def stated(name: str, constant: str):
    """A constant of a DAG file, read as coverage reads it: without running the file."""
    tree = ast.parse((PROJECT / "dags" / f"{name}.py").read_text())
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == constant
    ]
    return ast.literal_eval(values[0])


def test_every_file_parses_and_makes_its_dag(dags):
    assert dags.import_errors == {}
    assert sorted(dags.dags) == sorted((*NAMES, *OTHERS))


def test_parsing_imports_nothing_heavy(airflow_home):
    """Airflow itself brings SQLAlchemy; of what is heavy, our files add nothing."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "import airflow.sdk, airflow.providers.standard.operators.hitl\n"
        "before = set(sys.modules)\n"
        f"import {', '.join((*NAMES, *OTHERS))}\n"
        f"print(sorted(({HEAVY} & sys.modules.keys()) - before))"
    )
    paths = f"{PROJECT / 'include'}:{PROJECT / 'dags'}"
    found = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": paths, "AIRFLOW_HOME": str(airflow_home)},
    )
    assert found.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_a_dag_names_the_commitments_it_keeps(dags, policy, name):
    dag, commitments = dags.dags[name], stated(name, "COMMITMENTS")
    rules = [rule for rule in policy.rules.values() if rule.schedule_with == name]
    assert {one for rule in rules for one in rule.commitments} <= set(commitments) <= set(policy.commitments)
    assert set(commitments) <= dag.tags
    assert set(re.findall(r"\b[A-Z]\d+\b", dag.doc_md)) == set(commitments)


def test_every_rule_is_kept_by_one_dag_in_the_order_of_the_policy(dags, policy):
    for name in NAMES:
        dag = dags.dags[name]
        groups = [one for one in dag.task_group.children if "." not in one and one in policy.rules]
        assert groups == [one for one, rule in policy.rules.items() if rule.schedule_with == name]
        for earlier, later in pairwise(groups):
            assert f"{earlier}.settled" in dag.task_dict[f"{later}.check_evidence"].upstream_task_ids
    assert {rule.schedule_with for rule in policy.rules.values()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_dag_runs_once_at_a_time_takes_no_input_and_is_never_silently_late(dags, name):
    dag = dags.dags[name]
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    (deadline,) = dag.deadline
    assert deadline.callback.path == "lifecycle.orchestration.alerts.report_late"
    assert dict(dag.params) == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_dag_runs_every_local_day_also_when_clocks_change(dags, name):
    from airflow.sdk.definitions.timetables.assets import AssetOrTimeSchedule
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    schedule = dags.dags[name].timetable
    assert isinstance(schedule, AssetOrTimeSchedule)
    timetable = coerce_to_core_timetable(schedule)
    zone = ZoneInfo("Europe/Tallinn")
    for clocks_change in (date(2026, 3, 29), date(2026, 10, 25)):
        begin = datetime.combine(clocks_change - timedelta(days=2), datetime.min.time(), tzinfo=zone)
        restriction = TimeRestriction(earliest=begin, latest=None, catchup=True)
        info, days = None, []
        for _ in range(5):
            info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
            days.append(info.data_interval.end.astimezone(zone))
        assert [day.date() for day in days] == [clocks_change + timedelta(days=n - 2) for n in range(5)]
        assert {day.hour for day in days} <= {3, 4}


def test_a_backfill_makes_one_run_a_day_for_three_o_clock(airflow):
    airflow.register()
    asked = {
        "dag_id": "website_retention",
        "from_date": "2026-03-28T00:00:00+02:00",
        "to_date": "2026-03-31T00:00:00+03:00",
        # Airflow of the tests is one: days that another test has run would be left out.
        "reprocess_behavior": "completed",
    }
    answer = airflow.api().post("/api/v2/backfills/dry_run", json=asked).raise_for_status().json()
    zone = ZoneInfo("Europe/Tallinn")
    moments = [datetime.fromisoformat(one["logical_date"]).astimezone(zone) for one in answer["backfills"]]
    assert [(one.day, one.hour) for one in moments] == [(28, 3), (29, 4), (30, 3)]


@pytest.mark.parametrize("name", NAMES)
def test_releasing_a_hold_starts_a_dag_at_once(dags, name):
    assets = [asset.name for asset in dags.dags[name].timetable.asset_condition.objects]
    assert assets == ["hold_released"]


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (StoreError("the database cannot be reached"), "retry"),
        (CheckFailed("no"), "fail"),
        (PolicyError("no"), "fail"),
        (UsageError("no"), "fail"),
        (PromiseBroken("no"), "fail"),
        (ApprovalRequired("no"), "fail"),
        (OSError("no"), "default"),
    ],
)
def test_what_is_tried_again(dags, error, action):
    for dag in dags.dags.values():
        for task in dag.tasks:
            if task.task_id.endswith(".approval"):
                assert task.retries == 0
            else:
                assert task.retries == 4
                assert task.retry_policy.evaluate(error, 1, 4).action.value == action


def test_a_run_succeeds_only_where_every_promise_is_kept(dags):
    """The state of a run is that of its last tasks: they follow every promise and wait for none that failed."""
    for dag in (dags.dags[name] for name in NAMES):
        last = {task.task_id for task in dag.tasks if not task.downstream_task_ids}
        assert last <= {"summary", "last_notices"}
        summary = dag.task_dict["summary"]
        finished = {task.task_id for task in dag.tasks if task.task_id.endswith(".finish")}
        assert finished <= summary.upstream_task_ids
        assert summary.trigger_rule == "none_failed"


def test_recipients_are_told_every_hour_and_a_run_fails_where_one_cannot_be(dags):
    dag = dags.dags["recipient_notification"]
    assert (dag.max_active_runs, dag.catchup, dict(dag.params)) == (1, False, {})
    assert dag.timetable.expression == "20 * * * *"
    rules = {task.task_id: (task.upstream_task_ids, task.trigger_rule) for task in dag.tasks}
    assert rules == {
        "deliver_notices": (set(), "all_success"),
        "check_outbox": ({"deliver_notices"}, "all_success"),
        "sign_what_is_new": ({"deliver_notices"}, "all_done"),
    }


def test_nothing_is_executed_without_its_check_and_its_guard(dags):
    for dag in dags.dags.values():
        for task in dag.tasks:
            if task.task_id.endswith(".execute"):
                group = task.task_id.removesuffix(".execute")
                needed = {f"{group}.{step}" for step in ("plan", "check_plan", "guard", "approval")}
                assert needed | {"check_before"} <= {
                    one.task_id for one in task.get_flat_relatives(upstream=True)
                }
                assert task.trigger_rule == "none_failed_min_one_success"


def test_another_company_brings_its_own_rules(airflow):
    dag = airflow.dags().dags["website_retention"]
    assert {task.task_id for task in dag.tasks if "." in task.task_id} == {
        f"visits.{step}"
        for step in (
            "check_evidence", "plan", "check_plan", "guard", "approval",
            "execute", "check_after", "finish", "settled",
        )
    }  # fmt: skip


def test_a_company_without_rules_for_a_dag_has_one_that_only_checks(airflow, policies):
    policies("2025-01-01", ("schedule_with: website_retention", "schedule_with: customer_data_retention"))
    dags = airflow.dags()
    assert dags.import_errors == {}
    assert {task.task_id for task in dags.dags["website_retention"].tasks} == {
        "check_before", "sign_ledger", "summary",
    }  # fmt: skip


def test_a_policy_that_cannot_be_read_is_an_import_error_that_says_so(airflow, monkeypatch, tmp_path):
    monkeypatch.setenv("LIFECYCLE_POLICY_DIR", str(tmp_path))
    errors = airflow.dags().import_errors
    assert len(errors) == len(NAMES) + len(OTHERS)
    assert all("no policy found" in error for error in errors.values())


def test_each_kind_has_a_procedure_a_dag_that_the_page_starts_and_a_sentence_in_the_notice(dags):
    from lifecycle.orchestration.doors import DAGS
    from lifecycle.policy.model import RequestKind
    from lifecycle.policy.notice import RIGHTS
    from lifecycle.requests.procedures import PROCEDURES

    assert set(PROCEDURES) == set(DAGS) == set(RIGHTS) == set(RequestKind)
    assert sorted(DAGS.values()) == sorted(REQUESTS)
    assert set(REQUESTS) <= set(dags.dags)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_on_demand_by_its_number_and_several_at_once(dags, name):
    dag = dags.dags[name]
    assert (dag.timetable.can_be_scheduled, dag.max_active_runs, list(dag.params)) == (
        False,
        8,
        ["request_id"],
    )
    approval = dag.task_dict["approval"]
    assert approval.options == ["Approve", "Plan anew", "Refuse the request"]
    assert approval.response_timeout == timedelta(days=7)
    assert dag.task_dict["execute"].upstream_task_ids == {"check_plan", "approval"}
    assert dag.task_dict["execute"].trigger_rule == "all_success"


def test_what_had_to_stay_is_seen_to_every_day_and_when_a_hold_is_released(dags):
    dag = dags.dags["request_remainders"]
    assert [asset.name for asset in dag.timetable.asset_condition.objects] == ["hold_released"]
    assert (dag.max_active_runs, dag.catchup, dict(dag.params)) == (1, False, {})
    last = dag.task_dict["require_answers_in_time"]
    assert last.upstream_task_ids == {
        "flag_returned", "end_restrictions", "resume", "destroy_packages", "enter_handed_out", "near_ends"
    }  # fmt: skip
    assert dag.task_dict["near_ends"].trigger_rule == "all_done"
