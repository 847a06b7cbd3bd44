"""Whatever a request is given, and whoever sees to it at the same time: a clear answer, a trace of it, nothing lost."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from lifecycle.errors import ApprovalRequired, LifecycleError, UsageError
from lifecycle.holds import register as holds
from lifecycle.holds.targets import Subject, UnseenTarget
from lifecycle.requests import answering, register, steps
from lifecycle.requests.naming import subject_by
from lifecycle.requests.register import State
from support.asking import erase, receipt_of, taken, verified
from support.processes import PATIENCE
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "G1")


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


def told(company: Company, request_id: UUID) -> list[str]:
    with company.engine.connect() as connection:
        return [event["what"] for event in register.events(connection, request_id)]


def state_of(company: Company, request_id: UUID) -> State:
    with company.engine.connect() as connection:
        return register.get(connection, request_id).state


VISITOR = "00000000-0000-4000-8000-000000000100"
HOSTILE = [
    "' OR '1'='1",
    "'; DROP SCHEMA app CASCADE; --",
    "%s %(x)s :x ${x}",
    "{{ 7 * 7 }}",
    "a\\'b",
    '"',
    "*:* | !x & (y)",
]
ADDRESSES = ["x'or'1'='1@example.test", "a&b|!c@example.test", "{{7*7}}@example.test", "%s%x@example.test"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("email", text) for text in ADDRESSES),
        *(("name", f"{text} x; {text} y") for text in HOSTILE if ";" not in text),
    ],
)
def test_what_looks_like_a_statement_or_a_template_is_an_identity_that_nobody_has(
    database: Database, company: Company, kind: str, value: str
):
    before = rows_of(database)
    request_id = verified(company, subject_by(kind, value))
    assert erase(company, request_id)["kept"] == []
    body = receipt_of(company, request_id)
    assert (body["done"], body["kept"]) == ([], [])
    assert rows_of(database) == before
    assert told(company, request_id)[-1] == "done"


@pytest.mark.parametrize(
    "text", [*HOSTILE, "not-a-uuid", "42", VISITOR[1:], f"{{{VISITOR}}}", VISITOR.replace("-", "")]
)
def test_what_no_column_could_hold_is_no_identity_of_which_nothing_is_held(company: Company, text: str):
    with pytest.raises(UsageError, match="is stored as uuid") as refused:
        taken(company, Subject(identity="visitor_id", value=text))
    assert text not in str(refused.value)
    assert taken(company, Subject(identity="visitor_id", value=VISITOR.upper()))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_looks_like_a_statement_or_a_template_is_no_key_and_no_word(
    database: Database, company: Company, text: str
):
    before = rows_of(database)
    with pytest.raises(UsageError, match="no row could have this key"):
        taken(company, UnseenTarget(collection="app.person", key=(text,)))
    with pytest.raises(UsageError, match="no such collection"):
        taken(company, UnseenTarget(collection=f"app.{text}", key=("1",)))
    request_id = taken(company)
    with company.engine.begin() as connection, pytest.raises(UsageError, match="one word is kept"):
        register.verify(connection, request_id, verified_by="Op", how=text, as_of=AS_OF)
    assert rows_of(database) == before


@pytest.mark.parametrize("text", HOSTILE)
def test_the_name_of_an_operator_is_kept_as_it_is(company: Company, text: str):
    request_id = taken(company, by=text)
    with company.engine.connect() as connection:
        assert register.get(connection, request_id).opened_by == text


@pytest.mark.parametrize(
    "mark", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u202e", "\u00ad", "\r\nBcc: x@example.test", "\0"]
)
def test_an_address_with_what_nobody_sees_is_refused_and_not_repeated(company: Company, mark: str):
    with pytest.raises(UsageError) as refused:
        taken(company, Subject(identity="email", value=f"mari{mark}.tamm@example.test"))
    assert "tamm" not in str(refused.value)


def test_an_address_in_letters_that_look_alike_is_nobodys_and_is_pointed_out(
    database: Database, company: Company
):
    before = rows_of(database)
    request_id = verified(
        company, Subject(identity="email", value="m\N{CYRILLIC SMALL LETTER A}ri.tamm@example.test")
    )
    with company.engine.connect() as connection:
        (doubt,) = [one for one in register.events(connection, request_id) if "kinds" in one]
    assert (doubt["what"], doubt["kinds"]) == ("letters_of_several_scripts", ["email"])
    assert erase(company, request_id)["kept"] == []
    assert rows_of(database) == before
    assert "letters_of_several_scripts" not in told(company, taken(company))


def test_whoever_takes_a_request_does_the_same_for_a_known_subject_as_for_an_unknown_one(company: Company):
    """So that no clock tells whether somebody is known: nothing is looked up before who asks is verified."""
    said: list[str] = []
    sa.event.listen(company.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    statements = []
    for address in ("first@example.test", MARI, "nobody@example.test"):
        said.clear()
        verified(company, Subject(identity="email", value=address))
        statements.append(tuple(said))
    _, known, unknown = statements  # the first also reads what tables there are
    assert known == unknown
    assert len(known) > 5
    assert not [one for one in known if "app." in one or "website." in one]


def test_a_receipt_says_that_nothing_is_held_of_an_unknown_subject(company: Company):
    request_id = verified(company, Subject(identity="email", value="nobody@example.test"))
    erase(company, request_id)
    body = receipt_of(company, request_id)
    assert (body["done"], body["kept"], body["recipients"]) == ([], [], [])


def at_once(*steps_: Callable[[], Any]) -> list[Any]:
    """What comes of several steps that begin at the same moment: what each returns, or the error that it raises."""
    gate = threading.Barrier(len(steps_))

    def run(step: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return step()
        except LifecycleError as error:
            return error

    with ThreadPoolExecutor(len(steps_)) as threads:
        return list(threads.map(run, steps_))


def test_the_same_request_taken_twice_at_once_is_one(database: Database, company: Company):
    numbers = at_once(*(lambda: taken(company) for _ in range(4)))
    assert len(set(numbers)) == 1
    assert told(company, numbers[0]) == ["received", "repeated", "repeated", "repeated"]
    assert database.execute("SELECT count(*) AS rows FROM lifecycle.request")[0].rows == 1


def test_of_two_operators_who_approve_and_refuse_at_once_one_wins_and_nothing_is_half_done(
    database: Database, company: Company
):
    request_id = verified(company)
    digest = steps.plan(company, request_id, as_of=AS_OF).digest
    before = rows_of(database)
    results = at_once(
        lambda: steps.approve_plan(company, request_id, digest, approved_by="Ann", as_of=AS_OF),
        lambda: steps.refuse(company, request_id, reason="excessive", refused_by="Bob", as_of=AS_OF),
    )
    assert [error for error in results if not isinstance(error, UsageError | None)] == []
    assert state_of(company, request_id) is State.REFUSED  # who approves may still be told no; nothing went
    assert told(company, request_id)[-1] == "refused"
    with suppress(ApprovalRequired):  # where the refusal came first
        assert dict(steps.carry_out(company, digest).rows) == {}
    assert rows_of(database) == before
    assert receipt_of(company, request_id)["refused_because"] == "excessive"


def test_of_two_operators_who_approve_at_once_one_does(company: Company):
    request_id = verified(company)
    digest = steps.plan(company, request_id, as_of=AS_OF).digest
    results = at_once(
        *(
            lambda name=name: steps.approve_plan(company, request_id, digest, approved_by=name, as_of=AS_OF)
            for name in ("Ann", "Bob")
        )
    )
    (refused,) = [one for one in results if one is not None]
    assert "approved already" in str(refused)
    assert told(company, request_id).count("approved") == 1


def test_an_answer_that_two_start_at_once_is_given_once(database: Database, company: Company):
    request_id = verified(company)
    digest = steps.plan(company, request_id, as_of=AS_OF).digest
    steps.approve_plan(company, request_id, digest, approved_by="Op", as_of=AS_OF)
    run = lambda: answering.answer(company, request_id, as_of=AS_OF)  # noqa: E731
    results = at_once(run, run)
    assert [one for one in results if not isinstance(one, dict | LifecycleError)] == []
    if state_of(company, request_id) is not State.DONE:
        run()
    assert state_of(company, request_id) is State.DONE
    assert told(company, request_id).count("done") == 1
    assert (
        database.execute("SELECT count(*) AS n FROM lifecycle.ledger WHERE kind = 'request_done'")[0].n == 1
    )
    done = {
        (one["collection"], one["action"]): one["rows"] for one in receipt_of(company, request_id)["done"]
    }
    assert done["app.person", "delete"] == 2


def test_two_who_plan_at_once_make_one_plan(database: Database, company: Company):
    request_id = verified(company)
    results = at_once(*(lambda: steps.plan(company, request_id, as_of=AS_OF).digest for _ in range(3)))
    digests = {one for one in results if not isinstance(one, LifecycleError)}
    assert len(digests) == 1
    assert {
        str(one).split(": ")[1].splitlines()[0] for one in results if isinstance(one, LifecycleError)
    } <= {"somebody else sees to it at this moment"}
    assert database.execute("SELECT count(*) AS plans FROM lifecycle.plan")[0].plans == 1
    assert steps.plan(company, request_id, as_of=AS_OF).digest in digests


def wait_for(database: Database, many: int) -> None:
    """Until so many wait for a lock that somebody else has."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    end = time.monotonic() + PATIENCE
    while database.execute(waiting)[0][0] < many:
        assert time.monotonic() < end, f"never {many} waited"
        time.sleep(0.05)


