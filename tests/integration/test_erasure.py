"""Erasure on request: what names the subject goes, what belongs to others stays to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lifecycle.holds.targets import Subject
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register, steps
from lifecycle.runs import plans
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "A10")


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


def opened(company: Company, *named: Subject) -> UUID:
    """A verified request for erasure."""
    with company.engine.begin() as connection:
        request_id = register.open_request(
            connection,
            company.rulebook(AS_OF),
            company.keys,
            named or (Subject(identity="email", value=MARI),),
            kind=RequestKind.ERASURE,
            opened_by="Op",
            as_of=AS_OF,
        )
        register.verify(connection, request_id, verified_by="Op", how="callback", as_of=AS_OF)
    return request_id


def erase(company: Company, request_id: UUID) -> dict:
    """Everything an operator and the machine do with it."""
    planned = steps.plan(company, request_id, as_of=AS_OF)
    if planned.digest:
        steps.check_plan(company, planned.digest)
        steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
        steps.carry_out(company, planned.digest)
        plans.check_after(company, planned.digest)
    return steps.close(company, request_id, as_of=AS_OF)


def test_a_subject_is_erased_everywhere_and_nobody_else_is_touched(database: Database, company: Company):
    before = rows_of(database)
    erase(company, opened(company))
    after = rows_of(database)
    gone = {row for row in before if row not in after}
    assert gone == {
        ("website.enquiry", "100"), ("website.message", "100"), ("website.message", "101"), ("website.chat", "100"),
        ("website.marketing_subscription", "100"), ("website.marketing_consent", "100"),
        ("app.contact", "100"), ("app.person", "100"), ("app.person", "101"),
        ("app.note", "100"), ("app.note", "101"), ("app.activity", "100"),
        ("app.disclosure", "100"), ("app.disclosure", "101"),
    }  # fmt: skip
    changed = {row for row in after if after[row] != before[row]}
    assert changed == {
        ("app.person", "202"), ("app.note", "200"), ("app.invoice", "100"),
    }  # fmt: skip
