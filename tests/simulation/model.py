"""What a run should do, row by row, from the words of the policy.

Every row of this company is part of at most one other (a note of its person, a person of its customer), so what
goes together is a tree: with a row goes all that is part of it. A row that is due stays while a hold or a
restriction covers it or something it is part of, while the law asks for it and the archive does not have it as it
stands, and while a row that stays needs it. As long as the law asks for an invoice, it goes with all that is part of
it, or stays.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from simulation.books.written import NEEDLESS, asked_for_until, invoice_of, is_as_it_stands
from simulation.moments import day_of, last_day
from simulation.policy import in_force
from simulation.requests.whom import named
from simulation.tables import LINKS, Key, Name
from simulation.world import PARTITIONED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulation.history import Hold
    from simulation.policy import Policy
    from simulation.world import World

DAY_OF = {
    "website.page_view": "occurred_at",
    "website.interaction": "occurred_at",
    "website.visitor": "last_seen_at",
    "website.enquiry": "submitted_at",
    "website.chat": "started_at",
    "app.disclosure": "disclosed_at",
}
"""The column whose day starts the clock, where it is one of the row itself."""

Kept = Counter[tuple[str, str, date | None]]
"""How many rows stay, by table, reason and the last day of the reason (not told for ``needed``)."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run of one rule did: rows that went, rows that were due and stayed, references that were cut.

    Attributes:
        restricted: of those that stayed, how many do so because their subject asked for it.
    """

    gone: frozenset[Name]
    kept: Kept
    cut: Counter[str]
    restricted: int

    def counts(self, rule: str) -> Counter[str]:
        """What happened how often, in words."""
        found = Counter(f"{rule} deletes {table}" for table, _ in self.gone)
        for (table, reason, _), rows in self.kept.items():
            found[f"{reason} keeps {table}"] += rows
        found["a subject's restriction keeps"] += self.restricted
        return found + Counter({f"cuts {link}": rows for link, rows in self.cut.items()})


class Clocks:
    """The day on which each row's clock started, if it runs."""

    def __init__(self, world: World) -> None:
        self.world = world

    @cached_property
    def contracts(self) -> dict[int, list[datetime | None]]:
        """The ends of each customer's contracts; None for one that is live."""
        return self._by("app.contract", "customer_id", "ended_at")

    @cached_property
    def consents(self) -> dict[int, list[datetime | None]]:
        """The moments of each subscription's consents."""
        return self._by("website.marketing_consent", "subscription_id", "occurred_at")

    def _by(self, table: str, owner: str, column: str) -> dict[int, list[datetime | None]]:
        found: dict[int, list[datetime | None]] = {}
        for row in self.world.rows[table].values():
            found.setdefault(row[owner], []).append(row[column])
        return found

    def started(self, name: Name) -> date | None:
        """The day of the event; None while the clock does not run."""
        table, key = name
        row = self.world.rows[table][key]
        if table in DAY_OF:
            return day_of(row[DAY_OF[table]])
        if table == "app.invoice":
            return date(row["issued_on"].year, 12, 31)
        if table == "website.marketing_subscription":
            return _latest(self.consents.get(key), row["created_at"])
        if table == "app.person":
            key = row["customer_id"]
        customer = self.world.rows["app.customer"][key]
        return _latest(self.contracts.get(key), customer["created_at"])


def _latest(moments: list[datetime | None] | None, otherwise: datetime) -> date | None:
    """The day of the latest moment; None while one is missing (a contract that has no end)."""
    if not moments:
        return day_of(otherwise)
    known = [moment for moment in moments if moment is not None]
    return day_of(max(known)) if len(known) == len(moments) else None


class Cover:
    """What holds and restrictions protect at a moment: the rows they name and all that is part of those."""

    def __init__(self, world: World, as_of: datetime) -> None:
        self.world = world
        self.holds = [hold for hold in world.holds.values() if hold.is_active(as_of)]
        self.about = {hold: named(world, hold.subjects) for hold in self.holds if hold.subjects}

    def strongest(self, name: Name) -> Hold | None:
        """The hold that counts: a hold before a restriction, then the one that lasts longest."""
        found: set[Hold] = set()
        part: Name | None = name
        while part is not None and self.holds:
            found.update(hold for hold in self.holds if hold.names(part) or part in self.about.get(hold, ()))
            part = self.world.whole(part)
        return max(found, key=lambda hold: (hold.kind == "hold", hold.until), default=None)

    def is_restricted(self, name: Name) -> bool:
        """Whether a restriction covers a row that is part of nothing, whatever holds cover it besides."""
        return any(
            hold.kind == "restriction" and (hold.names(name) or name in self.about.get(hold, ()))
            for hold in self.holds
        )

    def is_asked_for(self, name: Name) -> bool:
        """Whether the restriction that counts is one that its subject asked for."""
        hold = self.strongest(name)
        return hold is not None and hold.request is not None

    def rows(self) -> set[Name]:
        """Every protected row."""
        return covered(self.world, self.holds)


def covered(world: World, holds: Iterable[Hold]) -> set[Name]:
    """The rows that holds name, and all that is part of those."""
    found, holds = set[Name](), list(holds)
    for table, key in {target for hold in holds for target in hold.targets}:
        found.update((table, one) for one in (world.rows[table] if key is None else (key,)))
    found |= named(world, {one for hold in holds for one in hold.subjects})
    return {name for name in world.with_parts(found) if world.find(name)}


