"""The plan that the database makes, and what comes of it, is what plain Python says, row by row.

Whatever company, policy, holds and moment are generated: the same rows go, stay for the same reason to the same
day, lose the same links and columns; the plan, carried out, leaves exactly the rows that were foreseen; and
planned again at the same moment nothing is left to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from lifecycle.decide.decision import Act
from lifecycle.decide.engine import foresee
from lifecycle.execute.door import Door
from lifecycle.execute.ending import end_plan
from lifecycle.plan import Action
from lifecycle.planning import planner
from lifecycle.store.roles import Role
from support.bureau import Bureau
from support.bureau.cases import cases

if TYPE_CHECKING:
    from lifecycle.decide.company import RowId
    from lifecycle.decide.engine import Outcome
    from lifecycle.planning.items import StoredPlan
    from lifecycle.policy.rulebook import Rulebook


class RememberingPlanner(planner.Planner):
    """Remembers which rows it keeps: a plan only counts them."""

    kept_rows: set[tuple[Any, ...]]

    def _kept(self):
        type(self).kept_rows = {
            (work.collection, tuple(map(str, key)), kept, source, until)
            for work in self.works
            for *key, kept, source, until in self.connection.execute(
                sa.select(
                    *work.key_columns, work.table.c.kept, work.table.c.source, work.table.c.until
                ).where(work.table.c.kept.is_not(None))
            )
        }
        return super()._kept()


@pytest.fixture(scope="module")
def bureau(module_database):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "Planner", RememberingPlanner)
        yield Bureau.found(module_database)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=cases())
def test_what_is_planned_and_done_is_what_was_foreseen(bureau, case):
    bureau.refill(case.rows, case.placed)
    before = bureau.read()
    rulebook = bureau.rulebook(case.policy)
    foreseen = foresee(rulebook, case.rule, before, case.placed, as_of=case.as_of)
    engine = bureau.database.connect(Role.ENGINE)
    stored = planner.make_plan(engine, rulebook, case.rule, as_of=case.as_of, batch_rows=case.batch_rows)

    assert RememberingPlanner.kept_rows == kept(foreseen)
    planned = touched(engine, stored)
    assert planned["delete"] == gone(foreseen)
    assert planned["redact"] == emptied(rulebook, foreseen, before)
    staying_cuts = {(edge, key) for edge, key in planned["cut"] if key not in planned["delete"]}
    assert staying_cuts == {(edge.name, text(row)) for edge, row in foreseen.cuts}

    if stored.plan_id is not None:
        outcome = Door(engine, rulebook, stored).carry_out()
        assert outcome.deferred == {}
        with engine.begin() as connection:
            assert end_plan(connection, stored, as_of=case.as_of)
    assert by_key(rulebook, bureau.read()) == by_key(rulebook, foreseen.rows)

    again = planner.make_plan(engine, rulebook, case.rule, as_of=case.as_of, batch_rows=case.batch_rows)
    assert again.plan.items == ()


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