def test_whoever_looks_a_subject_up_second_is_told_so(database: Database, company: Company):
    request_id = verified(company)
    keep = sa.text(
        "INSERT INTO lifecycle.request_identity (request_id, position, kind, source, fingerprint, sealed)"
        " SELECT request_id, max(position) + 1, 'visitor_id', 'found', repeat('0', 64), '\\x00'"
        " FROM lifecycle.request_identity WHERE request_id = :request GROUP BY request_id"
    )
    with ThreadPoolExecutor(1) as threads, database.connect().connect() as other:
        with other.begin():
            other.execute(keep, {"request": request_id})
            run = threads.submit(at_once, lambda: steps.plan(company, request_id, as_of=AS_OF))
            wait_for(database, 1)
        (told,) = run.result()
    assert "somebody else sees to it at this moment" in str(told)


def test_a_refusal_waits_for_what_is_being_done_and_its_receipt_has_it(database: Database, company: Company):
    """Nothing goes after the refusal, and nothing that went before is kept quiet."""
    request_id = verified(company)
    digest = steps.plan(company, request_id, as_of=AS_OF).digest
    steps.approve_plan(company, request_id, digest, approved_by="Op", as_of=AS_OF)
    before = rows_of(database)
    with ThreadPoolExecutor(2) as threads, database.connect().connect() as application:
        with application.begin():
            application.execute(sa.text("SELECT FROM app.person WHERE id = 100 FOR UPDATE"))
            run = threads.submit(steps.carry_out, company, digest)
            wait_for(database, 1)
            refusal = threads.submit(
                steps.refuse, company, request_id, reason="excessive", refused_by="Op", as_of=AS_OF
            )
            wait_for(database, 2)
        run.result()
        refusal.result()
    gone = len(before) - len(rows_of(database))
    body = receipt_of(company, request_id)
    assert body["refused_because"] == "excessive"
    assert sum(one["rows"] for one in body["done"] if one["action"] == "delete") == gone > 0
    assert state_of(company, request_id) is State.REFUSED


