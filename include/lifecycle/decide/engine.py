"""What a rule does to a company held in memory: a decision for every row it reaches, and the rows afterwards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from lifecycle.decide.clocks import anchor_rows, event_day
from lifecycle.decide.company import Company, RowId
from lifecycle.decide.cover import cover
from lifecycle.decide.decision import Act, Decision, decide
from lifecycle.decide.facts import Duty, Facts, Need, Promise
from lifecycle.decide.needs import (
    needs_of_references,
    rows_of_document,
    witnesses_of_duty,
    witnesses_of_rule,
)
from lifecycle.decide.taking import content, taken, users
from lifecycle.policy.model import EdgeKind
from lifecycle.timelimits import is_due, is_over

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from lifecycle.decide.company import Rows, Values
    from lifecycle.decide.cover import Placed
    from lifecycle.decide.facts import Hold
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Clock, ResolvedStatutory, Rulebook

_EMPTY: dict[str, Any] = {"json": {}, "jsonb": {}, "bytea": b""}
"""What a redacted column that cannot be null holds, where it is not the empty text."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a rule does to a company.

    Attributes:
        decisions: about every row that the rule reaches; about the others it says nothing.
        cuts: the links, by edge and holder, that rows which stay lose.
        rows: the company afterwards.
    """

    decisions: Mapping[RowId, Decision]
    cuts: frozenset[tuple[Edge, RowId]]
    rows: Rows


def foresee(
    rulebook: Rulebook,
    rule: str,
    rows: Mapping[str, Sequence[Values]],
    placed: Iterable[Placed] = (),
    *,
    archived: Container[RowId] = frozenset(),
    as_of: datetime,
) -> Outcome:
    """What ``rule`` does as of a moment.

    Args:
        rulebook: the policy, resolved.
        rule: the name of one of its rules.
        rows: the rows of every collection, values as PostgreSQL's types are in Python.
        placed: holds and restrictions.
        archived: documents that an archive has as they stand in the rows.
        as_of: moment of the run, aware.
    """
    run = _Run(rulebook, rule, rows, placed, archived, as_of)
    decisions = run.decisions()
    cuts = run.cuts(decisions)
    return Outcome(decisions=decisions, cuts=cuts, rows=_afterwards(run.company, decisions, cuts))


class Deciding(ABC):
    """Decides about every row that something reaches which deletes rows, or empties columns of them.

    What it knows of single rows is told by its kinds: from values in memory (:func:`foresee`), or from a database.

    Args:
        company: its rows.
        takes_along: whether what belongs to due rows goes along.
        deletes: whether rows go; otherwise columns are emptied.
        as_of: moment of the run, aware.
    """

    def __init__(self, company: Company, *, takes_along: bool, deletes: bool, as_of: datetime) -> None:
        self.rulebook = company.rulebook
        self.company = company
        self.takes_along = takes_along
        self.deletes = deletes
        self.as_of = as_of

    @property
    @abstractmethod
    def due(self) -> set[RowId]:
        """Rows that are due by themselves."""

    @property
    @abstractmethod
    def held(self) -> Mapping[RowId, Sequence[Hold]]:
        """The holds that cover rows, of those rows alone."""

    @abstractmethod
    def duties(self, row: RowId) -> Iterable[Duty]:
        """The duties to keep a row."""

    @abstractmethod
    def promise(self, row: RowId) -> Promise:
        """What is to be done to a row that is due, or goes along."""

    @abstractmethod
    def witnesses(self) -> Iterable[tuple[RowId, Iterable[RowId]]]:
        """Rows that a clock is read for, each with the others without which it would be read otherwise, if it stays."""

    def decisions(self) -> dict[RowId, Decision]:
        """Decide, and decide again with what the rows that stay need, until nothing changes."""
        going = {row: self._decide(row, ()) for row in self.going}
        while (again := self._decide_again(going)) != going:
            going = again
        in_use = {row: self._decide(row, self._uses(row)) for row in self._wanted - self.going}
        return going | in_use

    def cuts(self, decisions: Mapping[RowId, Decision]) -> frozenset[tuple[Edge, RowId]]:
        """The links of rows that stay to rows that all go."""
        gone = {row for row, decision in decisions.items() if not decision.stays}
        return frozenset(
            (edge, holder)
            for row in gone
            for edge, holder in self.company.referring(row)
            if edge.kind in {EdgeKind.OWNER, EdgeKind.ACCESS} and edge.cut_columns
            if holder not in gone and gone.issuperset(self.company.targets(edge, holder))
        )

    @cached_property
    def going(self) -> set[RowId]:
        """Rows that go or are redacted, if nothing holds on to them."""
        if not self.deletes:
            return self.due
        return taken(self.company, self.due, takes_along=self.takes_along)

    @cached_property
    def _wanted(self) -> set[RowId]:
        """Rows that would go if nobody used them."""
        return self.due | (content(self.company, self.going) if self.takes_along else set())

    def _decide_again(self, going: Mapping[RowId, Decision]) -> dict[RowId, Decision]:
        needs: dict[RowId, set[Need]] = {
            row: set(needs_of_references(self.company, row, going, self._held_until)) for row in going
        }
        for row, witnesses in self.witnesses():
            if row not in going or going[row].stays:
                until = going[row].until if row in going else None
                for witness in needs.keys() & witnesses:
                    needs[witness].add(Need(name=row.collection, until=until))
        return {row: self._decide(row, needs[row]) for row in going}

    def _decide(self, row: RowId, needs: Iterable[Need]) -> Decision:
        facts = Facts(
            holds=tuple(self.held.get(row, ())),
            duties=tuple(self.duties(row)),
            promises=(self.promise(row),),
            needs=tuple(sorted(needs, key=lambda need: need.name)),
        )
        return self._decided(facts)

    def _decided(self, facts: Facts) -> Decision:
        policy = self.rulebook.policy
        return decide(facts, as_of=self.as_of, interval_days=policy.policy.run_every, zone=policy.zone)

    def _uses(self, row: RowId) -> list[Need]:
        going = self.going
        return [Need(name=user.collection, in_use=True) for user in users(self.company, row, going)]

    @cached_property
    def _held_until(self) -> dict[RowId, date | None]:
        decided = {row: self._decided(Facts(holds=tuple(holds))) for row, holds in self.held.items()}
        return {row: decision.until for row, decision in decided.items() if decision.because}


class _Run(Deciding):
    """One rule at one moment, over rows whose values are known."""

    def __init__(
        self,
        rulebook: Rulebook,
        rule: str,
        rows: Mapping[str, Sequence[Values]],
        placed: Iterable[Placed],
        archived: Container[RowId],
        as_of: datetime,
    ) -> None:
        self.rule = rulebook.rules[rule]
        super().__init__(
            Company(rulebook, rows),
            takes_along=self.rule.rule.action == "delete",
            deletes=not self.rule.redacts,
            as_of=as_of,
        )
        self.cover = cover(self.company, placed)
        self.archived = archived

    @cached_property
    def due(self) -> set[RowId]:
        """Rows whose own clock says that they are due."""
        return {
            row
            for collection, clock in self.rule.clocks.items()
            for row in self.company.of(collection)
            if any(self._is_due(clock, day) for day in self._days(clock, row) if day)
        }

    @property
    def held(self) -> Mapping[RowId, Sequence[Hold]]:
        """The holds that cover rows."""
        return self.cover

    def duties(self, row: RowId) -> list[Duty]:
        """The duties to keep a row; of several anchors the last counts, and one without a day lasts longest.

        None that an archive fulfils in the tables' stead, where rows go.
        """
        found = []
        for name, duty, clock in self._duty_clocks(row):
            if self.deletes and self._is_archived(name, row):
                continue
            days = self._days(clock, row)
            if days:
                known = [day for day in days if day is not None]
                found.append(
                    Duty(
                        name=name,
                        keep=clock.keep,
                        event_day=max(known) if len(known) == len(days) else None,
                        needless=duty.redacts.get(row.collection, ()),
                    )
                )
        return found

    def promise(self, row: RowId) -> Promise:
        """The rule, with the day from which it counts for a row."""
        clock = self.rule.clocks.get(row.collection)
        days = [day for day in self._days(clock, row) if day] if clock else []
        return Promise(
            name=self.rule.name,
            keep=self.rule.rule.keep,
            event_day=min(days, default=None),
            lead_days=self.rule.rule.lead,
            redacts=self.rule.redacts,
            goes_along=row not in self.due,
        )

    def witnesses(self) -> Iterator[tuple[RowId, set[RowId]]]:
        """Rows without which the clocks of a row that stays would be read otherwise."""
        yield from ((row, self._witnesses(row)) for row in self.company.rows)

    def _witnesses(self, row: RowId) -> set[RowId]:
        found: set[RowId] = set()
        for _, _, clock in self._duty_clocks(row):
            found |= witnesses_of_duty(self.company, clock, row, partial(self._is_over, clock))
        for archive in self.rulebook.archives.values():
            found |= rows_of_document(self.company, archive, row, partial(self._is_over, archive.clock))
        if row in self.due:
            clock = self.rule.clocks[row.collection]
            found |= witnesses_of_rule(self.company, clock, row, partial(self._is_due, clock))
        return found

    def _duty_clocks(self, row: RowId) -> list[tuple[str, ResolvedStatutory, Clock]]:
        return [
            (name, duty, duty.clocks[row.collection])
            for name, duty in self.rulebook.statutory.items()
            if row.collection in duty.clocks
        ]

    def _is_archived(self, duty: str, row: RowId) -> bool:
        """Whether an archive that fulfils a duty has the document of a row."""
        return any(
            document in self.archived
            for archive in self.rulebook.archives.values()
            if archive.duty.name == duty and row.collection in archive.paths
            for document in self.company.up(row, archive.paths[row.collection])
        )

    def _days(self, clock: Clock, row: RowId) -> list[date | None]:
        return [event_day(self.company, clock, anchor) for anchor in anchor_rows(self.company, clock, row)]

    def _is_due(self, clock: Clock, day: date) -> bool:
        policy = self.rulebook.policy
        return is_due(
            day,
            clock.keep,
            lead_days=clock.lead_days,
            as_of=self.as_of,
            interval_days=policy.policy.run_every,
            zone=policy.zone,
        )

    def _is_over(self, clock: Clock, day: date) -> bool:
        return is_over(day, clock.keep, as_of=self.as_of, zone=self.rulebook.policy.zone)


def _afterwards(
    company: Company, decisions: Mapping[RowId, Decision], cuts: Iterable[tuple[Edge, RowId]]
) -> Rows:
    rows = {row: dict(values) for row, values in company.rows.items()}
    for edge, holder in cuts:
        _empty(company, holder, rows[holder], (*edge.cut_columns, *edge.redact))
    for row, decision in decisions.items():
        if decision.action is Act.DELETE:
            del rows[row]
        else:
            _empty(company, row, rows[row], decision.columns)
    found: Rows = {collection: [] for collection in company.rulebook.datamap.collections}
    for row, values in rows.items():
        found[row.collection].append(values)
    return found


def _empty(company: Company, row: RowId, values: Values, columns: Iterable[str]) -> None:
    live = company.rulebook.live[row.collection].columns
    for name in columns:
        values[name] = None if live[name].is_nullable else _EMPTY.get(live[name].type, "")
