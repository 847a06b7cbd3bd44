"""The control schema is built once, in order, from files that nobody changes afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.store.migrate import migrate, pending

if TYPE_CHECKING:
    from support.databases import Database


def test_an_empty_database_lacks_every_migration_and_then_none(empty_database: Database):
    engine = empty_database.connect()
    waiting = pending(engine)
    assert waiting[0] == "0001_schemas_and_roles"
    assert migrate(engine) == waiting
    assert pending(engine) == []
    assert migrate(engine) == []
