"""Commitments: each id that is cited exists, each commitment has something that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.policy.findings import Finding, error, warning
from lifecycle.policy.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.model import Policy


def check(examined: Examined) -> Iterator[Finding]:
    """Unknown ids and parts, and commitments that nothing keeps."""
    policy, place = examined.policy, examined.version.place
    for keys, cited in citations(policy):
        if cited not in policy.commitments:
            yield error(
                "commitment.unknown",
                f"there is no commitment {cited}",
                place(*keys),
                "name one of the policy's commitments, or add it there",
            )
    kept = {cited for keys, cited in citations(policy) if keys[0] != "erasure"}
    for name, commitment in policy.commitments.items():
        for part in commitment.kept_by:
            if part not in PARTS:
                yield error(
                    "part.unknown",
                    f"commitment {name} is kept by {part}, which is no part of the system",
                    place("commitments", name, "kept_by"),
                    f"name one of {', '.join(PARTS)}",
                )
        if not commitment.kept_by and name not in kept:
            yield warning(
                "commitment.unkept",
                f"nothing keeps commitment {name}: {commitment.promise}",
                place("commitments", name),
                "cite it in a rule, a statutory duty, a release, a purpose or a recipient, or say what does: kept_by",
            )


def citations(policy: Policy) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every place at which the policy cites a commitment, as a path of keys, and the id."""
    parts: dict[str, Mapping[str, Any]] = {
        "rules": policy.rules,
        "statutory": policy.statutory,
        "archives": policy.archives,
        "releases": policy.releases,
        "purposes": policy.purposes,
        "recipients": policy.recipients,
        "rights": {kind.value: right for kind, right in policy.rights.items()},
    }
    for part, members in parts.items():
        for name, member in members.items():
            for number, commitment in enumerate(member.commitments):
                yield (part, name, "commitments", number), commitment
    for collection, what in policy.erasure.items():
        if what != "delete":
            yield ("erasure", collection, "because"), what.because
