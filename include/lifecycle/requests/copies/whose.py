"""Whose a row is that does not name the subject: what it says of a person is the subject's where it is known to be.

A payment belongs to the subject's invoice and may have come from anybody. What tells one person from another is known
by Fides categories; what the subject is called, and which accounts are the subject's, is known from the rows that name
the subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.identity.forms import identify_stored
from lifecycle.identity.names import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lifecycle.datamap.model import Column
    from lifecycle.identity.forms import Identifier
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.copies.rows import CopiedRow

_NAME = "user.name"
_CONTACT = "user.contact"
_PLACES = ("user.contact.address", "user.contact.organization")
"""Contact data that several people share: it says nothing of whose a row is."""
_ACCOUNTS = ("user.payment", "user.government_id")
_ACCOUNTS_INSIDE = ("user.financial.", "user.account.")
"""What begins categories of one person's accounts; without the dot they are of sums and states."""
_CONTENT = "user.content"
_DEEDS = ("user.behavior", "user.unique_id", "user.privacy_preferences")
"""What was done, and keys by which rows refer to each other: of the subject's affair, whoever else took part in it."""
_SUMS = "user.financial"
_DOCUMENTS = {"json", "jsonb"}
_TEXTS = {"text", "character varying", "character", "citext"}


class Whose:
    """Says of a row which of its columns may be about somebody else.

    Args:
        rulebook: of the policy in force.
        known: identities of the subject.
        naming: the rows of the copy that name the subject.
    """

    def __init__(self, rulebook: Rulebook, known: frozenset[Identifier], naming: Iterable[CopiedRow]) -> None:
        self.rulebook = rulebook
        self.known = known
        self.texts = frozenset(rulebook.policy.free_text)
        self.names: list[frozenset[str]] = []
        self.values: set[tuple[str, str]] = set()
        for row in naming:
            self._learn(row)

    def texts_withheld(self, row: CopiedRow) -> frozenset[str]:
        """Columns with what was written, where a row names somebody else: nobody knows of whom it tells."""
        return self._texts(row) if self._is_named_otherwise(set(self._identities(row))) else frozenset()

    def withheld(self, row: CopiedRow) -> frozenset[str]:
        """Columns of a row that belongs to the subject's and that may be about somebody else."""
        named = set(self._identities(row))
        if named & self.known:
            return frozenset()
        telling = self._held(row, self._tells)
        strange = self._unknown(row, telling)
        is_named_otherwise = self._is_named_otherwise(named)
        if strange or is_named_otherwise:
            doubtful = self._held(row, self._is_account, self._is_beside)
            texts = self._texts(row) if is_named_otherwise else frozenset()
            return strange | texts | self._unknown(row, doubtful)
        return frozenset() if telling else self._unknown(row, self._held(row, self._is_account))

    def _learn(self, row: CopiedRow) -> None:
        """What the subject is called, and what stands in each category, on a row that names the subject."""
        columns, called = self.rulebook.datamap.collections[row.collection].columns, set[str]()
        for name, value in row.values.items():
            column = columns[name]
            if self._is_content(row, column) or self._is_document(row, column):
                continue
            for leaf in _leaves(value):
                called |= set(words(leaf)) if _is_any(column, _NAME) else set()
                self.values |= {(category, _folded(leaf)) for category in column.categories}
        self.names += [frozenset(called)] if called else []

    def _is_named_otherwise(self, named: set[Identifier]) -> bool:
        """Whether a row names somebody by identities of its own, and not the subject."""
        return bool(named) and not named & self.known

    def _texts(self, row: CopiedRow) -> frozenset[str]:
        return self._held(row, self._is_content)

    def _held(self, row: CopiedRow, *kinds: Callable[[CopiedRow, Column], bool]) -> frozenset[str]:
        """Columns of some kinds in which something stands; one that is an identity is looked at by itself."""
        columns = self.rulebook.datamap.collections[row.collection].columns
        return frozenset(
            name
            for name, value in row.values.items()
            if all(one.path for one in columns[name].identities)
            and any(has(row, columns[name]) for has in kinds)
            and any(_leaves(value))
        )

    def _unknown(self, row: CopiedRow, names: Iterable[str]) -> frozenset[str]:
        """Those of some columns in which something stands that is not known to be the subject's."""
        columns = self.rulebook.datamap.collections[row.collection].columns
        return frozenset(
            name
            for name in names
            if not all(self._is_known(columns[name], leaf) for leaf in _leaves(row.values[name]))
        )

    def _tells(self, row: CopiedRow, column: Column) -> bool:
        """Whether a column says whose the row is."""
        is_plain = not (self._is_content(row, column) or self._is_document(row, column))
        return is_plain and _is_of_one(column)

    def _is_account(self, row: CopiedRow, column: Column) -> bool:
        """Whether a column holds somebody's account or papers, or is a document that may name somebody."""
        if self._is_document(row, column):
            return _is_of_one(column) and f"{row.collection}.{column.name}" not in self.texts
        inside = any(one.startswith(_ACCOUNTS_INSIDE) for one in column.categories)
        return not self._is_content(row, column) and (inside or _is_any(column, *_ACCOUNTS))

    def _is_beside(self, row: CopiedRow, column: Column) -> bool:
        """Whether a column may be about whomever else a row names: all that is personal but deeds, sums and keys."""
        joining = {name for edge in self.rulebook.edges_from(row.collection) for name in edge.columns}
        joining |= {name for name, _ in self.rulebook.key(row.collection)}
        if not column.is_personal or column.name in joining or self._is_content(row, column):
            return False
        is_sum = _is_all(column, _SUMS) and self._type(row, column) not in _TEXTS
        return not is_sum and not _is_all(column, *_DEEDS)

    def _is_content(self, row: CopiedRow, column: Column) -> bool:
        """Whether a column holds what somebody wrote."""
        return f"{row.collection}.{column.name}" in self.texts or _is_any(column, _CONTENT)

    def _is_document(self, row: CopiedRow, column: Column) -> bool:
        return self._type(row, column) in _DOCUMENTS

    def _is_known(self, column: Column, leaf: str) -> bool:
        if _is_any(column, _NAME) and any(set(words(leaf)) <= called for called in self.names):
            return True
        if any((category, _folded(leaf)) in self.values for category in column.categories):
            return True
        return any(self._identified(one.kind, leaf) == one for one in self.known)

    def _identities(self, row: CopiedRow) -> Iterator[Identifier]:
        """The identities that say whose a row is.

        What leads on, as a visitor's cookie does, says nothing of it: two people may use one browser.
        """
        stated = self.rulebook.policy.identities
        for column, identity in self.rulebook.datamap.identities(row.collection):
            leads_on = identity.kind in stated and stated[identity.kind].leads_on
            for leaf in () if leads_on else _leaves(row.values.get(column.name), identity.path):
                if found := self._identified(identity.kind, leaf):
                    yield found

    def _identified(self, kind: str, value: str) -> Identifier | None:
        return identify_stored(kind, value, self.rulebook.policy.identity_rule(kind))

    def _type(self, row: CopiedRow, column: Column) -> str:
        return self.rulebook.live[row.collection].columns[column.name].base_type.partition("(")[0]


