"""Finds and reads policy versions: a folder per version, the one in force at a date counts (P1)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lifecycle.errors import PolicyError
from lifecycle.policy.model import Policy
from lifecycle.timelimits import local_day
from lifecycle.yamlfile import YamlFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PolicyVersion:
    """A policy and the file it was read from."""

    policy: Policy
    file: YamlFile

    def place(self, *keys: str | int) -> str:
        """``file:line`` of a path of keys, for an error."""
        return self.file.place(keys)


def load_policies(folder: Path) -> tuple[PolicyVersion, ...]:
    """Every ``<version>/policy.yaml`` under ``folder``, oldest first.

    Raises:
        PolicyError: none found, a malformed one, or two of the same date.
    """
    paths = sorted(folder.glob("*/policy.yaml"))
    if not paths:
        raise PolicyError(
            "no policy found",
            place=str(folder),
            next_step="add <date>/policy.yaml there or set LIFECYCLE_POLICY_DIR",
        )
    versions = [read_policy(path) for path in paths]
    versions.sort(key=lambda version: version.policy.policy.last_updated)
    for earlier, later in pairwise(versions):
        if earlier.policy.version == later.policy.version:
            raise PolicyError(
                f"two policies are dated {later.policy.version}",
                place=later.place("policy", "last_updated"),
                next_step=f"correct the date here or in {earlier.file.path}",
            )
    return tuple(versions)


def read_policy(path: Path) -> PolicyVersion:
    """Read one policy file.

    Raises:
        PolicyError: malformed.
    """
    file = YamlFile(path)
    return PolicyVersion(policy=file.parse(Policy, guide="docs/policy-format.md"), file=file)


def in_force(versions: Sequence[PolicyVersion], as_of: datetime) -> PolicyVersion:
    """The latest version published on or before the local day of ``as_of``.

    Raises:
        PolicyError: none was in force yet.
        UsageError: ``as_of`` is naive.
    """
    for version in reversed(versions):
        if version.policy.policy.last_updated <= local_day(as_of, version.policy.zone):
            return version
    raise PolicyError(
        f"no policy was in force on {local_day(as_of, versions[0].policy.zone)}",
        place=versions[0].place("policy", "last_updated"),
        next_step="choose a later date, or add the version that counted then",
    )
