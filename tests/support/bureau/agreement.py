"""What the two engines say about one rule, brought into one form to be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.decide.decision import Act
from lifecycle.execute.door import Door
from lifecycle.execute.ending import end_plan
from lifecycle.plan import Action
from lifecycle.planning import part, planner
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from datetime import datetime

    from lifecycle.decide.company import RowId
    from lifecycle.decide.engine import Outcome
    from lifecycle.planning.items import StoredPlan
    from lifecycle.policy.rulebook import Rulebook
    from support.bureau import Bureau


class RememberingPart(part.Part):
    """Remembers which rows it keeps: a plan only counts them."""

    kept_rows: set[tuple[Any, ...]]

    def kept(self):
        type(self).kept_rows = {
            (work.collection, tuple(map(str, key)), kept, source, until)
            for work in self.works
            for *key, kept, source, until in self.connection.execute(
                sa.select(
                    *work.key_columns, work.table.c.kept, work.table.c.source, work.table.c.until
                ).where(work.table.c.kept.is_not(None))
            )
        }
        return super().kept()


def planned(bureau: Bureau, rulebook: Rulebook, rule: str, as_of: datetime, batch_rows: int) -> StoredPlan:
    """The plan that the database makes."""
    RememberingPart.kept_rows = set()
    engine = bureau.database.connect(Role.ENGINE)
    return planner.make_plan(engine, rulebook, rule, as_of=as_of, batch_rows=batch_rows)


def require_agreement(
    bureau: Bureau, rulebook: Rulebook, foreseen: Outcome, before: Any, stored: StoredPlan
) -> None:
    """The plan, which was made last, keeps, deletes, empties and cuts what was foreseen."""
    found = touched(bureau.database.connect(Role.ENGINE), stored)
    assert RememberingPart.kept_rows == kept(foreseen)
    assert found["delete"] == gone(foreseen)
    assert found["redact"] == emptied(rulebook, foreseen, before)
    staying_cuts = {(edge, key) for edge, key in found["cut"] if key not in found["delete"]}
    assert staying_cuts == {(edge.name, text(row)) for edge, row in foreseen.cuts}


def require_same_end(bureau: Bureau, rulebook: Rulebook, foreseen: Outcome, stored: StoredPlan) -> None:
    """The plan, carried out, leaves the rows that were foreseen; planned again, nothing is left to do."""
    plan, engine = stored.plan, bureau.database.connect(Role.ENGINE)
    if stored.plan_id is not None:
        assert (
            Door(engine, rulebook, stored, planner.ground_of(rulebook, stored.plan)).carry_out().deferred
            == {}
        )
        with engine.begin() as connection:
            assert end_plan(connection, stored, as_of=plan.as_of)
    assert by_key(rulebook, bureau.read()) == by_key(rulebook, foreseen.rows)
    assert planned(bureau, rulebook, plan.rule, plan.as_of, planner.BATCH_ROWS).plan.items == ()


def text(row: RowId) -> tuple[str, tuple[str, ...]]:
    return row.collection, tuple(str(value) for value in row.key)


def kept(foreseen: Outcome) -> set[tuple[Any, ...]]:
    return {
        (*text(row), decision.reason.value, decision.because[0], decision.until)
        for row, decision in foreseen.decisions.items()
        if decision.reason.value != "rule"
    }


def gone(foreseen: Outcome) -> set[tuple[str, tuple[str, ...]]]:
    return {text(row) for row, decision in foreseen.decisions.items() if decision.action is Act.DELETE}


def emptied(rulebook: Rulebook, foreseen: Outcome, before: dict[str, Any]) -> set[Any]:
    """Rows of which columns are emptied that are not empty yet."""
    values = by_key(rulebook, before)
    return {
        (text(row), frozenset(decision.columns))
        for row, decision in foreseen.decisions.items()
        if any(values[text(row)][column] not in (None, "", b"", {}) for column in decision.columns)
    }


def touched(engine: sa.Engine, stored: StoredPlan) -> dict[str, set[Any]]:
    """The rows of a plan by action; each at most once."""
    found: dict[str, list[Any]] = {action.value: [] for action in Action}
    items = sa.text(
        "SELECT collection, action, columns, edge, links, keys::text[] FROM lifecycle.plan_item WHERE plan_id = :plan"
    )
    with engine.connect() as connection:
        for item in connection.execute(items, {"plan": stored.plan_id}):
            arrays = [
                connection.scalar(sa.text("SELECT CAST(:array AS text[])"), {"array": array})
                for array in item.keys
            ]
            for key in zip(*arrays[: len(arrays) - len(item.links)], strict=True):
                row = (item.collection, key)
                found[item.action].append(
                    {"cut": (item.edge, row), "redact": (row, frozenset(item.columns))}.get(item.action, row)
                )
    return {action: set(rows) for action, rows in found.items()}


def by_key(rulebook: Rulebook, rows: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    return {
        (collection, tuple(str(values[name]) for name, _ in rulebook.key(collection))): values
        for collection in rows
        for values in rows[collection]
    }
