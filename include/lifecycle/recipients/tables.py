"""The outbox as migration 0010 makes it, and the words that stand in it."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa


class Kind(StrEnum):
    """What a recipient is told."""

    ERASURE = "erasure"
    RECTIFICATION = "rectification"
    RESTRICTION = "restriction"
    RESTRICTION_LIFTED = "restriction_lifted"


class State(StrEnum):
    """What has become of a notice."""

    PENDING = "pending"
    """It is to be delivered, for the first time or again."""
    BY_HAND = "by_hand"
    """A person has to tell the recipient, who has no address."""
    DEAD = "dead"
    """Nobody tries any more, until a person resends or settles it."""
    ACKNOWLEDGED = "acknowledged"
    """The recipient knows."""
    SETTLED = "settled"
    """A person has seen to it otherwise, and said why."""


OPEN = (State.PENDING, State.BY_HAND, State.DEAD)
"""The recipient may not know yet."""

_MOMENT = sa.DateTime(timezone=True)

outbox = sa.table(
    "outbox",
    sa.column("notice_id", sa.Uuid),
    sa.column("position", sa.BigInteger),
    sa.column("recipient", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("request", sa.Uuid),
    sa.column("body", sa.LargeBinary),
    sa.column("state", sa.Text),
    sa.column("queued_at", _MOMENT),
    sa.column("deadline", _MOMENT),
    sa.column("next_attempt", _MOMENT),
    sa.column("attempts", sa.Integer),
    sa.column("lease", sa.Uuid),
    sa.column("leased_until", _MOMENT),
    sa.column("outcome", sa.Text),
    sa.column("acknowledgement", sa.Text),
    sa.column("ended_at", _MOMENT),
    sa.column("settled_by", sa.Text),
    sa.column("settled_reason", sa.Text),
    schema="lifecycle",
)
"""Every notice there was. What is over has no body any more."""
