"""Duties to keep, where the world moves between a plan and its deletion: what stays, stays whole."""

from __future__ import annotations

import pytest

from lifecycle.execute.door import Door
from lifecycle.planning.planner import BATCH_ROWS, ground_of
from lifecycle.store.roles import Role
from spec.decisions import DECISIONS
from support.bureau import Bureau
from support.bureau.agreement import planned
from support.bureau.usual import policy_of, rows_of

INVOICE = {"id": 1, "contact_name": "Cy", "issued_on": "2010-01-15"}
PAYMENT = {"id": 1, "invoice_id": 1, "paid_at": "2010-02-01"}
PAID_LATELY = "UPDATE books.payment SET paid_at = '2026-01-01'"


@pytest.fixture(scope="module")
def bureau(module_database):
    return Bureau.found(module_database)


def carry_out_after(bureau, change, **case):
    """Plan a case, change the database, carry the plan out; why its only batch was deferred."""
    bureau.refill(rows_of(case), [])
    rulebook = bureau.rulebook(policy_of(case))
    stored = planned(bureau, rulebook, case["rule"], DECISIONS["as_of"], BATCH_ROWS)
    assert stored.plan.batches == (0,)
    bureau.database.execute(change)
    ground = ground_of(rulebook, stored.plan)
    outcome = Door(bureau.database.connect(Role.ENGINE), rulebook, stored, ground).carry_out()
    return outcome.deferred.get(0)


def test_a_row_that_a_duty_keeps_by_now_is_not_deleted(bureau):
    rows = {"books.invoice": [INVOICE], "books.payment": [PAYMENT]}
    why = carry_out_after(bureau, PAID_LATELY, rule="invoices", statutory=["tax"], rows=rows)
    assert why == "books.invoice: 1 of 1 rows are kept by tax now"
    assert len(bureau.read()["books.invoice"]) == 1


def test_a_column_that_a_duty_needs_by_now_is_not_emptied(bureau):
    rows = {"books.invoice": [INVOICE], "books.payment": [PAYMENT]}
    rule = "invoices_without_contact"
    why = carry_out_after(bureau, PAID_LATELY, rule=rule, statutory=["tax"], rows=rows)
    assert why == "books.invoice: 1 of 1 rows are kept by tax now"
    assert bureau.read()["books.invoice"][0]["contact_email"] == "c@example.org"


def test_a_column_that_a_second_duty_needs_by_now_is_not_emptied(bureau):
    invoice = {**INVOICE, "issued_on": "2020-01-15"}
    rows = {"books.invoice": [invoice], "books.payment": [PAYMENT]}
    rule = "invoices_without_contact"
    assert carry_out_after(bureau, PAID_LATELY, rule=rule, statutory=["books", "tax"], rows=rows)
    assert bureau.read()["books.invoice"][0]["contact_email"] == "c@example.org"


def test_what_the_duty_does_not_need_stays_where_the_row_is_not_due_any_more(bureau):
    rows = {
        "crm.client": [{"id": 1, "created_on": "2015-01-01"}],
        "books.invoice": [{"id": 1, "client_id": 1, "issued_on": "2020-01-15"}],
    }
    signed = "INSERT INTO crm.contract VALUES (1, 1, NULL, 'live', NULL)"
    why = carry_out_after(bureau, signed, rule="clients", statutory=["buyers"], rows=rows)
    assert why == "crm.client: 1 of 1 rows are not due any more"
    assert bureau.read()["crm.client"][0]["name"] == "Ada"


def test_what_the_duty_does_not_need_stays_where_what_it_belongs_to_is_not_due_any_more(bureau):
    rows = {
        "crm.client": [{"id": 1}],
        "crm.contract": [{"id": 1, "client_id": 1, "ended_at": "2022-01-31"}],
        "crm.person": [{"id": 1, "client_id": 1, "phone": "+372 5550000"}],
    }
    reinstated = "UPDATE crm.contract SET ended_at = NULL"
    why = carry_out_after(bureau, reinstated, rule="clients", statutory=["claims"], rows=rows)
    assert why == "crm.client: 1 of 1 rows are not due any more"
    assert bureau.read()["crm.person"][0]["phone"] == "+372 5550000"


def test_a_batch_is_asked_about_though_the_one_before_had_other_items(bureau):
    """The first batch cuts a link, so that the statement that asks is made for an invoice in another place."""
    rows = {
        "books.invoice": [
            INVOICE,
            {**INVOICE, "id": 2},
            {"id": 3, "credited_id": 1, "issued_on": "2025-12-01"},
        ],
        "books.payment": [PAYMENT, {**PAYMENT, "id": 2, "invoice_id": 2}],
    }
    case = {"rule": "invoices", "statutory": ["tax"], "rows": rows}
    bureau.refill(rows_of(case), [])
    rulebook = bureau.rulebook(policy_of(case))
    stored = planned(bureau, rulebook, "invoices", DECISIONS["as_of"], 1)
    assert [[item.action.value for item in stored.plan.items if item.batch == batch] for batch in (0, 1)] == [
        ["cut", "delete", "delete"],
        ["delete", "delete"],
    ]
    bureau.database.execute("UPDATE books.payment SET paid_at = '2026-01-01' WHERE id = 2")
    door = Door(bureau.database.connect(Role.ENGINE), rulebook, stored, ground_of(rulebook, stored.plan))
    assert door.carry_out().deferred == {1: "books.invoice: 1 of 1 rows are kept by tax now"}
    assert [row["id"] for row in bureau.read()["books.invoice"]] == [2, 3]
