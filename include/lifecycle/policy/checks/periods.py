"""Periods, guards, schedules: the times of a rule add up, something guards it, something runs it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, error, warning
from lifecycle.timelimits import last_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.model import Rule
    from lifecycle.timelimits import Period

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FOUR_YEARS = [date(2001, 1, 1) + timedelta(days=number) for number in range(1461)]


def check(examined: Examined) -> Iterator[Finding]:
    """Rules whose time does not add up, and rules that nothing guards or runs; a folder of another date."""
    yield from _folder(examined)
    for name, rule in examined.policy.rules.items():
        yield from _times(examined, name, rule)
        yield from _guard(examined, name)
        if rule.schedule_with is None:
            yield warning(
                "rule.unscheduled",
                f"no schedule keeps {name}, only whoever runs the command line",
                examined.version.place("rules", name),
                "name the DAG that keeps it: schedule_with",
            )
        elif examined.schedules is not None and rule.schedule_with not in examined.schedules:
            yield error(
                "rule.schedule_unknown",
                f"there is no DAG {rule.schedule_with}, so that no run keeps {name}",
                examined.version.place("rules", name, "schedule_with"),
                f"name one of {', '.join(sorted(examined.schedules))}",
            )


def _folder(examined: Examined) -> Iterator[Finding]:
    """A version stands in the folder of its date, or of no date at all."""
    folder, version = examined.version.file.path.parent.name, examined.policy.version
    if _DATE.fullmatch(folder) and folder != version:
        yield warning(
            "policy.folder",
            f"the policy in the folder {folder} counts from {version}",
            examined.version.place("policy", "last_updated"),
            "correct one of them: the date in the file is what counts",
        )


def _times(examined: Examined, name: str, rule: Rule) -> Iterator[Finding]:
    days, place = shortest_days(rule.keep), examined.version.place
    interval = examined.policy.policy.run_every
    if rule.lead >= days:
        yield error(
            "period.lead",
            f"{name} is planned {rule.lead} days ahead of a limit that may be {days} days away",
            place("rules", name, "lead"),
            "make lead shorter than keep",
        )
    if days < interval:
        yield error(
            "period.keep",
            f"{name} keeps for {days} days and runs are {interval} days apart, so that it would be late",
            place("rules", name, "keep"),
            "run more often (policy.run_every), or keep longer",
        )
    for number, before in enumerate(rule.announce):
        if before + rule.lead > days:
            yield error(
                "period.announce",
                f"{name} is announced {before} days before it is planned, {before + rule.lead} days ahead of a limit"
                f" that may be {days} days away",
                place("rules", name, "announce", number),
                "announce it within the time that is kept",
            )


@cache
def shortest_days(keep: Period) -> int:
    """The fewest days that a period grants, whenever it starts: P1M has 28."""
    return min((last_day(day, keep) - day).days for day in _FOUR_YEARS)


def _guard(examined: Examined, name: str) -> Iterator[Finding]:
    guards = examined.policy.guards
    guard = guards.get(name) or guards.get("default")
    place = examined.version.place("rules", name)
    if guard is None:
        yield warning(
            "guard.none",
            f"nothing guards {name}: a person must approve every row it deletes",
            place,
            "say under guards how much may go without approval: default: {rows: 10000, share: 0.05}",
        )
    elif guard.rows is None and guard.share is None:
        yield warning(
            "guard.limitless",
            f"the guard of {name} sets no limit: it may delete everything without approval",
            place,
            "give it rows or share",
        )
