"""The promise of an erasure: nothing of the subject is left that nobody may keep, and nobody else lost anything.

Somebody is looked for by the letters and digits alone, wherever they stand in a row: not by columns, not by kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.history import Answer, Restore, SeeTo
from simulation.watch.cover import Cover, active, owners
from simulation.watch.letters import WRITTEN, speaks_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from simulation.history import Asking
    from simulation.requests.asked import Asked
    from simulation.tables import Name, Row, Snapshot
    from simulation.watch.watch import Before
    from simulation.world import World

_IMPORTED = ("app.person", "app.contact")
_LETTING_GO = {
    *("visitor_id", "enquiry_id", "manager_person_id", "author_contact_id", "customer_id", "contract_id"),
    *("renews_contract_id", "credited_invoice_id", "contact_name", "contact_email"),
}
"""Columns that may lose their value when a row that they speak of goes."""


def watch_erasure(event: Asking, before: Before, world: World) -> None:
    """Ask after an erasure, or whatever does one again.

    Raises:
        Broken: left, or collateral.
    """
    done = (one for one in world.desk.requests.values() if one.state == "done")
    answered = [one for one in done if one.kind == "erasure"]
    if isinstance(event, Answer) and (asked := world.desk.requests[event.request]).kind == "erasure":
        _nothing_left(world, [asked], None, event)
        _nothing_else(before.rows, world, [asked], event)
    elif isinstance(event, SeeTo):
        _nothing_left(world, answered, _IMPORTED, event)
        _nothing_else(before.rows, world, answered, event, before.left)
    elif isinstance(event, Restore):
        backup = world.backups[event.backup]
        since = [one for one in answered if one.done_at and one.done_at >= backup.at]
        _nothing_left(world, since, None, event)
        left = {name for one in backup.desk.requests.values() for name, _ in one.left}
        _nothing_else(world.restored, world, answered, event, left)


def _nothing_left(
    world: World, answered: Iterable[Asked], tables: tuple[str, ...] | None, event: Asking
) -> None:
    """Rows that say something of the subject are held, or a held row needs them."""
    cover = Cover(world.rows, active(world, event.at))
    left = [
        f"{table} {key} says something of who was erased: {row}"
        for asked in answered
        for table, rows in world.rows.items()
        if tables is None or table in tables
        for key, row in rows.items()
        if speaks_of(row, asked.subjects)
        and _is_meant((table, key), row, asked)
        and not cover.excuses((table, key))
    ]
    left += [
        f"{table} {key} was named by its key and is there"
        for asked in answered
        if tables is None
        for table, key in asked.rows
        if world.find((table, key)) is not None and not cover.excuses((table, key))
    ]
    if left:
        raise Broken("left", f"after {event}: {'; '.join(left)}", late=len(left))


def _is_meant(name: Name, row: Row, asked: Asked) -> bool:
    """Whether a row is of the one customer that is meant, where one is; texts may be of two, and are left alone."""
    if asked.tenant is None:
        return True
    return name[0] in {*_IMPORTED, "app.invoice"} and row["customer_id"] == asked.tenant


def _nothing_else(
    rows: Snapshot,
    world: World,
    answered: Iterable[Asked],
    event: Asking,
    left: Collection[Name] = frozenset(),
) -> None:
    """What is gone was the subject's or part of it; what changed has lost a reference, a name or a mention.

    What was the subject's when it was erased, and had to stay (``left``), may be about somebody else since.
    """
    answered = list(answered)
    collateral = []
    for table, there in rows.items():
        for key, row in there.items():
            after = world.find((table, key))
            if after is None:
                parts = list(owners(rows, (table, key)))
                if not any(part in left or _was_asked_for(rows, part, answered) for part in parts):
                    collateral.append(f"{table} {key} is gone, and nobody asked for it: {row}")
            elif after is not row:
                collateral += [f"{table} {key}: {one}" for one in _changes(row, after)]
    if collateral:
        raise Broken("collateral", f"after {event}: {'; '.join(collateral)}", early=len(collateral))


def _was_asked_for(rows: Snapshot, name: Name, answered: Iterable[Asked]) -> bool:
    row = rows[name[0]][name[1]]
    return any(
        name in asked.rows
        or speaks_of(row, asked.subjects)
        or any(
            ("visitor_id", row.get("visitor_id")) == one or name == ("website.visitor", one[1])
            for one in asked.known
            if one[0] == "visitor_id"
        )
        for asked in answered
    )


def _changes(before: Row, after: Row) -> Iterator[str]:
    for column, value in before.items():
        now = after[column]
        is_let_go = column in _LETTING_GO and now is None
        is_masked = column in WRITTEN and str(now).count("[erased]") > str(value).count("[erased]")
        if now != value and not is_let_go and not is_masked:
            yield f"{column} was {value} and is {now}"
