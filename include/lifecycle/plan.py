"""A plan: the frozen value between deciding and doing.

A plan names every row it touches: its items hold, batch by batch and collection by collection, how many rows
there are and a SHA-256 over their keys, and the plan's own digest covers all of it, so that what a person
approves by digest is exactly what is carried out. A plan holds no personal data; the keys stay in the store.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """What happens to the rows of an item."""

    CUT = "cut"
    """A reference to a row that goes is set to null, columns named with it are emptied."""
    REDACT = "redact"
    """Columns are emptied, the row stays."""
    MASK = "mask"
    """What mentions somebody in free text is replaced, the rest of the text stays."""
    DELETE = "delete"
    DROP_PARTITION = "drop_partition"
    """A partition goes as a whole; its row count is the database's estimate."""
    DESTROY = "destroy"
    """Documents of an archive go with their keys: those of one financial year, of one generation, as a whole."""
    DISCLOSE = "disclose"
    """Rows are read for the subject, nothing changes."""
    RECTIFY = "rectify"
    """Columns take a value that a request brings."""
    RECORD = "record"
    """A row that says the subject's wish is inserted, and refers to the row by the item's edge."""
    SET = "set"
    """Columns take a value that the policy names."""
    RESTRICT = "restrict"
    """A restriction covers the rows, nothing changes."""


HANDLED = frozenset(
    {Action.DISCLOSE, Action.RECTIFY, Action.RECORD, Action.SET, Action.RESTRICT, Action.DESTROY}
)
"""What is done by whoever made the plan: the door alone does not know how."""
WHEREVER_HELD = frozenset({Action.DISCLOSE, Action.RECORD, Action.RESTRICT})
"""What is done to rows that a hold or a restriction covers, too."""
WHEREVER_RESTRICTED = frozenset({Action.RECTIFY, Action.SET})
"""What is done to rows that a restriction covers, too, since the subject asks for both; a hold keeps from it."""


GONE = frozenset({Action.DELETE, Action.DROP_PARTITION, Action.DESTROY})
"""What leaves nothing of a row."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One action on rows of one collection in one batch.

    Attributes:
        sha256: over the arrays of keys and links as PostgreSQL writes them, joined by a line feed; for a partition
            over its name and upper bound, for documents of an archive over what the register has of them.
        edge: the reference that is cut.
        partition: the partition that is dropped, or which documents of an archive are destroyed.
        is_root: the rows are due by themselves, not because of a row they belong to.
    """

    batch: int
    position: int
    collection: str
    action: Action
    rows: int
    sha256: str
    columns: tuple[str, ...] = ()
    edge: str | None = None
    partition: str | None = None
    is_root: bool = False


@dataclass(frozen=True, kw_only=True)
class Relied:
    """Due rows of one collection that a batch relies on: rows that belong to them go in it, they do not.

    Attributes:
        sha256: over the arrays of keys as PostgreSQL writes them, joined by a line feed.
    """

    batch: int
    collection: str
    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Rows that are due and stay all the same, and why.

    Attributes:
        reason: ``hold``, ``restriction``, ``statutory`` or ``needed`` (by a row that stays).
        source: number of the hold, or name of the duty.
        until: last day on which the reason counts; None where it is not known.
    """

    collection: str
    reason: str
    source: str
    until: date | None
    rows: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one rule does at one date, or for one request, and what it leaves alone.

    Attributes:
        rule: of the policy; for a request its kind.
        request: whose number it has; None for a rule.
        policy_digest: of the policy's file; a plan is carried out under the policy it was made under, or not at all.
        last_event_day: the greatest day of an event whose rows are due; None where nothing can be.
        stored: rows of each collection the rule applies to, as the database estimates them; the guard's
            measure for shares.
        attempt: 1 for the first plan of a rule and moment; one made after that has ended counts on, so that
            no two plans share a digest, however alike they are.
        brings: keyed fingerprints of the values that a request brings with it, which the digest so covers.
    """

    rule: str
    commitments: tuple[str, ...]
    policy_version: str
    policy_digest: str
    as_of: datetime
    interval_days: int
    last_event_day: date | None
    items: tuple[Item, ...]
    kept: tuple[Kept, ...]
    stored: Mapping[str, int]
    attempt: int = 1
    relies: tuple[Relied, ...] = ()
    request: UUID | None = None
    brings: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON document, as hexadecimal digits."""
        return sha256(self.canonical().encode()).hexdigest()

    @property
    def is_empty(self) -> bool:
        """Whether it does nothing."""
        return not self.items

    @property
    def batches(self) -> tuple[int, ...]:
        """Numbers of its batches, in order."""
        return tuple(sorted({item.batch for item in self.items}))

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows by collection and action."""
        totals: Counter[tuple[str, str]] = Counter()
        for item in self.items:
            totals[item.collection, item.action.value] += item.rows
        found: dict[str, dict[str, int]] = {}
        for (collection, action), rows in sorted(totals.items()):
            found.setdefault(collection, {})[action] = rows
        return found

    def deleted_along(self, collection: str) -> int:
        """Rows of a collection that are not due by themselves and are deleted with what they belong to."""
        return sum(
            item.rows
            for item in self.items
            if item.collection == collection and item.action is Action.DELETE and not item.is_root
        )

    def gone(self) -> int:
        """Rows that it deletes, those of dropped partitions as estimated, and documents that it destroys."""
        return sum(item.rows for item in self.items if item.action in GONE)

    def emptied(self) -> int:
        """Rows that it leaves with less than they had."""
        return sum(item.rows for item in self.items if item.action in {Action.REDACT, Action.MASK})

    def document(self) -> dict[str, Any]:
        """The plan as JSON-ready values; the digest is over this."""
        return {
            "as_of": self.as_of.isoformat(),
            "attempt": self.attempt,
            "commitments": list(self.commitments),
            "interval_days": self.interval_days,
            "items": [_json_ready(asdict(item)) for item in self.items],
            "kept": [_json_ready(asdict(kept)) for kept in self.kept],
            "last_event_day": self.last_event_day.isoformat() if self.last_event_day else None,
            "policy_digest": self.policy_digest,
            "policy_version": self.policy_version,
            "relies": [asdict(relied) for relied in self.relies],
            "rule": self.rule,
            "stored": dict(self.stored),
            **({"request": str(self.request)} if self.request else {}),
            **({"brings": list(self.brings)} if self.brings else {}),
        }

    def canonical(self) -> str:
        """The document as one canonical line: keys sorted, no spaces, UTF-8."""
        return json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """The plan a document was made from."""
        last = document["last_event_day"]
        return cls(
            rule=document["rule"],
            commitments=tuple(document["commitments"]),
            policy_version=document["policy_version"],
            policy_digest=document["policy_digest"],
            as_of=datetime.fromisoformat(document["as_of"]),
            interval_days=document["interval_days"],
            last_event_day=date.fromisoformat(last) if last else None,
            items=tuple(
                Item(**{**item, "action": Action(item["action"]), "columns": tuple(item["columns"])})
                for item in document["items"]
            ),
            kept=tuple(
                Kept(**{**kept, "until": date.fromisoformat(kept["until"]) if kept["until"] else None})
                for kept in document["kept"]
            ),
            stored=dict(document["stored"]),
            attempt=document["attempt"],
            relies=tuple(Relied(**relied) for relied in document["relies"]),
            request=UUID(document["request"]) if "request" in document else None,
            brings=tuple(document.get("brings", ())),
        )


def _json_ready(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat()
        if isinstance(value, date)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }
