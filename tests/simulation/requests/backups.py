"""What a restore takes away, and what is done again after it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulation.history import Hold
from simulation.requests.asked import Missing
from simulation.requests.erasure import GOES, Erased, resume
from simulation.requests.whom import mentioning, named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from simulation.books.written import Document
    from simulation.history import Stop
    from simulation.releases.register import Register
    from simulation.requests.asked import Asked, Desk
    from simulation.tables import Key, Snapshot
    from simulation.world import Notice, World

CHANGES = ("rectification", "objection", "withdrawal")
"""Kinds of requests whose answers change what stands nowhere else."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """Everything that stood in the database."""

    at: datetime
    rows: Snapshot
    days: Mapping[str, set[date]]
    holds: Mapping[int, Hold]
    notices: Mapping[Key, Notice]
    written: Mapping[Key, tuple[Document, ...]]
    stops: Mapping[tuple[int, str], Stop]
    register: Register
    desk: Desk

    @classmethod
    def of(cls, world: World, at: datetime) -> Backup:
        """As it is now."""
        return cls(
            at=at,
            rows={table: dict(rows) for table, rows in world.rows.items()},
            days={table: set(days) for table, days in world.days.items()},
            holds=dict(world.holds),
            notices=dict(world.notices),
            written=dict(world.written),
            stops=dict(world.stops),
            register=world.register.copy(),
            desk=world.desk.copy(),
        )


def restore(world: World, backup: Backup, as_of: datetime) -> Missing:
    """Everything is as it was; what was answered since is known by the ledger. Returns what a person has to do."""
    since, holds = world.desk, dict(world.holds)
    _put_back(world, backup)
    answers = Counter[str]()
    for number, asked in since.requests.items():
        before = world.desk.requests.get(number)
        if not asked.is_open and (before is None or before.is_open):
            world.desk.requests[number] = _known_again(asked)
            answers[asked.kind] += asked.state == "done" and asked.kind in CHANGES
        elif before and before.package:
            world.desk.requests[number] = replace(before, package=None, is_withdrawn=True)
    missing = replace(_missing(world, backup, holds, as_of), answers=+answers)
    world.holds |= {**missing.holds, **missing.moved}
    return missing


def end(world: World, missing: Missing, as_of: datetime) -> None:
    """Holds that had been released are released again; a restriction whose time is over ends by itself."""
    for number in missing.ended:
        hold = world.holds[number]
        if hold.request is None or hold.is_active(as_of):
            world.holds[number] = replace(hold, is_released=True)


def replay(world: World, backup: Backup, as_of: datetime) -> list[Erased]:
    """Whoever was erased since the backup is erased again."""
    for asked in world.desk.requests.values():
        is_since = asked.state == "done" and asked.done_at and asked.done_at >= backup.at
        if is_since and asked.kind == "erasure":
            rows = named(world, asked.known, asked.rows, asked.tenant)
            asked.left |= {(name, "delete") for name in rows if name[0] in GOES}
            asked.left |= {(name, "empty") for name in rows if name[0] == "app.invoice"}
            named_rows = {name for name, what in asked.left if what == "delete"}
            asked.left |= {
                (name, "mask")
                for name in mentioning(world, asked.known, asked.tenant)
                if name not in named_rows
            }
    return resume(world, as_of)


def _put_back(world: World, backup: Backup) -> None:
    for table, rows in world.rows.items():
        for key in list(rows):
            world.remove(table, key)
    for table, rows in backup.rows.items():
        for key, row in rows.items():
            world.put(table, key, row)
    world.days = {table: set(days) for table, days in backup.days.items()}
    world.holds, world.notices = dict(backup.holds), dict(backup.notices)
    world.stops, world.desk = dict(backup.stops), backup.desk.copy()
    world.written = dict(backup.written)
    world.register.restored(backup.register)


def _known_again(asked: Asked) -> Asked:
    """A request that was ended since: whom it was about is known by fingerprint, and what was left is found anew."""
    return replace(asked, left=set(), package=None)


def _missing(world: World, backup: Backup, holds: Mapping[int, Hold], as_of: datetime) -> Missing:
    placed, ended, moved, lost = {}, set(), {}, list[Hold]()
    for number, hold in holds.items():
        before = backup.holds.get(number)
        if before is None and hold.is_active(as_of):
            targets = frozenset(target for target in hold.targets if world.can_be_held(target))
            lost.append(hold)
            if targets or hold.subjects:
                placed[number] = replace(hold, targets=targets, request=None)
        elif before and (_is_released_since(before, hold) or _is_over_since(before, hold, as_of)):
            ended.add(number)
        elif before and before.until != hold.until and hold.is_active(as_of):
            moved[number] = hold
    told = Counter(one.kind for one in (*lost, *_lost_before(world, backup, as_of)))
    world.lost += [(backup.at, one) for one in lost]
    return Missing(holds=placed, ended=frozenset(ended), moved=moved, lost=told)


def _is_released_since(before: Hold, hold: Hold) -> bool:
    return hold.is_released and not before.is_released


def _is_over_since(before: Hold, hold: Hold, as_of: datetime) -> bool:
    """Whether its end was moved and has come by now, and the backup has a later one."""
    return before.is_active(as_of) and hold.until <= as_of


def _lost_before(world: World, backup: Backup, as_of: datetime) -> list[Hold]:
    """Holds that an earlier restore took away: the ledger knows them by numbers that nothing has any more."""
    return [one for since, one in world.lost if since >= backup.at and one.until > as_of]