def test_a_subject_under_hold_is_told_so_and_loses_nothing(database: Database, company: Company):
    with company.engine.begin() as connection:
        hold = holds.place(
            connection, company.rulebook(AS_OF), [Subject(identity="email", value=MARI)], kind="hold",
            reason="litigation", placed_by="Counsel", until=AS_OF + timedelta(days=90), as_of=AS_OF,
        )  # fmt: skip
    before = rows_of(database)
    request_id = verified(company)
    erase(company, request_id)
    held = {name for name, _ in before if name not in {"app.note", "website.message"}}
    after = rows_of(database)
    assert after["app.person", "100"] == before["app.person", "100"]
    assert ("app.person", "101") in after
    body = receipt_of(company, request_id)
    kept = {(one["collection"], one["reason"]) for one in body["kept"]}
    assert ("app.person", "hold") in kept
    assert all(one["until"] for one in body["kept"] if one["reason"] == "hold")
    assert held
    with company.engine.begin() as connection:
        holds.release(connection, hold, released_by="Counsel", as_of=AS_OF + timedelta(days=1))
    assert steps.resume(company, request_id, as_of=AS_OF + timedelta(days=1)) is not None
    assert ("app.person", "101") not in rows_of(database)


@pytest.mark.parametrize(
    ("named", "tenant"),
    [
        (["app.customer:999999"], None),
        ([], "app.customer:999999"),
        (["app.person:101"], "app.customer:2"),
        (["app.contact:100"], "app.customer:2"),
        (["app.customer:1"], "app.customer:2"),
    ],
    ids=["no customer", "of no customer", "a person of another", "a contact of another", "another itself"],
)
@pytest.mark.commitment("A5")
def test_a_customer_that_is_not_there_and_what_is_anothers_are_answered_alike(
    database: Database, company: Company, named: list[str], tenant: str | None
):
    """Whoever asks for one customer does not learn whether another has such a row."""
    before = rows_of(database)
    request_id = verified(
        company,
        *([UnseenTarget.parse(text) for text in named] or [Subject(identity="email", value=MARI)]),
        tenant=UnseenTarget.parse(tenant) if tenant else None,
    )
    with pytest.raises(UsageError, match="no row has this key") as refused:
        steps.plan(company, request_id, as_of=AS_OF)
    assert refused.value.next_step.startswith("give the primary key (id) of a row that exists")
    assert told(company, request_id) == ["received", "verified", "row_not_found"]
    assert state_of(company, request_id) is State.VERIFIED
    assert rows_of(database) == before
    steps.refuse(company, request_id, reason="unknown", refused_by="Op", as_of=AS_OF)
    assert receipt_of(company, request_id)["refused_because"] == "unknown"
