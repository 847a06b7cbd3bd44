"""Questions about rows that are named by their keys, each one statement over all collections of a scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array

from lifecycle.decide.company import RowId
from lifecycle.planning.archived import is_archived
from lifecycle.planning.changes import is_filled
from lifecycle.planning.clocks import ClockSql, event_of
from lifecycle.planning.collect import leads
from lifecycle.planning.witnesses import wards_of_duties
from lifecycle.planning.workset import Work
from lifecycle.policy.model import EdgeKind
from lifecycle.store.prepared import Prepared, bound
from lifecycle.store.relations import NamedType, comparable, refers, relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.nearby import Around
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook, Scope

_TEXTS = sa.ARRAY(sa.Text)


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A part of a question, about one collection or one edge.

    Attributes:
        one: the key of the row that an answer is about.
        other: the key of another row.
        links: columns by which that row, or the one, refers to others.
        day: a day.
        flags: one for each of some columns.
        source: the rows, with their conditions.
        take: what is done with an answer.
    """

    one: ColumnElement[Any]
    source: Select[Any]
    take: Callable[[Around, Any], None]
    other: ColumnElement[Any] | None = None
    links: ColumnElement[Any] | None = None
    day: ColumnElement[Any] | None = None
    flags: ColumnElement[Any] | None = None

    def select(self, number: int) -> Select[Any]:
        """The branch as a selection; all have the same columns."""
        values = (
            (self.one, "one", _TEXTS),
            (self.other, "other", _TEXTS),
            (self.links, "links", _TEXTS),
            (self.day, "day", sa.Date()),
            (self.flags, "flags", sa.ARRAY(sa.Boolean)),
        )
        columns: list[Any] = [sa.literal_column(str(number)).label("branch")]
        columns += [
            sa.cast(sa.null() if value is None else value, kind).label(name) for value, name, kind in values
        ]
        return self.source.with_only_columns(*columns)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One statement.

    Attributes:
        collections: those of which rows may be given, in the order in which they are bound.
        keys: how many columns the key of each has.
    """

    branches: Sequence[Branch]
    collections: Sequence[str]
    keys: Sequence[int]
    statement: Prepared | None = field(init=False)

    def __post_init__(self) -> None:
        selects = [branch.select(number) for number, branch in enumerate(self.branches)]
        made = None
        if selects:
            answers = sa.union_all(*selects).subquery("answers")
            made = Prepared(sa.select(answers).limit(bound("most", sa.Integer)))
        object.__setattr__(self, "statement", made)

    def bound(self, rows: Iterable[RowId]) -> dict[str, Any]:
        """The rows that it is asked about, as parameters: an array for each column of each key."""
        numbers = {collection: number for number, collection in enumerate(self.collections)}
        values: dict[str, Any] = {
            f"rows_{number}_{part}": [] for number, parts in enumerate(self.keys) for part in range(parts)
        }
        for row in rows:
            if row.collection in numbers:
                for part, text in enumerate(row.key):
                    values[f"rows_{numbers[row.collection]}_{part}"].append(text)
        return values

    def ask(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """The answers."""
        return list(self.statement.rows(connection, values)) if self.statement else []

    def take(self, found: Around, answer: Any) -> None:
        """Add an answer to what was found."""
        self.branches[answer.branch].take(found, answer)

    def row(self, answer: Any) -> RowId:
        """The row that an answer is about, where there is a branch for each collection."""
        return RowId(self.collections[answer.branch], tuple(answer.one))


class Questions:
    """The questions that a scope raises.

    Args:
        rulebook: of the policy in force.
        scope: which collections may be reached, and how.
        over: by duty, the last day of an event that it no longer keeps rows for; None where there is none.
    """

    def __init__(self, rulebook: Rulebook, scope: Scope, over: Mapping[str, date | None]) -> None:
        self.rulebook = rulebook
        self.scope = scope
        self.over = over
        self.outside = tuple(dict.fromkeys(edge.holder for edge in rulebook.edges))
        self.own_links = self._about(scope.closure, self._own_links())
        self.followers = self._about(scope.closure, self._followers() if scope.takes_along else ())
        self.around = self._about(scope.closure, self._around())
        self.other_targets = self._about(self.outside, self._other_targets() if scope.takes_along else ())
        self._due: dict[Any, Question] = {}

    def due(self, ground: Ground) -> Question:
        """Which rows are due."""
        if ground.signature not in self._due:
            branches = [self._due_in(collection, ground) for collection in self.scope.roots]
            self._due[ground.signature] = Question(branches=branches, collections=self.scope.roots, keys=())
        return self._due[ground.signature]

    def _about(self, collections: Sequence[str], branches: Iterable[Branch]) -> Question:
        keys = [len(self.rulebook.key(collection)) for collection in collections]
        return Question(branches=tuple(branches), collections=collections, keys=keys)

    def _due_in(self, collection: str, ground: Ground) -> Branch:
        work = Work(rulebook=self.rulebook, collection=collection, name="due")
        due = ground.due(work).subquery("due")
        return Branch(one=_texts(due.c[name] for name in work.keys), source=_from(due), take=_nothing)

    # --- rows that are given

    def _given(self, collection: str, collections: Sequence[str]) -> FromClause:
        number, key = collections.index(collection), self.rulebook.key(collection)
        columns = [sa.column(f"text_{part}", sa.Text) for part, _ in enumerate(key)]
        arrays = [bound(f"rows_{number}_{part}", _TEXTS) for part, _ in enumerate(key)]
        texts = sa.func.unnest(*arrays).table_valued(*columns, name="texts").render_derived()
        typed = [
            sa.cast(texts.c[f"text_{part}"], NamedType(kind)).label(name)
            for part, (name, kind) in enumerate(key)
        ]
        return sa.select(*typed).select_from(texts).subquery("given")

    def _row(self, collection: str, alias: str) -> tuple[FromClause, FromClause]:
        """A given row of the scope: as it is stored, and that joined to what names it."""
        return self._row_of(collection, alias, self.scope.closure)

    def _row_of(
        self, collection: str, alias: str, collections: Sequence[str]
    ) -> tuple[FromClause, FromClause]:
        given, row = self._given(collection, collections), relation(self.rulebook.live, collection, alias)
        same = sa.and_(*(row.c[name] == given.c[name] for name, _ in self.rulebook.key(collection)))
        return row, given.join(row, same)

    def _key(self, collection: str, row: FromClause) -> ColumnElement[Any]:
        return _texts(row.c[name] for name, _ in self.rulebook.key(collection))

    # --- by what a row refers to others

    def _link_columns(self, collection: str) -> list[str]:
        names = (name for edge in self.rulebook.edges_from(collection) for name in edge.columns)
        return list(dict.fromkeys(names))

    def _links(self, collection: str, row: FromClause) -> ColumnElement[Any] | None:
        names = self._link_columns(collection)
        return _texts(row.c[name] for name in names) if names else None

    def _take_links(
        self, collection: str, found: Around, row: RowId, texts: Sequence[str | None] | None
    ) -> None:
        found.links[row] = dict(zip(self._link_columns(collection), texts or (), strict=False))

    def _own_links(self) -> Iterator[Branch]:
        for collection in self.scope.closure:
            if self._link_columns(collection):
                row, joined = self._row(collection, "own")
                yield Branch(
                    one=self._key(collection, row),
                    links=self._links(collection, row),
                    source=_from(joined),
                    take=partial(self._take_own_links, collection),
                )

    def _take_own_links(self, collection: str, found: Around, answer: Any) -> None:
        self._take_links(collection, found, RowId(collection, tuple(answer.one)), answer.links)

    # --- rows that belong to given ones

    def _followers(self) -> Iterator[Branch]:
        for edge in self.rulebook.edges:
            if edge.spreads and edge.leader in self.scope.closure and edge.follower in self.scope.closure:
                yield self._follower(edge)

    def _follower(self, edge: Edge) -> Branch:
        follower = relation(self.rulebook.live, edge.follower, "follower")
        if self._is_read_from_keys(edge):
            leader = self._given(edge.leader, self.scope.closure)
            joined: FromClause = leader
            condition = sa.and_(*(follower.c[here] == leader.c[there] for here, there in edge.pairs))
        else:
            leader, joined = self._row(edge.leader, "leader")
            condition = leads(self.rulebook, edge, leader, follower)
        return Branch(
            one=self._key(edge.leader, leader),
            other=self._key(edge.follower, follower),
            links=self._links(edge.follower, follower),
            source=_from(joined.join(follower, condition)),
            take=partial(self._take_follower, edge),
        )

    def _is_read_from_keys(self, edge: Edge) -> bool:
        """Whether followers refer to their leader's primary key, in types that compare as they are."""
        live = self.rulebook.live
        holder, target = live[edge.holder].columns, live[edge.target].columns
        return (
            not edge.leads_from_holder
            and not edge.is_self
            and set(edge.target_columns) == {name for name, _ in self.rulebook.key(edge.target)}
            and all(comparable(holder[here].type, target[there].type) for here, there in edge.pairs)
        )

    def _take_follower(self, edge: Edge, found: Around, answer: Any) -> None:
        leader, follower = RowId(edge.leader, tuple(answer.one)), RowId(edge.follower, tuple(answer.other))
        found.rows.setdefault(follower)
        found.add_pair(edge, *((leader, follower) if edge.leads_from_holder else (follower, leader)))
        self._take_links(edge.follower, found, follower, answer.links)

    # --- what is around them

    def _around(self) -> Iterator[Branch]:
        if self.scope.takes_along:
            for edge in self.rulebook.edges:
                is_reached_otherwise = edge.leads_from_holder or not edge.spreads
                if (
                    edge.target in self.scope.closure
                    and edge.kind is not EdgeKind.NONE
                    and is_reached_otherwise
                ):
                    yield self._holder(edge)
                if edge.kind is EdgeKind.OWNER and self._may_have_other_owners(edge):
                    yield self._owner(edge)
        yield from self._duties()
        yield from self._fillings()
        if not self.scope.redacts:
            yield from self._wards()

    def _holder(self, edge: Edge) -> Branch:
        """Rows that refer to given ones and do not belong to them."""
        target, joined = self._row(edge.target, "target")
        holder = relation(self.rulebook.live, edge.holder, "holder")
        return Branch(
            one=self._key(edge.target, target),
            other=self._key(edge.holder, holder),
            links=self._links(edge.holder, holder),
            source=_from(joined.join(holder, self._refers(edge, holder, target))),
            take=partial(self._take_holder, edge),
        )

    def _take_holder(self, edge: Edge, found: Around, answer: Any) -> None:
        holder = RowId(edge.holder, tuple(answer.other))
        found.add_pair(edge, holder, RowId(edge.target, tuple(answer.one)))
        self._take_links(edge.holder, found, holder, answer.links)

    def _may_have_other_owners(self, edge: Edge) -> bool:
        """Whether a row may belong along ``edge`` to one that it was not reached from."""
        if edge.follower not in self.scope.closure:
            return False
        keeping = [one for one in self.rulebook.spreading_into(edge.follower) if one.keeps_alive]
        return len(keeping) > 1 or not edge.is_to_key or edge.is_self or edge.follower in self.scope.roots

    def _owner(self, edge: Edge) -> Branch:
        """Rows that given ones belong to."""
        holder, joined = self._row(edge.holder, "owned")
        target = relation(self.rulebook.live, edge.target, "owner")
        return Branch(
            one=self._key(edge.holder, holder),
            other=self._key(edge.target, target),
            source=_from(joined.join(target, self._refers(edge, holder, target))),
            take=partial(self._take_owner, edge),
        )

    def _take_owner(self, edge: Edge, found: Around, answer: Any) -> None:
        found.add_pair(edge, RowId(edge.holder, tuple(answer.one)), RowId(edge.target, tuple(answer.other)))

    def _refers(self, edge: Edge, holder: FromClause, target: FromClause) -> ColumnElement[bool]:
        """``holder`` refers to ``target``; a row that refers to itself does not count."""
        condition = refers(edge, self.rulebook.live, holder, target)
        if not edge.is_self:
            return condition
        same = (holder.c[name] == target.c[name] for name, _ in self.rulebook.key(edge.holder))
        return sa.and_(condition, sa.not_(sa.and_(*same)))

    def _other_targets(self) -> Iterator[Branch]:
        """What else a row refers to by a link that may lead to several rows: it is cut with the last of them."""
        for edge in self.rulebook.edges:
            if edge.cut_columns and not edge.is_to_key and edge.target in self.scope.closure:
                holder, joined = self._row_of(edge.holder, "several", self.outside)
                target = relation(self.rulebook.live, edge.target, "other_target")
                yield Branch(
                    one=self._key(edge.holder, holder),
                    other=self._key(edge.target, target),
                    source=_from(joined.join(target, self._refers(edge, holder, target))),
                    take=partial(self._take_owner, edge),
                )

    # --- what keeps them, and what they hold

    def _duties(self) -> Iterator[Branch]:
        for name, duty in self.rulebook.statutory.items():
            for collection, clock in duty.clocks.items():
                if collection in self.scope.closure:
                    sql = ClockSql(self.rulebook, clock)
                    row, joined = self._row(collection, "kept_row")
                    yield Branch(
                        one=self._key(collection, row),
                        day=_calendar_day(sql.event_day(row)),
                        source=_from(joined).where(
                            sql.is_kept(row, self.over[name]), *self._not_archived(name, collection, row)
                        ),
                        take=partial(_take_duty, collection, name, partial(event_of, clock.anchor)),
                    )

    def _not_archived(self, duty: str, collection: str, row: FromClause) -> list[ColumnElement[bool]]:
        """The law does not keep from deletion what an archive has in its stead."""
        return [] if self.scope.redacts else [sa.not_(is_archived(self.rulebook, duty, collection, row))]

    def _fillings(self) -> Iterator[Branch]:
        for collection in self.scope.closure:
            columns = self.emptied(collection)
            if columns:
                row, joined = self._row(collection, "filled_row")
                live = self.rulebook.live[collection].columns
                yield Branch(
                    one=self._key(collection, row),
                    flags=array([is_filled(row.c[name], live[name]) for name in columns]),
                    source=_from(joined),
                    take=partial(_take_filled, collection, columns),
                )

    def emptied(self, collection: str) -> tuple[str, ...]:
        """Columns of a collection that may be emptied: the scope's own, or those that a duty does not need."""
        if self.scope.redacts:
            return self.scope.redacts.get(collection, ())
        duties = (duty.redacts.get(collection, ()) for duty in self.rulebook.statutory.values())
        return tuple(dict.fromkeys(name for columns in duties for name in columns))

    def _wards(self) -> Iterator[Branch]:
        """Rows that a duty keeps, of which the clock is read from given ones."""
        for collection in self.scope.closure:
            for ward, witness, joined, conditions in wards_of_duties(self.rulebook, collection, self.over):
                ward_collection, ward_row = ward
                given = self._given(collection, self.scope.closure)
                same = [witness.c[name] == given.c[name] for name, _ in self.rulebook.key(collection)]
                yield Branch(
                    one=self._key(collection, witness),
                    other=self._key(ward_collection, ward_row),
                    source=_from(joined.join(given, sa.and_(*same))).where(*conditions),
                    take=partial(_take_ward, collection, ward_collection),
                )


