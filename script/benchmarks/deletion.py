"""Deleting many due rows with what belongs to them, and planning it, against hand-written SQL in the same run."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from measuring import Scratch

from lifecycle.datamap.load import load_datamap
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.retention.steps import plan
from lifecycle.runs.company import Company
from lifecycle.runs.plans import carry_out, end_unchecked
from lifecycle.store.engine import connect
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_OF = datetime(2026, 1, 1, 3, tzinfo=UTC)
CUTOFF = (
    "2025-01-03T00:00:00+00:00"  # contracts that ended before are due: twelve months, less lead and interval
)

SCHEMA = """
CREATE SCHEMA crm;
CREATE TABLE crm.client (client_id bigint PRIMARY KEY, created_at timestamptz NOT NULL);
CREATE TABLE crm.agreement (
    agreement_id bigint PRIMARY KEY, client_id bigint NOT NULL REFERENCES crm.client, ended_at timestamptz
);
CREATE TABLE crm.human (
    human_id bigint PRIMARY KEY, client_id bigint NOT NULL REFERENCES crm.client,
    full_name text, email text, phone text, job_title text
);
CREATE TABLE crm.remark (
    remark_id bigint PRIMARY KEY, human_id bigint NOT NULL REFERENCES crm.human, body text
);
"""
ROWS = """
INSERT INTO crm.client SELECT n, '2015-01-01' FROM generate_series(1, {clients}) AS n;
INSERT INTO crm.agreement
SELECT n, n, CASE WHEN n <= {due_clients} THEN timestamptz '2024-01-01' + n % 300 * interval '1 day' END
FROM generate_series(1, {clients}) AS n;
INSERT INTO crm.human
SELECT n, 1 + n * 7919 % {clients}, 'Human ' || n, 'human' || n || '@example.com', '+3725' || n, 'engineer'
FROM generate_series(1, {humans}::bigint) AS n;
INSERT INTO crm.remark
SELECT n, 1 + n * 6151 % {humans}, 'A remark about somebody, of the usual length, number ' || n
FROM generate_series(1, {humans}::bigint * 3) AS n;
CREATE INDEX ON crm.agreement (client_id);
CREATE INDEX ON crm.agreement (ended_at);
CREATE INDEX ON crm.client (created_at);
CREATE INDEX ON crm.human (client_id);
CREATE INDEX ON crm.remark (human_id);
"""
MAP = """
dataset:
  - fides_key: crm
    collections:
      - name: client
        fields:
          - {name: client_id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - {name: created_at, data_categories: [system.operations]}
      - name: agreement
        fields:
          - {name: agreement_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: client_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: crm, field: client.client_id, direction: from}]}
          - {name: ended_at, data_categories: [system.operations]}
      - name: human
        fields:
          - {name: human_id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - name: client_id
            data_categories: [user.workplace]
            fides_meta: {references: [{dataset: crm, field: client.client_id, direction: from}]}
          - {name: full_name, data_categories: [user.name]}
          - {name: email, data_categories: [user.contact.email]}
          - {name: phone, data_categories: [user.contact.phone_number]}
          - {name: job_title, data_categories: [user.job_title]}
      - name: remark
        fields:
          - {name: remark_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: human_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: crm, field: human.human_id, direction: from}]}
          - {name: body, data_categories: [user.content.private]}
