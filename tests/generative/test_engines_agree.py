"""The plan that the database makes, and what comes of it, is what plain Python says, row by row.

Whatever company, policy, holds and moment are generated: the same rows go, stay for the same reason to the same
day, lose the same links and columns; the plan, carried out, leaves exactly the rows that were foreseen; and
planned again at the same moment nothing is left to do.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from lifecycle.decide.company import RowId
from lifecycle.decide.engine import foresee
from lifecycle.planning import planner
from support.bureau import Bureau
from support.bureau.agreement import RememberingPart, planned, require_agreement, require_same_end
from support.bureau.cases import cases

RULES_PER_EXAMPLE = 5
"""An example is planned by each of the rules that reach anything in it: as good as that many examples."""


@pytest.fixture(scope="module")
def bureau(module_database):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "Part", RememberingPart)
        yield Bureau.found(module_database)


@settings(
    max_examples=settings().max_examples // RULES_PER_EXAMPLE,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases())
def test_what_is_planned_and_done_is_what_was_foreseen(bureau, case):
    bureau.refill(case.rows, case.placed)
    before = bureau.read()
    rulebook = bureau.rulebook(case.policy)
    bureau.archive(rulebook, case.archived, case.outdated)
    archived = {RowId("books.invoice", (number,)) for number in case.archived}
    foreseen = {
        rule: foresee(rulebook, rule, before, case.placed, archived=archived, as_of=case.as_of)
        for rule in rulebook.rules
    }
    plans = {}
    for rule in [rule for rule in foreseen if foreseen[rule].decisions] or [case.rule]:
        plans[rule] = planned(bureau, rulebook, rule, case.as_of, case.batch_rows)
        require_agreement(bureau, rulebook, foreseen[rule], before, plans[rule])
    rule = case.rule if case.rule in plans else next(iter(plans))
    require_same_end(bureau, rulebook, foreseen[rule], plans[rule])
