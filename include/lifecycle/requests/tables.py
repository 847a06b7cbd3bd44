"""The tables of requests, as the statements of this room name them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

request = sa.table(
    "request",
    sa.column("request_id", sa.Uuid),
    sa.column("kind", sa.Text),
    sa.column("state", sa.Text),
    sa.column("tenant", sa.Text),
    sa.column("tenant_key", sa.ARRAY(sa.Text)),
    sa.column("received_at", sa.DateTime(timezone=True)),
    sa.column("opened_by", sa.Text),
    sa.column("due_on", sa.Date),
    sa.column("extension_reason", sa.Text),
    sa.column("verified_by", sa.Text),
    sa.column("verified_how", sa.Text),
    sa.column("refusal_reason", sa.Text),
    sa.column("closed_at", sa.DateTime(timezone=True)),
    sa.column("receipt", JSONB),
    sa.column("entry_sequence", sa.BigInteger),
    schema="lifecycle",
)
request_identity = sa.table(
    "request_identity",
    sa.column("request_id", sa.Uuid),
    sa.column("position", sa.SmallInteger),
    sa.column("kind", sa.Text),
    sa.column("source", sa.Text),
    sa.column("fingerprint", sa.Text),
    sa.column("sealed", sa.LargeBinary),
    schema="lifecycle",
)
request_event = sa.table(
    "request_event",
    sa.column("event_id", sa.BigInteger),
    sa.column("request_id", sa.Uuid),
    sa.column("happened_at", sa.DateTime(timezone=True)),
    sa.column("what", sa.Text),
    sa.column("by_whom", sa.Text),
    sa.column("detail", JSONB),
    schema="lifecycle",
)
request_correction = sa.table(
    "request_correction",
    sa.column("request_id", sa.Uuid),
    sa.column("position", sa.SmallInteger),
    sa.column("what", sa.Text),
    sa.column("named", sa.Text),
    sa.column("fingerprint", sa.Text),
    sa.column("sealed", sa.LargeBinary),
    schema="lifecycle",
)
request_purpose = sa.table(
    "request_purpose",
    sa.column("request_id", sa.Uuid),
    sa.column("purpose", sa.Text),
    sa.column("decision", sa.Text),
    sa.column("decided_by", sa.Text),
    sa.column("decided_at", sa.DateTime(timezone=True)),
    schema="lifecycle",
)
request_remainder = sa.table(
    "request_remainder",
    sa.column("request_id", sa.Uuid),
    sa.column("collection", sa.Text),
    sa.column("key", sa.ARRAY(sa.Text)),
    sa.column("reason", sa.Text),
    sa.column("source", sa.Text),
    sa.column("until", sa.Date),
    sa.column("action", sa.Text),
    schema="lifecycle",
)
suppression = sa.table(
    "suppression",
    sa.column("fingerprint", sa.Text),
    sa.column("request_id", sa.Uuid),
    sa.column("erased_at", sa.DateTime(timezone=True)),
    sa.column("tenant", sa.Text),
    schema="lifecycle",
)
request_package = sa.table(
    "request_package",
    sa.column("request_id", sa.Uuid),
    sa.column("made_at", sa.DateTime(timezone=True)),
    sa.column("expires_at", sa.DateTime(timezone=True)),
    sa.column("sha256", sa.Text),
    sa.column("size", sa.BigInteger),
    sa.column("archive", sa.LargeBinary),
    sa.column("passphrase", sa.LargeBinary),
    sa.column("fetched_at", sa.DateTime(timezone=True)),
    sa.column("shown_at", sa.DateTime(timezone=True)),
    sa.column("destroyed_at", sa.DateTime(timezone=True)),
    schema="lifecycle",
)
