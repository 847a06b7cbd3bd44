"""The archive's tables of the control schema; the records of documents are told by the planning room."""

from __future__ import annotations

import sqlalchemy as sa

archive_part = sa.table(
    "archive_part",
    sa.column("part_id", sa.Integer),
    sa.column("archive", sa.Text),
    sa.column("year_end", sa.Date),
    sa.column("number", sa.Integer),
    sa.column("generation", sa.Integer),
    sa.column("state", sa.Text),
    sa.column("as_of", sa.DateTime(timezone=True)),
    sa.column("policy_version", sa.Date),
    sa.column("retain_until", sa.Date),
    sa.column("documents", sa.BigInteger),
    sa.column("manifest", sa.Text),
    sa.column("sha256", sa.Text),
    sa.column("entry", sa.BigInteger),
    sa.column("ended_at", sa.DateTime(timezone=True)),
    sa.column("lost_at", sa.DateTime(timezone=True)),
    schema="lifecycle",
)
archive_key = sa.table(
    "archive_key",
    sa.column("archive", sa.Text),
    sa.column("year_end", sa.Date),
    sa.column("generation", sa.Integer),
    sa.column("owner", sa.Text),
    sa.column("wrapping", sa.Integer),
    sa.column("wrapped", sa.LargeBinary),
    schema="lifecycle",
)
