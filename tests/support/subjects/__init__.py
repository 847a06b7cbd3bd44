"""The reference company with a few people of whom every row is known, for what subjects ask for.

Mari Tamm is a visitor, an enquirer, a subscriber, a contact of customer 1 and a person at customers 2 and 3. Others are
woven in: colleagues who share her customer, her manager, a note that she wrote about somebody else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.datamap.load import load_datamap
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.policy.stopping import recorded
from lifecycle.runs.company import Company
from lifecycle.store.grants import grant
from lifecycle.store.roles import Role
from support.samples import PROJECT, REFERENCE

if TYPE_CHECKING:
    from lifecycle.ledger.copy import LedgerCopy
    from support.databases import Database

AS_OF = datetime(2026, 3, 10, 3, tzinfo=UTC)
POLICIES = load_policies(PROJECT / "include/policies")
MARI = "mari.tamm@example.test"


def create_people(database: Database) -> None:
    """The reference company's tables with the people of ``population.sql``, and the engine's grants."""
    database.start_as("people", _make_people)


def _make_people(database: Database) -> None:
    database.script((REFERENCE.sample / "schema.sql").read_text())
    database.script((Path(__file__).parent / "population.sql").read_text())
    tables = [(one.schema, one.table) for one in load_datamap(REFERENCE.datamap).collections.values()]
    with database.connect().begin() as connection:
        grant(connection, tables, recorded=recorded([one.policy for one in POLICIES]))


def open_people(database: Database, keyring: Path, copy: LedgerCopy | None = None) -> Company:
    """The company as a run sees it."""
    return Company(
        engine=database.connect(Role.ENGINE),
        policies=POLICIES,
        datamap=load_datamap(REFERENCE.datamap),
        keys=FileKeyring(keyring, environment={}),
        ledger_copy=copy,
    )


def rows_of(database: Database) -> dict[tuple[str, str], str]:
    """A digest of each row, by table and number."""
    each = (
        f"SELECT '{name}' AS name, {collection.primary_key[0]}::text AS key, row::text AS row FROM {name} AS row"
        for name, collection in load_datamap(REFERENCE.datamap).collections.items()
    )
    rows = database.execute(" UNION ALL ".join(each))
    return {(row.name, row.key): sha256(row.row.encode()).hexdigest() for row in rows}
