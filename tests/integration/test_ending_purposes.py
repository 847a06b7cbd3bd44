"""Objection and withdrawal: purposes end for the subject, in the company's tables and for whatever comes later."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from lifecycle.datamap.load import load_datamap
from lifecycle.errors import ApprovalRequired, UsageError
from lifecycle.holds.stops import Stops
from lifecycle.holds.targets import Subject, Target
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register, steps
from lifecycle.requests.asked import Asked
from lifecycle.requests.purposes import Decision
from lifecycle.requests.weighing import weigh
from lifecycle.runs.company import Company
from lifecycle.store.grants import grant
from lifecycle.store.relations import relation
from lifecycle.store.roles import Role
from support.asking import answer, by_email, receipt_of, verified
from support.leaks import leaks, leaks_in_control_schema
from support.samples import PROJECT, WEBSHOP
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from uuid import UUID

    from support.databases import Database

pytestmark = pytest.mark.commitment("R6", "R8")

OBJECTION, WITHDRAWAL = RequestKind.OBJECTION, RequestKind.WITHDRAWAL


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


def opened(
    company: Company,
    kind: RequestKind,
    *purposes: str,
    email: str = MARI,
    tenant: Target | None = None,
    as_of: datetime = AS_OF,
) -> UUID:
    """A verified request."""
    return verified(
        company, by_email(email), kind=kind, as_of=as_of, tenant=tenant, asked=Asked(purposes=purposes)
    )


def decide(company: Company, request_id: UUID, decision: Decision) -> tuple[str, ...]:
    with company.engine.begin() as connection:
        policy = company.version(AS_OF).policy
        return weigh(connection, policy, request_id, decision=decision, by="Anna", as_of=AS_OF)


def left_out(company: Company, purpose: str, collection: str, as_of: datetime = AS_OF) -> list[str]:
    """Keys of the rows that whatever is processed for a purpose leaves out."""
    rulebook = company.rulebook(AS_OF)
    with company.engine.connect() as connection:
        stops = Stops(connection, rulebook, purpose, as_of)
        row = relation(rulebook.live, collection, "read")
        query = (
            sa.select(sa.cast(row.c.id, sa.Text)).where(stops.leaves_out(collection, row)).order_by(row.c.id)
        )
        return list(connection.scalars(query))


def consents(database: Database) -> list[tuple]:
    query = (
        "SELECT subscription_id, event, source, wording FROM website.marketing_consent ORDER BY occurred_at"
    )
    return [tuple(row) for row in database.execute(query)]


def test_consent_that_is_taken_back_is_written_down_where_it_was_given(database: Database, company: Company):
    before, request_id = rows_of(database), opened(company, WITHDRAWAL, "marketing")
    answer(company, request_id)
    after = rows_of(database)
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    assert (100, "withdrawn", "request", "v3") in consents(database)
    assert (200, "withdrawn", "request", "v3") not in consents(database)
    body = receipt_of(company, request_id)
    assert {"collection": "website.marketing_subscription", "action": "record", "rows": 1} in body["done"]
    assert (body["purposes"], body["since"]) == ({"marketing": "stopped"}, AS_OF.isoformat())


@pytest.mark.commitment("W10")
def test_a_cookie_is_refused_and_what_was_chosen_besides_stays_chosen(database: Database, company: Company):
    answer(company, opened(company, WITHDRAWAL, "website_operation"))
    found = database.execute(
        "SELECT chosen_at, analytical, functionality, third_party FROM website.cookie_choice"
        " WHERE visitor_id = '00000000-0000-4000-8000-000000000100' ORDER BY chosen_at DESC LIMIT 1"
    )
    assert [tuple(row) for row in found] == [(AS_OF, False, True, False)]
    assert left_out(company, "website_operation", "website.page_view") == ["100", "101"]
    assert left_out(company, "website_operation", "website.interaction") == ["100"]
    assert left_out(company, "marketing", "website.marketing_subscription") == []


def test_all_that_rests_on_consent_ends_where_nothing_is_named(company: Company):
    request_id = opened(company, WITHDRAWAL)
    answer(company, request_id)
    assert receipt_of(company, request_id)["purposes"] == {
        "marketing": "stopped",
        "website_operation": "stopped",
    }


def test_what_is_said_already_is_not_said_again(database: Database, company: Company):
    answer(company, opened(company, WITHDRAWAL, "marketing"))
    before = rows_of(database)
    answer(company, opened(company, WITHDRAWAL, "marketing"))
    assert rows_of(database) == before


def test_consent_that_was_given_anew_is_taken_back_anew(database: Database, company: Company):
    answer(company, opened(company, WITHDRAWAL, "marketing"))
    database.execute(
        "INSERT INTO website.marketing_consent (subscription_id, event, occurred_at, source, wording)"
        " VALUES (100, 'given', '2026-03-12', 'form', 'v4')"
    )
    later = AS_OF + timedelta(days=3)
    answer(company, opened(company, WITHDRAWAL, "marketing", as_of=later), later)
    assert consents(database)[-1] == (100, "withdrawn", "request", "v4")


def test_rows_that_come_later_are_left_out_and_those_before_stay_lawful(database: Database, company: Company):
    later = AS_OF + timedelta(days=2)
    answer(company, opened(company, OBJECTION, "marketing", as_of=later), later)
    database.execute(
        "INSERT INTO website.marketing_subscription"
        " VALUES (900, 'mailto:mari.tamm@example.test', 'M', 'T', 'et', NULL, now())"
    )
    assert left_out(company, "marketing", "website.marketing_subscription", later) == ["100", "900"]
    assert left_out(company, "marketing", "website.marketing_subscription", AS_OF) == []


def test_a_stop_counts_from_when_it_was_said_and_not_from_when_it_was_answered(company: Company):
    request_id = opened(company, OBJECTION, "marketing")
    answer(company, request_id, AS_OF + timedelta(days=5))
    assert left_out(company, "marketing", "website.marketing_subscription", AS_OF) == ["100"]


def test_an_unknown_subject_is_left_out_when_it_comes(database: Database, company: Company):
    request_id = opened(company, OBJECTION, "marketing", email="nobody@example.test")
    answer(company, request_id)
    assert receipt_of(company, request_id)["done"] == []
    database.execute(
        "INSERT INTO website.marketing_subscription VALUES (901, 'nobody@example.test', 'N', 'N', 'et', NULL, now())"
    )
    assert left_out(company, "marketing", "website.marketing_subscription") == ["901"]


def test_an_objection_to_marketing_is_never_weighed(company: Company):
    request_id = opened(company, OBJECTION, "marketing", "website_operation")
    with pytest.raises(UsageError, match="nothing of it waits to be weighed"):
        decide(company, request_id, Decision.COMPELLING_GROUNDS)
    answer(company, request_id)
    assert set(receipt_of(company, request_id)["purposes"].values()) == {"stopped"}


def test_a_weighed_objection_waits_for_a_decision(database: Database, company: Company):
    before, request_id = rows_of(database), opened(company, OBJECTION, "service_improvement")
    with pytest.raises(
        ApprovalRequired, match="an objection to service_improvement is weighed by a person first"
    ):
        answer(company, request_id)
    assert rows_of(database) == before
    assert decide(company, request_id, Decision.STOP) == ("service_improvement",)
    answer(company, request_id)
    assert receipt_of(company, request_id)["purposes"] == {"service_improvement": "stopped"}
    assert left_out(company, "service_improvement", "app.person") == ["100", "101"]
    assert left_out(company, "service_improvement", "app.activity") == ["100"]
    assert left_out(company, "service_improvement", "app.person", AS_OF - timedelta(days=1)) == []


def test_it_is_weighed_too_where_nothing_is_held_since_rows_may_come(database: Database, company: Company):
    request_id = opened(company, OBJECTION, email="nobody@example.test")
    with pytest.raises(ApprovalRequired, match="service_improvement is weighed by a person first"):
        answer(company, request_id)
    assert database.execute("SELECT purpose FROM lifecycle.processing_stop") == []
    decide(company, request_id, Decision.COMPELLING_GROUNDS)
    answer(company, request_id)
    assert receipt_of(company, request_id)["purposes"]["service_improvement"] == "compelling_grounds"
    stopped = database.execute("SELECT purpose FROM lifecycle.processing_stop ORDER BY purpose")
    assert [row.purpose for row in stopped] == ["marketing", "website_operation"]


def test_no_stop_is_placed_at_the_end_that_nobody_decided(database: Database, company: Company):
    request_id = opened(company, OBJECTION, "service_improvement", email="nobody@example.test")
    with pytest.raises(ApprovalRequired, match="weighed by a person first"):
        steps.close(company, request_id, as_of=AS_OF)
    assert database.execute("SELECT purpose FROM lifecycle.processing_stop") == []


def test_compelling_grounds_are_named_in_the_receipt_and_nothing_ends(company: Company):
    request_id = opened(company, OBJECTION, "service_improvement", "marketing")
    decide(company, request_id, Decision.COMPELLING_GROUNDS)
    answer(company, request_id)
    body = receipt_of(company, request_id)
    assert body["purposes"] == {"marketing": "stopped", "service_improvement": "compelling_grounds"}
    kept = [(one["collection"], one["reason"], one["source"], one["rows"]) for one in body["kept"]]
    assert ("app.person", "compelling_grounds", "service_improvement", 2) in kept
    assert left_out(company, "service_improvement", "app.person") == []
    with company.engine.connect() as connection:
        events = register.events(connection, request_id)
    assert [(one["by"], one["decision"]) for one in events if one["what"] == "weighed"] == [
        ("Anna", "compelling_grounds")
    ]


def test_a_decision_is_made_once(company: Company):
    request_id = opened(company, OBJECTION, "service_improvement")
    decide(company, request_id, Decision.STOP)
    with pytest.raises(UsageError, match="nothing of it waits"):
        decide(company, request_id, Decision.COMPELLING_GROUNDS)


@pytest.mark.commitment("A5")
def test_one_organisations_copy_is_left_out_alone(company: Company):
    request_id = opened(company, OBJECTION, "service_improvement", tenant=Target.parse("app.customer:2"))
    decide(company, request_id, Decision.STOP)
    answer(company, request_id)
    assert left_out(company, "service_improvement", "app.person") == ["100"]


def test_nothing_is_written_that_no_person_approved(database: Database, company: Company):
    before = rows_of(database)
    planned = steps.plan(company, opened(company, WITHDRAWAL), as_of=AS_OF)
    with pytest.raises(ApprovalRequired):
        steps.carry_out(company, planned.digest)
    assert rows_of(database) == before
    assert left_out(company, "marketing", "website.marketing_subscription") == []


def test_a_column_may_be_set_instead(database: Database, company: Company, tmp_path: Path):
    text = (PROJECT / "include/policies/2025-02-19/policy.yaml").read_text()
    old = "stop: {record: website.marketing_consent, values: {event: withdrawn, source: request}, at: occurred_at}"
    assert old in text
    (tmp_path / "policies/2025-02-19").mkdir(parents=True)
    (tmp_path / "policies/2025-02-19/policy.yaml").write_text(
        text.replace(old, "stop: {set: {website.marketing_subscription.language: en}}")
    )
    object.__setattr__(company, "policies", load_policies(tmp_path / "policies"))
    before = rows_of(database)
    answer(company, opened(company, WITHDRAWAL, "marketing"))
    after = rows_of(database)
    assert {row for row in after if after[row] != before[row]} == {("website.marketing_subscription", "100")}
    found = database.execute("SELECT language FROM website.marketing_subscription ORDER BY id")
    assert [row.language for row in found] == ["en", "et"]


def test_another_company_writes_down_since_when(database: Database, tmp_path: Path):
    database.script((WEBSHOP.sample / "schema.sql").read_text())
    database.execute("INSERT INTO public.newsletter VALUES (:mail, '2026-01-05', NULL)", {"mail": MARI})
    database.execute("INSERT INTO public.newsletter VALUES ('other@example.test', '2026-01-05', NULL)")
    shop = Company(
        engine=database.connect(Role.ENGINE),
        policies=load_policies(PROJECT / "examples/webshop/policies"),
        datamap=load_datamap(WEBSHOP.datamap),
        keys=FileKeyring(tmp_path / "keyring", environment={}),
    )
    with database.connect().begin() as connection:
        grant(connection, [(one.schema, one.table) for one in shop.datamap.collections.values()])
    (kind,) = [identity.kind for _, identity in shop.datamap.identities("public.newsletter")]
    for days in (0, 1):
        at = AS_OF + timedelta(days=days)
        request_id = verified(shop, Subject(identity=kind, value=MARI), kind=WITHDRAWAL, as_of=at)
        answer(shop, request_id, at)
    found = database.execute("SELECT mail, stopped_at FROM public.newsletter ORDER BY mail")
    assert [tuple(row) for row in found] == [
        (MARI, AS_OF.replace(tzinfo=None)), ("other@example.test", None)
    ]  # fmt: skip


def test_a_subject_who_is_erased_later_is_forgotten_and_the_fingerprint_stays(
    database: Database, company: Company
):
    answer(company, opened(company, OBJECTION, "marketing"))
    named = "SELECT fingerprint, spellings FROM lifecycle.processing_stop_subject ORDER BY position"
    before = database.execute(named)
    assert MARI in before[0].spellings
    answer(company, opened(company, RequestKind.ERASURE))
    after = database.execute(named)
    assert [row.fingerprint for row in after] == [row.fingerprint for row in before]
    assert {row.spellings for row in after} == {None}


@pytest.mark.commitment("G1")
def test_whom_it_is_about_stands_in_the_register_of_stops_alone(database: Database, company: Company):
    request_id = opened(company, OBJECTION, "marketing")
    answer(company, request_id)
    assert set(leaks_in_control_schema([MARI], database)) == {"processing_stop_subject"}
    assert leaks([MARI], json.dumps(receipt_of(company, request_id)).encode()) == set()


@pytest.mark.parametrize(
    ("kind", "purposes"),
    [
        (WITHDRAWAL, ("accounting",)),
        (WITHDRAWAL, ("service_improvement",)),
        (OBJECTION, ("accounting",)),
        (OBJECTION, ("mari.tamm@example.test",)),
        (RequestKind.ERASURE, ("marketing",)),
        (RequestKind.RESTRICTION, ("marketing",)),
    ],
)
def test_a_purpose_that_cannot_be_ended_so_is_refused_and_never_quoted(company: Company, kind, purposes):
    with pytest.raises(UsageError) as refused:
        opened(company, kind, *purposes)
    assert "mari" not in str(refused.value)


def test_the_same_twice_is_one_and_another_purpose_is_another(company: Company):
    first = opened(company, OBJECTION, "marketing")
    assert opened(company, OBJECTION, "marketing") == first
    assert opened(company, OBJECTION, "website_operation") != first
    assert opened(company, WITHDRAWAL, "marketing") != first
