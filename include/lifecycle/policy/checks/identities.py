"""Identities: a column that says how to reach a person is one by which the person is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.identity.folding import NormalForm
from lifecycle.policy.findings import Finding, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.datamap.model import CollectionName, Column
    from lifecycle.policy.checks.examined import Examined

_OF_A_PERSON = {"user.contact.email": "email", "user.contact.phone_number": "phone_number"}
"""Fides categories of which a value belongs to one person, and the identity that it is."""


_ADDRESSES = frozenset({NormalForm.EMAIL, NormalForm.UNTAGGED_EMAIL})


def check(examined: Examined) -> Iterator[Finding]:
    """Addresses and numbers of persons by which nobody is found, or not in every spelling."""
    for collection in examined.datamap.collections.values():
        for column in collection.columns.values():
            live = examined.live_column(collection.name, column.name)
            if live is not None and not live.is_generated:
                yield from _unmarked(examined, collection.name, column)
                yield from _in_two_cases(examined, collection.name, column, live)
    for kind in sorted(examined.policy.identities.keys() - examined.datamap.identity_kinds):
        yield error(
            "identity.unknown",
            f"the policy says how identities of the kind {kind} are compared, and the data map marks none",
            examined.version.place("identities", kind),
            "correct the kind, or mark a column with it in fides_meta",
        )


def _unmarked(examined: Examined, collection: CollectionName, column: Column) -> Iterator[Finding]:
    kinds = {_OF_A_PERSON[one] for one in column.categories if one in _OF_A_PERSON}
    for kind in sorted(kinds - {identity.kind for identity in column.identities}):
        yield warning(
            "identity.unmarked",
            f"{collection}.{column.name} is a person's {kind} and no subject is found by it:"
            " no hold on a subject covers its rows",
            examined.datamap.place(collection, column.name),
            f"mark it in fides_meta: identity: {kind}",
        )


def _in_two_cases(
    examined: Examined, collection: CollectionName, column: Column, live: LiveColumn
) -> Iterator[Finding]:
    """An address with a capital beyond ASCII is not found where the database does not know its small letter."""
    forms = {examined.policy.identity_rule(identity.kind).form for identity in column.identities}
    if forms & _ADDRESSES and not live.folds_case:
        yield warning(
            "identity.case",
            f"{collection}.{column.name} is of a collation whose lower() leaves letters beyond ASCII as they are:"
            " an address with such a capital names nobody",
            examined.datamap.place(collection, column.name),
            "give the column or the database a collation that knows all letters, such as pg_c_utf8 (PostgreSQL 17)",
        )
