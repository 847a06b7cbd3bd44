"""Recipients are told of what is erased: queued in the transaction that erases it (GDPR Art. 19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.identity.forms import Identifier, identify
from lifecycle.plan import Action
from lifecycle.planning.items import plan_item, planned_rows
from lifecycle.recipients.audience import find_audience, heard_of
from lifecycle.recipients.notice import Matter
from lifecycle.recipients.outbox import queue
from lifecycle.recipients.tables import Kind
from lifecycle.requests.register import note
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection, FromClause

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.plan import Item
    from lifecycle.policy.rulebook import Rulebook

_CONCERNED = {Action.DELETE, Action.REDACT, Action.MASK}
_OF_THE_SUBJECT = {Action.DELETE, Action.REDACT}
"""Rows that are somebody else's and mention the subject say nothing of who that is."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """Tells the recipients of one request, batch by batch.

    Attributes:
        subjects: whom the request is about, as far as that is known.
        as_of: the moment of the run.
    """

    rulebook: Rulebook
    keys: KeyProvider
    request_id: UUID
    subjects: tuple[Identifier, ...]
    as_of: datetime

    def __call__(self, connection: Connection, plan_id: int, items: Sequence[Item]) -> None:
        """Queue what the recipients of a batch's rows are to be told; the rows are there still."""
        heard = heard_of(self.rulebook)
        rows = {
            name: self._keys_of(connection, plan_id, name, items)
            for name in _collections(items, _CONCERNED)
            if name in heard
        }
        audience = find_audience(connection, self.rulebook, rows)
        if audience.addressees:
            named = {*self.subjects, *self._on_rows(connection, plan_id, items)}
            identities = tuple(sorted((one.kind, one.normal) for one in named))
            matter = Matter(kind=Kind.ERASURE, request=self.request_id, identities=identities)
            queue(connection, self.keys, self.rulebook.policy, audience, matter, as_of=self.as_of)
        if audience.unknown:
            note(
                connection,
                self.request_id,
                "unknown_recipients",
                as_of=self.as_of,
                lines=len(audience.unknown),
            )

    def _keys_of(
        self, connection: Connection, plan_id: int, collection: str, items: Iterable[Item]
    ) -> list[tuple[str, ...]]:
        rows = self._planned(plan_id, collection, items, _CONCERNED)
        texts = (sa.cast(column, sa.Text) for column in rows.c)
        return [tuple(row) for row in connection.execute(sa.select(*texts).distinct())]

    def _on_rows(self, connection: Connection, plan_id: int, items: Sequence[Item]) -> Iterator[Identifier]:
        """The identities that stand on the rows themselves: a whole customer's people are known by nothing else."""
        for collection in _collections(items, _OF_THE_SUBJECT):
            row = relation(self.rulebook.live, collection, "told_row")
            rows = self._planned(plan_id, collection, items, _OF_THE_SUBJECT)
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
        self, plan_id: int, collection: str, items: Iterable[Item], actions: set[Action]
    ) -> FromClause:
        chosen = [item for item in items if item.collection == collection and item.action in actions]
        return planned_rows(
            self.rulebook,
            collection,
            plan_item.c.plan_id == plan_id,
            plan_item.c.batch == chosen[0].batch,
            plan_item.c.position.in_([item.position for item in chosen]),
        )


def _collections(items: Iterable[Item], actions: set[Action]) -> list[str]:
    return list(dict.fromkeys(item.collection for item in items if item.action in actions))