def _is_in(category: str, family: str) -> bool:
    return category == family or category.startswith(f"{family}.")


def _is_any(column: Column, *families: str) -> bool:
    """Whether a category of a column lies in one of some families."""
    return any(_is_in(one, family) for one in column.categories for family in families)


def _is_of_one(column: Column) -> bool:
    """Whether a column holds a name, or how one person is reached."""
    is_contact = any(
        _is_in(one, _CONTACT) and not any(_is_in(one, place) for place in _PLACES)
        for one in column.categories
    )
    return is_contact or _is_any(column, _NAME)


def _is_all(column: Column, *families: str) -> bool:
    """Whether everything personal of a column lies in some families."""
    personal = [one for one in column.categories if not _is_in(one, "system")]
    return bool(personal) and all(any(_is_in(one, family) for family in families) for one in personal)


def _folded(leaf: str) -> str:
    """A value as it is compared: without case and blanks."""
    return "".join(words(leaf))


def _leaves(value: Any, path: Sequence[str] = ()) -> Iterator[str]:
    """What stands in a value, or at a path of members in it, as texts; blanks are nothing."""
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one, path)
    elif isinstance(value, dict):
        for name, one in value.items():
            if not path or name == path[0]:
                yield from _leaves(one, path[1:])
    elif value is not None and not path and str(value).strip():
        yield str(value)
