"""A company opened for work: its database, its policies, its data map and its keys."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lifecycle.datamap.load import load_datamap
from lifecycle.errors import PolicyAmended
from lifecycle.keys.keyring import INTAKE_MASTER_KEY_VARIABLE, FileKeyring
from lifecycle.keys.parted import PartedKeyring
from lifecycle.ledger.copy import LedgerCopy
from lifecycle.policy.load import in_force, load_policies
from lifecycle.policy.rulebook import Rulebook, resolve
from lifecycle.policy.schedule import schedules_in
from lifecycle.runs.restoration import require_finished
from lifecycle.settings import PROJECT
from lifecycle.store.engine import connect, reading, resolve_url
from lifecycle.store.inspect import inspect
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Engine

    from lifecycle.datamap.model import DataMap
    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.load import PolicyVersion
    from lifecycle.quality.before import Seen
    from lifecycle.quality.suite import Checked
    from lifecycle.settings import Settings


KEPT_CONNECTIONS = 2
"""The steps of a run follow each other on one; a step that reads while it writes needs another."""


@dataclass(frozen=True, kw_only=True)
class ReleasePlaces:
    """Where releases are made.

    Attributes:
        files: folder of what is released.
        pseudonymised: folder of what it is made of, while that lasts.
        geoip: a file that tells countries of addresses.
        spark: master of the Spark that counts; None where DuckDB does.
    """

    files: Path
    pseudonymised: Path
    geoip: Path | None = None
    spark: str | None = None


@dataclass(frozen=True, kw_only=True)
class Company:
    """Everything a run needs.

    Attributes:
        engine: connects as the engine role, unless it was opened for another.
        policies: every version, oldest first.
        schedules: the DAGs that keep rules; None where nobody knows.
        archive_urls: the places of archives.
        releases: where releases are made; None where none are.
        ledger_copy: the ledger's copy outside the database; None where none is kept.
        agreed: the database as each version of the policy was found to agree with it, and what was checked.
    """

    engine: Engine
    policies: tuple[PolicyVersion, ...]
    datamap: DataMap
    keys: KeyProvider
    schedules: frozenset[str] | None = None
    ledger_copy: LedgerCopy | None = None
    archive_urls: tuple[str, ...] = ()
    releases: ReleasePlaces | None = None
    agreed: dict[str, tuple[Seen, Checked]] = field(default_factory=dict, repr=False)
    _rulebooks: dict[str, Rulebook] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, settings: Settings, *, role: Role = Role.ENGINE) -> Company:
        """Open the company that the settings name, to act as a role; its connections are closed when it is let go.

        Raises:
            PolicyError: policy or map cannot be read.
            StoreError: the database cannot be used.
        """
        opened = cls(
            engine=connect(resolve_url(settings), role=role, keeps=KEPT_CONNECTIONS),
            policies=load_policies(settings.policy_dir),
            datamap=load_datamap(settings.datamap_dir),
            keys=_keys(settings, role),
            schedules=schedules_in(PROJECT / "dags"),
            ledger_copy=LedgerCopy(settings.ledger_copy),
            releases=ReleasePlaces(
                files=settings.releases,
                pseudonymised=settings.pseudonymised,
                geoip=settings.geoip,
                spark=settings.spark,
            ),
            archive_urls=tuple(filter(None, (settings.archive, settings.archive_second))),
        )
        weakref.finalize(opened, opened.engine.dispose)
        return opened

    def version(self, as_of: datetime) -> PolicyVersion:
        """The policy in force at ``as_of`` (P1)."""
        return in_force(self.policies, as_of)

    def require_continued(self) -> None:
        """Refuse to change anything on a database that lost what its ledger's copy knows.

        Raises:
            PromiseBroken: it was restored from a backup and not everything was done again, or its ledger was changed.
        """
        self.require_whole_ledger()
        with reading(self.engine) as connection:
            require_finished(connection)

    def require_whole_ledger(self) -> None:
        """Refuse to write into a ledger that lacks what its copy has.

        Raises:
            PromiseBroken: the database was restored from a backup, or its ledger was changed.
        """
        if self.ledger_copy:
            with reading(self.engine) as connection:
                self.ledger_copy.require_continued(connection)

    def require_same_as_copy(self) -> None:
        """See that the ledger has every entry of its copy.

        Raises:
            PromiseBroken: the database was restored from a backup, or its ledger was changed.
        """
        if self.ledger_copy:
            with self.engine.begin() as connection:
                self.ledger_copy.require_same(connection)

    def require_in_force(self, as_of: datetime, *, now: datetime) -> None:
        """Refuse to delete for a past moment by a version that another has replaced: that one may keep more (P1).

        Nothing is late for it: a run for today deletes all that is due under the version that counts today.

        Raises:
            PolicyAmended: names the versions.
        """
        then, today = self.version(as_of).policy.version, self.version(now).policy.version
        if then != today:
            raise PolicyAmended(
                f"the policy of {today} has replaced that of {then}",
                place=f"as of {as_of:%Y-%m-%d}",
                next_step="a run for today does all that is due by the policy that counts now",
            )

    def rulebook(self, as_of: datetime) -> Rulebook:
        """The policy in force at ``as_of``, resolved against the live schema once per opened company."""
        version = self.version(as_of)
        name = version.policy.version
        if name not in self._rulebooks:
            with reading(self.engine) as connection:
                live = inspect(connection, self.datamap.schemas)
            self._rulebooks[name] = resolve(version, self.datamap, live)
        return self._rulebooks[name]


def _keys(settings: Settings, role: Role) -> KeyProvider:
    """The keys that a role needs: the page of requests its own alone, where they are kept apart."""
    if settings.intake_keyring is None:
        return FileKeyring(settings.keyring)
    intake = FileKeyring(settings.intake_keyring, master_key_variable=INTAKE_MASTER_KEY_VARIABLE)
    if role is Role.INTAKE:
        return intake
    return PartedKeyring(intake=intake, others=FileKeyring(settings.keyring))
