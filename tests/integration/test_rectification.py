"""Rectification: what is wrong is corrected wherever it is held, nobody else's row is touched, recipients are told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.errors import ApprovalRequired, CheckFailed, LifecycleError, UsageError
from lifecycle.holds import register as holds
from lifecycle.holds.stops import Stops
from lifecycle.holds.targets import Subject, Target
from lifecycle.policy.load import load_policies
from lifecycle.policy.model import RequestKind
from lifecycle.recipients.outbox import listing, open_notice
from lifecycle.requests import answering, register, steps
from lifecycle.requests.asked import Asked
from lifecycle.requests.corrections import Correction, columns_of, correctable, corrected
from lifecycle.runs import plans
from support.asking import answer, receipt_of, verified
from support.leaks import leaks_in_control_schema
from support.samples import PROJECT
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.datamap.model import DataMap
    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R4")

NEW = "mari.kuusk@example.test"
OF_MARI_BY_MAIL = {
    ("website.enquiry", "100"), ("website.chat", "100"), ("website.marketing_subscription", "100"),
    ("app.contact", "100"), ("app.person", "100"), ("app.person", "101"), ("app.invoice", "100"),
}  # fmt: skip
"""Rows that have her address."""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


def opened(
    company: Company,
    corrections: dict[str, str],
    *subjects: Subject,
    tenant: Target | None = None,
) -> UUID:
    """A verified request for rectification."""
    rulebook = company.rulebook(AS_OF)
    return verified(
        company,
        *subjects,
        kind=RequestKind.RECTIFICATION,
        tenant=tenant,
        asked=Asked(
            corrections=tuple(
                Correction(what=corrected(rulebook, name), named=name, value=value)
                for name, value in corrections.items()
            )
        ),
    )


def changed(before: dict, after: dict) -> set[tuple[str, str]]:
    assert before.keys() == after.keys()
    return {row for row in after if after[row] != before[row]}


def texts(database: Database, query: str) -> list[str]:
    return [str(row[0]) for row in database.execute(query)]


def test_an_address_is_corrected_wherever_it_stands_and_nowhere_else(database: Database, company: Company):
    before = rows_of(database)
    answer(company, opened(company, {"email": NEW}))
    assert changed(before, rows_of(database)) == OF_MARI_BY_MAIL
    assert texts(database, "SELECT work_email FROM app.person WHERE id = 100") == [NEW]
    assert texts(database, "SELECT work_email FROM app.person WHERE id = 202") == ["peeter.saar@example.test"]


@pytest.mark.commitment("W2")
def test_what_texts_say_of_it_is_corrected_too_and_the_rest_of_them_stays(
    database: Database, company: Company
):
    database.execute(
        "UPDATE app.note SET body = 'Ask Mari.Tamm@Example.test, not anu@example.test.' WHERE id = 200"
    )
    detail = '{"to": ["mari.tamm@example.test", "anu.lepp@example.test"], "share": 0.123456789012345678901}'
    database.execute("UPDATE app.activity SET detail = CAST(:d AS jsonb) WHERE id = 200", {"d": detail})
    before = rows_of(database)
    answer(company, opened(company, {"email": NEW}))
    assert changed(before, rows_of(database)) == OF_MARI_BY_MAIL | {
        ("app.note", "200"),
        ("app.activity", "200"),
    }
    assert texts(database, "SELECT body FROM app.note WHERE id = 200") == [
        f"Ask {NEW}, not anu@example.test."
    ]
    assert texts(database, "SELECT detail::text FROM app.activity WHERE id = 200") == [
        detail.replace(MARI, NEW)
    ]


def test_a_phone_number_is_corrected_in_whatever_way_it_was_written(database: Database, company: Company):
    by_phone = Subject(identity="phone_number", value="+37251234567")
    answer(company, opened(company, {"phone_number": "+372 5555 0000"}, by_phone))
    found = (
        "SELECT phone FROM app.person WHERE id = 100 UNION ALL SELECT phone FROM app.contact WHERE id = 100"
    )
    assert texts(database, found) == ["+372 5555 0000"] * 2


def test_a_category_is_corrected_in_every_row_of_the_subject_that_holds_it(
    database: Database, company: Company
):
    database.execute("UPDATE website.marketing_subscription SET last_name = NULL WHERE id = 100")
    before = rows_of(database)
    request_id = opened(company, {"user.name.last": "Kuusk", "user.job_title": "Director"})
    answer(company, request_id)
    assert changed(before, rows_of(database)) == {
        ("website.enquiry", "100"), ("app.contact", "100"), ("app.person", "100"), ("app.person", "101")
    }  # fmt: skip
    assert texts(database, "SELECT last_name FROM app.person ORDER BY id") == [
        "Kuusk",
        "Kuusk",
        "Lepp",
        "Saar",
    ]
    assert texts(database, "SELECT last_name FROM website.marketing_subscription WHERE id = 100") == ["None"]
    assert texts(database, "SELECT job_title FROM app.person WHERE id = 100") == ["None"]
    done = {
        (one["collection"], one["action"]): one["rows"] for one in receipt_of(company, request_id)["done"]
    }
    assert done["app.person", "rectify"] == 2


def test_a_column_that_is_named_is_completed_where_nothing_stood(database: Database, company: Company):
    answer(company, opened(company, {"app.person.job_title": "Director"}))
    assert texts(database, "SELECT job_title FROM app.person ORDER BY id") == [
        "Director",
        "Director",
        "None",
        "None",
    ]


@pytest.mark.commitment("A5")
def test_one_organisations_copy_is_corrected_alone(database: Database, company: Company):
    before = rows_of(database)
    answer(
        company,
        opened(company, {"email": NEW, "user.name.last": "Kuusk"}, tenant=Target.parse("app.customer:2")),
    )
    assert changed(before, rows_of(database)) == {("app.person", "100")}


@pytest.mark.commitment("A7")
def test_what_the_books_need_stays_and_is_named(database: Database, company: Company):
    """Whom an invoice is for is corrected by a new document."""
    request_id = opened(
        company, {"app.invoice.contact_name": "Mari Kuusk", "app.invoice.buyer_name": "Puu OÜ"}
    )
    before = rows_of(database)
    answer(company, request_id)
    assert changed(before, rows_of(database)) == {("app.invoice", "100")}
    found = database.execute("SELECT contact_name, buyer_name FROM app.invoice WHERE id = 100")
    assert [tuple(row) for row in found] == [("Mari Kuusk", "Puu AS")]


@pytest.mark.commitment("A8", "W9")
def test_what_is_held_stays_as_it_is_and_is_named(database: Database, company: Company):
    with company.engine.begin() as connection:
        holds.place(
            connection, company.rulebook(AS_OF), [Target.parse("app.person:101")], kind="hold",
            reason="litigation", placed_by="Counsel", until=AS_OF + timedelta(days=90), as_of=AS_OF,
        )  # fmt: skip
    before, request_id = rows_of(database), opened(company, {"email": NEW, "user.name.last": "Kuusk"})
    answer(company, request_id)
    assert ("app.person", "101") not in changed(before, rows_of(database))
    kept = receipt_of(company, request_id)["kept"]
    assert [(one["collection"], one["reason"], one["rows"]) for one in kept] == [("app.person", "hold", 1)]


def test_a_restriction_of_the_subjects_own_keeps_nothing_from_it_and_follows_it(
    database: Database, company: Company
):
    with company.engine.begin() as connection:
        hold = holds.place(
            connection, company.rulebook(AS_OF), [Subject(identity="email", value=MARI)], kind="restriction",
            reason="accuracy", placed_by="Op", until=AS_OF + timedelta(days=90), as_of=AS_OF,
        )  # fmt: skip
        covered = holds.covered_counts(connection, company.rulebook(AS_OF), hold, as_of=AS_OF)
    before = rows_of(database)
    answer(company, opened(company, {"email": NEW}))
    assert changed(before, rows_of(database)) == OF_MARI_BY_MAIL
    with company.engine.connect() as connection:
        after = holds.covered_counts(connection, company.rulebook(AS_OF), hold, as_of=AS_OF)
    assert after == covered


def test_an_objection_of_the_subjects_own_follows_it(company: Company):
    rulebook = company.rulebook(AS_OF)
    objected = verified(company, kind=RequestKind.OBJECTION, asked=Asked(purposes=("marketing",)))
    answer(company, objected)
    answer(company, opened(company, {"email": NEW}))
    with company.engine.connect() as connection:
        stops = Stops(connection, rulebook, "marketing", AS_OF)
        assert stops.has_any_row(connection, "website.marketing_subscription")


@pytest.mark.commitment("G1")
def test_the_values_stand_nowhere_but_sealed_and_are_destroyed(database: Database, company: Company):
    request_id = opened(company, {"email": NEW, "user.name.last": "Kuuskmann"})
    words = (MARI, NEW, "kuuskmann")
    assert leaks_in_control_schema(words, database) == {}
    sealed = database.execute("SELECT sealed FROM lifecycle.request_correction")
    assert [b"uusk" in bytes(row.sealed) for row in sealed] == [False, False]
    answer(company, request_id)
    assert leaks_in_control_schema(words, database) == {}
    assert database.execute("SELECT FROM lifecycle.request_correction WHERE sealed IS NOT NULL") == []
    receipt = json.dumps(receipt_of(company, request_id)).lower()
    assert not [word for word in (*words, "mari") if word in receipt]
    assert '"corrected": ["email", "user.name.last"]' in receipt


def test_a_refused_request_forgets_its_values_too(database: Database, company: Company):
    request_id = opened(company, {"email": NEW})
    steps.refuse(company, request_id, reason="unfounded", refused_by="Op", as_of=AS_OF)
    assert database.execute("SELECT FROM lifecycle.request_correction WHERE sealed IS NOT NULL") == []


@pytest.mark.commitment("G3")
def test_recipients_are_told_what_is_right_of_what_they_receive(company: Company):
    request_id = opened(company, {"email": NEW, "app.person.job_title": "Director"})
    answer(company, request_id)
    told = {}
    with company.engine.begin() as connection:
        for notice in listing(connection, request=request_id):
            body = open_notice(
                connection, company.keys, notice.envelope.notice_id, reason="test", by="Op", as_of=AS_OF
            )
            told[notice.envelope.recipient] = json.loads(body)
    assert {one["kind"] for one in told.values()} == {"rectification"}
    assert told["language_model"]["corrections"] == {
        "email": NEW, "app.person.work_email": NEW, "app.person.job_title": "Director"
    }  # fmt: skip
    columns = [f"website.{name}.email" for name in ("enquiry", "chat", "marketing_subscription")]
    assert told["mail_and_chat"]["corrections"] == dict.fromkeys(["email", *columns], NEW)
    assert {"kind": "email", "value": MARI} in told["cloud"]["identities"]
    assert receipt_of(company, request_id)["recipients"]


def test_a_constraint_that_refuses_leaves_nothing_half_done(database: Database, company: Company):
    database.execute("UPDATE app.contact SET email = :new WHERE id = 200", {"new": NEW})
    before, request_id = rows_of(database), opened(company, {"email": NEW})
    with pytest.raises(
        CheckFailed, match=r"another row has what should be written \(contact_customer_id_email\)"
    ) as refused:
        answer(company, request_id)
    assert NEW not in str(refused.value)
    assert rows_of(database) == before
    assert database.execute("SELECT FROM lifecycle.outbox") == []
    with company.engine.connect() as connection:
        assert register.get(connection, request_id).is_open


def test_a_value_that_is_too_long_for_one_column_leaves_nothing_half_done(
    database: Database, company: Company
):
    database.execute("ALTER TABLE app.person ALTER last_name TYPE varchar(6)")
    before, request_id = rows_of(database), opened(company, {"user.name.last": "Kuusemets"})
    with pytest.raises(CheckFailed, match="a value does not fit its column"):
        answer(company, request_id)
    assert rows_of(database) == before


def test_nothing_is_corrected_that_no_person_approved(database: Database, company: Company):
    before = rows_of(database)
    planned = steps.plan(company, opened(company, {"email": NEW}), as_of=AS_OF)
    with pytest.raises(ApprovalRequired):
        steps.carry_out(company, planned.digest)
    assert rows_of(database) == before


def test_the_digest_covers_the_values_by_fingerprint(database: Database, company: Company):
    """Whoever exchanges a value in the register after the approval gets nothing written."""
    request_id = opened(company, {"email": NEW})
    planned = steps.plan(company, request_id, as_of=AS_OF)
    assert len(planned.plan.brings) == 1
    assert NEW not in planned.plan.canonical()
    other = steps.plan(company, opened(company, {"email": "other@example.test"}), as_of=AS_OF)
    assert other.plan.brings != planned.plan.brings
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    before = rows_of(database)
    steps.refuse(company, other.plan.request, reason="test", refused_by="Op", as_of=AS_OF)
    _exchange(company, database, request_id)
    with pytest.raises(LifecycleError, match="is not what was approved"):
        steps.carry_out(company, planned.digest)
    assert rows_of(database) == before


def _exchange(company: Company, database: Database, request_id: UUID) -> None:
    from lifecycle.keys.sealing import seal
    from lifecycle.requests.corrections import _associated
    from lifecycle.requests.subject import SEALING_KEY

    forged = seal(
        company.keys.secret(SEALING_KEY),
        b"mallory@example.test",
        _associated(request_id, 0, "identity", "email"),
    )
    database.execute(
        "UPDATE lifecycle.request_correction SET sealed = :forged WHERE request_id = :request",
        {"forged": forged, "request": request_id},
    )


def test_the_same_twice_is_one_and_another_value_is_another(company: Company):
    first = opened(company, {"email": NEW})
    assert opened(company, {"email": NEW}) == first
    assert opened(company, {"email": "other@example.test"}) != first
    assert opened(company, {"app.person.job_title": "x"}) != first


def test_an_unknown_subject_is_answered_and_nothing_is_done(database: Database, company: Company):
    before = rows_of(database)
    request_id = opened(company, {"email": NEW}, Subject(identity="email", value="nobody@example.test"))
    answer(company, request_id)
    assert rows_of(database) == before
    assert receipt_of(company, request_id)["done"] == []


@pytest.mark.parametrize(
    ("corrections", "says"),
    [
        ({}, "says what is to be corrected"),
        ({"email": "no address"}, "email"),
        ({"phone_number": "+37255550000"}, "nobody knows what it was before"),
        ({"user.nothing": "x"}, "nothing is held under this name"),
        ({"mari.tamm@example.test": "x"}, "nothing is held under this name"),
        ({"user.unique_id": "7"}, "nothing is held under this name"),
        ({"app.person.id": "7"}, "could be corrected"),
        ({"app.person.customer_id": "7"}, "could be corrected"),
        ({"app.person.nothing": "7"}, "could be corrected"),
        ({"app.contract.monthly_fee": "7"}, "could be corrected"),
        ({"system.operations": "7"}, "nothing is held under this name"),
        ({"app.person.work_email": "no address"}, "email"),
        ({"website.cookie_choice.analytical": "perhaps"}, "the value is no boolean"),
        ({"app.person.job_title": "x" * 10_001}, "at most 10000 characters"),
    ],
)
def test_what_cannot_be_corrected_is_refused_and_never_quoted(company: Company, corrections: dict, says: str):
    with pytest.raises(UsageError, match=says) as refused:
        opened(company, corrections)
    said = str(refused.value)
    assert not [value for value in corrections.values() if len(value) > 3 and value in said]
    assert MARI not in said


@pytest.mark.commitment("W8", "A7")
@pytest.mark.parametrize(
    "column",
    [
        "website.visitor.last_seen_at",
        "website.enquiry.submitted_at",
        "website.chat.started_at",
        "website.marketing_subscription.created_at",
        "website.marketing_consent.occurred_at",
        "app.contract.ended_at",
        "app.customer.created_at",
        "app.invoice.issued_on",
    ],
)
def test_what_says_how_long_something_is_kept_is_no_requests_to_change(company: Company, column: str):
    with pytest.raises(UsageError, match="how long rows are kept follows from this"):
        opened(company, {column: "2040-01-01"})


@pytest.mark.commitment("W7")
def test_a_category_leaves_out_what_says_how_long_something_is_kept(company: Company):
    rulebook = company.rulebook(AS_OF)
    columns = {name for category in correctable(rulebook) for name in columns_of(rulebook, category)}
    assert ("website.chat", "ended_at") in columns
    assert not columns & rulebook.clock_columns
    assert "user.name.last" in correctable(rulebook)
    assert not [category for category in correctable(rulebook) if category.startswith("system")]


def test_a_category_of_nothing_but_such_columns_is_refused_for_that_reason(company: Company):
    rulebook = replace(company.rulebook(AS_OF), datamap=_only("website.enquiry", "submitted_at", company))
    assert correctable(rulebook) == []
    with pytest.raises(UsageError, match="how long rows are kept follows from this"):
        corrected(rulebook, "user.behavior")


def _only(collection: str, column: str, company: Company) -> DataMap:
    """The data map with one column of one collection."""
    described = company.datamap.collections[collection]
    alone = replace(described, columns={column: described.columns[column]})
    return replace(company.datamap, collections={collection: alone})


def test_what_has_come_to_say_so_since_the_request_was_taken_is_refused(
    database: Database, company: Company, tmp_path: Path
):
    before = rows_of(database)
    request_id = opened(company, {"website.chat.ended_at": "2026-01-01"})
    text = (PROJECT / "include/policies/2025-02-19/policy.yaml").read_text()
    old = "chatted: {on: website.chat, column: started_at}"
    assert old in text
    (tmp_path / "policies/2025-02-19").mkdir(parents=True)
    (tmp_path / "policies/2025-02-19/policy.yaml").write_text(
        text.replace(old, old.replace("started", "ended"))
    )
    company = replace(company, policies=load_policies(tmp_path / "policies"), _rulebooks={})
    with pytest.raises(UsageError, match="how long rows are kept follows from this"):
        answer(company, request_id)
    assert rows_of(database) == before


def test_another_kind_of_request_corrects_nothing(company: Company):
    with company.engine.begin() as connection, pytest.raises(UsageError, match="corrects nothing"):
        register.open_request(
            connection, company.rulebook(AS_OF), company.keys, [Subject(identity="email", value=MARI)],
            kind=RequestKind.ERASURE, opened_by="Op", as_of=AS_OF,
            asked=Asked(corrections=(Correction(what="identity", named="email", value=NEW),)),
        )  # fmt: skip


def test_a_run_that_is_started_again_goes_on(database: Database, company: Company):
    request_id = opened(company, {"email": NEW})
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    steps.carry_out(company, planned.digest)
    plans.check_after(company, planned.digest)
    answering.answer(company, request_id, as_of=AS_OF)
    assert texts(database, "SELECT work_email FROM app.person WHERE id = 101") == [NEW]
