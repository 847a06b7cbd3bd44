"""``plan``, ``apply``, ``sweep`` and ``calendar``: keeping the promises that have a time limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle.archive import expiring
from lifecycle.archive.destroying import destroy_condemned
from lifecycle.cli.session import (
    AsOf,
    By,
    Json,
    deciding_moment,
    emit,
    moment,
    open_company,
    open_to_change,
    past_moment,
    policy_zone,
    progress_bar,
)
from lifecycle.errors import ApprovalRequired, LifecycleError, UsageError
from lifecycle.execute.collateral import told_rows
from lifecycle.execute.ending import how_ended
from lifecycle.operators import require_name
from lifecycle.planning.calendar import calendar as due_calendar
from lifecycle.planning.calendar import waiting
from lifecycle.retention import steps
from lifecycle.retention.sweep import sweep as sweep_rule
from lifecycle.runs import agreement, plans, signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from lifecycle.execute.door import Outcome
    from lifecycle.plan import Plan
    from lifecycle.planning.calendar import Waiting
    from lifecycle.retention.sweep import Swept
    from lifecycle.runs.company import Company
    from lifecycle.runs.planned import Planned

Rule = Annotated[list[str] | None, typer.Option("--rule", help="Only this rule; may be given several times.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(plan)
    app.command()(apply)
    app.command()(sweep)
    app.command()(calendar)


def plan(*, as_of: AsOf = None, rule: Rule = None, json: Json = False) -> None:
    """Show what is due, what would go, what stays and why. Nothing is deleted."""
    company = open_to_change()
    at = past_moment(as_of, policy_zone(company))
    agreement.check_before(company, as_of=at)
    planned = [_plan(company, name, at) for name in _rules(company, rule, at)]
    lines = [line for one in planned for line in _plan_lines(one.plan, one.digest, one.excesses)]
    emit([one.to_json() for one in planned], lines, as_json=json)


def apply(
    digest: Annotated[str, typer.Argument(help="Digest of the plan, as lifecycle plan prints it.")],
    *,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve this plan where it passes the guard.")
    ] = False,
    by: By = "",
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Carry out a plan that was made before."""
    company = open_to_change()
    if approve:
        require_name(by, place="--by")
    at = past_moment(as_of, policy_zone(company))
    deciding_moment(company, plans.moment_of(company, digest).isoformat())
    if approve:
        plans.approve_plan(company, digest, approved_by=by, as_of=at)
    with company.engine.connect() as connection:
        ended = how_ended(connection, digest)
    with progress_bar(f"plan {digest[:12]}") as progress:
        outcome = _carry_through(company, digest, progress)
    document = {
        "digest": digest,
        "batches_done": outcome.done,
        "batches_deferred": {str(batch): reason for batch, reason in outcome.deferred.items()},
        "rows": [
            {"collection": key[0], "what": key[1], "rows": rows} for key, rows in sorted(outcome.rows.items())
        ],
    }
    lines = [f"{rows:>12,}  {collection} {what}" for (collection, what), rows in sorted(outcome.rows.items())]
    emit(document, lines or [_nothing(is_left=bool(outcome.deferred), ended=ended)], as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))
    if outcome.deferred:
        raise _left(
            f"plan {digest}",
            len(outcome.deferred),
            outcome.deferred.values(),
            next_step="this plan has ended; plan anew with lifecycle plan, or run lifecycle sweep",
        )


def _carry_through(company: Company, digest: str, progress: Callable[[int, int], None]) -> Outcome:
    """Check a plan, carry it out and end it, whatever it is for."""
    if not expiring.destroys(company, digest):
        plans.check_plan(company, digest)
        outcome = plans.carry_out(company, digest, progress=progress)
        plans.check_after(company, digest)
        return outcome
    expiring.check_plan(company, digest)
    outcome = expiring.carry_out(company, digest, progress=progress)
    plans.check_after(company, digest)
    destroy_condemned(company, as_of=plans.moment_of(company, digest))
    return outcome


def _nothing(*, is_left: bool, ended: str | None) -> str:
    """Why a plan that was to be carried out did nothing."""
    if ended:
        return f"nothing was done: the plan has ended, {ended}"
    return "nothing was done" if is_left else "nothing was left to do"


def sweep(
    *,
    as_of: AsOf = None,
    rule: Rule = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve whatever the guard would stop.")
    ] = False,
    by: By = "",
    json: Json = False,
) -> None:
    """Keep every promise as of a moment: plan, check, guard, carry out, verify."""
    company = open_to_change()
    if approve:
        require_name(by, place="--by")
    at = deciding_moment(company, as_of)

    def keep(name: str) -> Swept:
        with progress_bar(name) as progress:
            return sweep_rule(company, name, as_of=at, approved_by=by if approve else None, progress=progress)

    swept, failed = sweep_each(_rules(company, rule, at), keep)
    lines = [line for one in swept for line in _sweep_lines(one)]
    emit([one.to_json() for one in swept], lines or ([] if failed else ["nothing is due"]), as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))
    require_kept(swept, failed)


def sweep_each(
    rules: Iterable[str], keep: Callable[[str], Swept]
) -> tuple[list[Swept], list[LifecycleError]]:
    """Keep one rule after another: one promise that fails is no reason to break the next.

    Raises:
        UsageError: the database or the policy cannot be used, by no rule.
    """
    swept, failed = [], []
    for rule in rules:
        try:
            swept.append(keep(rule))
        except UsageError:
            raise
        except LifecycleError as error:
            failed.append(error)
    return swept, failed


