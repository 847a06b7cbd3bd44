"""The rows around a few due ones, read into memory: all that a decision about them may depend on.

Each question is one statement over all collections, so that asking does not grow with their number. A row is known by
its key as text. Where there are more rows than are worth holding in memory, :class:`TooMany` says so, and the work set
does the same in the database.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lifecycle.planning.questions import Questions
from lifecycle.timelimits import latest_over_day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy import Connection

    from lifecycle.decide.company import Pairs, RowId
    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.questions import Question
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook, Scope

MOST = 2_000
"""Rows of one answer that are worth holding in memory."""


class TooMany(Exception):
    """There are more rows than are worth holding in memory."""


@dataclass(kw_only=True)
class Around:
    """What was read.

    Attributes:
        rows: due rows, and all that a deletion of them may reach.
        pairs: holder and target of the references that matter, by edge.
        links: the columns by which a row refers to others, as text.
        duties: duties that keep a row, each with the day that its clock is read from; None where it has none.
        filled: columns of a row that hold something, of those that may be emptied.
        wards: rows that a duty keeps, each with the rows in question that its clock is read from.
    """

    rows: dict[RowId, None] = field(default_factory=dict)
    pairs: Pairs = field(default_factory=dict)
    links: dict[RowId, dict[str, str | None]] = field(default_factory=dict)
    duties: dict[RowId, list[tuple[str, date | None]]] = field(default_factory=lambda: defaultdict(list))
    filled: dict[RowId, frozenset[str]] = field(default_factory=dict)
    wards: dict[RowId, set[RowId]] = field(default_factory=lambda: defaultdict(set))

    def add_pair(self, edge: Edge, holder: RowId, target: RowId) -> None:
        """Add a reference, unless it is known."""
        pairs = self.pairs.setdefault(edge, [])
        if (holder, target) not in pairs:
            pairs.append((holder, target))


class Nearby:
    """Reads what is near to due rows within one scope, on one connection, inside one transaction.

    Args:
        connection: sees the state of the database that is planned on.
        rulebook: of the policy in force.
        scope: which collections may be reached, and how.
        as_of: the moment of the run.
    """

    def __init__(self, connection: Connection, rulebook: Rulebook, scope: Scope, as_of: datetime) -> None:
        self.connection = connection
        over = tuple(
            (name, latest_over_day(duty.statutory.keep, as_of=as_of, zone=rulebook.policy.zone))
            for name, duty in rulebook.statutory.items()
        )
        key = ("questions", scope.closure, scope.roots, scope.takes_along, tuple(scope.redacts.items()), over)
        if key not in rulebook.made:
            rulebook.made[key] = Questions(rulebook, scope, dict(over))
        self.questions: Questions = rulebook.made[key]
        self.takes_along = scope.takes_along

    def due(self, ground: Ground) -> list[RowId]:
        """The due rows.

        Raises:
            TooMany: there are more than are worth holding in memory.
        """
        question = self.questions.due(ground)
        return [question.row(answer) for answer in self._ask(question, dict(ground.bound))]

    def around(self, due: Iterable[RowId]) -> Around:
        """What is around them.

        Raises:
            TooMany: it is more than is worth holding in memory.
        """
        found = Around(rows=dict.fromkeys(due))
        if not found.rows:
            return found
        self._answer(self.questions.own_links, found, found.rows)
        if self.takes_along:
            self._spread(found)
        self._answer(self.questions.around, found, found.rows)
        holders = {holder for pairs in found.pairs.values() for holder, _ in pairs}
        self._answer(self.questions.other_targets, found, holders)
        return found

    def _spread(self, found: Around) -> None:
        """Add the rows that belong to due ones, and those that belong to these."""
        frontier = list(found.rows)
        while frontier:
            known = set(found.rows)
            self._answer(self.questions.followers, found, frontier)
            frontier = [row for row in found.rows if row not in known]
            if len(found.rows) > MOST:
                raise TooMany

    def _answer(self, question: Question, found: Around, rows: Iterable[RowId]) -> None:
        for answer in self._ask(question, question.bound(rows)):
            question.take(found, answer)

    def _ask(self, question: Question, bound: dict[str, Any]) -> list[Any]:
        answers = question.ask(self.connection, {**bound, "most": MOST + 1})
        if len(answers) > MOST:
            raise TooMany
        return answers
