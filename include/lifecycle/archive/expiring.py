"""Documents of archives whose time is over: planned, checked, and destroyed through the door, as everything is.

What is held of a year is written anew first (:mod:`lifecycle.archive.carrying`), under the next generation of the
year's keys. A plan then destroys the generations of which nothing is held (:mod:`lifecycle.archive.destroying`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.archive.carrying import carry, usable_generation
from lifecycle.archive.destroying import condemn, destroy_condemned, discard_unfinished
from lifecycle.archive.finding import archives_of, enter_found
from lifecycle.archive.generations import generations, held_lines, over
from lifecycle.archive.held import held_documents
from lifecycle.archive.lost import clear_lost
from lifecycle.errors import CheckFailed, PlanOutdated, UsageError
from lifecycle.execute.guard import excesses
from lifecycle.holds.cover import Cover
from lifecycle.plan import Action, Item, Plan
from lifecycle.planning.archived import archive_record
from lifecycle.planning.items import StoredPlan, WholeItems, count_plans, find_open, load_plan, store_plan
from lifecycle.planning.planner import one_state
from lifecycle.quality.suite import Count, validate
from lifecycle.runs import plans
from lifecycle.runs.adoption import adopt
from lifecycle.runs.planned import Planned, abandon_left_behind
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Select

    from lifecycle.archive.destroying import Destroyed
    from lifecycle.archive.generations import Generation
    from lifecycle.archive.manifest import Manifest
    from lifecycle.execute.door import Outcome
    from lifecycle.plan import Kept
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.runs.company import Company

logger = logging.getLogger(__name__)

RULE = "archive-expiry"
"""What its plans are called; no rule of a policy can have this name."""
ROUNDS = 3
"""Plans made in one run where holds are placed while it goes on; what is left then waits for the next run."""


@dataclass(frozen=True, kw_only=True)
class Expired:
    """What a run did.

    Attributes:
        first: its first plan, which names what was due and what is kept.
        carried: parts that were written anew for what is held.
        destroyed: what is gone.
        left: items that were still deferred at the end.
    """

    first: Planned
    carried: tuple[str, ...]
    destroyed: Destroyed
    left: int

    def to_json(self) -> dict[str, Any]:
        """Names and counts."""
        return {
            **self.first.to_json(),
            "carried": list(self.carried),
            "destroyed": self.destroyed.to_json(),
            "left": self.left,
        }


def destroys(company: Company, digest: str) -> bool:
    """Whether a stored plan destroys documents of archives."""
    with reading(company.engine) as connection:
        stored = load_plan(connection, digest)
    return stored is not None and stored.plan.rule == RULE


def expire(
    company: Company,
    *,
    as_of: datetime,
    approved_by: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Expired:
    """Destroy everything whose time is over and that nothing holds, from plan to proof.

    Args:
        company: opened.
        as_of: the moment of the run.
        approved_by: the person who approves whatever the guard would stop; None lets it stop.
        progress: called with (generations ended, generations in all).

    Raises:
        ApprovalRequired: the plan passes the guard, and nobody has approved it.
        CheckFailed: a document cannot be read, a plan makes no sense, or something is left.
        StorageError: a location refuses; what is condemned is destroyed by the next run.
    """
    carried: list[str] = []
    rounds: list[Planned] = []
    left = 1
    while left and len(rounds) < ROUNDS:
        carried += [manifest.folder for manifest in keep_held(company, as_of=as_of)]
        rounds.append(plan(company, as_of=as_of))
        left = _destroy_planned(company, rounds[-1], approved_by, progress)
    destroyed = destroy_condemned(company, as_of=as_of)
    destroyed.keys += clear_lost(company, as_of=as_of)
    check_gone(company, as_of=as_of)
    return Expired(first=rounds[0], carried=tuple(carried), destroyed=destroyed, left=left)


def keep_held(company: Company, *, as_of: datetime) -> list[Manifest]:
    """Write what is held of years that are over anew, where something else of them is to be destroyed.

    Of a year of which a held document cannot be read nothing goes: that is told by :func:`check_gone`.

    Raises:
        StorageError: a location refuses.
        StoreError: somebody else writes to an archive.
    """
    for archive in archives_of(company, as_of=as_of):
        enter_found(company, archive, as_of=as_of)
    rulebook = company.rulebook(as_of)
    with reading(company.engine) as connection:
        cover = _cover(connection, rulebook, as_of)
        mixed = [
            one
            for one in over(connection, rulebook, as_of)
            if 0 < _rows(connection, cover, one) < one.records
        ]
    discard_unfinished(company, as_of=as_of)
    found: list[Manifest] = []
    for one in mixed:
        try:
            found += _keep_held_of(company, one, cover, as_of)
        except CheckFailed as error:  # check_gone tells it at the end
            logger.error("%s is left as it is: %s", one.name, error)  # noqa: TRY400 - the error has said all
    return found


def plan(company: Company, *, as_of: datetime) -> Planned:
    """Plan what is to be destroyed; the plan is stored where it does anything.

    Plans that an earlier run left behind are abandoned. The first run under a policy enters it in the ledger.

    Raises:
        CheckFailed: a hold names what is not there any more.
    """
    rulebook = company.rulebook(as_of)
    abandon_left_behind(company, RULE, as_of)
    with one_state(company.engine) as connection:
        stored = find_open(connection, RULE, as_of) or _planned(connection, rulebook, as_of)
    with company.engine.begin() as connection:
        adopt(connection, company.version(as_of), as_of=as_of)
    return Planned(
        plan=stored.plan,
        digest=None if stored.plan_id is None else stored.plan.digest,
        excesses=excesses(stored.plan, rulebook.policy.guard(RULE)),
    )


def check_plan(company: Company, digest: str) -> None:
    """A stored plan is what its digest says, and destroys only what is over and as it was planned, nothing held.

    Raises:
        UsageError: there is no plan of this digest.
        CheckFailed: names what is wrong; the plan is abandoned.
    """
    plans.check_plan(company, digest, grounds=_ground)
    stored = required(company, digest)
    rulebook = company.rulebook(stored.plan.as_of)
    with reading(company.engine) as connection:
        counts = list(_wrong(connection, rulebook, stored.plan))
    try:
        validate("archive", counts, place=f"plan {digest}", next_step="nothing was destroyed; plan anew")
    except CheckFailed:
        plans.abandon(company, stored, reason="check_failed", as_of=stored.plan.as_of)
        raise


def carry_out(
    company: Company, digest: str, *, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Carry out a stored plan: its documents are condemned. Safe to repeat.

    Raises:
        UsageError: there is no plan of this digest, or it destroys nothing of an archive.
        PlanOutdated: the policy was changed since; the plan is abandoned.
        ApprovalRequired: it passes the guard and nobody approved it.
    """
    required(company, digest)
    return plans.carry_out(
        company, digest, progress=progress, grounds=_ground, handlers={Action.DESTROY: condemn}
    )


