"""After a restore from a backup: every erasure that the backup does not know is done again (G1, R7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.errors import ApprovalRequired, CheckFailed
from lifecycle.execute.ending import abandon_plan
from lifecycle.ledger.book import append, tree_size
from lifecycle.operators import require_name
from lifecycle.planning.items import find_open_of_request
from lifecycle.requests import packages
from lifecycle.requests.lost import lost_by
from lifecycle.requests.register import State, note
from lifecycle.requests.returning import Returning
from lifecycle.requests.steps import resume, unfinished
from lifecycle.requests.subject import forget
from lifecycle.requests.tables import request, suppression
from lifecycle.runs import restoration
from lifecycle.runs.restoration import Restoration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.requests.lost import Lost
    from lifecycle.runs.company import Company

_ERASURES = sa.text("""
    SELECT as_of, body FROM lifecycle.ledger
    WHERE kind = 'request_done' AND body ->> 'rule' = 'erasure'
      AND (as_of >= :since OR (sequence >= :first AND sequence < :first + :entries))
    ORDER BY sequence
""")
_ENDED = sa.text("""
    SELECT sequence, kind, as_of, body FROM lifecycle.ledger
    WHERE kind IN ('request_done', 'request_refused') AND sequence >= :first AND sequence < :first + :entries
    ORDER BY sequence
""")
_HANDED_OUT = sa.text("""
    SELECT sequence, kind, body FROM lifecycle.ledger
    WHERE kind IN (:fetched, :shown) AND sequence >= :first AND sequence < :first + :entries
    ORDER BY sequence
""")
_PLACED_SINCE = sa.text("""
    SELECT count(*) FROM lifecycle.ledger
    WHERE kind IN ('hold_placed', 'restriction_placed') AND sequence >= :next
""")


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What has to be done again after a restore, before any of it is done.

    Attributes:
        entries: of the ledger that the backup did not have; put back already.
        erasures: that are done again.
        to_do: what the backup does not know, and only a person can do again.
        placed_since: holds and restrictions that were placed since the ledger was whole again.
        packages: that the backup brought back, and that were destroyed already: they may have been fetched since.
    """

    entries: int
    erasures: int
    to_do: tuple[Lost, ...]
    placed_since: int
    packages: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do again, and nothing that a person should know."""
        return not (self.erasures or self.to_do)

    def to_json(self) -> dict[str, Any]:
        """Counts, numbers and words."""
        return {
            "entries": self.entries,
            "erasures": self.erasures,
            "to_do": [one.to_json() for one in self.to_do],
            "placed_since": self.placed_since,
            "packages": self.packages,
        }


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a replay did.

    Attributes:
        entries: of the ledger that the backup did not have.
        requests: erasures that were looked at.
        rows: rows of erased subjects that were found, and were erased as far as nothing keeps them.
        to_do: what a person has to do again after this restore, and after earlier ones as far as that can be known:
            holds and restrictions to place, extend or end, and requests to answer. What they were about stands nowhere
            else.
        packages: that the backup had brought back, and that were destroyed: whoever has not fetched asks again.
    """

    entries: int
    requests: int
    rows: int
    to_do: tuple[Lost, ...]
    packages: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "entries": self.entries,
            "requests": self.requests,
            "rows": self.rows,
            "to_do": [one.to_json() for one in self.to_do],
            "packages": self.packages,
        }


def put_back(company: Company, *, as_of: datetime) -> int:
    """Put the ledger's lost entries back; returns how many. Until :func:`replay` only holds can be placed.

    Packages that wait to be fetched are destroyed at once: the page would hand them out a second time.

    Raises:
        PromiseBroken: the ledger and its copy have different entries at one place.
    """
    with company.engine.begin() as connection:
        entries = restoration.put_back(connection, company.ledger_copy, as_of=as_of)
        if entries:
            packages.withdraw(connection, as_of=as_of)
        return entries


