"""Carries out a stored plan, batch by batch."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from lifecycle.datamap.texts import DOCUMENTS
from lifecycle.errors import LifecycleError, StoreError
from lifecycle.execute.collateral import Tally, changed_rows, count_changes, expected_rows, told_rows
from lifecycle.execute.statements import Statements
from lifecycle.holds.cover import Cover, unchanging_holds
from lifecycle.plan import HANDLED, Action, Item
from lifecycle.store.failures import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Engine, FromClause

    from lifecycle.identity.mentions import Masking
    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.items import StoredPlan
    from lifecycle.policy.rulebook import Rulebook

    Before = Callable[[Connection, int, list[Item]], None]
    Handler = Callable[[Connection, Item, FromClause, Cover], int]
    """Deals with the rows of an item, given by their keys; returns how many were as planned."""

logger = logging.getLogger(__name__)

TRIES = 3
"""How often a batch is tried when the application holds its rows, before it is left to the next plan."""

_LOCKED = "55P03"
_RETRIABLE = {
    _LOCKED: "the application held its rows",
    "40P01": "it met a deadlock",
    "40001": "it met a concurrent change",
}


class _Changed(Exception):
    """A batch found other rows than planned; it is rolled back."""


@dataclass(kw_only=True)
class Outcome:
    """What carrying out a plan did.

    Attributes:
        done: batches carried out by this call.
        deferred: batches left to a new plan, and why.
        rows: rows that were deleted, redacted and cut by this call, by collection and action; of dropped partitions
            as estimated.
    """

    done: int = 0
    deferred: dict[int, str] = field(default_factory=dict)
    rows: Tally = field(default_factory=Tally)

    def to_json(self) -> dict[str, Any]:
        """Counts and reasons."""
        return {
            "done": self.done,
            "deferred": [{"batch": batch, "reason": reason} for batch, reason in self.deferred.items()],
            "rows": self.rows.to_json(),
        }


class Door:
    """One plan on its way through.

    Args:
        engine: connects as the engine role.
        rulebook: of the policy version the plan names.
        stored: the plan; it must have been stored.
        ground: why its rows are due; it is asked again before anything is done to them.
        progress: called with (batches ended, batches in all) after each.
        mask: whose mentions are replaced, where the plan masks any.
        before: called with connection, number of the plan and items in the transaction of each batch, while its rows
            are there still.
        handlers: deal with rows where the door does not know how.
    """

    def __init__(
        self,
        engine: Engine,
        rulebook: Rulebook,
        stored: StoredPlan,
        ground: Ground,
        progress: Callable[[int, int], None] | None = None,
        *,
        mask: Masking | None = None,
        before: Before | None = None,
        handlers: Mapping[Action, Handler] | None = None,
    ) -> None:
        if stored.plan_id is None:
            raise AssertionError("a plan that does nothing is not carried out")
        self.engine = engine
        self.plan = stored.plan
        self.plan_id = stored.plan_id
        self.statements = Statements(rulebook, stored.plan, stored.plan_id, ground)
        self.zone = rulebook.policy.zone
        self.rulebook = rulebook
        self.mask = mask
        self.before = before
        self.handlers = handlers or {}
        self.progress = progress or (lambda _done, _all: None)

    def carry_out(self) -> Outcome:
        """Do every batch that nobody has done yet; safe to call again, and beside another call.

        Raises:
            LifecycleError: a batch did something that was not planned and was rolled back.
            StoreError: the database refused for a reason that trying again does not mend.
        """
        total, ended, outcome = len(self.plan.batches), 0, Outcome()
        with self.engine.connect() as connection:
            self._set_state(connection, "executing")
            while (batch := self._next_batch(connection)) is not None:
                problem = self._try(connection, batch, outcome)
                if problem:
                    self._defer(connection, batch, problem)
                    outcome.deferred[batch] = problem
                ended += 1
                self.progress(ended, total)
        return outcome

    def _try(self, connection: Connection, batch: int, outcome: Outcome) -> str:
        """Do a batch, counting what was done in the outcome; returns why it has to be deferred, or nothing."""
        problem = ""
        for _ in range(TRIES):
            try:
                rows = self._do(connection, batch)
            except _Changed as change:
                return str(change)
            except IntegrityError as error:
                return _refusal(error)
            except DataError:
                return "a value does not fit its column"
            except DBAPIError as error:
                problem = _RETRIABLE.get(_state(error), "")
                if not problem:
                    raise self._refused(batch, error) from None
                logger.info("plan %s batch %s is tried again: %s", self.plan.digest[:12], batch, problem)
            else:
                if rows is not None:
                    outcome.done += 1
                    outcome.rows += rows
                return ""
        return problem

    def _do(self, connection: Connection, batch: int) -> Tally | None:
        """One transaction: every item of the batch, the comparison, the journal; None where another run did it.

        It sees one state of the database, so that what the application changes after it was found due cannot be
        deleted: the database refuses that as a concurrent change, and the batch is tried again.
        """
        items = [item for item in self.plan.items if item.batch == batch]
        with unchanging_holds(connection), connection.begin():
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self._let_nothing_arrive(connection, items)
            if not self._claim(connection, batch):
                return None
            self._require_as_planned(connection, batch, items)
            cover = Cover(connection, self.rulebook, self.plan.as_of)
            cover.require_nothing_lost()
            if self.before:
                self.before(connection, self.plan_id, items)
            links = self._links(connection, batch)
            before = count_changes(connection)
            for item in items:
                self._do_item(connection, item, links.get(item.position, ()), cover)
            # Deferred triggers act now, and not after the comparison.
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
            done = changed_rows(connection, before)
            self._compare(batch, expected_rows(items), done)
            self._write_journal(connection, items)
            return told_rows(items)

    def _let_nothing_arrive(self, connection: Connection, items: list[Item]) -> None:
        """No row comes into a partition between the look for held rows and its end.

        Locked before the state of the database is fixed that this transaction sees, so that it has every row.
        """
        partitioned = {item.collection for item in items if item.action is Action.DROP_PARTITION}
        for collection in sorted(partitioned):
            connection.exec_driver_sql(
                f"LOCK TABLE {_quoted(connection, collection)} IN SHARE ROW EXCLUSIVE MODE"
            )

    def _require_as_planned(self, connection: Connection, batch: int, items: list[Item]) -> None:
        """Every row because of which a row goes is still due, and none has come under a duty to keep since.

        Asked before what that is read from goes.
        """
        relies = [relied for relied in self.plan.relies if relied.batch == batch]
        for problem in self.statements.problems(connection, items, relies):
            raise _Changed(problem)

    def _do_item(self, connection: Connection, item: Item, links: tuple[str, ...], cover: Cover) -> None:
        if item.action is Action.DROP_PARTITION:
            self._drop(connection, item, cover)
            return
        if item.action is Action.MASK:
            found = self._mask(connection, item, cover)
        elif item.action in HANDLED:
            found = self.handlers[item.action](connection, item, self.statements.planned(item), cover)
        else:
            found = self.statements.change(connection, item, links, cover)
        if found != item.rows:
            raise _Changed(f"{item.collection}: {found} of {item.rows} rows were still as planned")

    def _mask(self, connection: Connection, item: Item, cover: Cover) -> int:
        """Replace what the texts of an item's rows mention; returns how many rows mentioned it."""
        if self.mask is None:
            raise AssertionError("a plan that masks is carried out by somebody who knows what")
        live = self.rulebook.live[item.collection].columns
        masks = [
            self.mask.masked_json_text if live[name].base_type in DOCUMENTS else self.mask.masked
            for name in item.columns
        ]
        keys = len(self.rulebook.key(item.collection))
        changed = []
        for row in self.statements.texts(connection, item, cover):
            key, texts = row[:keys], row[keys:]
            masked = [text and mask(text) for text, mask in zip(texts, masks, strict=True)]
            if masked != list(texts):
                bound = {f"key_{number}": value for number, value in enumerate(key)}
                changed.append({**bound, **{f"text_{number}": text for number, text in enumerate(masked)}})
        if changed:
            connection.execute(self.statements.masking(item), changed)
        return len(changed)

    def _drop(self, connection: Connection, item: Item, cover: Cover) -> None:
        if cover.has_any_row(connection, item.collection):
            raise _Changed(f"{item.collection}: rows are held now")
        exists = connection.scalar(sa.text("SELECT to_regclass(:name) IS NOT NULL"), {"name": item.partition})
        if not exists:
            raise _Changed(f"{item.collection}: the partition is gone already")
        connection.execute(
            sa.text(
                "SELECT lifecycle.drop_partition("
                " CAST(:parent AS regclass), CAST(:name AS regclass), upper_bound, :zone)"
                " FROM lifecycle.plan_item WHERE plan_id = :plan_id AND batch = :batch AND position = :position"
            ),
            {
                "parent": _quoted(connection, item.collection),
                "name": item.partition,
                "zone": str(self._bounds_zone(item)),
                "plan_id": self.plan_id,
                "batch": item.batch,
                "position": item.position,
            },
        )

    def _bounds_zone(self, item: Item) -> Any:
        return self.rulebook.rules[self.plan.rule].clocks[item.collection].anchor.time_zone or self.zone

    def _links(self, connection: Connection, batch: int) -> dict[int, tuple[str, ...]]:
        """By position, the columns by which rows belong to others, where items have such."""
        found = connection.execute(
            sa.text(
                "SELECT position, links FROM lifecycle.plan_item"
                " WHERE plan_id = :plan_id AND batch = :batch AND cardinality(links) > 0"
            ),
            {"plan_id": self.plan_id, "batch": batch},
        )
        return {row.position: tuple(row.links) for row in found}

    def _compare(self, batch: int, expected: Tally, done: Tally) -> None:
        """The database's own count of what this transaction changed is what was planned, table by table."""
        if done != expected:
            raise LifecycleError(
                f"the batch would have changed more than its plan: {done.differences(expected)}",
                place=f"plan {self.plan.digest} batch {batch}",
                next_step="look for a trigger or cascade on these tables; it was rolled back, nothing is lost",
            )

    def _next_batch(self, connection: Connection) -> int | None:
        with connection.begin():
            found: int | None = connection.scalar(
                sa.text(
                    "SELECT batch FROM lifecycle.plan_batch WHERE plan_id = :plan_id AND state = 'pending'"
                    " ORDER BY batch LIMIT 1"
                ),
                {"plan_id": self.plan_id},
            )
            return found

    def _claim(self, connection: Connection, batch: int) -> bool:
        """Lock the batch; False where another run has done it meanwhile."""
        state = connection.scalar(
            sa.text(
                "SELECT state FROM lifecycle.plan_batch WHERE plan_id = :plan_id AND batch = :batch FOR UPDATE"
            ),
            {"plan_id": self.plan_id, "batch": batch},
        )
        return bool(state == "pending")

    def _write_journal(self, connection: Connection, items: list[Item]) -> None:
        connection.execute(
            sa.text(
                "INSERT INTO lifecycle.journal (plan_id, batch, position, collection, action, row_count)"
                " VALUES (:plan_id, :batch, :position, :collection, :action, :row_count)"
            ),
            [
                {
                    "plan_id": self.plan_id,
                    "batch": item.batch,
                    "position": item.position,
                    "collection": item.collection,
                    "action": item.action.value,
                    "row_count": item.rows,
                }
                for item in items
            ],
        )
        self._end_batch(connection, items[0].batch, "done", None)

    def _defer(self, connection: Connection, batch: int, reason: str) -> None:
        try:
            with connection.begin():
                if self._claim(connection, batch):
                    self._end_batch(connection, batch, "deferred", reason)
        except DBAPIError as error:
            if _state(error) != _LOCKED:
                raise
            raise StoreError(
                "another run is carrying out this plan",
                place=f"plan {self.plan.digest} batch {batch}",
                next_step="run it again when that run has ended",
            ) from None
        logger.warning("plan %s batch %s is deferred: %s", self.plan.digest[:12], batch, reason)

    def _end_batch(self, connection: Connection, batch: int, state: str, reason: str | None) -> None:
        connection.execute(
            sa.text(
                "UPDATE lifecycle.plan_batch SET state = :state, reason = :reason, ended_at = clock_timestamp()"
                " WHERE plan_id = :plan_id AND batch = :batch"
            ),
            {"plan_id": self.plan_id, "batch": batch, "state": state, "reason": reason},
        )

    def _set_state(self, connection: Connection, state: str) -> None:
        with connection.begin():
            connection.execute(
                sa.text(
                    "UPDATE lifecycle.plan SET state = :state"
                    " WHERE plan_id = :plan_id AND state IN ('planned', 'executing')"
                ),
                {"plan_id": self.plan_id, "state": state},
            )

    def _refused(self, batch: int, error: DBAPIError) -> StoreError:
        logger.error(
            "plan %s batch %s was rolled back; batches that were done stay done", self.plan.digest[:12], batch
        )
        return describe(error, place=f"plan {self.plan.digest} batch {batch}")


def _quoted(connection: Connection, collection: str) -> str:
    """``schema.table`` as SQL names it."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    return ".".join(quote(part) for part in collection.split(".", 1))


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "")


def _refusal(error: IntegrityError) -> str:
    """Which constraint refuses a batch, by name: of those that refer to what should go, or of what is emptied."""
    diagnostics = getattr(error.orig, "diag", None)
    named = (getattr(diagnostics, name, None) for name in ("constraint_name", "column_name"))
    constraint = next(filter(None, named), type(error.orig).__name__)
    if isinstance(error.orig, psycopg.errors.ForeignKeyViolation):
        return f"rows refer to what should go ({constraint})"
    if isinstance(error.orig, psycopg.errors.UniqueViolation | psycopg.errors.ExclusionViolation):
        return f"another row has what should be written ({constraint})"
    return f"what should be emptied may not be ({constraint})"
