"""Free text that mentions the subject: found through full-text indexes, read once, masked in place (W2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from lifecycle.datamap.texts import DOCUMENTS
from lifecycle.identity.mentions import Mentions
from lifecycle.requests.ground import belongs_to
from lifecycle.store.mentions import may_mention, mention_values
from lifecycle.store.prepared import prepared
from lifecycle.store.relations import NamedType, relation

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom


class Masking(Protocol):
    """What puts something else where a text mentions somebody."""

    def masked(self, text: str) -> str:
        """The text without the mentions; the same text where there are none."""

    def masked_json_text(self, text: str) -> str:
        """The same of the text of a JSON document."""


class MentionsSubject:
    """Rows are due because their free text mentions the subject.

    Which do is read here, once: the database finds those that may, and their texts say whether they do.

    Args:
        connection: sees the state of the database that is planned on.
        rulebook: of the policy in force.
        whom: whom the request is about.
    """

    def __init__(self, connection: Connection, rulebook: Rulebook, whom: Whom) -> None:
        self.rulebook = rulebook
        mentions = Mentions(identifiers=whom.written)
        self.keys: dict[str, list[tuple[str, ...]]] = {
            collection: mentioning(connection, rulebook, whom, mentions, collection, names)
            if whom.written
            else []
            for collection, names in rulebook.erasure.masking.redacts.items()
        }

    @property
    def signature(self) -> Hashable:
        """There is one way to list them."""
        return "mentions_subject"

    @property
    def bound(self) -> dict[str, Any]:
        """The keys that were found, column by column."""
        return {name: values for collection in self.keys for name, values in self._arrays(collection).items()}

    def due(self, work: Work) -> Select[Any]:
        """Rows that mention the subject."""
        row, found = work.row("due_row"), self._found(work.collection)
        same = [row.c[name] == found.c[name] for name in work.keys]
        return sa.select(*work.row_keys(row)).select_from(row.join(found, sa.and_(*same)))

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether a row mentioned the subject when it was read."""
        found = self._found(collection)
        same = [row.c[name] == found.c[name] for name, _ in self.rulebook.key(collection)]
        return sa.exists(sa.select(sa.literal(1)).select_from(found).where(*same).correlate(row))

    def witnesses(self, _works: WorkSet, _work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """None: a text says by itself whom it mentions."""
        return iter(())

    def _found(self, collection: str) -> FromClause:
        """The keys that were found, as rows."""
        columns = self.rulebook.key(collection)
        arrays = [
            sa.cast(sa.bindparam(name, values, sa.ARRAY(sa.Text)), sa.ARRAY(NamedType(kind)))
            for (name, values), (_, kind) in zip(self._arrays(collection).items(), columns, strict=True)
        ]
        rows = sa.func.unnest(*arrays).table_valued(
            *(sa.column(name) for name, _ in columns), name="mentioning"
        )
        return rows.render_derived()

    def _arrays(self, collection: str) -> dict[str, list[str]]:
        """The keys of a collection, a parameter for each column."""
        table = list(self.keys).index(collection)
        return {
            f"mentioning_{table}_{part}": [key[part] for key in self.keys[collection]]
            for part, _ in enumerate(self.rulebook.key(collection))
        }


def mentioning(
    connection: Connection,
    rulebook: Rulebook,
    whom: Whom,
    mask: Masking,
    collection: str,
    names: Sequence[str],
) -> list[tuple[str, ...]]:
    """Keys, as text, of the rows of a collection of which masking changes one of the named columns."""
    values = dict(mention_values(whom.written))
    key = (
        "mentioning",
        collection,
        tuple(names),
        tuple(values),
        whom.tenant.collection if whom.tenant else None,
    )
    made = prepared(rulebook, key, lambda: _may_mention(rulebook, whom, collection, names))
    if whom.tenant:
        values |= {f"tenant_{part}": text for part, text in enumerate(whom.tenant.key)}
    width = len(rulebook.key(collection))
    live = rulebook.live[collection].columns
    masks = [mask.masked_json_text if live[name].base_type in DOCUMENTS else mask.masked for name in names]
    return [
        tuple(found[:width])
        for found in (made.rows(connection, values) if made else ())
        if any(text and masked(text) != text for text, masked in zip(found[width:], masks, strict=True))
    ]


def _may_mention(rulebook: Rulebook, whom: Whom, collection: str, names: Sequence[str]) -> Select[Any]:
    """Key and texts, as text, of the rows of a collection that may mention the subject."""
    row = relation(rulebook.live, collection, "text_row")
    live = rulebook.live[collection].columns
    keys = [sa.cast(row.c[name], sa.Text) for name, _ in rulebook.key(collection)]
    texts = [sa.cast(row.c[name], sa.Text).label(f"text_{name}") for name in names]
    columns: list[Any] = [*keys, *texts]
    query = sa.select(*columns).where(sa.or_(*(may_mention(row, live[name], whom.written) for name in names)))
    if whom.tenant:
        query = query.where(belongs_to(rulebook, collection, row, whom.tenant))
    return query