def check_gone(company: Company, *, as_of: datetime) -> None:
    """Nothing is left of what is over and that nothing holds: no document, no key, no object.

    Raises:
        CheckFailed: names what is.
    """
    rulebook = company.rulebook(as_of)
    with reading(company.engine) as connection:
        cover = _cover(connection, rulebook, as_of)
        counts = [
            Count(
                name=f"documents of {one.name} past their time, or parts that nothing refers to",
                value=one.records - _rows(connection, cover, one) if one.records else len(one.parts),
            )
            for one in over(connection, rulebook, as_of)
        ]
    validate(
        "archive",
        counts,
        place=RULE,
        next_step="run it again; lifecycle archive list says what there is, lifecycle hold list what is held",
    )


def required(company: Company, digest: str) -> StoredPlan:
    """A plan that destroys documents of archives.

    Raises:
        UsageError: there is none of this digest.
    """
    with reading(company.engine) as connection:
        stored = load_plan(connection, digest)
    if stored is None or stored.plan.rule != RULE:
        raise UsageError(
            "no plan of this digest destroys documents of archives",
            place=digest,
            next_step="make one with lifecycle archive expire",
        )
    return stored


def _keep_held_of(
    company: Company, generation: Generation, cover: Cover, as_of: datetime
) -> Iterator[Manifest]:
    held = held_documents(cover, cover.rulebook.archives[generation.archive])
    if held is None:
        return
    number = usable_generation(company, generation.archive, generation.year_end)
    for part in generation.parts:
        is_held = archive_record.c["key"].in_(sa.select(held.c["key"]))
        manifest = carry(company, part, is_held, number, as_of=as_of, reason="held")
        if manifest:
            yield manifest


