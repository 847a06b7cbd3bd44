"""Why rows are due, as SQL: asked when a plan is made, when it is checked, and again by each batch."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from lifecycle.planning.clocks import ClockSql
from lifecycle.planning.witnesses import clock_witnesses

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from datetime import date

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.rulebook import Clock, Rulebook


class Ground(Protocol):
    """Why rows of some collections are due by themselves.

    Attributes:
        signature: two grounds that have the same ask by the same statements, with other values bound.
        bound: the values of what its statements leave to be bound.
    """

    @property
    def signature(self) -> Hashable:
        """By what it asks."""

    @property
    def bound(self) -> Mapping[str, Any]:
        """With which values."""

    def due(self, work: Work) -> Select[Any]:
        """The keys of the due rows of a collection, each once."""

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether one row of a collection is due; NULL is as good as no."""

    def witnesses(self, works: WorkSet, work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """Rows of ``work`` from which it is read that a row which stays is due: its collection; keys, last day."""


class PassedLimit:
    """Rows are due because their clocks say so.

    Args:
        rulebook: of the policy in force.
        clocks: by collection.
        last_event_day: the greatest day of an event that counts.
    """

    def __init__(self, rulebook: Rulebook, clocks: Mapping[str, Clock], last_event_day: date) -> None:
        self.rulebook = rulebook
        self.clocks = clocks
        self.last_event_day = last_event_day

    @cached_property
    def signature(self) -> Hashable:
        """The rule's clocks and the day, which stands in the statements."""
        return "passed", str(self.clocks), self.last_event_day

    @property
    def bound(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def due(self, work: Work) -> Select[Any]:
        """Rows whose limit has passed."""
        row = work.row("due_row")
        return self._clock(work.collection).due(row, work.row_keys(row), self.last_event_day)

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether the limit of a row has passed."""
        return self._clock(collection).is_due(row, self.last_event_day)

    def witnesses(self, works: WorkSet, work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """Rows that the clocks of rows which stay are read from."""
        return clock_witnesses(works, work, self.clocks, self.last_event_day)

    def _clock(self, collection: str) -> ClockSql:
        return ClockSql(self.rulebook, self.clocks[collection])
