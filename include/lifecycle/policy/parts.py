"""Parts of the system that a commitment may name as what keeps it (``kept_by``) where no rule does."""

from __future__ import annotations

PARTS = {
    "datamap": "the data map: every table and column described, compared with the live schema before a run",
    "edges": "edges: whom each row belongs to, so that nothing of anybody else goes along",
    "guards": "the guard: more than the policy allows is not deleted before a person approves",
    "holds": "holds and restrictions: reasoned, time-limited, asked again inside every deleting statement",
    "ledger": "the ledger: what was done, tamper-evident and signed",
    "outbox": "the outbox: recipients are told of an erasure, correction or restriction until they acknowledge it",
    "policy versions": "versions of the policy: the one in force at its date counts, plans and receipts name it",
    "purposes": "purposes: each use with its lawful basis, checked against the data map",
    "recipients": "recipients: each with region and safeguard, checked before a run",
    "releases": "releases: numbers with noise in which nobody can be found, each period once, within a budget",
    "roles": "database roles: each has only what it needs",
}
"""Name to what it does."""
