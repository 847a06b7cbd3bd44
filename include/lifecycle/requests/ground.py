"""Which rows a request is about, as SQL: those that name its subject, of one organisation only where that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.holds.targets import no_row
from lifecycle.policy.rulebook import shortest_paths
from lifecycle.requests.tables import request_remainder
from lifecycle.store.identities import bound_spellings, names_subject
from lifecycle.store.relations import NamedType, climb, refers, relation

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.plan import Action
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Row, Whom


class NamesSubject:
    """Rows are due because they name the subject of a request, by an identity or because the request names their key.

    Args:
        rulebook: of the policy in force.
        about: whom and what the request is about, opened.
        name: begins the names of what is bound; two grounds in one statement have two.
    """

    def __init__(self, rulebook: Rulebook, about: Whom, name: str = "subject") -> None:
        self.rulebook = rulebook
        self.about = about
        self.name = name

    @property
    def signature(self) -> Hashable:
        """Which kinds of identity are asked for in which forms, rows of which collections, and whose content."""
        about = self.about
        kinds = tuple((one.kind, one.form) for one in about.subjects)
        rows = tuple(one.collection for one in about.rows)
        return self.name, kinds, rows, about.tenant.collection if about.tenant else None

    @property
    def bound(self) -> dict[str, Any]:
        """The spellings of identities, and the keys of rows."""
        named = {f"{self.name}_row_{number}": one for number, one in enumerate(self.about.rows)}
        if self.about.tenant:
            named["tenant"] = self.about.tenant
        return {
            **{
                f"{self.name}_spellings_{number}": list(one.spellings)
                for number, one in enumerate(self.about.subjects)
            },
            **{f"{name}_{part}": text for name, row in named.items() for part, text in enumerate(row.key)},
        }

    def due(self, work: Work) -> Select[Any]:
        """Rows that name the subject; a branch for each column that may, so that each uses its own index."""
        row = work.row("due_row")
        branches = [
            sa.select(*work.row_keys(row)).where(condition)
            for condition in self._conditions(work.collection, row)
        ]
        if not branches:
            return sa.select(*work.row_keys(row)).where(sa.false())
        return sa.select(sa.union(*branches).subquery("due"))

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether a row names the subject."""
        return sa.or_(sa.false(), *self._conditions(collection, row))

    def witnesses(self, _works: WorkSet, _work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """None: a row says by itself whom it names."""
        return iter(())

    def _conditions(self, collection: str, row: FromClause) -> list[ColumnElement[bool]]:
        found = [*self._by_identity(collection, row), *self._by_key(collection, row)]
        tenant = self.about.tenant
        return (
            [sa.and_(one, belongs_to(self.rulebook, collection, row, tenant)) for one in found]
            if tenant
            else found
        )

    def _by_identity(self, collection: str, row: FromClause) -> Iterator[ColumnElement[bool]]:
        columns = self.rulebook.live[collection].columns
        for column, identity in self.rulebook.datamap.identities(collection):
            for number, subject in enumerate(self.about.subjects):
                if subject.kind == identity.kind:
                    spellings = bound_spellings(subject.spellings, f"{self.name}_spellings_{number}")
                    yield names_subject(row, columns[column.name], identity, subject.form, spellings)

    def _by_key(self, collection: str, row: FromClause) -> Iterator[ColumnElement[bool]]:
        for number, named in enumerate(self.about.rows):
            if named.collection == collection:
                yield has_key(self.rulebook, row, named, f"{self.name}_row_{number}")


class IsRemainder:
    """Rows are due because an erasure had to leave them for a while.

    Args:
        rulebook: of the policy in force.
        request_id: the request's number.
        action: what is to be done to them; None whatever it is.
    """

    def __init__(self, rulebook: Rulebook, request_id: UUID, action: Action | None = None) -> None:
        self.rulebook = rulebook
        self.request_id = request_id
        self.action = action
        self._lists: dict[str, FromClause] = {}

    @property
    def signature(self) -> Hashable:
        """There is one list for each action."""
        return "is_remainder", self.action

    @property
    def bound(self) -> dict[str, Any]:
        """The request."""
        return {"remainder_of": self.request_id}

    def due(self, work: Work) -> Select[Any]:
        """Rows that were left."""
        row = work.row("due_row")
        left = self._left(work.collection)
        same = [row.c[name] == left.c[name] for name in work.keys]
        return sa.select(*work.row_keys(row)).select_from(row.join(left, sa.and_(*same)))

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether a row was left."""
        left = self._left(collection)
        same = [row.c[name] == left.c[name] for name, _ in self.rulebook.key(collection)]
        return sa.exists(sa.select(sa.literal(1)).select_from(left).where(*same).correlate(row))

    def witnesses(self, _works: WorkSet, _work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """None: the list of rows says it."""
        return iter(())

    def _left(self, collection: str) -> FromClause:
        """The keys of the rows that were left; one list, however often a statement asks for it."""
        if collection not in self._lists:
            self._lists[collection] = self._list(collection)
        return self._lists[collection]

    def _list(self, collection: str) -> FromClause:
        """Materialized, so that no key of another collection meets the cast."""
        columns = [
            sa.cast(request_remainder.c.key[number], NamedType(kind)).label(name)
            for number, (name, kind) in enumerate(self.rulebook.key(collection), start=1)
        ]
        of_it = [
            request_remainder.c.request_id == sa.bindparam("remainder_of", self.request_id, sa.Uuid),
            request_remainder.c.collection == collection,
        ]
        if self.action:
            of_it.append(request_remainder.c.action == self.action.value)
        number = list(self.rulebook.datamap.collections).index(collection)
        left = sa.select(*columns).where(*of_it).cte(f"left_over_{number}")
        return left.prefix_with("MATERIALIZED", dialect="postgresql")


def has_key(rulebook: Rulebook, row: FromClause, named: Row, parameter: str) -> ColumnElement[bool]:
    """Whether a row is the one that is named by its key, which is bound by the parameter's name and a number."""
    key = rulebook.key(named.collection)
    values = [
        sa.cast(sa.bindparam(f"{parameter}_{part}", text, sa.Text), NamedType(kind))
        for part, (text, (_, kind)) in enumerate(zip(named.key, key, strict=True))
    ]
    return sa.and_(*(row.c[name] == value for value, (name, _) in zip(values, key, strict=True)))


def belongs_to(rulebook: Rulebook, collection: str, row: FromClause, tenant: Row) -> ColumnElement[bool]:
    """Whether a row is content of an organisation, or the organisation itself; in doubt it is not (A5)."""
    if collection == tenant.collection:
        return has_key(rulebook, row, tenant, "tenant")
    paths = shortest_paths(rulebook.edges, collection, tenant.collection)
    return sa.or_(
        sa.false(), *(_leads_to(rulebook, row, path, tenant) for path in paths[:1] if len(paths) == 1)
    )


def tenant_key(
    rulebook: Rulebook, collection: str, row: FromClause, tenant: str
) -> ColumnElement[Any] | None:
    """The key, as texts, of the organisation whose content a row is; None where no row of the collection is any's."""
    names = [name for name, _ in rulebook.key(tenant)]
    if collection == tenant:
        return postgresql.array([sa.cast(row.c[name], sa.Text) for name in names])
    paths = shortest_paths(rulebook.edges, collection, tenant)
    if len(paths) != 1:
        return None
    first, *rest = paths[0]
    start = relation(rulebook.live, first.target, "tenant")
    joined, end = climb(rulebook.live, start, tuple(rest), "tenant_up")
    key = postgresql.array([sa.cast(end.c[name], sa.Text) for name in names])
    refers_to = refers(first, rulebook.live, row, start)
    return sa.select(key).select_from(joined).where(refers_to).correlate(row).scalar_subquery()


def require_content(connection: Connection, rulebook: Rulebook, named: Row, tenant: Row) -> None:
    """Refuse a row that is not content of an organisation, in the words in which one that is not there is refused.

    Raises:
        UsageError: it is not.
    """
    row = relation(rulebook.live, named.collection, "content")
    is_content = sa.and_(
        has_key(rulebook, row, named, "named"), belongs_to(rulebook, named.collection, row, tenant)
    )
    if not connection.scalar(
        sa.select(sa.exists(sa.select(sa.literal(1)).select_from(row).where(is_content)))
    ):
        raise no_row(rulebook, named.collection)


def _leads_to(rulebook: Rulebook, row: FromClause, path: Sequence[Any], tenant: Row) -> ColumnElement[bool]:
    first, *rest = path
    start = relation(rulebook.live, first.target, "tenant")
    joined, end = climb(rulebook.live, start, tuple(rest), "tenant_up")
    conditions = refers(first, rulebook.live, row, start), has_key(rulebook, end, tenant, "tenant")
    return sa.exists(sa.select(sa.literal(1)).select_from(joined).where(*conditions).correlate(row))
