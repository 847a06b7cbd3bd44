"""What subjects are told, made from policy and map: who processes what, why, how long, for whom (GDPR Art. 13 and 14).

It says nothing about anybody, and the same to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.datamap.model import is_personal
from lifecycle.policy.model import Basis, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lifecycle.datamap.model import CollectionName, DataMap
    from lifecycle.policy.model import Party, Policy, Recipient

FORMAT = "lifecycle notice 1"
BASES = {
    Basis.CONSENT: "consent (GDPR Art. 6(1)(a)), which can be withdrawn at any time",
    Basis.CONTRACT: "a contract (GDPR Art. 6(1)(b))",
    Basis.LEGAL_OBLIGATION: "a legal obligation (GDPR Art. 6(1)(c))",
    Basis.VITAL_INTEREST: "vital interests (GDPR Art. 6(1)(d))",
    Basis.PUBLIC_TASK: "a public task (GDPR Art. 6(1)(e))",
    Basis.LEGITIMATE_INTEREST: "legitimate interests (GDPR Art. 6(1)(f)), to which you may object",
}
"""Each basis as a subject is told of it."""
RIGHTS = {
    "access": "to be given a copy of the data on you",
    "portability": "to be given the data that you provided in a form that machines read",
    "rectification": "to have wrong data corrected",
    "restriction": "to have processing restricted",
    "objection": "to object to processing, to marketing without giving a reason",
    "withdrawal": "to withdraw consent; what was done before stays lawful",
    "erasure": "to have data erased, with the exceptions that the law makes",
    "information": "to be told what is processed",
}
"""Each right as a subject is told of it."""


def notice(policy: Policy, datamap: DataMap) -> dict[str, Any]:
    """The notice, as JSON."""
    return {
        "format": FORMAT,
        "policy": policy.policy.name,
        "policy_version": policy.version,
        "controller": party(policy.controller),
        "authority": party(policy.authority),
        "purposes": [
            {**purpose_of(policy, name), "collections": [_named(datamap, one) for one in purpose.collections]}
            for name, purpose in policy.purposes.items()
        ],
        "sources": [
            {
                "origin": source.origin.value,
                "description": source.description,
                "collections": [_named(datamap, one) for one in source.collections],
            }
            for source in policy.sources.values()
        ],
        "categories": categories(datamap),
        "recipients": [recipient(one) for one in policy.recipients.values()],
        "kept": list(_kept(policy)),
        "rights": rights(policy),
    }


def party(one: Party) -> dict[str, str]:
    """A party as far as the policy tells of it."""
    return {name: value for name, value in one.model_dump().items() if value}


def purpose_of(policy: Policy, name: str) -> dict[str, Any]:
    """A purpose with its basis."""
    purpose = policy.purposes[name]
    return {
        "purpose": name,
        "description": purpose.description or name,
        "basis": purpose.basis.value,
        "basis_in_words": BASES[purpose.basis],
    }


def purposes_of(policy: Policy, collection: CollectionName) -> list[dict[str, Any]]:
    """The purposes for which a collection is used."""
    return [
        purpose_of(policy, name)
        for name, purpose in policy.purposes.items()
        if collection in purpose.collections
    ]


def sources_of(policy: Policy, collection: CollectionName) -> list[dict[str, str]]:
    """Where the data of a collection comes from."""
    return [
        {"origin": source.origin.value, "description": source.description}
        for source in policy.sources.values()
        if collection in source.collections
    ]


def recipient(one: Recipient) -> dict[str, str]:
    """A recipient as subjects are told of it: what kind it is, where, and what protects the data there."""
    told = {"category": one.category, "region": one.region, "safeguard": one.safeguard}
    return {name: value for name, value in told.items() if value}


def rights(policy: Policy) -> list[dict[str, str]]:
    """What a subject may ask for, the complaint to the authority included (R9)."""
    granted = [{"right": kind.value, "meaning": RIGHTS[kind.value]} for kind in policy.rights]
    where = policy.authority.website or policy.authority.email or policy.authority.address
    complaint = {
        "right": "complaint",
        "meaning": f"to complain to {policy.authority.name}{f', {where}' if where else ''}",
    }
    return [*granted, complaint]


def portable(policy: Policy) -> frozenset[CollectionName]:
    """Collections of which a subject may take data along: provided, and used on consent or contract (Art. 20(1))."""
    used = {
        name
        for purpose in policy.purposes.values()
        if purpose.basis in {Basis.CONSENT, Basis.CONTRACT}
        for name in purpose.collections
    }
    provided = {
        name
        for source in policy.sources.values()
        if source.origin is not Origin.OTHERS
        for name in source.collections
    }
    return frozenset(used & provided)


def categories(datamap: DataMap, collections: Iterable[CollectionName] | None = None) -> list[str]:
    """The categories of personal data, in the words of the Fides taxonomy."""
    names = datamap.collections if collections is None else collections
    found = {
        category
        for name in names
        for column in datamap.collections[name].columns.values()
        for category in column.categories
        if is_personal(category)
    }
    return sorted(found)


def _named(datamap: DataMap, collection: CollectionName) -> dict[str, str]:
    described = datamap.collections[collection].description
    return {"collection": collection, **({"description": described} if described else {})}


def _kept(policy: Policy) -> Iterator[dict[str, Any]]:
    """How long what is kept, by rules and by law."""
    parts: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("rule", policy.rules),
        ("duty", policy.statutory),
    )
    for what, promises in parts:
        for name, promise in promises.items():
            yield {
                what: name,
                "collections": list(promise.applies_to),
                "keep": str(promise.keep),
                "starts": promise.starts,
            }
