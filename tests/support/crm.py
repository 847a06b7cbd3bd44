"""A small company to execute plans on: clients with agreements, humans with remarks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lifecycle.datamap.load import load_datamap
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.runs.company import Company
from lifecycle.store.grants import grant
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

AS_OF = datetime(2026, 1, 1, 3, tzinfo=UTC)
SCHEMA = """
CREATE SCHEMA crm;
CREATE TABLE crm.client (client_id bigint PRIMARY KEY);
CREATE TABLE crm.agreement (
    agreement_id bigint PRIMARY KEY, client_id bigint NOT NULL REFERENCES crm.client, ended_at timestamptz
);
CREATE TABLE crm.human (
    human_id bigint PRIMARY KEY, client_id bigint NOT NULL REFERENCES crm.client, full_name text NOT NULL
);
CREATE TABLE crm.remark (
    remark_id bigint PRIMARY KEY, human_id bigint NOT NULL REFERENCES crm.human, body text NOT NULL
);
CREATE INDEX agreement_client ON crm.agreement (client_id);
CREATE INDEX agreement_ended ON crm.agreement (ended_at);
CREATE INDEX human_client ON crm.human (client_id);
CREATE INDEX remark_human ON crm.remark (human_id);
"""
DATAMAP = """
dataset:
  - fides_key: crm
    collections:
      - name: client
        fields:
          - {name: client_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
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
      - name: remark
        fields:
          - {name: remark_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: human_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: crm, field: human.human_id, direction: from}]}
          - {name: body, data_categories: [user.content.private]}
"""
POLICY = """
policy: {name: Test, last_updated: 2020-01-01, time_zone: UTC, version_of_format: 1}
controller: {name: Test}
authority: {name: Test}
commitments: {H1: {section: Retention, promise: Data on humans goes within 12 months of the agreement's end}}
anchors:
  over:
    on: crm.client
    latest: crm.agreement.ended_at
    runs_only_if_none: {crm.agreement.ended_at: null}
    otherwise: never
rules:
  humans:
    {commitments: [H1], applies_to: [crm.human], starts: over, keep: P12M, action: delete}
edges: {crm.human.client_id: tenant}
guards: {default: {}}
"""


def open_crm(database: Database, folder: Path, *, schema: str = SCHEMA, policy: str = POLICY) -> Company:
    """The company in ``database``, with its files under ``folder``; keeps the lock timeout short."""
    database.script(schema)
    return reopen_crm(database, folder, policy=policy)


def reopen_crm(database: Database, folder: Path, *, policy: str = POLICY, datamap: str = DATAMAP) -> Company:
    """The company of a database that has its tables."""
    for path, content in (("datamap/crm.yml", datamap), ("policies/first/policy.yaml", policy)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    described = load_datamap(folder / "datamap")
    with database.connect().begin() as connection:
        grant(connection, [(one.schema, one.table) for one in described.collections.values()])
    return Company(
        engine=database.connect(Role.ENGINE),
        policies=load_policies(folder / "policies"),
        datamap=described,
        keys=FileKeyring(folder / "keyring"),
    )


def fill(database: Database, *, ended: int, live: int, humans: int = 2, remarks: int = 2) -> None:
    """Clients whose agreement ended (numbers from 1) or lives, each with humans, each with remarks."""
    database.execute(
        "INSERT INTO crm.client SELECT n FROM generate_series(1, :clients) AS n", {"clients": ended + live}
    )
    database.execute(
        "INSERT INTO crm.agreement SELECT n, n, CASE WHEN n <= :ended THEN timestamptz '2024-06-01 12:00+00' END"
        " FROM generate_series(1, :clients) AS n",
        {"clients": ended + live, "ended": ended},
    )
    database.execute(
        "INSERT INTO crm.human SELECT n, 1 + (n - 1) / :each, 'Human ' || n FROM generate_series(1, :humans) AS n",
        {"humans": (ended + live) * humans, "each": humans},
    )
    database.execute(
        "INSERT INTO crm.remark SELECT n, 1 + (n - 1) / :each, 'Said ' || n FROM generate_series(1, :remarks) AS n",
        {"remarks": (ended + live) * humans * remarks, "each": remarks},
    )


def counts(database: Database) -> dict[str, int]:
    """Rows of each table."""
    return {
        name: database.execute(f"SELECT count(*) FROM crm.{name}")[0][0]
        for name in ("client", "agreement", "human", "remark")
    }
