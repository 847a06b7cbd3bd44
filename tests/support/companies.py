"""Companies for tests: a tiny one whose every row is known, opened as a run opens it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lifecycle.datamap.load import load_datamap
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.runs.company import Company
from lifecycle.store.grants import grant
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from support.databases import Database

AGENCY = Path(__file__).parent / "agency"
AS_OF = datetime(2026, 3, 10, 3, tzinfo=ZoneInfo("Europe/Tallinn"))
"""When the agency's rows are as its population file describes them."""
CANARY = "canary"
"""Stands in every personal value of the agency, and may stand nowhere else."""


def create_agency(database: Database) -> None:
    """The agency's tables, its rows, and the engine's grants on them."""
    database.start_as("agency", _make_agency)


def _make_agency(database: Database) -> None:
    database.script((AGENCY / "schema.sql").read_text())
    database.script((AGENCY / "population.sql").read_text())
    tables = [tuple(name.split(".", 1)) for name in load_datamap(AGENCY / "datamap").collections]
    with database.connect().begin() as connection:
        grant(connection, [(schema, table) for schema, table in tables])


def agency_settings(
    database: Database, folder: Path, policies: Path = AGENCY / "policies"
) -> dict[str, str | Path]:
    """The settings by which a command finds the agency, by what follows ``LIFECYCLE_``; its keys are in a folder."""
    return {
        "DATABASE_URL": database.url,
        "POLICY_DIR": policies,
        "DATAMAP_DIR": AGENCY / "datamap",
        "KEYRING": folder / "keyring",
        "STATE_DIR": folder,
    }


def open_agency(database: Database, keyring: Path, policies: Path = AGENCY / "policies") -> Company:
    """The agency as a run sees it."""
    return Company(
        engine=database.connect(Role.ENGINE),
        policies=load_policies(policies),
        datamap=load_datamap(AGENCY / "datamap"),
        keys=FileKeyring(keyring, environment={}),
    )


def rows_of(database: Database) -> dict[str, set[int]]:
    """The numbers of all rows of the agency, by table."""
    tables = ("customer", "contract", "person", "note", "invoice", "visit")
    return {table: {row.id for row in database.execute(f"SELECT id FROM agency.{table}")} for table in tables}


def ledger_of(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Kind and body of each entry of the ledger, oldest first."""
    rows = database.execute("SELECT kind, body FROM lifecycle.ledger ORDER BY sequence")
    return [(row.kind, row.body) for row in rows]


def plans_of(database: Database) -> list[str]:
    """The state of each plan, oldest first."""
    return [row.state for row in database.execute("SELECT state FROM lifecycle.plan ORDER BY plan_id")]