def require_kept(swept: Iterable[Swept], failed: Iterable[LifecycleError]) -> None:
    """Every rule was kept.

    Raises:
        LifecycleError: what failed, each once.
        ApprovalRequired: nothing did, but that plans wait for a person.
    """
    failures = list(failed)
    if left := [one for one in swept if one.left]:
        reasons = (reason for one in left for reason in one.left_because)
        failures.append(_left(", ".join(one.rule for one in left), sum(one.left for one in left), reasons))
    if len(failures) == 1:
        raise failures[0]
    if failures:
        is_waiting = all(isinstance(one, ApprovalRequired) for one in failures)
        said = "\n".join(dict.fromkeys(map(str, failures)))
        raise ApprovalRequired(said) if is_waiting else LifecycleError(said)


def calendar(
    *,
    as_of: AsOf = None,
    rule: Rule = None,
    days: Annotated[int, typer.Option(min=1, max=36_525, help="How far to look ahead.")] = 90,
    json: Json = False,
) -> None:
    """Show what falls due when, holds and duties to keep left aside."""
    company = open_company()
    at = moment(as_of, policy_zone(company))
    rulebook = company.rulebook(at)
    found, idle = [], []
    with company.engine.connect() as connection:
        for name in _rules(company, rule, at):
            found += due_calendar(connection, rulebook, name, as_of=at, days=days)
            idle += waiting(connection, rulebook, name)
    found.sort(key=lambda entry: (entry.planned_on, entry.rule, entry.collection))
    lines = [
        f"{entry.planned_on}  {entry.rows:>10,}  {entry.collection:<34} {entry.rule}, at the latest {entry.last_day}"
        for entry in found
    ]
    document = {"due": [one.to_json() for one in found], "waiting": [one.to_json() for one in idle]}
    emit(document, [*(lines or ["nothing falls due"]), *_waiting_lines(idle)], as_json=json)


def _waiting_lines(idle: list[Waiting]) -> Iterator[str]:
    for one in idle:
        for rows, why in ((one.stopped, "clock stopped"), (one.undated, "no day to count from")):
            if rows:
                yield f"{'':<10}  {rows:>10,}  {one.collection:<34} {one.rule}: {why}"


def _rules(company: Company, wanted: list[str] | None, at: object) -> list[str]:
    rules = company.version(at).policy.rules  # type: ignore[arg-type]  # a datetime; typer's annotations stay out
    unknown = [name for name in wanted or () if name not in rules]
    if unknown:
        raise UsageError(
            f"there is no rule {unknown[0]}", place="--rule", next_step=f"one of {', '.join(rules)}"
        )
    return wanted or list(rules)


def _plan(company: Company, rule: str, at: datetime) -> Planned:
    """Plan a rule on evidence that is fresh: the plan may be carried out as it is."""
    steps.check_evidence(company, rule, as_of=at)
    return steps.plan(company, rule, as_of=at)


def _left(
    place: str,
    batches: int,
    reasons: Iterable[str],
    next_step: str = "run lifecycle sweep when that is over; the next scheduled run plans them anew as well",
) -> LifecycleError:
    """What was to be done now and is left to the next plan."""
    because = "; ".join(sorted(set(reasons)))
    were = "1 batch was rolled back and is" if batches == 1 else f"{batches} batches were rolled back and are"
    return LifecycleError(f"{were} left: {because}", place=place, next_step=next_step)


def _plan_lines(plan: Plan, digest: str | None, excesses: tuple[str, ...]) -> list[str]:
    lines = [f"{plan.rule} ({', '.join(plan.commitments)}), policy of {plan.policy_version}"]
    if digest is None:
        lines.append("  nothing is due")
    for collection, actions in plan.counts().items():
        lines += [
            f"  {rows:>10,}  {action.replace('_', ' '):<15} {collection}"
            + (_along(plan.deleted_along(collection), rows) if action == "delete" else "")
            for action, rows in actions.items()
        ]
    lines += [
        f"  {kept.rows:>10,}  kept            {kept.collection}: {kept.reason} {kept.source}"
        + (f", until {kept.until}" if kept.until else "")
        for kept in plan.kept
    ]
    lines += [f"  needs approval: {excess}" for excess in excesses]
    if digest:
        lines.append(f"  digest {digest}")
    return lines


def _along(along: int, rows: int) -> str:
    """How many go only because of what they belong to."""
    if not along:
        return ""
    return ", with what they belong to" if along == rows else f", {along:,} of them with what they belong to"


def _sweep_lines(swept: Swept) -> list[str]:
    if swept.first.digest is None and not swept.first.plan.kept:
        return []
    lines = _plan_lines(swept.first.plan, swept.first.digest, ())
    planned = told_rows(swept.first.plan.items)
    if swept.rows == planned:
        return [*lines, "  done as planned"] if swept.first.digest else lines
    lines.append("  this run did of it:" if swept.rows else "  this run did nothing of it")
    lines += [
        f"  {rows:>10,}  {what:<15} {collection}" for (collection, what), rows in sorted(swept.rows.items())
    ]
    if planned - swept.rows and not swept.left:
        lines.append("  the rest was done by another run meanwhile, or is not due any more")
    return lines
