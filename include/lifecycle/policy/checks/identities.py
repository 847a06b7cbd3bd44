"""Identities: a column that says how to reach a person is one by which the person is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined

_OF_A_PERSON = {"user.contact.email": "email", "user.contact.phone_number": "phone_number"}
"""Fides categories of which a value belongs to one person, and the identity that it is."""


def check(examined: Examined) -> Iterator[Finding]:
    """Addresses and numbers of persons by which nobody is found."""
    for collection in examined.datamap.collections.values():
        for column in collection.columns.values():
            live = examined.live_column(collection.name, column.name)
            kinds = {_OF_A_PERSON[one] for one in column.categories if one in _OF_A_PERSON}
            if live is None or live.is_generated:
                continue
            for kind in sorted(kinds - {identity.kind for identity in column.identities}):
                yield warning(
                    "identity.unmarked",
                    f"{collection.name}.{column.name} is a person's {kind} and no subject is found by it:"
                    " no hold on a subject covers its rows",
                    examined.datamap.place(collection.name, column.name),
                    f"mark it in fides_meta: identity: {kind}",
                )
