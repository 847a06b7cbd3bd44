"""Which rules a schedule keeps: the little of a policy that has to be known before anything runs.

A scheduler asks every few seconds, in a fresh process. So only names are read here, with a parser in C and
without validation, in a few milliseconds; the run itself reads the policy with all its checks.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from lifecycle.errors import PolicyError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a schedule has to know.

    Attributes:
        time_zone: the newest policy's, in which the hour of the run is meant.
        since: date of the oldest policy; nothing was promised before.
        rules: names in the order of the policy, the newest version's first; older versions count too, for runs
            of days on which they were in force.
    """

    time_zone: str
    since: date
    rules: tuple[str, ...]


def schedule_of(folder: Path, name: str) -> Schedule:
    """The rules that say ``schedule_with: <name>`` in any version of the policy under ``folder``.

    Raises:
        PolicyError: there is no policy, or one that cannot be read.
    """
    paths = sorted(folder.glob("*/policy.yaml"))
    if not paths:
        raise PolicyError(
            "no policy found",
            place=str(folder),
            next_step="add <date>/policy.yaml there or set LIFECYCLE_POLICY_DIR",
        )
    versions = sorted((_read(path, path.stat().st_mtime_ns) for path in paths), key=lambda one: one[0])
    chosen = [rule for _, _, rules in reversed(versions) for rule, scheduled in rules if scheduled == name]
    return Schedule(time_zone=versions[-1][1], since=versions[0][0], rules=tuple(dict.fromkeys(chosen)))


def schedules_in(dags_dir: Path) -> frozenset[str] | None:
    """The DAGs of a folder that keep rules, by name: those whose file calls ``promises``. None where it is not there.

    Read as text, never imported; a file is named for its DAG.
    """
    if not dags_dir.is_dir():
        return None
    return frozenset(path.stem for path in dags_dir.glob("*.py") if _keeps_rules(path))


def _keeps_rules(path: Path) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id == "promises" for called in calls)


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> tuple[date, str, tuple[tuple[str, str], ...]]:
    """Date, time zone, and each rule with its schedule; once per state of the file.

    The base loader makes texts of everything, so no name can be taken for a number or a truth value.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)  # noqa: S506 - builds texts only
        header = content["policy"]
        rules = tuple((_name(rule), _scheduled(stated)) for rule, stated in content.get("rules", {}).items())
        return date.fromisoformat(header["last_updated"]), str(header["time_zone"]), rules
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise PolicyError(
            f"cannot be read ({type(error).__name__})",
            place=str(path),
            next_step="run lifecycle check, which names the line",
        ) from None


def _name(rule: str) -> str:
    if not _NAME.fullmatch(rule):
        raise ValueError(rule)
    return rule


def _scheduled(stated: dict[str, Any]) -> str:
    return str(stated.get("schedule_with", ""))
