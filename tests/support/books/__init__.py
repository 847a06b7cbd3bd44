"""A company whose books are awkward: keys of two columns, years that end in June, rows that belong to rows of a bill.

Of bill A 1 every kind of value is known. Its financial years end on 30 June, its months in Tallinn.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.archive import building
from lifecycle.datamap.load import load_datamap
from lifecycle.holds import register as holds
from lifecycle.holds.targets import Target
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.runs.company import Company
from lifecycle.store.grants import grant
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.archive.manifest import Manifest
    from support.databases import Database

HERE = Path(__file__).parent
NAME = "books"
SINCE = date(2020, 1, 1)
IN_AUGUST = datetime(2025, 8, 11, 1, tzinfo=UTC)
"""July is over for ten days, and the year that ended in June for longer."""


def create_books(
    database: Database,
    folder: Path,
    *,
    places: tuple[str, ...] = (),
    since: date = SINCE,
    changes: Iterable[tuple[str, str]] = (),
) -> Company:
    """Its tables, files in a folder, and the company as a run sees it, with archives in two places or others.

    Args:
        database: empty.
        folder: for policy, map, keyring and archives.
        places: of archives.
        since: when its policy was published.
        changes: of the policy's words, before and after.
    """
    policy = folder / f"policies/{since}/policy.yaml"
    for one in (folder / "datamap", policy.parent):
        one.mkdir(parents=True)
    shutil.copy(HERE / "datamap.yml", folder / "datamap/trade.yml")
    text = (HERE / "policy.yaml").read_text().replace(str(SINCE), str(since))
    for before, after in changes:
        text = text.replace(before, after)
    policy.write_text(text)
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


def amend_policy(company: Company, folder: Path, before: str, after: str) -> Company:
    """The company under another wording of its policy."""
    policy = folder / "policies/2020-01-01/policy.yaml"
    text = policy.read_text()
    if before not in text:
        raise AssertionError(before)
    policy.write_text(text.replace(before, after))
    return replace(company, policies=load_policies(folder / "policies"), agreed={}, _rulebooks={})


def write_books(company: Company, as_of: datetime = IN_AUGUST) -> list[Manifest]:
    """Write all that there is."""
    return [
        manifest
        for year in building.years(company, NAME, as_of=as_of)
        for manifest in building.build(company, NAME, year, as_of=as_of)
    ]


def hold(
    company: Company, *targets: str, kind: str = "hold", until: int = 2035, as_of: datetime = IN_AUGUST
) -> None:
    """Place a hold or restriction until a year."""
    with company.engine.begin() as connection:
        holds.place(
            connection,
            company.rulebook(as_of),
            [Target.parse(one) for one in targets],
            kind=kind,
            reason="dispute",
            placed_by="Olivia",
            until=as_of.replace(year=until),
            as_of=as_of,
        )


def release_all(company: Company, as_of: datetime) -> None:
    """Release every hold that counts."""
    with company.engine.begin() as connection:
        for one in holds.listing(connection, as_of=as_of):
            holds.release(connection, one.hold_id, released_by="Olivia", as_of=as_of)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
