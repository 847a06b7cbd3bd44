"""What is said when a run is not through in time."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)


def report_late(context: dict[str, Any] | None = None, *, schedule: str, hours: int) -> None:
    """Say, at the level of an error, that promises may be broken soon; alerting listens to the log."""
    run = ((context or {}).get("dag_run") or {}).get("dag_run_id", "")
    logger.error(
        "%s %s is not through after %s hours: what it should have deleted will be late unless it ends"
        " within the lead of its rules; see whether it waits for an approval or failed",
        schedule,
        run,
        hours,
    )