def due(world: World, rule: str, as_of: datetime) -> set[Name]:
    """Rows that the rule is about and that must go by now, those that stay for a reason included."""
    promise = in_force(world.policies, as_of).promises[rule]
    today, lead = day_of(as_of), timedelta(days=promise.lead_days)
    clocks = Clocks(world)
    found = set()
    for key in world.rows[promise.table]:
        started = clocks.started((promise.table, key))
        if started is not None and last_day(started, promise.keep) - lead <= today:
            found.add((promise.table, key))
    return found


def staying(world: World, rule: str, as_of: datetime) -> set[Name]:
    """Rows that the rule is about, that are due and stay for a reason."""
    found = due(world, rule, as_of)
    return found - going(world, rule, as_of)


def left_by_parts(world: World, rule: str, as_of: datetime) -> set[Name]:
    """Rows that stay for a reason while something that is part of them goes."""
    gone = going(world, rule, as_of)
    return {name for name in due(world, rule, as_of) - gone if world.with_parts({name}) & gone}


def going(world: World, rule: str, as_of: datetime) -> set[Name]:
    """Rows that go by the rule, with what is part of them."""
    reached = world.with_parts(due(world, rule, as_of))
    policy = in_force(world.policies, as_of)
    return reached - _kept(world, policy, Cover(world, as_of), reached, as_of).keys()


def sweep(world: World, rule: str, as_of: datetime) -> Result:
    """Run one rule: rows that must go are removed, references to them cut, and what stays is told."""
    policy = in_force(world.policies, as_of)
    promise = policy.promises[rule]
    cover = Cover(world, as_of)
    by_day = promise.table in PARTITIONED
    reached = due(world, rule, as_of)
    if not by_day:
        reached = world.with_parts(reached)
    kept = _kept(world, policy, cover, reached, as_of)
    restricted = sum(
        reason == "restriction" and cover.is_asked_for(name) for name, (reason, _) in kept.items()
    )
    gone = reached - kept.keys()
    cut = _cut(world, gone)
    for name in gone:
        world.remove(*name)
    _empty(world, [name for name, (reason, _) in kept.items() if reason == "statutory"])
    if by_day:
        _drop_days(world, promise.table, as_of, policy, cover)
    told = Counter((table, reason, until) for (table, _), (reason, until) in kept.items())
    return Result(gone=frozenset(gone), kept=told, cut=cut, restricted=restricted)


def _kept(
    world: World, policy: Policy, cover: Cover, reached: set[Name], as_of: datetime
) -> dict[Name, tuple[str, date | None]]:
    """Which of the rows stay, why, and until which day."""
    if not reached:
        return {}
    kept: dict[Name, tuple[str, date | None]] = {}
    asked_for = _asked_for(world, policy, reached, as_of)
    archived = {key for key in asked_for if is_as_it_stands(world, key)}
    for name in reached:
        invoice = _invoice_of(world, name)
        if hold := cover.strongest(name):
            kept[name] = (hold.kind, day_of(hold.until - timedelta(microseconds=1)))
        elif invoice in asked_for and invoice not in archived:
            kept[name] = ("statutory", asked_for[invoice])
    protected = cover.rows()
    pending = [*kept, *protected]
    while pending:
        name = pending.pop()
        needed = {other for link, other in world.mentioned(name) if link.belongs or name in protected}
        if (invoice := _invoice_of(world, name)) in asked_for:
            needed |= world.with_parts({("app.invoice", invoice)})
        for other in needed & (reached - kept.keys()):
            kept[other] = ("needed", None)
            pending.append(other)
    return kept


def _asked_for(world: World, policy: Policy, names: Iterable[Name], as_of: datetime) -> dict[Key, date]:
    """The invoices of accounting records that the law asks for, and until when."""
    keys = {key for name in names if (key := _invoice_of(world, name)) is not None}
    until = {key: asked_for_until(world.rows["app.invoice"][key]["issued_on"], policy.books) for key in keys}
    return {key: day for key, day in until.items() if day >= day_of(as_of)}


def _invoice_of(world: World, name: Name) -> Key | None:
    return invoice_of(name, world.rows[name[0]][name[1]])


def _cut(world: World, gone: set[Name]) -> Counter[str]:
    """Set references of rows that stay to rows that go to null, and empty what goes with the reference."""
    cut: Counter[str] = Counter()
    targets = {table for table, _ in gone}
    for link in LINKS:
        if link.belongs or link.target not in targets:
            continue
        for key, row in list(world.rows[link.holder].items()):
            if (link.target, row[link.column]) in gone and (link.holder, key) not in gone:
                world.put(link.holder, key, {**row, **dict.fromkeys((link.column, *link.emptied))})
                cut[f"{link.holder}.{link.column}"] += 1
    return cut


def _empty(world: World, names: Iterable[Name]) -> None:
    for table, key in names:
        world.put(table, key, {**world.rows[table][key], **dict.fromkeys(NEEDLESS.get(table, ()))})


def _drop_days(world: World, table: str, as_of: datetime, policy: Policy, cover: Cover) -> None:
    """Days of telemetry that are over go as a whole, unless a row of the table is protected."""
    if any(cover.strongest((table, key)) for key in world.rows[table]):
        return
    promise = next(one for one in policy.promises.values() if one.table == table)
    last = day_of(as_of) + timedelta(days=promise.lead_days)
    world.days[table] = {day for day in world.days[table] if last_day(day, promise.keep) > last}