def _destroy_planned(
    company: Company,
    planned: Planned,
    approved_by: str | None,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Check a plan, carry it out and end it; how many of its items could not be done."""
    if planned.digest is None:
        return 0
    try:
        check_plan(company, planned.digest)
    except PlanOutdated:  # held meanwhile: the next round plans anew
        return len(planned.plan.items)
    if planned.excesses and approved_by:
        plans.approve_plan(company, planned.digest, approved_by=approved_by, as_of=planned.plan.as_of)
    outcome = carry_out(company, planned.digest, progress=progress)
    plans.check_after(company, planned.digest)
    return len(outcome.deferred)


class _AtYearEnd:
    """Why documents are due: the door has nothing to ask the tables; whoever destroys them asks the register."""

    signature = RULE

    @property
    def bound(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def due(self, work: Work) -> Select[Any]:
        """No row of a table."""
        return sa.select(*work.key_columns).where(sa.false())

    def is_due(self, _collection: str, _row: Any) -> sa.ColumnElement[bool]:
        """No row of a table."""
        return sa.false()

    def witnesses(self, _works: WorkSet, _work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """None."""
        return iter(())


def _ground(_rulebook: Rulebook, _plan: Plan) -> _AtYearEnd:
    return _AtYearEnd()


def _cover(connection: Connection, rulebook: Rulebook, as_of: datetime) -> Cover:
    cover = Cover(connection, rulebook, as_of)
    cover.require_nothing_lost()
    return cover


def _rows(connection: Connection, cover: Cover, generation: Generation) -> int:
    return sum(kept.rows for kept in held_lines(connection, cover, generation))


def _planned(connection: Connection, rulebook: Rulebook, as_of: datetime) -> StoredPlan:
    cover = _cover(connection, rulebook, as_of)
    due: list[Generation] = []
    kept: list[Kept] = []
    for one in over(connection, rulebook, as_of):
        lines = held_lines(connection, cover, one)
        kept += lines
        if not lines:
            due.append(one)
    items = WholeItems(connection, _items(due))
    made = Plan(
        rule=RULE,
        commitments=_commitments(rulebook, due),
        policy_version=rulebook.policy.version,
        policy_digest=rulebook.digest,
        as_of=as_of,
        interval_days=rulebook.policy.policy.run_every,
        last_event_day=None,
        items=items.read(),
        kept=tuple(kept),
        stored=_stored(connection),
        attempt=1 + count_plans(connection, RULE, as_of),
    )
    return StoredPlan(plan_id=store_plan(connection, made, items) if due else None, plan=made)


def _items(due: Sequence[Generation]) -> list[Item]:
    """A batch for each generation."""
    return [
        Item(
            batch=number,
            position=1,
            collection=one.collection,
            action=Action.DESTROY,
            rows=one.records,
            sha256=one.sha256,
            partition=one.name,
            is_root=True,
        )
        for number, one in enumerate(due)
    ]


def _commitments(rulebook: Rulebook, due: Sequence[Generation]) -> tuple[str, ...]:
    names = {one.archive for one in due} & rulebook.archives.keys()
    stated = (rulebook.archives[name].archive.commitments for name in sorted(names))
    return tuple(dict.fromkeys(commitment for commitments in stated for commitment in commitments))


def _stored(connection: Connection) -> dict[str, int]:
    """How many lines the index has, by the collection of the documents."""
    found: dict[str, int] = {}
    for one in generations(connection):
        found[one.collection] = found.get(one.collection, 0) + one.records
    return found


def _wrong(connection: Connection, rulebook: Rulebook, made: Plan) -> Iterator[Count]:
    cover = _cover(connection, rulebook, made.as_of)
    due = {one.name: one for one in over(connection, rulebook, made.as_of)}
    for item in made.items:
        generation = due.get(item.partition or "")
        yield Count(name=f"{item.partition} not over, or gone", value=int(generation is None))
        if generation:
            yield Count(
                name=f"{item.partition} unlike what was planned",
                value=int(generation.sha256 != item.sha256),
                is_of_rows=True,
            )
            yield Count(
                name=f"documents of {item.partition} that are held",
                value=_rows(connection, cover, generation),
                is_of_rows=True,
            )
