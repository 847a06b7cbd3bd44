"""Recipients are told of what is erased, corrected or restricted, in the transaction that does so (GDPR Art. 19)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.identity.forms import Identifier, identify
from lifecycle.plan import Action
from lifecycle.planning.items import plan_item, planned_rows
from lifecycle.recipients.audience import Audience, find_audience, heard_of
from lifecycle.recipients.notice import Matter
from lifecycle.recipients.outbox import queue
from lifecycle.recipients.tables import Kind
from lifecycle.requests.register import note
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection, FromClause

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.plan import Item
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.recipients.audience import Addressee

ERASED = frozenset({Action.DELETE, Action.REDACT, Action.MASK})
"""What an erasure does that recipients are to know of."""
OF_THE_SUBJECT = frozenset({Action.DELETE, Action.REDACT})
"""Rows that are somebody else's and mention the subject say nothing of who that is."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """Tells the recipients of one request, batch by batch.

    Attributes:
        subjects: whom the request is about, as far as that is known.
        as_of: the moment of the run.
        kind: what they are told.
        concerned: what is done to rows that they are told of.
        of_the_subject: what is done to rows whose identities are the subject's.
        corrections: by column, or by kind of identity, what is right; each recipient is told of what it receives.
    """

    rulebook: Rulebook
    keys: KeyProvider
    request_id: UUID
    subjects: tuple[Identifier, ...]
    as_of: datetime
    kind: Kind = Kind.ERASURE
    concerned: frozenset[Action] = ERASED
    of_the_subject: frozenset[Action] = OF_THE_SUBJECT
    corrections: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, connection: Connection, plan_id: int, items: Sequence[Item]) -> None:
        """Queue what the recipients of a batch's rows are to be told; the rows are there still."""
        heard = heard_of(self.rulebook)
        rows = {
            name: self._keys_of(connection, plan_id, name, items)
            for name in _collections(items, self.concerned)
            if name in heard
        }
        audience = find_audience(connection, self.rulebook, rows)
        if audience.addressees:
            named = {*self.subjects, *self._on_rows(connection, plan_id, items)}
            identities = tuple(sorted((one.kind, one.normal) for one in named))
            for addressee in audience.addressees:
                self._tell(connection, addressee, identities)
        if audience.unknown:
            note(
                connection,
                self.request_id,
                "unknown_recipients",
                as_of=self.as_of,
                lines=len(audience.unknown),
            )

    def _tell(
        self, connection: Connection, addressee: Addressee, identities: tuple[tuple[str, str], ...]
    ) -> None:
        """Queue what one recipient is to be told: of corrections only those of what it receives.

        What an answered request left may be rows on which no identity stands. Whom the log of disclosures does not
        name for them cannot be told whom they are about; that was told when the request was answered.
        """
        if not (identities or addressee.disclosures):
            note(
                connection,
                self.request_id,
                "recipient_not_told",
                as_of=self.as_of,
                recipient=addressee.recipient,
            )
            return
        own = {
            column: value
            for column, value in self.corrections.items()
            if "." not in column or column.rsplit(".", 1)[0] in addressee.collections
        }
        matter = Matter(kind=self.kind, request=self.request_id, identities=identities, corrections=own)
        audience = Audience(addressees=(addressee,), unknown=())
        queue(connection, self.keys, self.rulebook.policy, audience, matter, as_of=self.as_of)

    def _keys_of(
        self, connection: Connection, plan_id: int, collection: str, items: Iterable[Item]
    ) -> list[tuple[str, ...]]:
        rows = self._planned(plan_id, collection, items, self.concerned)
        texts = (sa.cast(column, sa.Text) for column in rows.c)
        return [tuple(row) for row in connection.execute(sa.select(*texts).distinct())]

    def _on_rows(self, connection: Connection, plan_id: int, items: Sequence[Item]) -> Iterator[Identifier]:
        """The identities that stand on the rows themselves: a whole customer's people are known by nothing else."""
        for collection in _collections(items, self.of_the_subject):
            row = relation(self.rulebook.live, collection, "told_row")
            rows = self._planned(plan_id, collection, items, self.of_the_subject)
            same = [row.c[name] == rows.c[name] for name, _ in self.rulebook.key(collection)]
            for column, identity in self.rulebook.datamap.identities(collection):
                if identity.path:
                    continue
                value = sa.cast(row.c[column.name], sa.Text)
                joined = row.join(rows, sa.and_(*same))
                query = sa.select(value).distinct().select_from(joined).where(value.is_not(None))
                for text in connection.scalars(query):
                    yield from self._identified(identity.kind, text)

    def _identified(self, kind: str, text: str) -> Iterator[Identifier]:
        """What stands on a row, if it is an identity at all."""
        try:
            yield identify(kind, text, self.rulebook.policy.identity_rule(kind))
        except UsageError:
            return

    def _planned(
        self, plan_id: int, collection: str, items: Iterable[Item], actions: frozenset[Action]
    ) -> FromClause:
        chosen = [item for item in items if item.collection == collection and item.action in actions]
        return planned_rows(
            self.rulebook,
            collection,
            plan_item.c.plan_id == plan_id,
            plan_item.c.batch == chosen[0].batch,
            plan_item.c.position.in_([item.position for item in chosen]),
        )


def _collections(items: Iterable[Item], actions: frozenset[Action]) -> list[str]:
    return list(dict.fromkeys(item.collection for item in items if item.action in actions))
