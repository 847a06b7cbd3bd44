"""What happens to the policy: it is amended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.history import Amend
from simulation.moments import Period, day_of
from simulation.policy import BOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.history import Event
    from simulation.invent.stage import Happenings, Stage

TELEMETRY = ("page_views_30_days", "interactions_30_days", "visitors_30_days")

AMENDMENTS: tuple[dict[str, tuple[Period, int]], ...] = (
    dict.fromkeys(TELEMETRY, (Period(days=20), 1)),
    dict.fromkeys(TELEMETRY, (Period(days=45), 3)),
    {"persons_after_contract": (Period(months=6), 7), "chats_three_years": (Period(months=18), 0)},
    {"persons_after_contract": (Period(months=18), 14), "enquiries_three_years": (Period(months=24), 7)},
    {
        "customer_data_after_contract": (Period(months=24), 7),
        "disclosures_three_years": (Period(months=13), 7),
    },
    {
        "subscriptions_three_years": (Period(months=12), 30),
        "customer_data_after_contract": (Period(months=40), 3),
    },
    {"persons_after_contract": (Period(months=12), 21)},
    {BOOKS: (Period(months=84), 0)},
    {BOOKS: (Period(months=132), 0), "billing_two_years": (Period(months=36), 0)},
    {"billing_two_years": (Period(months=12), 0)},
)
"""What an amended policy changes: period and days of lead, by rule; of the duty the period."""


class Policies:
    """Versions of the policy on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def happenings(self) -> Happenings:
        """What may happen on a day."""
        return {self._amendment: 0.8}

    def _amendment(self) -> Iterator[Event]:
        stage = self.stage
        today = day_of(stage.now)
        newest = max(stage.world.policies, key=lambda one: one.since)
        if newest.since < today:
            changes = stage.random.choice(AMENDMENTS)
            yield Amend(at=stage.now, policy=newest.amended(today, changes), changed=tuple(changes))
