"""The form of the policy's part ``releases``: which anonymous statistics are made of which rows, and how."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from lifecycle.policy.form import ArchiveName, CollectionName, Column, Days, Form, Identifier, Text

MOST_CELLS = 1_000
"""Of one table that one contributor may be counted in."""
MOST_ADDED = 10**9
"""By one contributor to a number: those of a thousand million still make one of 64 bits."""
TAKEN = frozenset(
    {
        *("first_day", "last_day", "days", "subject", "organisation", "contributors", "events"),
        *("persons", "organisations", "persons_by_day", "organisations_by_day"),
        *("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"),
    }
)
"""Columns that tables have anyway."""
LONGEST_TABLE = 63 - len("_monthly")
"""Characters that PostgreSQL keeps of a name, less what a view of months adds."""
LEAST_PERSONS = 10
"""A cell with fewer is never released, whatever a policy says (commitment W6)."""


def _decimal(value: object) -> object:
    """A number as it is written: YAML reads it as a binary fraction, whose shortest spelling is the written one."""
    return Decimal(repr(value)) if isinstance(value, float) else value


Amount = Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0, allow_inf_nan=False)]
"""More than nothing, exact."""


class Every(StrEnum):
    """What is released at once."""

    DAY = "day"
    WEEK = "week"


class Dimension(Form):
    """What a table is divided by. Exactly one of three kinds.

    Attributes:
        column: its value as it stands, or the group that it belongs to.
        groups: name of a group to words; a value belongs to the first group of which it has a word.
        ip: column of an address, of which the country is told and nothing else kept.
        otherwise: with ``ip``, column of a country that counts where the address does not tell it; with ``groups``,
            the name of the group of everything else.
        user_agent: column of what a browser calls itself, of which the kind of device is told and nothing else kept.
    """

    column: Text | None = None
    groups: dict[Text, Annotated[tuple[Text, ...], Field(min_length=1)]] = {}
    ip: Text | None = None
    otherwise: Text | None = None
    user_agent: Text | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Dimension:
        if sum(one is not None for one in (self.column, self.ip, self.user_agent)) != 1:
            raise ValueError("says exactly one of column, ip and user_agent")
        if self.groups and not (self.column and self.otherwise):
            raise ValueError(
                "says with groups, and only with a column, what everything else is: otherwise: <group>"
            )
        if self.otherwise and not (self.groups or self.ip):
            raise ValueError("otherwise belongs to groups or to ip")
        return self


class Measure(Form):
    """A number that is added up.

    Attributes:
        column: of whole numbers, none below nothing.
        at_most: what one contributor adds to one cell at most; what is more is cut off.
    """

    column: Text
    at_most: Annotated[StrictInt, Field(gt=0, le=MOST_ADDED)]


class ReleasedTable(Form):
    """One table of a release.

    Attributes:
        by: the dimensions that divide it, in the order of its columns.
        cells: in how many of its cells one contributor is counted at most: those with most of the contributor's events.
        events: how many events one contributor adds to one cell at most.
        persons: how many persons one organisation adds to one cell at most; 1 where there are no organisations.
        weight: its part of the budget, beside the other tables'.
    """

    by: Annotated[tuple[ArchiveName, ...], Field(min_length=1)]
    cells: Annotated[StrictInt, Field(gt=0, le=MOST_CELLS)]
    events: Annotated[StrictInt, Field(gt=0, le=MOST_ADDED)]
    persons: Annotated[StrictInt, Field(gt=0, le=MOST_ADDED)] = 1
    weight: Amount = Decimal(1)
    description: Text


class Gates(Form):
    """What a cell must be before any number of it is made public, noise or not.

    Attributes:
        persons: how many it must be about at least.
        organisations: how many those must belong to at least; 0 where that is not asked.
        largest_share: the most that one contributor may make up of any number.
    """

    persons: Annotated[StrictInt, Field(ge=LEAST_PERSONS)] = LEAST_PERSONS
    organisations: Annotated[StrictInt, Field(ge=0)] = 0
    largest_share: Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0, le=1)] = Decimal("0.5")


class Budget(Form):
    """The most that may be spent on one contributor, in zero-concentrated differential privacy (rho).

    Attributes:
        period: on what is released at once, drawings that failed included.
        days_30: on all that is released of any thirty days.
        days_365: of any 365 days.
    """

    period: Amount
    days_30: Amount
    days_365: Amount

    @model_validator(mode="after")
    def _in_order(self) -> Budget:
        if not self.period <= self.days_30 <= self.days_365:
            raise ValueError("a longer time has no smaller budget: period, days_30 and days_365 go up")
        return self


class Feed(Form):
    """For whom a release is made, with noise and a budget of its own.

    Attributes:
        rho: spent at each drawing, over all tables and numbers (zero-concentrated differential privacy).
        delta: how likely it may be, at each drawing, that a cell shows itself which only one contributor made.
    """

    rho: Amount
    delta: Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0, le=Decimal("1e-5"))]
    gates: Gates = Gates()
    budget: Budget
    description: Text

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Feed:
        if self.rho > self.budget.period:
            raise ValueError("one drawing takes rho, which is more than budget.period")
        return self


class Release(Form):
    """Anonymous statistics that are made of a collection's rows, each period once and for good (W6).

    Attributes:
        purpose: for which the rows are used: whoever ended it, or refused it, is left out.
        events: the collection that is counted.
        at: its column that says when; decides the period.
        every: what is released at once: a day or a week (Monday to Sunday) of the policy's time zone.
        within: days after the end of a period in which it is released; afterwards it is lost.
        subject: column that says whose an event is; a pseudonym takes its place before anything is counted.
        organisation: column that says whom a subject belongs to. It is then the organisation that is protected: no
            number tells whether any one of them, with all of its persons, is in it.
        leave_out: words by which a user agent is known not to be a person's, beside those that everybody knows.
    """

    commitments: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    purpose: Identifier
    events: CollectionName
    at: Column
    every: Every = Every.DAY
    within: Annotated[Days, Field(ge=1)] = 7
    subject: Text
    organisation: Text | None = None
    dimensions: Annotated[dict[ArchiveName, Dimension], Field(min_length=1)]
    measures: dict[ArchiveName, Measure] = {}
    tables: Annotated[dict[ArchiveName, ReleasedTable], Field(min_length=1)]
    feeds: Annotated[dict[ArchiveName, Feed], Field(min_length=1)]
    leave_out: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Release:
        for name, table in self.tables.items():
            unknown = [one for one in table.by if one not in self.dimensions]
            if unknown:
                raise ValueError(f"tables.{name} is divided by {unknown[0]}, which is none of the dimensions")
            if len(set(table.by)) != len(table.by):
                raise ValueError(f"tables.{name} is divided twice by the same")
            if table.persons != 1 and not self.organisation:
                raise ValueError(f"tables.{name}.persons belongs to a release with organisation")
        divided = [frozenset(table.by) for table in self.tables.values()]
        if len(set(divided)) != len(divided):
            raise ValueError("two tables are divided by the same: one of them could be taken from the other")
        return self

    @model_validator(mode="after")
    def _named_apart(self) -> Release:
        longest = max((f"{table}_{feed}" for table in self.tables for feed in self.feeds), key=len)
        if len(longest) > LONGEST_TABLE:
            raise ValueError(
                f"{longest} is too long for the name of a table: {LONGEST_TABLE} characters at most"
            )
        for name, feed in self.feeds.items():
            if feed.gates.organisations and not self.organisation:
                raise ValueError(f"feeds.{name}.gates.organisations belongs to a release with organisation")
        both = self.dimensions.keys() & self.measures.keys()
        if both:
            raise ValueError(f"{min(both)} is a dimension and a measure: give one of them another name")
        for name in (*self.dimensions, *self.measures):
            if name in TAKEN:
                raise ValueError(f"{name} is a column of its own in every table: give it another name")
        return self

    @model_validator(mode="after")
    def _budgets_suffice(self) -> Release:
        """Windows of days meet as many periods as this; a period counts whole where it is partly in one."""
        periods = {30: 30, 365: 365} if self.every is Every.DAY else {30: 6, 365: 54}
        for name, feed in self.feeds.items():
            for days, budget in ((30, feed.budget.days_30), (365, feed.budget.days_365)):
                if feed.rho * periods[days] > budget:
                    raise ValueError(
                        f"feeds.{name}.budget.days_{days} does not hold the {periods[days]} periods of {days} days"
                    )
        return self
