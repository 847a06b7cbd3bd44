"""What happens on the website: visits, cookie choices, enquiries, chats, subscriptions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulation.invent.stage import YEAR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from simulation.history import Event
    from simulation.invent.stage import Happenings, Stage


class Website:
    """The website on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def happenings(self) -> Happenings:
        """What may happen on a day."""
        return {
            self._visits: 6,
            self._late_telemetry: 0.5,
            self._cookie_choice: 2,
            self._new_enquiry: 4,
            self._message: 3,
            self._new_chat: 4,
            self._new_subscription: 3,
            self._consent: 4,
        }

    def before(self) -> Iterator[Event]:
        """What people told the website in the last three years."""
        past = self.stage.past
        for _ in range(10):
            yield from self._enquiry(past(timedelta(0), 2.97 * YEAR))
        for _ in range(14):
            yield from self._subscription(past(YEAR, 2.97 * YEAR))
        for _ in range(12):
            yield from self._chat(past(YEAR, 2.97 * YEAR))

    def _visits(self) -> Iterator[Event]:
        """A day on which the website is visited; on most days of this small company it is not."""
        for _ in range(self.stage.random.randrange(1, 5)):
            yield from self._visit()

    def _visit(self) -> Iterator[Event]:
        """Somebody looks at a few pages, for the first time or again."""
        stage = self.stage
        known = stage.pick("website.visitor", lambda row: row["first_seen_at"] <= stage.now)
        if known and stage.chance(0.5):
            visitor, row = known
            yield stage.change("website.visitor", visitor, last_seen_at=max(stage.now, row["last_seen_at"]))
        else:
            added = stage.add("website.visitor", first_seen_at=stage.now, last_seen_at=stage.now)
            visitor = added.key
            yield added
        for _ in range(stage.few(1.5)):
            yield stage.add("website.page_view", visitor_id=visitor, occurred_at=stage.now)
        if stage.chance(0.5):
            yield stage.add("website.interaction", visitor_id=visitor, occurred_at=stage.now)

    def _late_telemetry(self) -> Iterator[Event]:
        """Page views arrive late, perhaps when they should be gone already."""
        if visitor := self.stage.pick("website.visitor"):
            seen = self.stage.past(timedelta(0), timedelta(days=50))
            yield self.stage.add("website.page_view", visitor_id=visitor[0], occurred_at=seen)

    def _cookie_choice(self) -> Iterator[Event]:
        if visitor := self.stage.pick("website.visitor"):
            yield self.stage.add(
                "website.cookie_choice",
                visitor_id=visitor[0],
                chosen_at=self.stage.now,
                analytical=self.stage.random.choice(("true", "true", "false")),
            )

    def _new_enquiry(self) -> Iterator[Event]:
        yield from self._enquiry(self.stage.now)

    def _enquiry(self, submitted_at: datetime) -> Iterator[Event]:
        stage = self.stage
        enquiry = stage.add("website.enquiry", submitted_at=submitted_at, visitor_id=stage.visitor())
        yield enquiry
        for _ in range(stage.few(0.8)):
            yield stage.add("website.message", enquiry_id=enquiry.key, sent_at=stage.now)

    def _message(self) -> Iterator[Event]:
        if enquiry := self.stage.pick("website.enquiry"):
            yield self.stage.add("website.message", enquiry_id=enquiry[0], sent_at=self.stage.now)

    def _new_chat(self) -> Iterator[Event]:
        yield from self._chat(self.stage.now)

    def _chat(self, started_at: datetime) -> Iterator[Event]:
        stage = self.stage
        enquiry = stage.pick("website.enquiry") if stage.chance(0.6) else None
        yield stage.add(
            "website.chat",
            visitor_id=stage.visitor(),
            enquiry_id=enquiry[0] if enquiry else None,
            started_at=started_at,
            ended_at=started_at + timedelta(minutes=stage.random.randrange(60)),
        )

    def _new_subscription(self) -> Iterator[Event]:
        yield from self._subscription(self.stage.now)

    def _subscription(self, created_at: datetime) -> Iterator[Event]:
        stage = self.stage
        subscription = stage.add(
            "website.marketing_subscription", created_at=created_at, visitor_id=stage.visitor()
        )
        yield subscription
        if stage.chance(0.7):
            yield stage.add(
                "website.marketing_consent",
                subscription_id=subscription.key,
                event="given",
                occurred_at=created_at,
            )

    def _consent(self) -> Iterator[Event]:
        """Consent is withdrawn, or given again."""
        stage = self.stage
        if subscription := stage.pick("website.marketing_subscription"):
            yield stage.add(
                "website.marketing_consent",
                subscription_id=subscription[0],
                event=stage.random.choice(("given", "withdrawn")),
                occurred_at=stage.now,
                source=stage.random.choice(("form", "request")),
            )
