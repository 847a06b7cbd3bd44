"""Restriction: a subject's rows are out of deletion and out of use until a day, or until it is lifted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.errors import ApprovalRequired, UsageError
from lifecycle.holds import register as holds
from lifecycle.holds.cover import Cover
from lifecycle.holds.subjects import forget_ended
from lifecycle.holds.targets import Subject, Target
from lifecycle.policy.model import RequestKind
from lifecycle.recipients.outbox import listing, open_notice
from lifecycle.requests import steps
from lifecycle.requests.lifting import (
    ask_lifting,
    end_restrictions,
    lift,
    lifting_asked,
    near_restriction_ends,
)
from lifecycle.timelimits import local_day
from support.asking import answer, receipt_of, verified
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R5")


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


def opened(
    company: Company,
    kind: RequestKind = RequestKind.RESTRICTION,
    *named: Subject | Target,
    tenant: Target | None = None,
) -> UUID:
    """A verified request."""
    return verified(company, *named, kind=kind, tenant=tenant)


def covered(company: Company, as_of=AS_OF) -> dict[str, int]:
    """How many rows are covered at a moment, by collection."""
    with company.engine.connect() as connection:
        in_force = holds.listing(connection, as_of=as_of)
        found: dict[str, int] = {}
        for one in in_force:
            found |= holds.covered_counts(connection, company.rulebook(AS_OF), one.hold_id, as_of=as_of)
        return found


def test_no_row_is_changed_and_every_row_of_the_subject_is_covered(database: Database, company: Company):
    before = rows_of(database)
    request_id = opened(company)
    answer(company, request_id)
    assert rows_of(database) == before
    found = covered(company)
    assert (found["app.person"], found["app.note"], found["website.page_view"]) == (2, 2, 2)
    assert "app.customer" not in found
    body = receipt_of(company, request_id)
    assert {"collection": "app.person", "action": "restrict", "rows": 2} in body["done"]
    assert body["restricted_until"] == "2026-09-10"
    assert "mari" not in json.dumps(body).lower()


def test_an_erasure_leaves_what_is_restricted_until_it_is_lifted(database: Database, company: Company):
    request_id = opened(company)
    answer(company, request_id)
    before = rows_of(database)
    erasure = opened(company, RequestKind.ERASURE)
    closed = answer(company, erasure)
    assert rows_of(database) == before
    assert {one["reason"] for one in closed["kept"]} == {"restriction"}
    at = AS_OF + timedelta(days=2)
    lift(company, request_id, informed_by="letter", lifted_by="Op", as_of=at)
    steps.resume(company, erasure, as_of=at)
    assert ("app.person", "100") not in rows_of(database)


def test_rows_that_come_later_are_covered_too(database: Database, company: Company):
    answer(company, opened(company))
    database.execute(
        "INSERT INTO app.person (id, customer_id, first_name, last_name, work_email, country, created_at)"
        " VALUES (900, 1, 'M', 'T', 'Mari.Tamm@example.test', 'EE', '2026-03-11')"
    )
    assert covered(company)["app.person"] == 3


def test_it_ends_with_its_last_day_in_the_policys_zone(company: Company):
    answer(company, opened(company))
    with company.engine.connect() as connection:
        (placed,) = holds.listing(connection, as_of=AS_OF)
    zone = company.version(AS_OF).policy.zone
    assert local_day(placed.until - timedelta(microseconds=1), zone).isoformat() == "2026-09-10"
    assert covered(company, placed.until - timedelta(microseconds=1))
    assert covered(company, placed.until) == {}


@pytest.mark.commitment("A5")
def test_one_organisations_copy_is_restricted_alone(company: Company):
    answer(company, opened(company, RequestKind.RESTRICTION, tenant=Target.parse("app.customer:2")))
    found = covered(company)
    assert (found["app.person"], found["app.note"]) == (1, 1)
    assert "website.enquiry" not in found


def test_an_organisations_row_does_not_restrict_its_people(company: Company):
    answer(company, opened(company, RequestKind.RESTRICTION, Target.parse("app.person:100")))
    assert covered(company)["app.person"] == 1


def test_nothing_is_restricted_that_no_person_approved(company: Company):
    planned = steps.plan(company, opened(company), as_of=AS_OF)
    with pytest.raises(ApprovalRequired):
        steps.carry_out(company, planned.digest)
    assert covered(company) == {}


def test_an_unknown_subject_is_answered_and_nothing_is_placed(company: Company):
    request_id = opened(
        company, RequestKind.RESTRICTION, Subject(identity="email", value="nobody@example.test")
    )
    answer(company, request_id)
    body = receipt_of(company, request_id)
    assert (body["done"], body["kept"]) == ([], [])
    with company.engine.connect() as connection:
        assert holds.listing(connection, as_of=AS_OF) == ()


def test_it_is_placed_once_however_often_its_plan_is_carried_out(company: Company):
    request_id = opened(company)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    for _ in range(2):
        steps.carry_out(company, planned.digest)
    with company.engine.connect() as connection:
        assert len(holds.listing(connection, as_of=AS_OF)) == 1


@pytest.mark.commitment("G3")
def test_recipients_are_told_of_it_and_of_its_end(company: Company):
    request_id = opened(company)
    answer(company, request_id)
    lift(company, request_id, informed_by="letter", lifted_by="Op", as_of=AS_OF + timedelta(days=2))
    told: dict[str, list[str]] = {}
    with company.engine.begin() as connection:
        for notice in listing(connection, request=request_id):
            told.setdefault(notice.envelope.recipient, []).append(notice.envelope.kind.value)
            body = json.loads(
                open_notice(
                    connection, company.keys, notice.envelope.notice_id, reason="test", by="Op", as_of=AS_OF
                )
            )
            assert {"kind": "email", "value": MARI} in body["identities"]
    assert told["language_model"] == ["restriction", "restriction_lifted"]
    assert told["mail_and_chat"] == ["restriction", "restriction_lifted"]


def test_it_is_lifted_once_and_only_when_the_subject_was_told(database: Database, company: Company):
    request_id = opened(company)
    with pytest.raises(UsageError, match="no restriction of this request is in force"):
        lift(company, request_id, informed_by="letter", lifted_by="Op", as_of=AS_OF)
    answer(company, request_id)
    for informed_by, lifted_by in (("", "Op"), ("we told Mari", "Op"), ("letter", " ")):
        with pytest.raises(UsageError):
            lift(company, request_id, informed_by=informed_by, lifted_by=lifted_by, as_of=AS_OF)
    with company.engine.begin() as connection:
        placed = holds.of_request(connection, request_id, as_of=AS_OF)
        with pytest.raises(UsageError, match="is told before it is lifted"):
            holds.release(connection, placed.hold_id, released_by="Op", as_of=AS_OF)
        connection.rollback()
    lift(company, request_id, informed_by="letter", lifted_by="Op", as_of=AS_OF)
    with pytest.raises(UsageError, match="no restriction of this request is in force"):
        lift(company, request_id, informed_by="letter", lifted_by="Op", as_of=AS_OF)
    assert covered(company) == {}
    assert database.execute("SELECT FROM lifecycle.hold_subject WHERE spellings IS NOT NULL") == []
    kinds = [row.kind for row in database.execute("SELECT kind FROM lifecycle.ledger ORDER BY sequence")]
    assert kinds.count("restriction_placed") == kinds.count("restriction_lifted") == 1


def test_an_operator_may_ask_for_the_lifting_and_a_run_sees_to_it(company: Company):
    request_id = opened(company)
    with company.engine.begin() as connection, pytest.raises(UsageError, match="no restriction"):
        ask_lifting(connection, request_id, informed_by="letter", asked_by="Anna", as_of=AS_OF)
    answer(company, request_id)
    with company.engine.begin() as connection:
        assert lifting_asked(connection, request_id) is None
        ask_lifting(connection, request_id, informed_by="letter", asked_by="Anna", as_of=AS_OF)
        assert lifting_asked(connection, request_id) == ("letter", "Anna")
    lift(company, request_id, informed_by="letter", lifted_by="Anna", as_of=AS_OF)
    with company.engine.connect() as connection:
        assert lifting_asked(connection, request_id) is None


def test_a_step_that_reads_rows_can_ask_what_is_restricted(company: Company):
    answer(company, opened(company))
    rulebook = company.rulebook(AS_OF)
    with company.engine.connect() as connection:
        cover = Cover(connection, rulebook, AS_OF)
        assert cover.has_any_row(connection, "website.page_view")
        assert not cover.has_any_row(connection, "app.customer")


@pytest.mark.commitment("G3")
def test_of_one_that_ends_by_itself_recipients_are_told_and_it_is_announced_before(
    database: Database, company: Company
):
    request_id = opened(company)
    answer(company, request_id)
    zone = company.version(AS_OF).policy.zone
    with company.engine.begin() as connection:
        until = holds.of_request(connection, request_id, as_of=AS_OF).until
        days_left = []
        for days in range(12, -1, -1):
            at = until - timedelta(days=days, hours=1)
            days_left += [one.days_left for one in near_restriction_ends(connection, zone, as_of=at)]
        assert days_left == [10, 3]
        assert forget_ended(connection, as_of=until) == 0
    assert end_restrictions(company, as_of=until - timedelta(seconds=1)) == ()
    assert end_restrictions(company, as_of=until) == (request_id,)
    assert end_restrictions(company, as_of=until) == ()
    told = database.execute("SELECT DISTINCT kind FROM lifecycle.outbox ORDER BY kind")
    assert [row.kind for row in told] == ["restriction", "restriction_lifted"]
    assert database.execute("SELECT FROM lifecycle.hold_subject WHERE spellings IS NOT NULL") == []
