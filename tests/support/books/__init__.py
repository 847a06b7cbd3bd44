"""A company whose books are awkward: keys of two columns, years that end in June, rows that belong to rows of a bill.

Of bill A 1 every kind of value is known. Its financial years end on 30 June, its months in Tallinn.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.archive import building
from lifecycle.datamap.load import load_datamap
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.runs.company import Company
from lifecycle.store.grants import grant
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from lifecycle.archive.manifest import Manifest
    from support.databases import Database

HERE = Path(__file__).parent
NAME = "books"
IN_AUGUST = datetime(2025, 8, 11, 1, tzinfo=UTC)
"""July is over for ten days, and the year that ended in June for longer."""


def create_books(database: Database, folder: Path, *, places: tuple[str, ...] = ()) -> Company:
    """Its tables, files in a folder, and the company as a run sees it, with archives in two places or others."""
    for name in ("datamap", "policies/2020-01-01"):
        (folder / name).mkdir(parents=True)
    shutil.copy(HERE / "datamap.yml", folder / "datamap/trade.yml")
    shutil.copy(HERE / "policy.yaml", folder / "policies/2020-01-01/policy.yaml")
    database.script((HERE / "schema.sql").read_text())
    datamap = load_datamap(folder / "datamap")
    with database.connect().begin() as connection:
        grant(connection, [(one.schema, one.table) for one in datamap.collections.values()])
    return Company(
        engine=database.connect(Role.ENGINE),
        policies=load_policies(folder / "policies"),
        datamap=datamap,
        keys=FileKeyring(folder / "keyring", environment={}),
        archive_urls=places or (str(folder / "one"), str(folder / "two")),
    )


def write_books(company: Company, as_of: datetime = IN_AUGUST) -> list[Manifest]:
    """Write all that there is."""
    return [
        manifest
        for year in building.years(company, NAME, as_of=as_of)
        for manifest in building.build(company, NAME, year, as_of=as_of)
    ]


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
