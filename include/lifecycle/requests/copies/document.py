"""The copy that a subject is given on access: what is held, and whatever the law wants told with it (GDPR Art. 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.identity.others import HIDDEN
from lifecycle.policy.notice import party, purposes_of, recipient, rights, sources_of
from lifecycle.recipients.audience import find_audience

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from lifecycle.datamap.model import CollectionName
    from lifecycle.policy.model import Policy
    from lifecycle.recipients.audience import Disclosure
    from lifecycle.requests.copies.rows import CopiedRow
    from lifecycle.requests.copies.veil import Veil
    from lifecycle.requests.procedure import Case

FORMAT = "lifecycle copy 1"


def access_document(
    connection: Connection, case: Case, rows: Sequence[CopiedRow], veil: Veil
) -> dict[str, Any]:
    """The document, as JSON.

    Args:
        connection: in the transaction in which the rows were read.
        case: the request.
        rows: everything that is disclosed.
        veil: hides other people.
    """
    policy = case.rulebook.policy
    return {
        "format": FORMAT,
        "request": str(case.request_id),
        "held_at": case.as_of.isoformat(),
        "policy": policy.policy.name,
        "policy_version": policy.version,
        "controller": party(policy.controller),
        "authority": party(policy.authority),
        "rights": rights(policy),
        "recipients": _recipients(connection, case, rows),
        "collections": [
            _collection(case, name, [row for row in rows if row.collection == name], veil)
            for name in dict.fromkeys(row.collection for row in rows)
        ],
        "hidden": HIDDEN,
        "withheld": veil.count_withheld(rows),
    }


def _collection(case: Case, name: CollectionName, rows: Iterable[CopiedRow], veil: Veil) -> dict[str, Any]:
    policy, described = case.rulebook.policy, case.rulebook.datamap.collections[name]
    return {
        "collection": name,
        "description": described.description,
        "purposes": purposes_of(policy, name),
        "sources": sources_of(policy, name),
        "categories": {
            column.name: list(column.categories)
            for column in described.columns.values()
            if column.is_personal
        },
        "rows": [
            {
                "relation": row.relation.value,
                **({"by": row.edge} if row.edge else {}),
                "values": veil.seen(row),
                "kept": row.keeping.to_json(),
            }
            for row in rows
        ],
    }


def _recipients(connection: Connection, case: Case, rows: Sequence[CopiedRow]) -> list[dict[str, Any]]:
    """Who was given the rows, or may have been, and when the log says that it was."""
    policy = case.rulebook.policy
    keys: dict[CollectionName, list[tuple[str, ...]]] = {}
    for row in rows:
        keys.setdefault(row.collection, []).append(row.key)
    audience = find_audience(connection, case.rulebook, keys)
    known = [
        {
            "recipient": one.recipient,
            **recipient(policy.recipients[one.recipient]),
            "collections": list(one.collections),
            "disclosed": _disclosed(one.disclosures),
        }
        for one in audience.addressees
    ]
    return [*known, *_unknown(policy, audience.unknown)]


def _unknown(policy: Policy, lines: Sequence[Disclosure]) -> list[dict[str, Any]]:
    """Recipients that the log names and the policy does not have."""
    names = sorted({line.recipient for line in lines} - policy.recipients.keys())
    return [
        {
            "recipient": name,
            "category": name,
            "collections": sorted({line.collection for line in lines if line.recipient == name}),
            "disclosed": _disclosed(line for line in lines if line.recipient == name),
        }
        for name in names
    ]


def _disclosed(lines: Iterable[Disclosure]) -> list[dict[str, str]]:
    return [
        {
            "collection": line.collection,
            **({"at": line.disclosed_at.isoformat()} if line.disclosed_at else {}),
        }
        for line in lines
    ]
