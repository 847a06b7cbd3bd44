"""A part of a plan over few rows: read once, decided in memory by the specification itself.

What a single subject's request is about is a handful of rows, and asking the database about them collection by
collection takes far longer than deleting them. :mod:`lifecycle.planning.part` does the same for any number of rows;
both must plan the same (``tests/generative``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.decide.company import Company, RowId
from lifecycle.decide.decision import Act, Reason
from lifecycle.decide.engine import Deciding
from lifecycle.decide.facts import Duty, Hold, Promise
from lifecycle.holds.cover import Cover
from lifecycle.plan import Action, Kept, Relied
from lifecycle.planning.changes import is_cut
from lifecycle.planning.nearby import Nearby
from lifecycle.planning.reliance import plan_reliance
from lifecycle.store.relations import NamedType
from lifecycle.timelimits import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection

    from lifecycle.decide.company import Pairs, Values
    from lifecycle.decide.decision import Decision
    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.items import ItemList
    from lifecycle.planning.nearby import Around
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook, Scope

_AT_ONCE = Period(days=1)
"""What is asked for has no clock; a promise has a period all the same."""
_NUMBERS = frozenset({"smallint", "integer", "bigint"})


@dataclass(frozen=True, kw_only=True)
class Made:
    """One action on rows of one collection.

    Attributes:
        rows: keys, each followed by the values of the links, as text.
        links: columns by which the rows belong to others; a row whose links have changed since is left alone.
    """

    collection: str
    action: Action
    rows: tuple[tuple[str | None, ...], ...]
    columns: tuple[str, ...] = ()
    edge: str | None = None
    is_root: bool = False
    links: tuple[str, ...] = ()

    @cached_property
    def arrays(self) -> list[str]:
        """The keys and links column by column, each an array as PostgreSQL writes it."""
        return [array_literal(column) for column in zip(*self.rows, strict=True)]


class PartInMemory:
    """Rows of one scope, in memory.

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        scope: which collections it reaches, and whether their rows go or are emptied.
        ground: why rows are due.
        as_of: the moment of the run.
        action: what is done to columns, where rows stay: ``redact`` or ``mask``.
        cover: what holds cover, where that was asked before.

    Raises:
        TooMany: what is around the due rows is more than is worth holding in memory.
        CheckFailed: a hold names what is not there any more.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        scope: Scope,
        ground: Ground,
        *,
        as_of: datetime,
        action: Action = Action.REDACT,
        cover: Cover | None = None,
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.scope = scope
        self.cover = cover
        self.as_of = as_of
        self.action = action
        nearby = Nearby(connection, rulebook, scope, as_of)
        self.due = set(nearby.due(ground))
        self.around = nearby.around(self.due)
        self.company = _NearbyCompany(rulebook, self.around)
        asked = _Asked(self)
        self.decisions = asked.decisions() if self.due else {}
        self.stays = asked.going - self.gone if self.due else set()
        self.relied: dict[str, list[RowId]] = {}

    @cached_property
    def gone(self) -> set[RowId]:
        """Rows that go."""
        return {row for row, decision in self.decisions.items() if decision.action is Act.DELETE}

    def leave_to(self, deletion: PartInMemory) -> None:
        """Leave alone what goes by another part."""
        self.decisions = {
            row: decision for row, decision in self.decisions.items() if row not in deletion.gone
        }

    def kept_rows(self) -> Iterator[tuple[RowId, str, str, date | None]]:
        """Rows that stay all the same, each with reason, source and last day."""
        for row, decision in self.decisions.items():
            if decision.reason is not Reason.RULE:
                yield row, decision.reason.value, decision.because[0], decision.until

    def kept(self) -> Iterator[Kept]:
        """What stays all the same, and why."""
        counts = Counter(
            (row.collection, reason, source, until) for row, reason, source, until in self.kept_rows()
        )
        order = {collection: number for number, collection in enumerate(self.scope.closure)}
        for why in sorted(counts, key=lambda one: (order[one[0]], *one[1:3], one[3] is None, one[3])):
            collection, reason, source, until = why
            yield Kept(collection=collection, reason=reason, source=source, until=until, rows=counts[why])

    def unkept(self, collection: str) -> int:
        """How many of a collection's due rows nothing keeps."""
        return sum(
            row.collection == collection and row in self.due and self._is_to_do(row, decision)
            for row, decision in self.decisions.items()
        )

    def write(self, items: ItemList, _batch_rows: int) -> None:
        """Add what is done to its rows, in the order in which it is done: one batch."""
        made = list(self._redactions() if self.scope.redacts else self._deletions())
        self._rely([one for one in made if not one.is_root and one.action is not Action.CUT])
        items.made += made

    def relies(self) -> tuple[Relied, ...]:
        """On which rows that stay its batch relies, once it was written."""
        return tuple(
            Relied(
                batch=0,
                collection=collection,
                rows=len(rows),
                sha256=sha256("\n".join(self._key_arrays(rows)).encode()).hexdigest(),
            )
            for collection, rows in self.relied.items()
        )

    def store(self, plan_id: int) -> None:
        """Store with a plan what it relies on."""
        for collection, rows in self.relied.items():
            values = {"plan_id": plan_id, "batch": 0, "collection": collection}
            self.connection.execute(sa.insert(plan_reliance).values(**values, keys=self._key_arrays(rows)))

    # --- changes

    def _is_to_do(self, row: RowId, decision: Decision) -> bool:
        if decision.reason is not Reason.RULE:
            return False
        return not decision.columns or self._is_filled(row, decision.columns)

    def _is_filled(self, row: RowId, columns: Iterable[str]) -> bool:
        return any(column in self.around.filled.get(row, ()) for column in columns)

    def _redactions(self) -> Iterator[Made]:
        for collection in self.scope.closure:
            yield from self._emptied(collection, Reason.RULE, self.action, is_root=True)
            yield from self._emptied(collection, Reason.STATUTORY, self.action, is_root=True)

    def _deletions(self) -> Iterator[Made]:
        for collection in self.scope.closure:
            for is_root in (True, False):
                yield from self._emptied(collection, Reason.STATUTORY, Action.REDACT, is_root=is_root)
        order = self.scope.deletion_order
        for edge in self.rulebook.edges:
            if self.gone and edge.target in order and is_cut(self.rulebook, edge, order):
                yield from self._cut(edge)
        for collection in self.scope.deletion_order:
            yield from self._going(collection, is_root=False)
            yield from self._going(collection, is_root=True)

    def _emptied(self, collection: str, reason: Reason, action: Action, *, is_root: bool) -> Iterator[Made]:
        """Rows of which columns are emptied, an item for each set of duties that keeps the rest of them."""
        rows = defaultdict(list)
        for row, decision in self.decisions.items():
            if (
                (row.collection, decision.reason, row in self.due) == (collection, reason, is_root)
                and decision.columns
                and self._is_filled(row, decision.columns)
            ):
                duties = tuple(name for name, _ in self.around.duties.get(row, ()))
                rows[duties, decision.columns].append(row)
        for (_, columns), found in sorted(rows.items()):
            yield self._made(collection, action, found, columns=columns, is_root=is_root)

    def _cut(self, edge: Edge) -> Iterator[Made]:
        holders = {
            holder
            for holder, target in self.company.pairs[edge]
            if target in self.gone and self._loses(edge, holder, target)
        }
        if holders:
            columns = (*edge.cut_columns, *edge.redact)
            yield self._made(
                edge.holder, Action.CUT, holders, columns=columns, edge=edge.name, links=edge.columns
            )

    def _loses(self, edge: Edge, holder: RowId, target: RowId) -> bool:
        """Whether the link of ``holder`` has to be cut before ``target`` goes."""
        if not edge.is_to_key:  # it may lead to several rows: it is cut if all of them go
            return holder not in self.gone and self.gone.issuperset(self.company.targets(edge, holder))
        return not (holder in self.gone and self._goes_first(edge, holder, target))

    def _goes_first(self, edge: Edge, holder: RowId, target: RowId) -> bool:
        if edge.is_self:
            return holder not in self.due or target in self.due
        order = self.scope.deletion_order
        return order.index(edge.holder) < order.index(edge.target)

    def _going(self, collection: str, *, is_root: bool) -> Iterator[Made]:
        rows = [row for row in self.gone if row.collection == collection and (row in self.due) == is_root]
        if rows:
            links = () if is_root else self._belonging_columns(collection)
            yield self._made(collection, Action.DELETE, rows, is_root=is_root, links=links)

    def _belonging_columns(self, collection: str) -> tuple[str, ...]:
        """The columns by which rows of a collection belong to others."""
        edges = (edge for edge in self.rulebook.spreading_into(collection) if not edge.leads_from_holder)
        return tuple(dict.fromkeys(column for edge in edges for column in edge.columns))

    def _made(
        self,
        collection: str,
        action: Action,
        rows: Iterable[RowId],
        *,
        links: tuple[str, ...] = (),
        **what: Any,
    ) -> Made:
        keyed = tuple(
            (*row.key, *(self.around.links[row][name] for name in links))
            for row in self._in_order(collection, rows)
        )
        return Made(collection=collection, action=action, rows=keyed, links=links, **what)

    def _in_order(self, collection: str, rows: Iterable[RowId]) -> list[RowId]:
        kinds = [kind for _, kind in self.rulebook.key(collection)]
        return sorted(
            rows, key=lambda row: [_sortable(kind, text) for kind, text in zip(kinds, row.key, strict=True)]
        )

    # --- what it relies on

    def _rely(self, along: Sequence[Made]) -> None:
        """Find the rows that stay and because of which others go, as far as they are due themselves."""
        width = {one.collection: len(self.rulebook.key(one.collection)) for one in along}
        pending = [
            RowId(one.collection, tuple(row[: width[one.collection]])) for one in along for row in one.rows
        ]
        found: dict[RowId, None] = {}
        while pending:
            row = pending.pop()
            for _, leader in self.company.leaders(row):
                if leader in self.stays and leader not in found:
                    found[leader] = None
                    if leader not in self.due:
                        pending.append(leader)
        for collection in self.scope.roots:
            rows = [row for row in found if row.collection == collection and row in self.due]
            if rows:
                self.relied[collection] = self._in_order(collection, rows)

    def _key_arrays(self, rows: Iterable[RowId]) -> list[str]:
        return [array_literal(column) for column in zip(*(row.key for row in rows), strict=True)]


