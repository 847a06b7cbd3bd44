"""Settings from the environment, with defaults that work from a fresh clone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the project finds its database, its data files and its keys.

    Attributes:
        database_url: a PostgreSQL address, or None for the embedded server under ``state_dir``.
        policy_dir: holds one folder per policy version, each with a ``policy.yaml``.
        datamap_dir: holds the Fides dataset files.
        sample_dir: holds ``schema.sql`` and ``population.sql`` for ``lifecycle seed``.
        keyring: folder of the file key provider.
        ledger_copy: folder of the ledger's copy outside the database; on another disk it survives what that does not.
        archive: where archives are written: a folder, or ``s3://bucket/prefix``.
        archive_second: where they are written as well; None where one place is enough.
        releases: folder of what is released as files.
        pseudonymised: folder of what a release is made of while that lasts; on a disk that no backup copies.
        geoip: a file that tells countries of addresses, in MaxMind's format; None where there is none.
        spark: master of the Spark that counts releases, as ``local[4]`` or ``spark://machine:7077``; None for DuckDB.
        intake_keyring: folder of the keys that the page of requests needs; None where they are with the others.
        state_dir: everything a run leaves on this machine: the embedded server, logs, the keyring.
    """

    database_url: str | None
    policy_dir: Path
    datamap_dir: Path
    sample_dir: Path
    keyring: Path
    ledger_copy: Path
    archive: str
    archive_second: str | None
    releases: Path
    pseudonymised: Path
    geoip: Path | None
    spark: str | None
    intake_keyring: Path | None
    state_dir: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read ``LIFECYCLE_*``; a relative path is taken from the project's root."""
        include = PROJECT / "include"

        def folder(name: str, default: Path) -> Path:
            return PROJECT / environment.get(f"LIFECYCLE_{name}", str(default))

        state = folder("STATE_DIR", PROJECT / ".state")
        intake, geoip = environment.get("LIFECYCLE_INTAKE_KEYRING"), environment.get("LIFECYCLE_GEOIP")
        return cls(
            database_url=environment.get("LIFECYCLE_DATABASE_URL") or None,
            policy_dir=folder("POLICY_DIR", include / "policies"),
            datamap_dir=folder("DATAMAP_DIR", include / "datamap"),
            sample_dir=folder("SAMPLE_DIR", include / "sample"),
            keyring=folder("KEYRING", state / "keyring"),
            ledger_copy=folder("LEDGER_COPY", state / "ledger-copy"),
            archive=_place(environment.get("LIFECYCLE_ARCHIVE")) or str(state / "archive"),
            archive_second=_place(environment.get("LIFECYCLE_ARCHIVE_SECOND")),
            releases=folder("RELEASES", state / "releases"),
            pseudonymised=folder("PSEUDONYMISED", state / "pseudonymised"),
            geoip=PROJECT / geoip if geoip else None,
            spark=environment.get("LIFECYCLE_SPARK") or None,
            intake_keyring=PROJECT / intake if intake else None,
            state_dir=state,
        )


def _place(given: str | None) -> str | None:
    """An address as it is, a relative path from the project's root; None where nothing is given."""
    return given if not given or "://" in given else str(PROJECT / given)
