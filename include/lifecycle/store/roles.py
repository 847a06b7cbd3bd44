"""The database roles of the project, each with only what it needs."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Who a connection acts as. None of them can log in: a connection steps into one by ``SET ROLE``."""

    ENGINE = "lifecycle_engine"
    """Plans and deletes: reads, updates and deletes in the mapped tables, writes plans and the ledger."""
    READER = "lifecycle_reader"
    """The operator's page: reads plans, requests and receipts; nothing of the company's own rows."""
    INTAKE = "lifecycle_intake"
    """The page of requests: takes them, and records what operators say; reads no row of the company and nobody's
    identity."""
    BUILDER = "analytics_builder"
    """Writes what is released into ``analytics``, once; changes nothing there. Alone reads what that is worth."""
    DATA_TEAM = "data_team"
    """Reads ``analytics``: what is released, nothing else."""
    AUDITOR = "auditor"
    """Reads the ledger, nothing else."""
