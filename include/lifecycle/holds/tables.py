"""The tables that holds and stops stand in, and when one counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import BindParameter, ColumnElement

LOCK = 0x6C696665686F6C64  # "lifehold"
"""Advisory lock: a deleting transaction shares it, placing a hold takes it alone; neither misses the other."""

hold = sa.table(
    "hold",
    sa.column("hold_id", sa.Uuid),
    sa.column("kind", sa.Text),
    sa.column("reason", sa.Text),
    sa.column("placed_by", sa.Text),
    sa.column("placed_at", sa.DateTime(timezone=True)),
    sa.column("until", sa.DateTime(timezone=True)),
    sa.column("released_by", sa.Text),
    sa.column("released_at", sa.DateTime(timezone=True)),
    sa.column("request_id", sa.Uuid),
    schema="lifecycle",
)
hold_row = sa.table(
    "hold_row",
    sa.column("hold_id", sa.Uuid),
    sa.column("collection", sa.Text),
    sa.column("key", sa.ARRAY(sa.Text)),
    schema="lifecycle",
)
hold_subject = sa.table(
    "hold_subject",
    sa.column("hold_id", sa.Uuid),
    sa.column("position", sa.SmallInteger),
    sa.column("identity", sa.Text),
    sa.column("form", sa.Text),
    sa.column("spellings", postgresql.ARRAY(sa.Text)),
    schema="lifecycle",
)
processing_stop = sa.table(
    "processing_stop",
    sa.column("stop_id", sa.Uuid),
    sa.column("request_id", sa.Uuid),
    sa.column("purpose", sa.Text),
    sa.column("since", sa.DateTime(timezone=True)),
    sa.column("placed_at", sa.DateTime(timezone=True)),
    schema="lifecycle",
)
processing_stop_subject = sa.table(
    "processing_stop_subject",
    sa.column("stop_id", sa.Uuid),
    sa.column("position", sa.SmallInteger),
    sa.column("identity", sa.Text),
    sa.column("form", sa.Text),
    sa.column("fingerprint", sa.Text),
    sa.column("spellings", sa.ARRAY(sa.Text)),
    schema="lifecycle",
)
processing_stop_row = sa.table(
    "processing_stop_row",
    sa.column("stop_id", sa.Uuid),
    sa.column("position", sa.SmallInteger),
    sa.column("collection", sa.Text),
    sa.column("key", sa.ARRAY(sa.Text)),
    sa.column("fingerprint", sa.Text),
    schema="lifecycle",
)
ABOUT = ("hold_id", "kind", "until")
"""What is said of the hold at each row that it covers."""


def is_active(as_of: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """A hold counts at ``as_of``: not released, and not past its end."""
    return sa.and_(hold.c.released_at.is_(None), hold.c.until > as_of)


def is_known() -> ColumnElement[bool]:
    """Whom or what a hold names is known: it has not ended, or nobody has forgotten it since."""
    names_row = hold_row.select().where(hold_row.c.hold_id == hold.c.hold_id, hold_row.c.key.is_not(None))
    names_subject = hold_subject.select().where(
        hold_subject.c.hold_id == hold.c.hold_id, hold_subject.c.spellings.is_not(None)
    )
    return sa.or_(sa.exists(names_row), sa.exists(names_subject))