def survey(company: Company, *, since: datetime, as_of: datetime) -> Survey:
    """What has to be done again, in counts; nothing is done.

    Args:
        company: opened; its ledger is whole again.
        since: when the backup was made.
        as_of: now.
    """
    with company.engine.connect() as connection:
        restored = _restored(connection)
        to_do = lost_by(connection, restored, as_of=as_of)
        after = {"next": restored.first_entry + restored.entries}
        return Survey(
            entries=restored.entries,
            erasures=len(_erasures(connection, restored, since)),
            to_do=tuple(to_do),
            placed_since=int(connection.scalar(_PLACED_SINCE, after) or 0),
            packages=_withdrawn(connection, restored),
        )


def replay(
    company: Company, *, since: datetime, replayed_by: str, as_of: datetime, are_held_again: bool = False
) -> Replayed:
    """Put the ledger's lost entries back, and erase again whom was erased since the backup. Safe to repeat.

    Args:
        company: opened, without asking whether its ledger is complete.
        since: when the backup was made.
        replayed_by: who approves what is erased again; each plan stays among those rows.
        as_of: now.
        are_held_again: holds and restrictions that the backup does not know were placed again, as far as they shall.

    Raises:
        PromiseBroken: the ledger and its copy have different entries at one place.
        ApprovalRequired: holds were lost, and nobody says that they were placed again.
        LifecycleError: a plan could not be carried out; run again, it goes on.
    """
    require_name(replayed_by)
    put_back(company, as_of=as_of)
    found = survey(company, since=since, as_of=as_of)
    if not are_held_again:
        _require_held(found)
    with company.engine.begin() as connection:
        restored = _restored(connection)
        erasures = _erasures(connection, restored, since)
        for ended in _ended(connection, restored):
            _end_again(connection, ended)
            _give_up_plan(connection, ended.body["request"], as_of=as_of)
        withdrawn = _withdraw(connection, restored, as_of=as_of)
        for erasure in erasures:
            _suppress(connection, erasure.body, erasure.as_of)
        flagged = _flag(company, connection, erasures, as_of=as_of)
        for request_id, rows in flagged.items():
            note(connection, request_id, "replayed", as_of=as_of, by_whom=replayed_by, rows=rows)
        waiting = unfinished(connection)
    for request_id in waiting:
        resume(company, request_id, as_of=as_of, approved_by=replayed_by)
    rows = sum(flagged.values())
    with company.engine.begin() as connection:
        _require_none_left(_flag(company, connection, erasures, as_of=as_of))
        restoration.finish(connection, as_of=as_of)
        append(connection, "erasures_replayed", {"starts": since, "rows": rows}, as_of=as_of)
        to_do = [
            one
            for restored in restoration.finished(connection)
            for one in lost_by(connection, restored, as_of=as_of)
        ]
    return Replayed(
        entries=found.entries,
        requests=len(erasures),
        rows=rows,
        to_do=tuple(to_do),
        packages=withdrawn,
    )


def _restored(connection: Connection) -> Restoration:
    """The restore that is under way; one that took nothing away, where there is none."""
    nothing = Restoration(first_entry=tree_size(connection), entries=0)
    return restoration.unfinished(connection) or nothing


def _erasures(connection: Connection, restored: Restoration, since: datetime) -> Sequence[Any]:
    bound = {"since": since, "first": restored.first_entry, "entries": restored.entries}
    return connection.execute(_ERASURES, bound).all()


def _flag(
    company: Company, connection: Connection, erasures: Sequence[Any], *, as_of: datetime
) -> dict[UUID, int]:
    """Leave the rows of whom these erasures erased to be erased again; how many are new, by request."""
    rulebook = company.rulebook(as_of)
    erased = {one: erasure.body["request"] for erasure in erasures for one in erasure.body["subjects"]}
    reached = rulebook.erasure
    roots = (*reached.deletion.roots, *reached.redaction.roots, *reached.masking.roots)
    return Returning(connection, rulebook, company.keys, erased).flag(roots)


