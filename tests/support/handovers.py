"""The agency with recipients, and a log of what was handed over to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from lifecycle.datamap.load import load_datamap
from lifecycle.policy.load import load_policies
from lifecycle.recipients.notice import Matter
from lifecycle.recipients.tables import Kind
from lifecycle.store.grants import grant
from support.companies import AGENCY, create_agency, open_agency

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

SCHEMA = """
CREATE TABLE agency.handover (
    id bigint PRIMARY KEY,
    whom text,
    handed_at timestamptz,
    person_id bigint REFERENCES agency.person,
    customer_id bigint REFERENCES agency.customer
);
CREATE INDEX ON agency.handover (person_id);
CREATE INDEX ON agency.handover (customer_id);
INSERT INTO agency.handover VALUES
    (1, 'printer', '2026-01-01 12:00+02', 101, NULL),
    (2, 'printer', '2026-01-02 12:00+02', 101, NULL),
    (3, 'courier', '2026-01-03 12:00+02', 102, NULL),
    (4, 'printer', '2026-01-04 12:00+02', NULL, 2),
    (5, 'Carl Canary, advocate', '2026-01-05 12:00+02', 103, NULL),
    (6, NULL, NULL, 103, NULL);
"""
DATAMAP = """
      - name: handover
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: whom, data_categories: [system.operations]}
          - {name: handed_at, data_categories: [system.operations]}
          - name: person_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: agency, field: person.id, direction: from}]}
          - name: customer_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: agency, field: customer.id, direction: from}]}
"""
POLICY = """
recipients:
  printer:
    category: Printing
    region: EE
    receives: [agency.person, agency.note]
    notify: {http: "env:PRINTER_URL"}
  courier: {category: Couriers, region: EE, receives: [agency.person]}
  cloud:
    category: Cloud services
    region: EE
    receives: [agency.person, agency.visit]
    notify: {http: "env:CLOUD_URL", within: P7D}
"""
LOG = """
disclosures:
  collection: agency.handover
  recipient: whom
  disclosed_at: handed_at
  complete_for: [printer, courier]
"""
REQUEST = UUID("6f9c1e5a-1f7d-4c58-9a3e-0c3f4d5b6a70")
EMAIL = "canary.1.1@example.test"
MATTER = Matter(kind=Kind.ERASURE, request=REQUEST, identities=(("email", EMAIL),))


def write_files(folder: Path, *changes: tuple[str, str]) -> None:
    """The agency's map and policy with recipients, with texts of the policy replaced."""
    datamap = (AGENCY / "datamap/agency.yml").read_text() + DATAMAP.removeprefix("\n")
    policy = (AGENCY / "policies/2025-01-01/policy.yaml").read_text() + POLICY + LOG
    for old, new in changes:
        assert old in policy
        policy = policy.replace(old, new)
    for path, text in (("datamap/agency.yml", datamap), ("policies/2025-01-01/policy.yaml", policy)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def create_handovers(database: Database, folder: Path, *changes: tuple[str, str]) -> Company:
    """The agency with its recipients, its files and keys under ``folder``."""
    create_agency(database)
    database.script(SCHEMA)
    write_files(folder, *changes)
    datamap = load_datamap(folder / "datamap")
    with database.connect().begin() as connection:
        grant(connection, [(one.schema, one.table) for one in datamap.collections.values()])
    company = open_agency(database, folder / "keyring", folder / "policies")
    return replace(company, datamap=datamap, policies=load_policies(folder / "policies"))