"""
POLICY = """
policy: {name: Benchmark, last_updated: 2020-01-01, time_zone: UTC, version_of_format: 1}
controller: {name: Benchmark}
authority: {name: Benchmark}
commitments: {B1: {section: Retention, promise: Data on humans goes within 12 months of the agreement's end}}
anchors:
  over:
    on: crm.client
    latest: crm.agreement.ended_at
    runs_only_if_none: {crm.agreement.ended_at: null}
    otherwise: never
rules:
  humans:
    {commitments: [B1], applies_to: [crm.human], starts: over, keep: P12M, lead: P1D, action: delete}
edges: {crm.human.client_id: tenant}
guards: {default: {}}
"""
DUE = """
FROM crm.human AS human JOIN crm.agreement AS agreement ON agreement.client_id = human.client_id
WHERE agreement.ended_at < '{cutoff}' AND NOT EXISTS (
    SELECT FROM crm.agreement AS live
    WHERE live.client_id = agreement.client_id AND (live.ended_at IS NULL OR live.ended_at >= '{cutoff}'))
"""
BY_HAND = (
    "DELETE FROM crm.remark USING (SELECT human.human_id "
    + DUE
    + ") AS due WHERE remark.human_id = due.human_id",
    "DELETE FROM crm.human USING (SELECT human.human_id "
    + DUE
    + ") AS due WHERE human.human_id = due.human_id",
)


def fill(scratch: Scratch, name: str, *, humans: int, due_share: float) -> None:
    """A database of that name with ``humans`` persons, ``due_share`` of them due."""
    clients = humans // 50
    scratch.create(name)
    scratch.run(name, SCHEMA)
    scratch.run(name, ROWS.format(clients=clients, due_clients=int(clients * due_share), humans=humans))
    scratch.vacuum(name)
    scratch.prepare(name, MAP, POLICY)


def by_hand(scratch: Scratch, name: str) -> float:
    """Seconds of the hand-written deletion, in one transaction."""
    with scratch.engine(name).connect() as connection:
        begun = time.perf_counter()
        with connection.begin():
            for statement in BY_HAND:
                connection.execute(sa.text(statement.format(cutoff=CUTOFF)))
        return time.perf_counter() - begun


def planned(scratch: Scratch, name: str) -> dict[str, float]:
    """Seconds of plan and execution, and the peak memory of the process that did both."""
    ran = subprocess.run(  # noqa: S603 - our own file, under our own interpreter
        [sys.executable, __file__, scratch.url(name), str(scratch.files)],
        check=True,
        capture_output=True,
        text=True,
    )
    values = [float(value) for value in ran.stdout.split()]
    return dict(zip(("plan_seconds", "apply_seconds", "peak_megabytes", "rows"), values, strict=True))


def run(*, humans: int = 2_000_000, due_share: float = 0.1, times: int = 5) -> dict[str, Any]:
    """Delete the due tenth: ratio of the project's way to the hand-written one, medians."""
    with Scratch() as scratch:
        fill(scratch, "source", humans=humans, due_share=due_share)
        hand, ours = [], []
        for _ in range(times):
            with scratch.copy("source") as name:
                hand.append(by_hand(scratch, name))
            with scratch.copy("source") as name:
                ours.append(planned(scratch, name))
        totals = [one["plan_seconds"] + one["apply_seconds"] for one in ours]
        return {
            "rows_deleted": ours[0]["rows"],
            "by_hand_seconds": median(hand),
            "plan_seconds": median(one["plan_seconds"] for one in ours),
            "apply_seconds": median(one["apply_seconds"] for one in ours),
            "ratio": median(total / base for total, base in zip(totals, hand, strict=True)),
            "ratio_at_most": 1.25,
            "peak_megabytes": max(one["peak_megabytes"] for one in ours),
            "peak_megabytes_at_most": 250,
        }


def open_company(url: str, files: Path) -> Company:
    """The benchmark's company, opened as the engine."""
    return Company(
        engine=connect(url, role=Role.ENGINE),
        policies=load_policies(files / "policies"),
        datamap=load_datamap(files / "datamap"),
        keys=FileKeyring(files / "keyring"),
    )


def _work(url: str, files: Path) -> Iterator[float]:
    company = open_company(url, files)
    company.rulebook(AS_OF)
    begun = time.perf_counter()
    made = plan(company, "humans", as_of=AS_OF)
    yield time.perf_counter() - begun
    begun = time.perf_counter()
    outcome = carry_out(company, made.digest or "")
    end_unchecked(company, made.digest or "")
    yield time.perf_counter() - begun
    yield resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield sum(outcome.rows.values())


if __name__ == "__main__":
    for value in _work(sys.argv[1], Path(sys.argv[2])):
        sys.stdout.write(f"{value}\n")