def _from(source: FromClause) -> Select[Any]:
    return sa.select(sa.literal_column("1")).select_from(source)


def _texts(columns: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    return array([sa.cast(column, sa.Text) for column in columns])


def _calendar_day(day: ColumnElement[Any]) -> ColumnElement[Any]:
    """A day after the year 9999, or infinity, is as good as none; Python could not hold it."""
    return sa.case((day <= sa.literal_column("DATE '9999-12-31'"), day))


def _nothing(_found: Around, _answer: Any) -> None:
    """The answer says all there is."""


def _take_duty(
    collection: str, duty: str, counted: Callable[[date], date], found: Around, answer: Any
) -> None:
    day = None if answer.day is None else counted(answer.day)
    found.duties[RowId(collection, tuple(answer.one))].append((duty, day))


def _take_filled(collection: str, columns: tuple[str, ...], found: Around, answer: Any) -> None:
    held = frozenset(name for name, is_held in zip(columns, answer.flags, strict=True) if is_held)
    found.filled[RowId(collection, tuple(answer.one))] = held


def _take_ward(collection: str, ward_collection: str, found: Around, answer: Any) -> None:
    witness, ward = RowId(collection, tuple(answer.one)), RowId(ward_collection, tuple(answer.other))
    if witness != ward:
        found.wards[ward].add(witness)
