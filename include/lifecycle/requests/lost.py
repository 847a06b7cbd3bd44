"""What a restore from a backup took away that no programme can do again: the ledger says that it was, not to whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.holds.register import listing
from lifecycle.policy.model import RequestKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection

    from lifecycle.runs.restoration import Restoration

PLACED = {"hold_placed": "hold", "restriction_placed": "restriction"}
ENDED = {"hold_released": "hold", "restriction_lifted": "restriction"}
CHANGING = (RequestKind.RECTIFICATION, RequestKind.OBJECTION, RequestKind.WITHDRAWAL)
"""Kinds of requests whose answers change something that stands nowhere else; a restriction has its own entry."""
_SINCE = sa.text("""
    SELECT kind, body FROM lifecycle.ledger
    WHERE kind = ANY(:kinds) AND sequence >= :first AND sequence < :first + :entries ORDER BY sequence
""")


@dataclass(kw_only=True)
class Lost:
    """One thing that a person has to do again.

    Attributes:
        kind: ``hold``, ``restriction``, or a kind of request.
        number: under which it stands in the ledger, and in the file of the case.
        to_do: ``place``, ``extend``, ``end`` or ``answer``.
        reason: the word that was given.
        until: when a hold ends.
    """

    kind: str
    number: str
    to_do: str
    reason: str | None = None
    until: str | None = None

    @property
    def keeps(self) -> bool:
        """Whether rows might go, as long as nobody has done it, that have to stay."""
        return self.to_do in {"place", "extend"}

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind,
            "number": self.number,
            "to_do": self.to_do,
            "reason": self.reason,
            "until": self.until,
        }


def lost_by(connection: Connection, restored: Restoration, *, as_of: datetime) -> list[Lost]:
    """What has to be done again by a person, of all that the ledger has and the backup did not know.

    Args:
        connection: sees the whole ledger.
        restored: which entries these are.
        as_of: a hold that is over by now is not placed again.
    """
    bound = {
        "kinds": [*PLACED, *ENDED, "request_done"],
        "first": restored.first_entry,
        "entries": restored.entries,
    }
    entries = connection.execute(_SINCE, bound).all()
    lost = [_ended(one, as_of) if one.to_do == "extend" else one for one in _holds(entries)]
    known = listing(connection, as_of=as_of, all_of_them=True)
    ends = {str(one.hold_id): one.until for one in known if one.released_at is None}
    return [*(one for one in lost if _counts(one, ends, as_of)), *_requests(entries)]


def _ended(lost: Lost, as_of: datetime) -> Lost:
    """A hold whose end was moved: to a moment that has passed, so that somebody has to end it, or to a later one."""
    has_passed = lost.until is not None and datetime.fromisoformat(lost.until) <= as_of
    return replace(lost, to_do="end") if has_passed else lost


def _counts(lost: Lost, ends: Mapping[str, datetime], as_of: datetime) -> bool:
    """Whether there is anything to do: what has ended is not placed again, and nothing is done twice.

    Args:
        lost: a hold or a restriction as it stood last.
        ends: of those that the register has, and nobody has released.
        as_of: now.
    """
    if lost.until is None:
        return lost.to_do != "end" or lost.number in ends
    if lost.to_do == "end":
        return ends.get(lost.number, as_of) > as_of
    until = datetime.fromisoformat(lost.until)
    return until > as_of and ends.get(lost.number) != until


def _holds(entries: Iterable[Any]) -> Iterable[Lost]:
    """Holds and restrictions as they stood last, where the backup has them otherwise."""
    found: dict[str, Lost] = {}
    for entry in entries:
        kind = PLACED.get(entry.kind) or ENDED.get(entry.kind)
        if kind is None:
            continue
        number, known = entry.body[kind], found.get(entry.body[kind])
        is_placed = entry.kind in PLACED
        to_do = "end" if not is_placed else "extend" if entry.body["scope"] == "extension" else "place"
        if known and known.to_do == "place":
            if is_placed:
                known.until = entry.body["until"]
            else:
                del found[number]
            continue
        found[number] = Lost(
            kind=kind,
            number=number,
            to_do=to_do,
            reason=entry.body["reason"],
            until=entry.body.get("until"),
        )
    return found.values()


def _requests(entries: Iterable[Any]) -> Iterator[Lost]:
    """Requests that were answered by a change of which the ledger does not know whom and what it was about."""
    for entry in entries:
        if entry.kind == "request_done" and entry.body["rule"] in CHANGING:
            yield Lost(kind=entry.body["rule"], number=entry.body["request"], to_do="answer")
