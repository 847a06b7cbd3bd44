"""What may stand in a ledger entry, and the one way its bytes are written.

An entry outlives the data it speaks of, so it must not hold any: no names, addresses or free text, only ids,
digests, counts, dates and words from the policy. That is not searched for afterwards but built in: an entry
is made of the fields in :data:`FIELDS`, each of which takes one shape of value and nothing else. See
docs/adr/0023.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from lifecycle.datamap.model import SCHEMA_OR_TABLE
from lifecycle.errors import UsageError
from lifecycle.ledger.merkle import leaf_hash

FORMAT = 1
LARGEST_COUNT = 2**53 - 1  # what every JSON reader holds exactly (RFC 7493)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_KEY_NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")
_COLLECTION = re.compile(rf"{SCHEMA_OR_TABLE}\.{SCHEMA_OR_TABLE}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One kind of value a field may hold.

    Attributes:
        meaning: what to put there, for error messages.
        read: the value as it stands in JSON; raises ``ValueError`` for anything that has not this shape.
    """

    meaning: str
    read: Callable[[Any], Any]


def _text(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return str(value)
        raise ValueError

    return read


def _count(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT:
        return int(value)
    raise ValueError


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


def _identifier(value: Any) -> str:
    """A UUID in its canonical spelling; a number could be a person's key in the company's own tables."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and str(UUID(value)) == value:
        return value
    raise ValueError


def _day(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value).isoformat()
    raise ValueError


def _instant(value: Any) -> str:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return instant_text(value)
    raise ValueError


def _list_of(shape: Shape) -> Shape:
    def read(value: Any) -> list[Any]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise ValueError  # noqa: TRY004 - every wrong shape raises the same, whatever its type
        return [shape.read(item) for item in value]

    return Shape(meaning=f"a list, each {shape.meaning}", read=read)


def _record(**fields: Shape) -> Shape:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not value.keys() <= fields.keys():
            raise ValueError
        return {name: fields[name].read(value[name]) for name in value}

    return Shape(meaning=f"with only {', '.join(sorted(fields))}", read=read)


DIGEST = Shape(meaning="a SHA-256 digest or keyed fingerprint, 64 hexadecimal digits", read=_text(_DIGEST))
WORD = Shape(meaning="a word of the policy or the project: letters, digits, _ and -", read=_text(_WORD))
COLLECTION = Shape(meaning="schema.table", read=_text(_COLLECTION))
KEY_NAME = Shape(meaning="the name of a key", read=_text(_KEY_NAME))
COUNT = Shape(meaning="a whole number from 0", read=_count)
FLAG = Shape(meaning="true or false", read=_flag)
IDENTIFIER = Shape(meaning="a UUID of the control schema", read=_identifier)
DAY = Shape(meaning="a day, YYYY-MM-DD", read=_day)
INSTANT = Shape(meaning="a date and time with its offset from UTC", read=_instant)

FIELDS: Mapping[str, Shape] = {
    "action": WORD,
    "approved_by": DIGEST,
    "archive": WORD,
    "attempts": COUNT,
    "by": DIGEST,
    "check": WORD,
    "collection": COLLECTION,
    "collections": _list_of(_record(collection=COLLECTION, action=WORD, rows=COUNT)),
    "commitments": _list_of(WORD),
    "digest": DIGEST,
    "due": DAY,
    "feed": WORD,
    "first_day": DAY,
    "hold": IDENTIFIER,
    "kept": _list_of(_record(collection=COLLECTION, reason=WORD, rows=COUNT, until=DAY)),
    "key": KEY_NAME,
    "key_id": DIGEST,
    "last_day": DAY,
    "notice": IDENTIFIER,
    "notice_kind": WORD,
    "outcome": WORD,
    "part": COUNT,
    "passed": FLAG,
    "plan": DIGEST,
    "policy_version": DAY,
    "purpose": WORD,
    "reason": WORD,
    "recipient": WORD,
    "release": WORD,
    "repaired": COUNT,
    "request": IDENTIFIER,
    "restriction": IDENTIFIER,
    "retain_until": DAY,
    "rho_millionths": COUNT,
    "row": DIGEST,
    "rows": COUNT,
    "rule": WORD,
    "scope": WORD,
    "starts": INSTANT,
    "subject": DIGEST,
    "subjects": _list_of(DIGEST),
    "until": INSTANT,
    "year_end": DAY,
}

KINDS: Mapping[str, frozenset[str]] = {
    "policy_adopted": frozenset({"policy_version", "digest"}),
    "plan_approved": frozenset({"plan", "approved_by"}),
    "plan_refused": frozenset({"plan", "reason"}),
    "plan_executed": frozenset({"plan", "collections"}),
    "plan_verified": frozenset({"plan", "check", "passed"}),
    "hold_placed": frozenset({"hold", "scope", "reason", "until"}),
    "hold_released": frozenset({"hold", "reason"}),
    "restriction_placed": frozenset({"restriction", "scope", "reason"}),
    "restriction_lifted": frozenset({"restriction", "reason"}),
    "request_received": frozenset({"request", "rule"}),
    "request_done": frozenset({"request", "rule", "digest", "subjects"}),
    "request_refused": frozenset({"request", "rule", "digest", "reason"}),
    "package_fetched": frozenset({"request"}),
    "passphrase_shown": frozenset({"request"}),
    "erasures_replayed": frozenset({"starts", "rows"}),
    "deletion_noticed": frozenset({"rule", "row", "due"}),
    "deletion_announced": frozenset({"rule", "row", "due"}),
    "deletion_cancelled": frozenset({"rule", "row", "reason"}),
    "recipient_told": frozenset({"notice", "recipient", "notice_kind", "request", "attempts"}),
    "recipient_not_told": frozenset({"notice", "recipient", "notice_kind", "request", "attempts", "outcome"}),
    "notice_resent": frozenset({"notice", "recipient", "notice_kind", "request", "reason", "by"}),
    "notice_settled": frozenset({"notice", "recipient", "notice_kind", "request", "reason", "by"}),
    "notice_opened": frozenset({"notice", "recipient", "notice_kind", "request", "reason", "by"}),
    "archive_destroyed": frozenset({"archive", "year_end", "part", "digest", "rows", "retain_until"}),
    "archive_verified": frozenset({"archive", "rows", "repaired", "passed"}),
    "archive_written": frozenset({"archive", "year_end", "part", "digest", "rows", "retain_until"}),
    "release_drawn": frozenset(
        {"release", "feed", "first_day", "last_day", "digest", "rows", "rho_millionths"}
    ),
    "release_failed": frozenset({"release", "feed", "first_day", "last_day", "reason", "rho_millionths"}),
    "release_lost": frozenset({"release", "first_day", "last_day", "reason", "by"}),
    "key_created": frozenset({"key", "purpose", "key_id"}),
    "key_destroyed": frozenset({"key", "purpose", "key_id"}),
}
"""The kinds of entries, each with the fields it must have; it may have any other of :data:`FIELDS` too."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger.

    Attributes:
        sequence: its place, from 0.
        kind: one of :data:`KINDS`.
        as_of: when it was done, as the run understood time; in UTC.
        body: its fields, in their JSON form.
        payload: the bytes that are hashed.
    """

    sequence: int
    kind: str
    as_of: datetime
    body: Mapping[str, Any]
    payload: bytes

    @property
    def leaf_hash(self) -> bytes:
        """The entry's leaf in the tree, 32 bytes."""
        return leaf_hash(self.payload)

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON, its leaf hash in hexadecimal."""
        return {
            "sequence": self.sequence,
            "kind": self.kind,
            "as_of": instant_text(self.as_of),
            "body": dict(self.body),
            "leaf_hash": self.leaf_hash.hex(),
        }

    @classmethod
    def from_payload(cls, payload: bytes) -> Entry:
        """Read what :func:`seal` wrote.

        Raises:
            ValueError: these bytes are no entry.
        """
        try:
            content = json.loads(payload)
            return cls(
                sequence=_count(content["sequence"]),
                kind=WORD.read(content["kind"]),
                as_of=datetime.fromisoformat(content["as_of"]),
                body=dict(content["body"]),
                payload=payload,
            )
        except (KeyError, TypeError, ValueError, RecursionError):
            raise ValueError("these bytes are no ledger entry") from None


def checked_body(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body in its JSON form, if every field of it may stand in the ledger.

    The message of an error names fields of the vocabulary only, never what was given.

    Raises:
        UsageError: an unknown kind or field, a missing one, or a value that has not its field's shape.
    """
    if kind not in KINDS:
        raise _refused("", "There is no such kind of entry.", f"Use one of: {', '.join(KINDS)}.")
    if not body.keys() <= FIELDS.keys():
        raise _refused(
            kind, "It has a field outside the vocabulary.", f"Use only: {', '.join(sorted(FIELDS))}."
        )
    if missing := sorted(KINDS[kind] - body.keys()):
        raise _refused(kind, f"It lacks {', '.join(missing)}.", "Say all that makes the entry a proof.")
    return {name: _read(kind, name, value) for name, value in body.items()}


def seal(sequence: int, kind: str, body: Mapping[str, Any], as_of: datetime) -> bytes:
    """The entry's bytes: JSON in UTF-8 with sorted keys, no blanks and no fractions (as RFC 8785 would have).

    Args:
        sequence: the place it will stand at.
        kind: one of :data:`KINDS`.
        body: what :func:`checked_body` returned.
        as_of: an aware datetime.

    Raises:
        UsageError: ``as_of`` has no offset from UTC.
    """
    content = {
        "as_of": instant_text(as_of),
        "body": body,
        "format": FORMAT,
        "kind": kind,
        "sequence": sequence,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def instant_text(instant: datetime) -> str:
    """An aware datetime in UTC as ISO 8601 with ``Z``; microseconds only where there are any.

    Raises:
        UsageError: it has no offset from UTC, so it says a different time on every machine.
    """
    if instant.utcoffset() is None:
        raise _refused("", "A date and time has no time zone.", "Give a datetime with its offset from UTC.")
    return instant.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _read(kind: str, name: str, value: Any) -> Any:
    try:
        return FIELDS[name].read(value)
    except (ValueError, TypeError, UsageError):
        raise _refused(
            kind, f"Its field {name} does not hold {FIELDS[name].meaning}.", "No other value may stand there."
        ) from None


def _refused(kind: str, message: str, next_step: str) -> UsageError:
    return UsageError(message, place=f"ledger entry {kind}".strip(), next_step=next_step)
