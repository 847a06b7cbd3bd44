"""What a run did, in words: rule by rule, from what its tasks returned."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demonstration.local_airflow import Run

WIDTH = 100
DONE = {"delete": "deleted", "drop_partition": "dropped", "redact": "emptied", "cut": "cut"}
"""What the actions of a plan have done to rows when they are through."""


def told(run: Run) -> list[str]:
    """The lines about a run."""
    plans = _returned(run, "plan")
    lines = [line for rule, plan in plans.items() for line in _rule(plan, _done(run, rule))]
    idle = [rule for rule, plan in plans.items() if not plan["digest"] and not plan["kept"]]
    listed = f"nothing is due under {', '.join(idle)}" if idle else ""
    return [*lines, *wrap(listed, width=WIDTH, initial_indent="  ", subsequent_indent="    ")]


def rows(run: Run) -> int:
    """How many rows a run deleted, emptied or cut."""
    return sum(sum(_done(run, rule).values()) for rule in _returned(run, "plan"))


def failed(run: Run) -> list[str]:
    """The tasks that failed, if any; those that only follow from them are left out."""
    return sorted(run.having("failed"))


def _rule(plan: dict[str, Any], done: dict[tuple[str, str], int]) -> Iterator[str]:
    if not plan["digest"] and not plan["kept"]:
        return
    yield f"  {plan['rule']} ({', '.join(plan['commitments'])})"
    for excess in plan["needs_approval"]:
        yield f"    a person had to approve: {excess}"
    for collection, actions in plan["counts"].items():
        for action, due in actions.items():
            yield _line(due, done.get((collection, action), 0), DONE[action], collection)
    for kept in plan["kept"]:
        until = f" until {kept['until'][:10]}" if kept["until"] else ""
        yield _line(kept["rows"], kept["rows"], "kept", f"{kept['collection']}: {kept['reason']}{until}")


def _done(run: Run, rule: str) -> dict[tuple[str, str], int]:
    """Rows that a rule's plans changed, by collection and action; none where the rule did not get to its end."""
    finished = run.results.get(f"{rule}.finish", {"done": []})
    return {(one["collection"], one["action"]): one["rows"] for one in finished["done"]}


def _line(due: int, became: int, what: str, where: str) -> str:
    outcome = what if due == became else f"{became:,} {what}"
    return f"    {due:>9,} due, {outcome:<8}  {where}"


def _returned(run: Run, task: str) -> dict[str, Any]:
    """What a task returned, for each rule that was planned."""
    suffix = f".{task}"
    return {
        name.removesuffix(suffix): result for name, result in run.results.items() if name.endswith(suffix)
    }
