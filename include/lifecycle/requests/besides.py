"""What the rows of a subject say besides what the request names: an operator is shown it, as counts.

Behind one address may be several people (office@ …), so rows of one identity that have different names are pointed out.
So are identities of other kinds on the subject's rows: nobody looks for them elsewhere, or in texts, unless the request
names them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.requests.ground import NamesSubject
from lifecycle.store.names import folded_name
from lifecycle.store.prepared import prepared
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import CompoundSelect, Connection, Select

    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom

_NAME = "name"


@dataclass(frozen=True, kw_only=True)
class Besides:
    """Counts of rows that name a subject, by collection.

    Attributes:
        names: one entry for each of their different names; nothing where they have one.
        identities: by kind of identity that the request does not name.
    """

    names: tuple[Mapping[str, int], ...] = ()
    identities: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON, without any name or identity."""
        return {
            "names": [dict(rows) for rows in self.names],
            "identities": {kind: dict(rows) for kind, rows in self.identities.items()},
        }


def said_besides(connection: Connection, rulebook: Rulebook, whom: Whom) -> Besides:
    """What the rows say that name a subject."""
    names, kinds = NamesSubject(rulebook, whom), frozenset(one.kind for one in whom.subjects)
    counting = prepared(rulebook, ("besides", names.signature), lambda: _counting(rulebook, names, kinds))
    people: dict[str, Counter[str]] = defaultdict(Counter)
    identities: dict[str, Counter[str]] = defaultdict(Counter)
    found = counting.rows(connection, names.bound) if counting and kinds else ()
    for row in (row for row in found if row.rows):
        if row.kind != _NAME:
            identities[row.kind][row.collection] += row.rows
        elif row.said:
            people[" ".join(sorted(row.said.split()))][row.collection] += row.rows
    several = people if len(people) > 1 else {}
    return Besides(names=tuple(several[name] for name in sorted(several)), identities=identities)


def _counting(rulebook: Rulebook, names: NamesSubject, kinds: frozenset[str]) -> CompoundSelect[Any] | None:
    """Counts by name, and by kinds of identities that are not named; None where there is nothing to count."""
    counts = [*_names(rulebook, names), *_identities(rulebook, names, kinds)]
    return sa.union_all(*counts) if counts else None


def _names(rulebook: Rulebook, names: NamesSubject) -> Iterator[Select[Any]]:
    for collection, where in rulebook.names.items():
        row = relation(rulebook.live, collection, "named")
        said = folded_name(row, where.columns).label("said")
        about = (sa.literal(collection, sa.Text), sa.literal(_NAME, sa.Text))
        yield _counted(*about, said).select_from(row).where(names.is_due(collection, row)).group_by(said)


def _identities(rulebook: Rulebook, names: NamesSubject, kinds: frozenset[str]) -> Iterator[Select[Any]]:
    leading = {kind for kind, stated in rulebook.policy.identities.items() if stated.leads_on}
    for collection in rulebook.datamap.collections:
        for column, identity in rulebook.datamap.identities(collection):
            if identity.kind not in {*kinds, *leading} and not identity.path and collection in rulebook.live:
                row = relation(rulebook.live, collection, "said")
                about = (sa.literal(collection, sa.Text), sa.literal(identity.kind, sa.Text))
                is_there = sa.and_(row.c[column.name].is_not(None), names.is_due(collection, row))
                yield _counted(*about, sa.cast(sa.null(), sa.Text)).select_from(row).where(is_there)


def _counted(collection: Any, kind: Any, said: Any) -> Select[Any]:
    return sa.select(
        collection.label("collection"), kind.label("kind"), said.label("said"), sa.func.count().label("rows")
    )
