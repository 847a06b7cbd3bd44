"""Recipients: nobody outside the European Economic Area without a safeguard (GDPR Art. 44 to 49)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined

EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905 - a table
)
"""Member states, ISO 3166-1 alpha-2."""
EEA = EU | {"IS", "LI", "NO"}
"""The European Economic Area."""
INSIDE = EEA | {"EU", "EEA"}
"""What a recipient's region may be without a safeguard."""


def check(examined: Examined) -> Iterator[Finding]:
    """Recipients in a region outside without a word on what protects the data there."""
    for name, recipient in examined.policy.recipients.items():
        if recipient.region.strip().upper() not in INSIDE and not recipient.safeguard.strip():
            yield error(
                "recipient.unsafe",
                f"recipient {name} is in {recipient.region}, outside the EEA, without a safeguard",
                examined.version.place("recipients", name),
                "name the safeguard (an adequacy decision, standard contractual clauses, binding rules);"
                " a country of the EEA is written as its ISO 3166 code",
            )
