"""What is planned in memory, for few rows, is what is planned in the database, for many: item by item, row by row.

Whatever company, policy, holds and moment are generated, and whatever rows are asked for: the same rows go, are emptied
or cut, in the same order; the same stay for the same reasons; and the same are left for later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lifecycle.planning.in_memory import PartInMemory
from lifecycle.planning.items import ItemList
from lifecycle.planning.part import Part
from lifecycle.planning.planner import BATCH_ROWS, one_state
from lifecycle.planning.writer import About, PlanWriter
from lifecycle.requests.ground import NamesSubject
from lifecycle.requests.subject import Row, Whom
from lifecycle.store.roles import Role
from support.bureau import Bureau
from support.bureau.cases import cases

if TYPE_CHECKING:
    from lifecycle.policy.rulebook import Rulebook


@pytest.fixture(scope="module")
def bureau(module_database):
    return Bureau.found(module_database)


def asked_for(bureau: Bureau, rulebook: Rulebook, rule: str, data: st.DataObject) -> NamesSubject:
    """Rows that a request may name, of the collections that a rule reaches."""
    stored = bureau.read()
    rows = [
        Row(collection=collection, key=tuple(str(values[name]) for name, _ in rulebook.key(collection)))
        for collection in rulebook.rules[rule].scope.roots
        for values in stored[collection]
    ]
    named = data.draw(st.lists(st.sampled_from(rows), unique=True, max_size=6)) if rows else []
    return NamesSubject(rulebook, Whom(rows=tuple(named)))


def described(part: Part | PartInMemory, as_of: Any, items: ItemList | None) -> dict[str, Any]:
    """All that a plan says of a part."""
    writer = PlanWriter(
        part.connection, part.rulebook, About(rule="asked", commitments=()), (part,), as_of=as_of, items=items
    )
    plan = writer.plan(BATCH_ROWS)
    return {
        "items": plan.items,
        "kept": sorted(map(str, plan.kept)),
        "relies": sorted(map(str, plan.relies)),
        "unkept": {name: part.unkept(name) for name in part.scope.roots},
    }


@settings(
    max_examples=settings().max_examples // 4,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases(), data=st.data())
def test_few_rows_are_planned_as_many_are(bureau, case, data):
    bureau.refill(case.rows, case.placed)
    rulebook = bureau.rulebook(case.policy)
    bureau.archive(rulebook, case.archived, case.outdated)
    scope = rulebook.rules[case.rule].scope
    assume(scope.takes_along or scope.redacts)  # partitions are dropped as a whole, and never on request
    ground = asked_for(bureau, rulebook, case.rule, data)
    with one_state(bureau.database.connect(Role.ENGINE)) as connection:
        in_memory = PartInMemory(connection, rulebook, scope, ground, as_of=case.as_of)
        here = described(in_memory, case.as_of, ItemList(connection))
        in_store = Part(connection, rulebook, scope, ground, as_of=case.as_of)
        in_store.find()
        there = described(in_store, case.as_of, None)
    assert here == there
