"""Purposes: personal data that is used for nothing named has no lawful basis (GDPR Art. 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined


def check(examined: Examined) -> Iterator[Finding]:
    """Personal collections that no purpose names."""
    named = {name for purpose in examined.policy.purposes.values() for name in purpose.collections}
    for collection in examined.datamap.collections.values():
        if collection.is_personal and collection.name not in named:
            yield warning(
                "purpose.none",
                f"no purpose says what {collection.name} is used for and on which basis",
                examined.datamap.place(collection.name),
                "name it in one of the policy's purposes",
            )
