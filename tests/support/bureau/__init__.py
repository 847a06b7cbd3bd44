"""A small company for generated tests: its schema, its data map, and how its rows get into a database."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.datamap.load import load_datamap
from lifecycle.planning.archived import archive_record, document_digest, document_key
from lifecycle.policy.load import PolicyVersion
from lifecycle.policy.model import Policy
from lifecycle.policy.rulebook import Rulebook, resolve
from lifecycle.store.grants import grant
from lifecycle.store.inspect import inspect
from lifecycle.store.relations import relation
from lifecycle.yamlfile import YamlFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lifecycle.datamap.live import LiveSchema
    from lifecycle.decide.cover import Placed
    from support.databases import Database

HERE = Path(__file__).parent
POLICY_FILE = YamlFile(HERE / "policy.yaml")
DATAMAP = load_datamap(HERE / "datamap")
COLLECTIONS = tuple(DATAMAP.collections)

Rows = dict[str, list[dict[str, Any]]]


def policy_document() -> dict[str, Any]:
    """The policy as plain values, for a test to change."""
    return json.loads(json.dumps(POLICY_FILE.data, default=str))


class Bureau:
    """The company in one database."""

    def __init__(self, database: Database, live: LiveSchema) -> None:
        self.database = database
        self.live = live

    @classmethod
    def found(cls, database: Database) -> Bureau:
        """Create its tables in a migrated database."""
        database.script((HERE / "schema.sql").read_text(encoding="utf-8"))
        with database.connect().begin() as connection:
            grant(connection, [tuple(name.split(".")) for name in COLLECTIONS])
            live = inspect(connection, DATAMAP.schemas)
        return cls(database=database, live=live)

    def rulebook(self, document: Mapping[str, Any]) -> Rulebook:
        """A policy resolved."""
        policy = Policy.model_validate(copy.deepcopy(dict(document)))
        return resolve(PolicyVersion(policy=policy, file=POLICY_FILE), DATAMAP, self.live)

    def refill(self, rows: Mapping[str, Sequence[Mapping[str, Any]]], placed: Sequence[Placed]) -> None:
        """Replace everything that is stored: the company's rows and holds, and every plan."""
        with self.database.connect().begin() as connection:
            connection.execute(
                sa.text("SELECT crm.refill(:emptied, CAST(:rows AS jsonb))"),
                {"emptied": [*COLLECTIONS, *_CONTROL], "rows": json.dumps(rows, default=str)},
            )
            for one in placed:
                _store_hold(connection, one)

    def archive(self, rulebook: Rulebook, written: Sequence[int], outdated: Sequence[int]) -> None:
        """Let the policy's archive have invoices: as they are, and as they were."""
        for archive in rulebook.archives.values():
            document = relation(rulebook.live, archive.documents, "document")
            with self.database.connect().begin() as connection:
                (part,) = connection.execute(sa.text(_PART), {"archive": archive.name}).one()
                for numbers, digest in (
                    (written, document_digest(rulebook, archive, document)),
                    (outdated, sa.cast(sa.literal("\\x00"), sa.LargeBinary)),
                ):
                    key = document_key(rulebook, archive, document)
                    values = [archive.name, key, 0, True, "R", "1", "1", digest, part, 0, 0, 0]
                    rows = sa.select(*map(_selectable, values)).where(document.c.id.in_(numbers))
                    connection.execute(
                        sa.insert(archive_record).from_select([one.name for one in archive_record.c], rows)
                    )

    def read(self) -> Rows:
        """Every row that is stored, in the order of the keys."""
        with self.database.connect().begin() as connection:
            return {
                collection: [
                    dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {collection}")).mappings()
                ]
                for collection in COLLECTIONS
            }


_PART = """
    INSERT INTO lifecycle.archive_part
        (archive, year_end, number, generation, state, as_of, policy_version, retain_until, documents, manifest, sha256,
         entry)
    VALUES (:archive, '2020-12-31', 1, 1, 'written', now(), '2000-01-01', '2040-12-31', 0, '{}', repeat('0', 64), 0)
    RETURNING part_id
"""
_CONTROL = (
    "lifecycle.archive_record",
    "lifecycle.archive_part",
    "lifecycle.journal",
    "lifecycle.plan_reliance",
    "lifecycle.plan_item",
    "lifecycle.plan_batch",
    "lifecycle.plan",
    "lifecycle.hold_row",
    "lifecycle.hold_subject",
    "lifecycle.hold",
)


def _selectable(value: Any) -> sa.ColumnElement[Any]:
    return value if isinstance(value, sa.ColumnElement) else sa.literal(value)


def _store_hold(connection: sa.Connection, placed: Placed) -> None:
    hold = placed.hold
    connection.execute(
        sa.text(
            "INSERT INTO lifecycle.hold (hold_id, kind, reason, placed_by, placed_at, until, released_by, released_at)"
            " VALUES (CAST(:name AS uuid), :kind, 'dispute', 'counsel', CAST(:until AS timestamptz) - interval '1 day',"
            " :until,"
            " CASE WHEN :is_released THEN 'counsel' END, CASE WHEN :is_released THEN CAST(:until AS timestamptz) END)"
        ),
        {"name": hold.name, "kind": hold.kind, "until": hold.until, "is_released": hold.is_released},
    )
    for collection, key in placed.targets:
        connection.execute(
            sa.text(
                "INSERT INTO lifecycle.hold_row (hold_id, collection, key)"
                " VALUES (CAST(:name AS uuid), :collection, :key)"
            ),
            {"name": hold.name, "collection": collection, "key": list(key)},
        )
    for position, subject in enumerate(placed.subjects):
        connection.execute(
            sa.text(
                "INSERT INTO lifecycle.hold_subject (hold_id, position, identity, form, spellings)"
                " VALUES (CAST(:name AS uuid), :position, :identity, :form, :spellings)"
            ),
            {
                "name": hold.name,
                "position": position,
                "identity": subject.kind,
                "form": subject.form.value,
                "spellings": list(subject.spellings),
            },
        )
