"""What of a row a subject may see: nobody else's address, number or affairs (GDPR Art. 15(4))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.identity.forms import identify_stored
from lifecycle.identity.others import SOMEBODY_ELSE, WITHHELD, Others
from lifecycle.policy.model import PhoneIdentity
from lifecycle.requests.copies.found import Relation
from lifecycle.requests.copies.whose import Whose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lifecycle.datamap.model import Column, Identity
    from lifecycle.identity.forms import Identifier
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.copies.rows import CopiedRow
    from lifecycle.requests.subject import Whom


class Veil:
    """Hides other people in the rows of one copy.

    The subject is known by what the request names and, by kinds of identity that it does not name, by what stands on
    the rows that name the subject: a phone number on an enquiry that was found by its address is the subject's.

    Args:
        rulebook: of the policy in force.
        whom: whom the request is about.
        rows: all of the copy.
    """

    def __init__(self, rulebook: Rulebook, whom: Whom, rows: Sequence[CopiedRow]) -> None:
        self.rulebook = rulebook
        self.policy = rulebook.policy
        named = {one.kind for one in whom.subjects}
        naming = [row for row in rows if row.relation is Relation.NAMES]
        found = (one for row in naming for one in self._identities(row))
        self.known = frozenset((*whom.subjects, *(one for one in found if one.kind not in named)))
        self.kinds = {one.kind for one in self.known}
        self.leading = {kind for kind, stated in self.policy.identities.items() if stated.leads_on}
        self.whose = Whose(rulebook, self.known, naming)
        self.is_open = any(row.collection in rulebook.tenants for row in whom.rows)
        """An organisation that asks for its own content is shown whom it holds."""
        regions = [one.region for one in self.policy.identities.values() if isinstance(one, PhoneIdentity)]
        self.others = Others(known=tuple(self.known), region=next(iter(regions), None))
        self.texts = frozenset(self.policy.free_text)

    def seen(self, row: CopiedRow) -> dict[str, Any]:
        """The values of a row as the subject sees them."""
        is_own = row.relation in {Relation.NAMES, Relation.BELONGS}
        if is_own and self.is_open:
            return dict(row.values)
        shown = dict(self._in_own(row) if is_own else self._in_others(row))
        return {**shown, **dict.fromkeys(self.withheld(row), WITHHELD)}

    def withheld(self, row: CopiedRow) -> frozenset[str]:
        """Columns of a row that does not name the subject, of which nobody knows whom they are about."""
        if row.relation is Relation.NAMES or (row.relation is Relation.BELONGS and self.is_open):
            return frozenset()
        is_belonging = row.relation is Relation.BELONGS
        return self.whose.withheld(row) if is_belonging else self.whose.texts_withheld(row)

    def count_withheld(self, rows: Iterable[CopiedRow]) -> int:
        """How many values of some rows are withheld."""
        return sum(len(self.withheld(row)) for row in rows)

    def _in_own(self, row: CopiedRow) -> Iterator[tuple[str, Any]]:
        """Everything, but for others' identities of a kind by which the subject is known, and others in free text.

        On a row that does not name the subject also of a kind by which the subject is not known.
        """
        columns = self.rulebook.datamap.collections[row.collection].columns
        own = self._own if row.relation is Relation.NAMES else self._known_or_leading
        for name, value in row.values.items():
            shown = value
            for identity in columns[name].identities:
                shown = _replaced(shown, identity.path, lambda one, kind=identity.kind: own(kind, one))
            yield name, self.others.hidden_in(shown) if self._is_text(row, name) else shown

    def _in_others(self, row: CopiedRow) -> Iterator[tuple[str, Any]]:
        """What is not personal, the reference to the subject, the subject's own identities, and free text."""
        columns = self.rulebook.datamap.collections[row.collection].columns
        edges = self.rulebook.edges_from(row.collection)
        to_subject = {column for edge in edges if edge.name == row.edge for column in edge.columns}
        to_others = {column for edge in edges for column in edge.columns} - to_subject
        for name, value in row.values.items():
            column = columns[name]
            is_free = not column.is_personal and name not in to_others
            if value is None or is_free or name in to_subject or self._is_subjects(column, value):
                yield name, value
            elif self._is_text(row, name):
                yield name, self.others.hidden_in(value)
            else:
                yield name, SOMEBODY_ELSE

    def _own(self, kind: str, value: Any) -> Any:
        """An identity, unless it is somebody else's."""
        if value is None or kind not in self.kinds or self._identified(kind, value) in self.known:
            return value
        return SOMEBODY_ELSE

    def _known_or_leading(self, kind: str, value: Any) -> Any:
        """An identity, if it is the subject's, or leads on and so says nothing of whose it is."""
        if value is None or kind in self.leading or self._identified(kind, value) in self.known:
            return self._own(kind, value)
        return SOMEBODY_ELSE

    def _is_subjects(self, column: Column, value: Any) -> bool:
        """Whether a column holds an identity of the subject and nothing else."""
        return any(
            not one.path and self._identified(one.kind, value) in self.known for one in column.identities
        )

    def _identities(self, row: CopiedRow) -> Iterator[Identifier]:
        """The identities that stand on a row."""
        for column, identity in self.rulebook.datamap.identities(row.collection):
            for value in _values(row.values.get(column.name), identity):
                if found := self._identified(identity.kind, value):
                    yield found

    def _identified(self, kind: str, value: Any) -> Identifier | None:
        return identify_stored(kind, str(value), self.policy.identity_rule(kind))

    def _is_text(self, row: CopiedRow, column: str) -> bool:
        return f"{row.collection}.{column}" in self.texts


def _values(value: Any, identity: Identity) -> Iterator[Any]:
    """What stands where an identity stands."""
    found: list[Any] = []
    _replaced(value, identity.path, found.append)
    return (one for one in found if one is not None)


def _replaced(value: Any, path: Sequence[str], change: Any) -> Any:
    """A value with what stands at a path of members replaced, in every element of lists on the way."""
    if isinstance(value, list):
        return [_replaced(one, path, change) for one in value]
    if not path:
        return change(value)
    if isinstance(value, dict) and path[0] in value:
        return {**value, path[0]: _replaced(value[path[0]], path[1:], change)}
    return value
