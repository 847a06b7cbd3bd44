"""What the company promises, as the model knows it: written from the words of the policy, not from its file.

Each rule has the table whose rows it is about, how long they may be kept, and by how many days deletion comes
before the limit. An amended policy (P1) has other periods from its date on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulation.moments import Period, day_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from simulation.history import Run

RUN_EVERY_DAYS = 1
BOOKS = "books"
"""The duty to keep accounting records."""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One time limit.

    Attributes:
        announce: days before the planned day on which its deletions are announced.
    """

    table: str
    keep: Period
    lead_days: int
    announce: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A version of the policy.

    Attributes:
        promises: by name of the rule, in the order in which a run keeps them.
        books: how long the law asks for accounting records, from the end of their financial year.
    """

    since: date
    promises: Mapping[str, Promise]
    books: Period

    def amended(self, since: date, changes: Mapping[str, tuple[Period, int]]) -> Policy:
        """The version that follows, with other periods and leads.

        Args:
            since: first day on which it counts.
            changes: period and lead by rule, or that of the duty (:data:`BOOKS`); what is not named stays.
        """
        promises = {
            rule: replace(promise, keep=changes[rule][0], lead_days=changes[rule][1])
            if rule in changes
            else promise
            for rule, promise in self.promises.items()
        }
        books = changes[BOOKS][0] if BOOKS in changes else self.books
        return Policy(since=since, promises=promises, books=books)

    def told(self, changed: str) -> str:
        """A rule or the duty in words."""
        if changed == BOOKS:
            return f"{BOOKS} {self.books}"
        return f"{changed} {self.promises[changed].keep} lead {self.promises[changed].lead_days}"

    def changed(self, before: Policy) -> tuple[str, ...]:
        """What is otherwise than it was before."""
        rules = [rule for rule in self.promises if self.promises[rule] != before.promises[rule]]
        return (*rules, *[BOOKS] * (self.books != before.books))


def in_force(versions: Sequence[Policy], moment: datetime) -> Policy:
    """The version published last by the day of ``moment``."""
    return max((one for one in versions if one.since <= day_of(moment)), key=lambda one: one.since)


def is_of_old(versions: Sequence[Policy], run: Run) -> bool:
    """Whether another version counts when the run comes than on the day it stands for."""
    return in_force(versions, run.as_of) is not in_force(versions, run.at)


def first_policy(since: date) -> Policy:
    """The policy as published on 19 February 2025."""
    days, years = (lambda n: Period(days=n)), (lambda n: Period(months=12 * n))

    def promise(table: str, keep: Period, lead_days: int, *announce: int) -> Promise:
        return Promise(table=table, keep=keep, lead_days=lead_days, announce=announce)

    return Policy(
        since=since,
        promises={
            # W7: what is collected while visiting is kept 30 days
            "page_views_30_days": promise("website.page_view", days(30), 2),
            "interactions_30_days": promise("website.interaction", days(30), 2),
            "visitors_30_days": promise("website.visitor", days(30), 2),
            # W8: what people tell us is kept three years
            "enquiries_three_years": promise("website.enquiry", years(3), 7),
            "chats_three_years": promise("website.chat", years(3), 7),
            "subscriptions_three_years": promise("website.marketing_subscription", years(3), 7),
            # A9: persons go within twelve months of the end of the contract; A6: customer data three years after it
            "persons_after_contract": promise("app.person", Period(months=12), 7, 30, 7),
            "customer_data_after_contract": promise("app.customer", years(3), 7),
            "disclosures_three_years": promise("app.disclosure", years(3), 7),
            # A7: accounting is kept ten years, in the tables two of them where the archive has it
            "billing_two_years": promise("app.invoice", years(2), 0),
        },
        books=years(10),
    )
