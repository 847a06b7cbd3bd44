"""The ledger's tables, as migration 0002 makes them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text

_METADATA = MetaData(schema="lifecycle")

ENTRY = Table(
    "ledger_entry",
    _METADATA,
    Column("sequence", BigInteger, primary_key=True),
    Column("node_hashes", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

CHECKPOINT = Table(
    "ledger_checkpoint",
    _METADATA,
    Column("number", Integer, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("tree_size", BigInteger, nullable=False),
    Column("root_hash", LargeBinary, nullable=False),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