def _withdraw(connection: Connection, restored: Restoration, *, as_of: datetime) -> int:
    """Destroy the packages that the backup brought back, those of requests too that are known again to have ended.

    Returns how many, with those that were destroyed when the ledger was put back.
    """
    bound = {
        "fetched": packages.FETCHED,
        "shown": packages.SHOWN,
        "first": restored.first_entry,
        "entries": restored.entries,
    }
    for handed in connection.execute(_HANDED_OUT, bound):
        number = handed.body["request"]
        packages.note_entered(connection, number, handed.kind, handed.sequence, as_of=as_of)
    withdrawn = len(packages.withdraw(connection, as_of=as_of))
    return _withdrawn(connection, restored) or withdrawn


def _withdrawn(connection: Connection, restored: Restoration) -> int:
    if restored.put_back_at is None:
        return 0
    return packages.count_withdrawn(connection, since=restored.put_back_at)


def _require_held(found: Survey) -> None:
    """No hold is lost that would keep a row from being erased.

    Raises:
        ApprovalRequired: some are.
    """
    lost = [f"{one.kind} {one.number} ({one.reason}): {one.to_do}" for one in found.to_do if one.keeps]
    if lost:
        raise ApprovalRequired(
            f"the backup does not know what may keep rows: {', '.join(lost)}",
            place="restored database",
            next_step="place what still counts (lifecycle hold place), then replay again with --held-again",
        )


def _require_none_left(left: dict[UUID, int]) -> None:
    if left:
        raise CheckFailed(
            f"rows of erased subjects are left: {sum(left.values())}",
            place="restored database",
            next_step="the application wrote meanwhile; replay again",
        )


def _ended(connection: Connection, restored: Restoration) -> Sequence[Any]:
    """Requests that were answered or refused, and of which the backup does not know it."""
    bound = {"first": restored.first_entry, "entries": restored.entries}
    return connection.execute(_ENDED, bound).all()


def _end_again(connection: Connection, ended: Any) -> None:
    """A request that the backup does not know, or knows as open, has ended; whom it was about is forgotten."""
    body, is_done = ended.body, ended.kind == "request_done"
    how = {
        "state": State.DONE.value if is_done else State.REFUSED.value,
        "refusal_reason": None if is_done else body["reason"],
        "closed_at": ended.as_of,
        "entry_sequence": ended.sequence,
    }
    unknown = {
        "request_id": body["request"],
        "kind": body["rule"],
        "tenant": body.get("collection"),
        "received_at": ended.as_of,
        "opened_by": "replay",
        "due_on": ended.as_of.date(),
        "verified_by": "replay",
        "verified_how": "replay",
    }
    verified = {name: sa.func.coalesce(request.c[name], "replay") for name in ("verified_by", "verified_how")}
    connection.execute(postgresql.insert(request).values({**unknown, **how}).on_conflict_do_nothing())
    connection.execute(
        sa.update(request)
        .values({**how, **verified})
        .where(request.c.request_id == body["request"], request.c.closed_at.is_(None))
    )
    forget(connection, body["request"])


def _suppress(connection: Connection, body: dict[str, Any], erased_at: datetime) -> None:
    """Whom an erasure was about is known by fingerprint."""
    erased = {
        "request_id": body["request"],
        "erased_at": erased_at,
        "tenant": body.get("collection"),
    }
    known = [{"fingerprint": fingerprint, **erased} for fingerprint in body["subjects"]]
    if known:
        connection.execute(postgresql.insert(suppression).on_conflict_do_nothing(), known)


def _give_up_plan(connection: Connection, request_id: UUID, *, as_of: datetime) -> None:
    """A plan that waits in the backup was made when it was known whom the request is about."""
    stored = find_open_of_request(connection, request_id)
    if stored:
        abandon_plan(connection, stored, reason="superseded", as_of=as_of)