class _NearbyCompany(Company):
    """The rows that were read, with the references between them as the database told them."""

    def __init__(self, rulebook: Rulebook, around: Around) -> None:
        self.rulebook = rulebook
        self._pairs = around.pairs
        others = {row for pairs in around.pairs.values() for pair in pairs for row in pair}
        self.rows: dict[RowId, Values] = {row: {} for row in (*around.rows, *others)}

    @cached_property
    def pairs(self) -> Pairs:
        """Holder and target of every reference that was read, by edge."""
        return {edge: self._pairs.get(edge, []) for edge in self.rulebook.edges}


class _Asked(Deciding):
    """What is asked for, decided about."""

    def __init__(self, part: PartInMemory) -> None:
        super().__init__(
            part.company,
            takes_along=part.scope.takes_along,
            deletes=not part.scope.redacts,
            as_of=part.as_of,
        )
        self.part = part
        self._held = _held(part)

    @property
    def due(self) -> set[RowId]:
        """Rows that are due by themselves."""
        return self.part.due

    @property
    def held(self) -> Mapping[RowId, Sequence[Hold]]:
        """The holds that cover rows."""
        return self._held

    def duties(self, row: RowId) -> Iterator[Duty]:
        """The duties to keep a row."""
        for name, day in self.part.around.duties.get(row, ()):
            duty = self.rulebook.statutory[name]
            needless = duty.redacts.get(row.collection, ())
            yield Duty(name=name, keep=duty.statutory.keep, event_day=day, needless=needless)

    def promise(self, row: RowId) -> Promise:
        """What is asked for counts at once, for the rows that are due and for those that go along."""
        redacts = self.part.scope.redacts.get(row.collection, ())
        return Promise(name="asked", keep=_AT_ONCE, event_day=None, redacts=redacts, goes_along=True)

    def witnesses(self) -> Iterable[tuple[RowId, set[RowId]]]:
        """Rows that a duty keeps, with those that its clock is read from."""
        return self.part.around.wards.items()


