"""Which rows active holds and restrictions cover, as SQL.

Asked from the side of the holds, which are few: the rows they name, by key or by a subject's identity, then the
rows that belong to those, along the edges by which a deletion would spread.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from lifecycle.errors import CheckFailed
from lifecycle.holds.subjects import collections_naming, held_kinds, naming_subjects
from lifecycle.holds.tables import ABOUT, LOCK, hold, hold_row, is_active
from lifecycle.policy.rulebook import collections_of
from lifecycle.store.prepared import Prepared, bound
from lifecycle.store.relations import NamedType, refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy import CTE, ColumnElement, Connection, FromClause, Select, Subquery

    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook, Strand

_NAMED_BY_HOLDS = Prepared(
    sa.select(hold_row.c.collection, (sa.func.cardinality(hold_row.c.key) == 0).label("is_whole"))
    .distinct()
    .join(hold, hold.c.hold_id == hold_row.c.hold_id)
    .where(is_active(bound("as_of", hold.c.until.type)), hold_row.c.key.is_not(None))
)


@contextmanager
def unchanging_holds(connection: Connection) -> Iterator[None]:
    """No hold is placed or released while this lasts.

    To be entered before a transaction that sees one state of the database, because that state must not be older
    than the holds that count.
    """
    with connection.begin():
        connection.execute(sa.select(sa.func.pg_advisory_lock_shared(LOCK)))
    try:
        yield
    finally:
        if not connection.invalidated:
            with connection.begin():
                connection.execute(sa.select(sa.func.pg_advisory_unlock_shared(LOCK)))


class Cover:
    """What the holds and restrictions that count at one moment cover.

    It knows what they name, so that nothing else is asked for: where there is no hold, nothing is.

    Attributes:
        lost: collections and kinds of identity that holds name and that are not there any more.

    Args:
        connection: asked now for what the holds name.
        rulebook: knows the collections and how their rows belong together.
        as_of: the moment.
    """

    word: ClassVar[str] = "covered"
    """What the names of its expressions begin with: one statement may ask for holds and for stops."""

    def __init__(self, connection: Connection, rulebook: Rulebook, as_of: datetime) -> None:
        self.rulebook = rulebook
        self.as_of = as_of
        self._covered: dict[str, CTE] = {}
        found = _NAMED_BY_HOLDS.rows(connection, {"as_of": as_of})
        self.whole = frozenset(row.collection for row in found if row.is_whole)
        self.by_key = frozenset(row.collection for row in found if not row.is_whole)
        self.subjects = held_kinds(connection, as_of)
        kinds = frozenset(one.kind for one in self.subjects)
        self.by_subject = collections_naming(rulebook, kinds)
        known = rulebook.datamap.collections.keys() & rulebook.live.keys()
        self.lost = sorted((self.whole | self.by_key) - known) + sorted(
            kinds - rulebook.datamap.identity_kinds
        )
        self.collections = frozenset(
            collections_of(rulebook.reached(self.whole | self.by_key | self.by_subject))
        )

    def __contains__(self, collection: str) -> bool:
        """Whether rows of the collection may be covered: the holds name some, or some belong to such."""
        return collection in self.collections

    def require_nothing_lost(self) -> None:
        """Refuse to go on where a hold names what was renamed since: it would cover nothing.

        Raises:
            CheckFailed: names the collection or kind of identity.
        """
        if self.lost:
            raise CheckFailed(
                f"holds name {', '.join(self.lost)}, which data map or database do not have any more,"
                " so that nobody knows what they cover",
                place="holds",
                next_step="place them anew by the new name, then release those of the old; see lifecycle hold list",
            )

    def rows(self, collection: str) -> CTE:
        """A common table expression of the covered rows of a collection that may have some.

        Columns: ``key_0``, ``key_1`` …, then ``hold_id``, ``kind`` (hold or restriction) and ``until``. A row that
        several holds cover stands there several times.
        """
        if collection not in self._covered:
            leaders = frozenset(_leaders(self.rulebook, collection) & self.collections)
            for strand in self.rulebook.reached(leaders, within=leaders):
                self._cover(strand)
        return self._covered[collection]

    def _cover(self, strand: Strand) -> None:
        """Make the expressions of collections whose leaders have theirs; whoever asks for a follower uses them too."""
        if self._covered.keys() >= set(strand.collections):
            return
        if strand.is_cyclic:
            self._covered |= _rows_in_circles(self, strand.collections, self._covered)
            return
        (name,) = strand.collections
        branches = sa.union(*_directly(self, name, self._covered))
        self._covered[name] = branches.cte(_named_for(self.rulebook, self.word, name))

    def named(self, collection: str) -> list[Select[Any]]:
        """Rows of a collection that a hold names, by key, as a whole, or by its subject."""
        found: list[Select[Any]] = []
        if collection in self.by_key:
            found.append(_named(self.rulebook, collection, self.as_of))
        if collection in self.whole:
            found.append(_whole(self.rulebook, collection, self.as_of))
        if collection in self.by_subject:
            found += naming_subjects(self.rulebook, collection, self.subjects, self.as_of)
        return found

    def has_any_row(self, connection: Connection, collection: str) -> bool:
        """Whether any row of a collection is covered."""
        if collection not in self:
            return False
        return bool(connection.scalar(sa.select(sa.exists(sa.select(self.rows(collection))))))

    def covers(self, collection: str, row: FromClause, *, kind: str | None = None) -> ColumnElement[bool]:
        """Whether ``row``, any clause that has the key columns of a collection, is one of its covered rows.

        Args:
            collection: the row's.
            row: which is asked about.
            kind: ``hold`` or ``restriction``, where only one of them counts.
        """
        if collection not in self:
            return sa.false()
        cte = self.rows(collection)
        keys = self.rulebook.key(collection)
        same = [row.c[name] == cte.c[f"key_{number}"] for number, (name, _) in enumerate(keys)]
        if kind:
            same.append(cte.c.kind == kind)
        return sa.exists(sa.select(sa.literal(1)).select_from(cte).where(*same).correlate(row))


def strongest(cover: CTE, zone: ZoneInfo) -> Subquery:
    """The reason that counts for each covered row: a hold before a restriction, then the one that lasts longest.

    Columns: the key, ``kind``, ``hold_id`` as text, and ``last_day``, in ``zone``.
    """
    keys = [column for column in cover.c if str(column.name).startswith("key_")]
    last_moment = cover.c.until - sa.literal_column("interval '1 microsecond'")
    day = sa.cast(sa.func.timezone(str(zone), last_moment), sa.Date).label("last_day")
    hold_id = sa.cast(cover.c.hold_id, sa.Text).label("hold_id")
    return (
        sa.select(*keys, cover.c.kind, hold_id, day)
        .ext(distinct_on(*keys))
        .order_by(*keys, cover.c.kind, cover.c.until.desc(), cover.c.hold_id)
        .subquery("strongest")
    )


def _leaders(rulebook: Rulebook, collection: str) -> set[str]:
    """``collection`` and every collection whose rows its rows may belong to."""
    found: set[str] = set()
    pending = [collection]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [edge.leader for edge in rulebook.spreading_into(name)]
    return found


def _directly(cover: Cover, collection: str, leaders: Mapping[str, CTE]) -> list[Select[Any]]:
    """Rows that a hold names, and those that belong to rows of ``leaders``."""
    rulebook = cover.rulebook
    edges = [edge for edge in rulebook.spreading_into(collection) if edge.leader in leaders]
    return cover.named(collection) + [_belonging(rulebook, edge, leaders[edge.leader]) for edge in edges]


def _rows_in_circles(
    cover: Cover, collections: tuple[str, ...], leaders: Mapping[str, CTE]
) -> dict[str, CTE]:
    """Covered rows of collections that lead to each other, found in one recursion.

    Its rows have the key columns of every one of the collections; ``home`` says which of them counts.
    """
    rulebook = cover.rulebook
    inside = [
        edge for name in collections for edge in rulebook.spreading_into(name) if edge.leader in collections
    ]
    base = [
        _at_home(rulebook, collections, home, branch.subquery("branch"))
        for home in collections
        for branch in _directly(cover, home, leaders)
    ]
    named = sa.union(*base).subquery("named")
    circle = sa.select(*named.c).cte(
        _named_for(rulebook, f"{cover.word}_circle", collections[0]), recursive=True
    )
    steps = [
        _at_home(rulebook, collections, edge.follower, _step(rulebook, collections, edge, circle))
        for edge in inside
    ]
    step = sa.union_all(*steps).lateral("step")
    circle = circle.union(sa.select(*step.c).select_from(circle.join(step, sa.true())))
    return {name: _of_home(cover, collections, name, circle) for name in collections}


def _step(rulebook: Rulebook, collections: tuple[str, ...], edge: Edge, circle: CTE) -> Subquery:
    """Rows that belong along ``edge`` to the row of the recursion at hand."""
    number = collections.index(edge.leader)
    keys = [circle.c[f"key_{number}_{part}"] for part, _ in enumerate(rulebook.key(edge.leader))]
    of_the_leader = circle.c.home == edge.leader
    about = [circle.c[name] for name in ABOUT]
    return _followers(rulebook, edge, keys, about).where(of_the_leader).correlate(circle).subquery("branch")


def _at_home(rulebook: Rulebook, collections: tuple[str, ...], home: str, rows: Subquery) -> Select[Any]:
    """``rows`` of the collection ``home`` as rows of the recursion: the keys of the others are null."""
    keys = [
        (rows.c[f"key_{part}"] if name == home else sa.cast(sa.null(), NamedType(kind))).label(
            f"key_{number}_{part}"
        )
        for number, name in enumerate(collections)
        for part, (_, kind) in enumerate(rulebook.key(name))
    ]
    return sa.select(sa.literal(home, sa.Text).label("home"), *keys, *(rows.c[name] for name in ABOUT))


def _of_home(cover: Cover, collections: tuple[str, ...], home: str, circle: CTE) -> CTE:
    rulebook, number = cover.rulebook, collections.index(home)
    keys = [
        circle.c[f"key_{number}_{part}"].label(f"key_{part}") for part, _ in enumerate(rulebook.key(home))
    ]
    about = [circle.c[name] for name in ABOUT]
    return sa.select(*keys, *about).where(circle.c.home == home).cte(_named_for(rulebook, cover.word, home))


def _named(rulebook: Rulebook, collection: str, as_of: datetime) -> Select[Any]:
    """Rows that a hold names by key.

    Materialized, so that no key of another collection, of another type, ever meets the cast.
    """
    columns = [
        sa.cast(hold_row.c.key[number + 1], NamedType(kind)).label(f"key_{number}")
        for number, (_, kind) in enumerate(rulebook.key(collection))
    ]
    named = (
        sa.select(*columns, *(hold.c[name] for name in ABOUT))
        .select_from(hold_row.join(hold, hold.c.hold_id == hold_row.c.hold_id))
        .where(is_active(as_of), hold_row.c.collection == collection, sa.func.cardinality(hold_row.c.key) > 0)
        .cte(_named_for(rulebook, "named", collection))
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return sa.select(*named.c)


def _whole(rulebook: Rulebook, collection: str, as_of: datetime) -> Select[Any]:
    """Every row, where a hold names the whole collection."""
    row = relation(rulebook.live, collection, "whole")
    names_it = sa.and_(hold_row.c.collection == collection, sa.func.cardinality(hold_row.c.key) == 0)
    return (
        sa.select(*_keys(rulebook, collection, row), *(hold.c[name] for name in ABOUT))
        .select_from(row.join(hold_row, names_it).join(hold, hold.c.hold_id == hold_row.c.hold_id))
        .where(is_active(as_of))
    )


def _belonging(rulebook: Rulebook, edge: Edge, leaders: FromClause) -> Select[Any]:
    """Rows that belong, along ``edge``, to covered rows of its leader."""
    keys = [leaders.c[f"key_{part}"] for part, _ in enumerate(rulebook.key(edge.leader))]
    return _followers(rulebook, edge, keys, [leaders.c[name] for name in ABOUT])


def _followers(
    rulebook: Rulebook,
    edge: Edge,
    leader_keys: Sequence[ColumnElement[Any]],
    about: Sequence[ColumnElement[Any]],
) -> Select[Any]:
    """Rows that belong, along ``edge``, to the rows of these keys."""
    follower = relation(rulebook.live, edge.follower, "follower")
    leader = relation(rulebook.live, edge.leader, "leader")
    holder, target = (leader, follower) if edge.leads_from_holder else (follower, leader)
    same = [
        leader.c[name] == key for (name, _), key in zip(rulebook.key(edge.leader), leader_keys, strict=True)
    ]
    joined = follower.join(leader, refers(edge, rulebook.live, holder, target))
    return sa.select(*_keys(rulebook, edge.follower, follower), *about).select_from(joined).where(*same)


def _keys(rulebook: Rulebook, collection: str, row: FromClause) -> list[ColumnElement[Any]]:
    return [row.c[name].label(f"key_{number}") for number, (name, _) in enumerate(rulebook.key(collection))]


def _named_for(rulebook: Rulebook, what: str, collection: str) -> str:
    """A name for rows of a collection: its own may be too long, and two may differ in their dot only."""
    return f"{what}_{list(rulebook.datamap.collections).index(collection)}"
