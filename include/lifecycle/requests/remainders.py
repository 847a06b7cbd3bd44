"""What erasures had to leave, seen to in turn: one request that fails is no reason to leave the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lifecycle.errors import LifecycleError, UsageError
from lifecycle.requests import steps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from lifecycle.execute.door import Outcome
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """What became of the requests of which rows were left.

    Attributes:
        outcomes: of those of which something went.
        failed: of the others that could not go on, why.
    """

    outcomes: Mapping[UUID, Outcome] = field(default_factory=dict)
    failed: Mapping[UUID, LifecycleError] = field(default_factory=dict)

    def to_json(self) -> list[dict[str, Any]]:
        """By request, what went, in counts."""
        return [{"request": str(number), **outcome.to_json()} for number, outcome in self.outcomes.items()]

    def require_done(self) -> None:
        """Nothing failed.

        Raises:
            LifecycleError: names each request that did, and why.
        """
        if self.failed:
            raise LifecycleError(
                "\n".join(f"request {number}: {error}" for number, error in self.failed.items()),
                place="request_remainders",
                next_step="what is left stays named for the next run",
            )


def resume_all(company: Company, *, as_of: datetime) -> Resumed:
    """Erase what earlier erasures had to leave, as far as nothing keeps it any more.

    Raises:
        UsageError: the database or the policy cannot be used, for no request.
    """
    outcomes: dict[UUID, Outcome] = {}
    failed: dict[UUID, LifecycleError] = {}
    with company.engine.connect() as connection:
        waiting = steps.unfinished(connection)
    for number in waiting:
        try:
            outcome = steps.resume(company, number, as_of=as_of)
        except UsageError:
            raise
        except LifecycleError as error:
            failed[number] = error
        else:
            if outcome:
                outcomes[number] = outcome
    return Resumed(outcomes=outcomes, failed=failed)
