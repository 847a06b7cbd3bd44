"""Recipients: none outside the EEA without a safeguard (GDPR Art. 44 to 49); a log that leads to them (Art. 19)."""

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
    """Unsafe recipients, and disclosures from which nobody could be told."""
    yield from _unsafe(examined)
    yield from _disclosures(examined)


def _unsafe(examined: Examined) -> Iterator[Finding]:
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


def _disclosures(examined: Examined) -> Iterator[Finding]:
    """A log that refers to nothing, whose rows cannot be named, or that is said to be complete for nobody."""
    disclosures = examined.policy.disclosures
    if disclosures is None or disclosures.collection not in examined.live:
        return
    if not any(edge.holder == disclosures.collection for edge in examined.edges):
        yield error(
            "disclosure.unreferring",
            f"{disclosures.collection} refers to no rows, so nobody knows whom a disclosure was about",
            examined.version.place("disclosures", "collection"),
            "add its references to the data map",
        )
    if not examined.resolved.key(disclosures.collection):
        yield error(
            "disclosure.keyless",
            f"{disclosures.collection} has no primary key, so no disclosure can be named to its recipient",
            examined.version.place("disclosures", "collection"),
            "add a primary key to the table or mark one in the data map",
        )
    for number, name in enumerate(disclosures.complete_for):
        if name not in examined.policy.recipients:
            yield error(
                "disclosure.recipient",
                f"there is no recipient {name}",
                examined.version.place("disclosures", "complete_for", number),
                "name one of the policy's recipients",
            )