def _held(part: PartInMemory) -> dict[RowId, list[Hold]]:
    """The holds that cover rows which were read; nothing is asked where there is no hold."""
    cover = part.cover or Cover(part.connection, part.rulebook, part.as_of)
    cover.require_nothing_lost()
    rows = defaultdict(list)
    for row in part.company.rows if part.due else ():
        if row.collection in cover:
            rows[row.collection].append(row)
    found: dict[RowId, list[Hold]] = defaultdict(list)
    for collection, named in rows.items():
        for row, hold in _covering(part, cover, collection, named):
            found[row].append(hold)
    return found


def _covering(
    part: PartInMemory, cover: Cover, collection: str, named: Sequence[RowId]
) -> Iterator[tuple[RowId, Hold]]:
    covered, key = cover.rows(collection), part.rulebook.key(collection)
    arrays = [
        sa.cast(sa.literal([row.key[number] for row in named], sa.ARRAY(sa.Text)), sa.ARRAY(NamedType(kind)))
        for number, (_, kind) in enumerate(key)
    ]
    columns: list[sa.ColumnClause[Any]] = [sa.column(f"key_{number}") for number, _ in enumerate(key)]
    wanted = sa.func.unnest(*arrays).table_valued(*columns, name="wanted").render_derived()
    same = [covered.c[column.name] == wanted.c[column.name] for column in columns]
    texts = [sa.cast(covered.c[column.name], sa.Text) for column in columns]
    query = (
        sa.select(*texts, covered.c.hold_id, covered.c.kind, covered.c.until)
        .select_from(covered.join(wanted, sa.and_(*same)))
        .distinct()
        .order_by(covered.c.hold_id)
    )
    for *texts_of_key, hold_id, kind, until in part.connection.execute(query):
        yield RowId(collection, tuple(texts_of_key)), Hold(name=str(hold_id), kind=kind, until=until)


def array_literal(values: Iterable[str | None]) -> str:
    """An array of text as PostgreSQL writes it (PostgreSQL manual, 8.15.6)."""
    return "{" + ",".join(_element(value) for value in values) + "}"


def _element(value: str | None) -> str:
    if value is None:
        return "NULL"
    if value and value.upper() != "NULL" and not any(one in '{}",\\' or one.isspace() for one in value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sortable(kind: str, text: str) -> Any:
    return int(text) if kind in _NUMBERS else text
