"""What corrections mean for the company's columns: which of them, in which rows, and what stands there then."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from lifecycle.datamap.texts import DOCUMENTS
from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import identify
from lifecycle.identity.mentions import Mentions
from lifecycle.requests.corrections import Correction, What, columns_of, require_correctable
from lifecycle.requests.ground import belongs_to
from lifecycle.store.identities import folded, names_subject
from lifecycle.store.relations import NamedType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.datamap.model import Identity
    from lifecycle.identity.forms import Identifier
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """An identity and what takes its place.

    Attributes:
        value: as it was given, which is how it is written.
    """

    old: Identifier = field(repr=False)
    new: Identifier = field(repr=False)
    value: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """Replaces identities in free text and JSON, wherever they are mentioned."""

    replaced: tuple[Replaced, ...]

    def masked(self, text: str) -> str:
        """The text with every new identity in the place of the old one."""
        for one in self._mentions:
            text = one.masked(text)
        return text

    def masked_json_text(self, text: str) -> str:
        """The same of the text of a JSON document."""
        for one in self._mentions:
            text = one.masked_json_text(text)
        return text

    @property
    def _mentions(self) -> list[Mentions]:
        written = (one for one in self.replaced if one.old.form is not NormalForm.EXACT)
        return [Mentions(identifiers=(one.old,), mark=one.value) for one in written]


class Fix(ABC):
    """What one column of a collection gets.

    Args:
        rulebook: of the policy in force.
        collection: the column's.
        column: its name.
        of_own_rows: whether it is only corrected in rows that are the subject's own; an identity is wherever it stands.
    """

    def __init__(self, rulebook: Rulebook, collection: str, column: str, *, of_own_rows: bool) -> None:
        self.rulebook = rulebook
        self.collection = collection
        self.column = column
        self.of_own_rows = of_own_rows
        self.live = rulebook.live[collection].columns[column]

    @property
    @abstractmethod
    def value(self) -> str:
        """What recipients are told of it."""

    @abstractmethod
    def is_wrong(self, row: FromClause) -> ColumnElement[bool]:
        """Whether the column of a row is to be corrected."""

    @abstractmethod
    def right(self, row: FromClause) -> ColumnElement[Any]:
        """What it holds then."""

    def _is_other(self, row: FromClause) -> ColumnElement[bool]:
        """Compared as text: not every type can be compared as it is."""
        stored = sa.cast(row.c[self.column], sa.Text)
        return stored.is_distinct_from(sa.cast(self.right(row), sa.Text))

    def _typed(self, value: str) -> ColumnElement[Any]:
        return sa.cast(sa.cast(sa.literal(value), sa.Text), NamedType(self.live.type))


class GivenFix(Fix):
    """A column that gets a value, whatever it held.

    Args:
        value: what is right.
        completes: whether it is also written where nothing stood.
    """

    def __init__(
        self, rulebook: Rulebook, collection: str, column: str, value: str, *, completes: bool
    ) -> None:
        super().__init__(rulebook, collection, column, of_own_rows=True)
        self._value = value
        self.completes = completes

    @property
    def value(self) -> str:
        """As it was given."""
        return self._value

    def is_wrong(self, row: FromClause) -> ColumnElement[bool]:
        """It holds something else."""
        if self.completes:
            return self._is_other(row)
        return sa.and_(row.c[self.column].is_not(None), self._is_other(row))

    def right(self, row: FromClause) -> ColumnElement[Any]:
        """The value."""
        del row
        return self._typed(self._value)


class IdentityFix(Fix):
    """A column that holds an identity, alone or as one of several in an array.

    Args:
        identity: where in the column it stands.
        replaced: the identity, and the one that takes its place.
        whom: limits it to one organisation's content, where that alone is meant.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        collection: str,
        column: str,
        identity: Identity,
        replaced: Replaced,
        whom: Whom,
    ) -> None:
        super().__init__(rulebook, collection, column, of_own_rows=False)
        self.identity = identity
        self.replaced = replaced
        self.whom = whom

    @property
    def value(self) -> str:
        """The new identity."""
        return self.replaced.value

    def is_wrong(self, row: FromClause) -> ColumnElement[bool]:
        """It names the subject by the old identity, or spells it otherwise."""
        names = names_subject(row, self.live, self.identity, self.replaced.old.form, self._spellings())
        conditions = [names, self._is_other(row)]
        if self.whom.tenant:
            conditions.append(belongs_to(self.rulebook, self.collection, row, self.whom.tenant))
        return sa.and_(*conditions)

    def right(self, row: FromClause) -> ColumnElement[Any]:
        """The new identity in the place of the old one."""
        if not self.live.base_type.endswith("[]"):
            return self._typed(self.replaced.value)
        kind = NamedType(self.live.base_type.removesuffix("[]"))
        members = sa.func.unnest(row.c[self.column]).table_valued("value", with_ordinality="place")
        member = members.render_derived("member")
        is_old = folded(self.replaced.old.form, member.c.value) == sa.any_(self._spellings())
        new = sa.cast(sa.cast(sa.literal(self.replaced.value), sa.Text), kind)
        value = sa.case((is_old, new), else_=sa.cast(member.c.value, kind))
        ordered = sa.select(value).select_from(member).order_by(member.c.place)
        return sa.func.array(ordered.scalar_subquery())

    def _spellings(self) -> ColumnElement[list[str]]:
        """Of the old identity; in parentheses, since an element of a bare parameter cannot be asked for."""
        return Grouping(sa.literal(list(self.replaced.old.spellings), sa.ARRAY(sa.Text)))


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Everything that corrections mean.

    Attributes:
        fixes: by collection and column.
        texts: columns, by collection, whose texts or documents may mention an identity that is replaced.
        replacement: replaces it there.
    """

    fixes: Mapping[tuple[str, str], Fix]
    texts: Mapping[str, tuple[str, ...]]
    replacement: Replacement

    @property
    def replaced(self) -> tuple[Replaced, ...]:
        """The identities that are replaced."""
        return self.replacement.replaced


def resolved(rulebook: Rulebook, whom: Whom, corrections: Iterable[Correction]) -> Plain:
    """What corrections mean; what is said of a column counts before what is said of its category."""
    given = tuple(corrections)
    replaced = tuple(_replaced(rulebook, whom, one) for one in given if one.what is What.IDENTITY)
    fixes: dict[tuple[str, str], Fix] = {}
    for one in sorted(given, key=lambda one: one.what is not What.COLUMN):
        for fix in _given(rulebook, one):
            fixes.setdefault((fix.collection, fix.column), fix)
    for identity_fix in _of_identities(rulebook, whom, replaced):
        fixes.setdefault((identity_fix.collection, identity_fix.column), identity_fix)
    return Plain(
        fixes=fixes, texts=_texts(rulebook, fixes, replaced), replacement=Replacement(replaced=replaced)
    )


def _given(rulebook: Rulebook, one: Correction) -> Iterator[Fix]:
    """Identities are found by what they were; everything else gets its value.

    Raises:
        UsageError: a column may no more be written, by the policy that counts now.
    """
    if one.what is What.COLUMN:
        require_correctable(rulebook, one.named)
        collection, column = one.named.rsplit(".", 1)
        yield GivenFix(rulebook, collection, column, one.value, completes=True)
    if one.what is What.CATEGORY:
        for collection, column in columns_of(rulebook, one.named):
            yield GivenFix(rulebook, collection, column, one.value, completes=False)


def _replaced(rulebook: Rulebook, whom: Whom, one: Correction) -> Replaced:
    (old,) = (subject for subject in whom.given if subject.kind == one.named)
    new = identify(one.named, one.value, rulebook.policy.identity_rule(one.named))
    return Replaced(old=old, new=new, value=one.value.strip())


def _of_identities(rulebook: Rulebook, whom: Whom, replaced: Sequence[Replaced]) -> Iterator[IdentityFix]:
    """Columns that are identities themselves; what stands inside a document is replaced like a mention."""
    for collection in rulebook.datamap.collections:
        if collection not in rulebook.live or not rulebook.key(collection):
            continue
        for column, identity in rulebook.datamap.identities(collection):
            for one in replaced:
                if one.old.kind == identity.kind and not identity.path:
                    yield IdentityFix(rulebook, collection, column.name, identity, one, whom)


def _texts(
    rulebook: Rulebook, fixes: Mapping[tuple[str, str], Fix], replaced: Sequence[Replaced]
) -> dict[str, tuple[str, ...]]:
    """Free text, and documents that hold identities; not what gets a value as a whole."""
    if not replaced:
        return {}
    columns = {(name, column) for name, texts in rulebook.erasure.masking.redacts.items() for column in texts}
    columns |= {
        (name, column.name)
        for name in rulebook.datamap.collections
        if name in rulebook.live and rulebook.key(name)
        for column, identity in rulebook.datamap.identities(name)
        if identity.path and rulebook.live[name].columns[column.name].base_type in DOCUMENTS
    }
    found: dict[str, tuple[str, ...]] = {}
    for collection, column in sorted(columns - fixes.keys()):
        found[collection] = (*found.get(collection, ()), column)
    return found
