"""The cases of ``tests/spec/decisions.yaml``: what both engines decide, and that the database then holds just that."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest

from lifecycle.decide.cover import Placed
from lifecycle.decide.engine import foresee
from lifecycle.decide.facts import Hold
from lifecycle.identity.forms import identify
from lifecycle.planning import planner
from spec.decisions import DECISIONS
from support.bureau import Bureau
from support.bureau.agreement import (
    RememberingPart,
    emptied,
    gone,
    kept,
    planned,
    require_agreement,
    require_same_end,
    text,
)
from support.bureau.usual import policy_of, rows_of

AS_OF = DECISIONS["as_of"]
HOLD_ID = UUID(int=1)


@pytest.fixture(scope="module")
def bureau(module_database):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "Part", RememberingPart)
        yield Bureau.found(module_database)


@pytest.fixture(params=DECISIONS["cases"], ids=lambda case: case["name"])
def case(request):
    return request.param


def test_a_case_is_decided_as_argued(bureau, case):
    rulebook = bureau.rulebook(policy_of(case))
    placed = [hold_of(rulebook.policy, one) for one in case.get("holds", ())]
    bureau.refill(rows_of(case), placed)
    before = bureau.read()
    foreseen = foresee(rulebook, case["rule"], before, placed, as_of=AS_OF)

    assert {" ".join((collection, ",".join(key))) for collection, key in gone(foreseen)} == set(case["goes"])
    assert {
        f"{collection} {','.join(key)}": [reason, source.replace(str(HOLD_ID), "hold"), until]
        for collection, key, reason, source, until in kept(foreseen)
    } == case.get("stays", {})
    assert {
        f"{collection} {','.join(key)}": sorted(columns)
        for (collection, key), columns in emptied(rulebook, foreseen, before)
    } == case.get("emptied", {})
    cuts = {f"{edge.name} of {text(row)[0]} {','.join(text(row)[1])}" for edge, row in foreseen.cuts}
    assert cuts == set(case.get("cut", ()))

    stored = planned(bureau, rulebook, case["rule"], AS_OF, case.get("batch_rows", planner.BATCH_ROWS))
    require_agreement(bureau, rulebook, foreseen, before, stored)
    require_same_end(bureau, rulebook, foreseen, stored)


def hold_of(policy, stated):
    until = stated["until"]
    assert isinstance(until, datetime)
    targets = [target.split(" ") for target in stated.get("targets", ())]
    return Placed(
        hold=Hold(name=str(HOLD_ID), kind=stated["kind"], until=until),
        targets=tuple((collection, tuple(key.split(","))) for collection, key in targets),
        subjects=tuple(
            identify(kind, value, policy.identity_rule(kind)) for kind, value in stated.get("subjects", ())
        ),
    )
