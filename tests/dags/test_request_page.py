"""The page of requests, in Airflow's own application: who may open it, what it takes, what it never says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from lifecycle.errors import ApprovalRequired
from lifecycle.requests import register, steps
from support.airflow import Airflow
from support.subjects import AS_OF, MARI

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company

pytestmark = pytest.mark.commitment("G1", "R7")

HERE = "/lifecycle/requests"
ANY = "2ca4540e-a66d-42eb-803f-9941ba61c152"
ROUTES = [
    ("GET", HERE),
    ("POST", HERE),
    ("GET", f"{HERE}/{ANY}"),
    *(("POST", f"{HERE}/{ANY}/{act}") for act in ("verify", "extend", "weigh", "lift", "refuse", "start")),
    *(("POST", f"{HERE}/{ANY}/candidates/1/{act}") for act in ("confirm", "decline")),
    ("GET", f"{HERE}/{ANY}/receipt"),
    ("POST", f"{HERE}/{ANY}/package"),
    ("POST", f"{HERE}/{ANY}/passphrase"),
    ("GET", "/lifecycle/notice"),
    ("GET", "/lifecycle/openapi.json"),
    ("GET", "/lifecycle/docs"),
    ("GET", "/lifecycle/redoc"),
    ("GET", "/lifecycle/style.css"),
    ("GET", "/lifecycle/"),
    ("GET", "/lifecycle/anything/else"),
]
ASKED = {"subjects": [{"kind": "email", "value": MARI}]}


@pytest.fixture(scope="module")
def registered(airflow_home: Path) -> Airflow:
    """Airflow, which knows the DAGs of the reference company."""
    airflow = Airflow(home=airflow_home)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LIFECYCLE_POLICY_DIR", raising=False)
        airflow.register()
    airflow.unpause()
    return airflow


@pytest.fixture
def page(registered: Airflow, people: Company):
    """An operator's client."""
    assert people
    return registered.api()


def taken(page, **changes) -> str:
    answer = page.post(HERE, json={**ASKED, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()["request"]


def started(page) -> str:
    number = taken(page)
    page.post(f"{HERE}/{number}/verify", json={"how": "callback"}).raise_for_status()
    return number


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_whoever_is_not_logged_in_is_told_nothing(page, method, path):
    answer = page.request(method, path, headers={"Authorization": ""})
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_whoever_may_not_start_a_run_may_not_open_the_page(airflow_alone: Airflow, page, method, path):
    answer = page.request(method, path, headers=airflow_alone.as_viewer())
    assert answer.status_code == 403


def test_a_request_is_taken_verified_and_started(airflow_alone: Airflow, page):
    number = started(page)
    answer = page.post(f"{HERE}/{number}/start", json={})
    assert answer.status_code == 202
    ((conf, by),) = airflow_alone.query(
        "SELECT conf, triggering_user_name FROM dag_run WHERE run_id = ?", answer.json()["run"]
    )
    assert (number in conf, MARI in conf, by) == (True, False, airflow_alone.operator)
    assert page.post(f"{HERE}/{number}/start", json={}).status_code == 409
    assert page.post(f"{HERE}/{number}/refuse", json={"reason": "late"}).status_code == 409
    shown = page.get(f"{HERE}/{number}").json()
    assert {(event["what"], event["by"]) for event in shown["events"]} == {
        ("received", airflow_alone.operator), ("verified", airflow_alone.operator)}  # fmt: skip


def test_a_request_that_a_run_answers_is_not_started_again_whoever_started_that(page):
    number = started(page)
    asked = {"conf": {"request_id": number}, "logical_date": None}
    page.post("/api/v2/dags/subject_erasure/dagRuns", json=asked).raise_for_status()
    assert page.post(f"{HERE}/{number}/start", json={}).status_code == 409
    assert page.get(f"{HERE}/{number}").json()["is_running"] is True


def test_what_is_not_verified_cannot_be_started(page):
    number = taken(page)
    assert page.post(f"{HERE}/{number}/start", json={}).status_code == 400


def test_the_same_request_twice_is_one(page):
    assert taken(page) == taken(page, subjects=[{"kind": "email", "value": MARI.upper()}])


def test_the_operator_cannot_choose_in_whose_name_something_is_done(page):
    for field in ("by", "opened_by", "operator", "verified_by"):
        assert page.post(HERE, json={**ASKED, field: "Mallory"}).status_code == 400


def test_what_a_paused_dag_would_let_wait_is_refused_and_says_how_to_go_on(airflow_alone: Airflow, page):
    number = started(page)
    airflow_alone.change("UPDATE dag SET is_paused = 1 WHERE dag_id = 'subject_erasure'")
    for act, said in (("start", {}), ("refuse", {"reason": "late"})):
        answer = page.post(f"{HERE}/{number}/{act}", json=said)
        assert answer.status_code == 409
        assert "airflow dags unpause subject_erasure" in answer.json()["detail"]
    html = {"Accept": "text/html"}
    form = {"token": token_of(page.get(f"{HERE}/{number}", headers=html).text)}
    answer = page.post(f"{HERE}/{number}/start", data=form, headers=html, follow_redirects=False)
    assert (answer.status_code, "airflow dags unpause subject_erasure" in answer.text) == (409, True)
    assert airflow_alone.query("SELECT run_id FROM dag_run WHERE run_id LIKE ?", f"request__{number}%") == []
    assert page.get(f"{HERE}/{number}").json()["events"][-1]["what"] == "verified"
    airflow_alone.unpause()
    assert page.post(f"{HERE}/{number}/start", json={}).status_code == 202


def test_a_refusal_starts_a_run_that_carries_it_out(airflow_alone: Airflow, page):
    number = taken(page)
    assert page.post(f"{HERE}/{number}/refuse", json={"reason": "excessive"}).status_code == 202
    last = page.get(f"{HERE}/{number}").json()["events"][-1]
    assert (last["what"], last["reason"], last["by"]) == (
        "refusal_asked",
        "excessive",
        airflow_alone.operator,
    )


def test_an_answer_may_take_longer_once(page):
    number = taken(page)
    assert page.post(f"{HERE}/{number}/extend", json={"reason": "complexity"}).status_code == 200
    assert page.post(f"{HERE}/{number}/extend", json={"reason": "complexity"}).status_code == 400


def test_a_rectification_says_what_is_wrong_and_never_shows_what_is_right(
    airflow_alone: Airflow, page, database
):
    corrections = [
        {"what": "email", "to": "mari.kuusk@example.test"},
        {"what": "user.name.last", "to": "Kuuskmann"},
    ]
    number = taken(page, kind="rectification", corrections=corrections)
    html = page.get(f"{HERE}/{number}", headers={"Accept": "text/html"}).text
    assert "email, user.name.last" in html
    assert not [word for word in ("kuusk", "mari") if word in html.lower()]
    page.post(f"{HERE}/{number}/verify", json={"how": "callback"}).raise_for_status()
    run = page.post(f"{HERE}/{number}/start", json={}).json()["run"]
    ((dag,),) = airflow_alone.query("SELECT dag_id FROM dag_run WHERE run_id = ?", run)
    assert dag == "subject_rectification"
    assert database.execute("SELECT count(*) AS rows FROM lifecycle.request_correction")[0].rows == 2


def test_an_objection_is_weighed_once_on_its_page(airflow_alone: Airflow, page):
    number = taken(page, kind="objection", purposes=["service_improvement"])
    assert page.get(f"{HERE}/{number}").json()["waits_to_be_weighed"] == ["service_improvement"]
    assert "Does the objection count?" in page.get(f"{HERE}/{number}", headers={"Accept": "text/html"}).text
    assert page.post(f"{HERE}/{number}/weigh", json={"decision": "perhaps"}).status_code == 400
    answer = page.post(f"{HERE}/{number}/weigh", json={"decision": "compelling_grounds"})
    assert (answer.status_code, answer.json()["waits_to_be_weighed"]) == (200, [])
    assert answer.json()["events"][-1]["by"] == airflow_alone.operator
    assert page.post(f"{HERE}/{number}/weigh", json={"decision": "stop"}).status_code == 400


def test_a_restriction_is_lifted_by_a_run_when_there_is_one(airflow_alone: Airflow, page, people: Company):
    number = taken(page, kind="restriction")
    assert page.post(f"{HERE}/{number}/lift", json={"informed_by": "letter"}).status_code == 400
    with people.engine.begin() as connection:
        register.note(connection, UUID(number), "restricted", as_of=AS_OF)
    assert "Lift it" in page.get(f"{HERE}/{number}", headers={"Accept": "text/html"}).text
    for said in ({"informed_by": "we told Mari"}, {}, {"informed_by": ""}):
        assert page.post(f"{HERE}/{number}/lift", json=said).status_code == 400
    answer = page.post(f"{HERE}/{number}/lift", json={"informed_by": "letter"})
    assert answer.status_code == 202
    ((dag, conf),) = airflow_alone.query(
        "SELECT dag_id, conf FROM dag_run WHERE run_id = ?", answer.json()["run"]
    )
    assert (dag, number in conf) == ("subject_restriction", True)


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "rectification"},
        {"kind": "rectification", "corrections": [{"what": "mari.tamm", "to": "Evil"}]},
        {"kind": "rectification", "corrections": [{"what": "email", "to": "evil.mari"}]},
        {"kind": "rectification", "corrections": [{"what": "email"}]},
        {"kind": "rectification", "corrections": [{"what": "email", "to": {"mari": "evil"}}]},
        {"kind": "erasure", "corrections": [{"what": "email", "to": "evil@example.test"}]},
        {"kind": "objection", "purposes": ["mari.tamm"]},
        {"kind": "withdrawal", "purposes": ["accounting"]},
        {"kind": "erasure", "purposes": ["marketing"]},
    ],
)
def test_what_a_kind_cannot_say_is_refused_and_never_quoted(page, caplog, asked):
    answer = page.post(HERE, json={**ASKED, **asked})
    assert answer.status_code == 400
    said = f"{answer.text} {answer.headers} {caplog.text}".lower()
    assert not [word for word in ("mari", "tamm", "evil") if word in said]


def test_a_form_says_what_is_wrong_and_what_ends(page):
    html = page.get(HERE, headers={"Accept": "text/html"}).text
    common = {"token": token_of(html), "identity": ["email"], "value": [MARI]}
    wrong = {"kind": "rectification", "wrong": ["user.name.last", "", ""], "right": ["Kuuskmann", "", ""]}
    ends = {"kind": "objection", "purpose": ["marketing", "website_operation"]}
    for form, named in ((wrong, "user.name.last"), (ends, "marketing, website_operation")):
        answer = page.post(
            HERE, data={**common, **form}, headers={"Accept": "text/html"}, follow_redirects=False
        )
        assert answer.status_code == 303
        assert named in page.get(answer.headers["location"], headers={"Accept": "text/html"}).text


def test_the_page_of_a_verified_request_offers_to_start_it(page):
    shown = page.get(f"{HERE}/{started(page)}", headers={"Accept": "text/html"})
    assert shown.status_code == 200
    assert "<button>Start</button>" in shown.text


def test_a_request_is_started_by_the_dag_of_its_kind(airflow_alone: Airflow, page):
    number = taken(page, kind="access")
    page.post(f"{HERE}/{number}/verify", json={"how": "callback"}).raise_for_status()
    run = page.post(f"{HERE}/{number}/start", json={}).json()["run"]
    assert airflow_alone.query("SELECT dag_id FROM dag_run WHERE run_id = ?", run) == [("subject_access",)]
    assert page.post(f"{HERE}/{number}/start", json={}).status_code == 409


def test_a_form_without_a_script_does_the_same(page):
    html = page.get(HERE, headers={"Accept": "text/html"})
    assert "<script" not in html.text
    form = {
        "token": token_of(html.text),
        "kind": "erasure",
        "identity": ["email", "email"],
        "value": [MARI, ""],
    }
    answer = page.post(HERE, data=form, headers={"Accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 303
    own = page.get(answer.headers["location"], headers={"Accept": "text/html"})
    assert (own.status_code, MARI in own.text) == (200, False)
    sent = {"token": token_of(own.text), "how": "callback"}
    assert page.post(f"{answer.headers['location']}/verify", data=sent).status_code == 200


def token_of(html: str) -> str:
    return re.search(r'name="token" value="([^"]+)"', html)[1]


@pytest.mark.parametrize("token", ["", "made.up.token", None])
def test_a_form_that_was_not_made_for_this_operator_is_refused(airflow_alone: Airflow, page, token):
    form = {"identity": "email", "value": MARI, **({} if token is None else {"token": token})}
    assert page.post(HERE, data=form).status_code == 403
    other = page.get(HERE, headers={"Accept": "text/html", **airflow_alone.as_operator("Mallory")})
    assert page.post(HERE, data={**form, "token": token_of(other.text)}).status_code == 403


def test_what_another_site_makes_a_browser_send_is_refused(page):
    for site in ("cross-site", "same-site"):
        assert page.post(HERE, json=ASKED, headers={"Sec-Fetch-Site": site}).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml", ""])
def test_only_forms_and_json_are_read(page, kind):
    answer = page.post(HERE, content=b'{"subjects": []}', headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_a_body_that_is_too_large_is_not_read(page):
    large = page.post(HERE, content=b"x" * 10_000_000, headers={"Content-Type": "application/json"})
    assert large.status_code == 413

    unannounced = page.post(
        HERE, content=iter([b" " * 65536] * 200), headers={"Content-Type": "application/json"}
    )
    assert unannounced.status_code == 413


@pytest.mark.parametrize(
    "asked",
    [
        {"subjects": [{"kind": "email", "value": "no address"}]},
        {"subjects": [{"kind": "mari.tamm", "value": MARI}]},
        {"subjects": [{"kind": "name", "value": "Mari Tamm"}]},
        {"subjects": [{"kind": "email", "value": "mari\u200b.tamm@example.test"}]},
        {"subjects": [{"kind": "email", "value": "mari.tamm@example.test\r\nX-Evil: 1"}]},
        {"subjects": [{"kind": "email", "value": {"mari": "tamm"}}]},
        {"subjects": [{"kind": "email", "value": MARI}] * 21},
        {"subjects": [], "rows": ["mari.tamm:1"]},
        {"subjects": [], "rows": ["app.person:mari.tamm@example.test"]},
        {"subjects": [{"kind": "email", "value": MARI}], "organisation": "mari.tamm:1"},
        {"subjects": [{"kind": "email", "value": MARI}], "organisation": "app.person:1"},
        {"subjects": [{"kind": "email", "value": MARI}], "mari.tamm": 1},
        {"subjects": [{"kind": "email", "value": MARI}], "kind": "mari.tamm"},
        {"subjects": []},
        {},
        [MARI],
        MARI,
    ],
)
def test_what_cannot_be_taken_is_refused_and_never_quoted(page, caplog, asked):
    answer = page.post(HERE, json=asked)
    assert answer.status_code == 400
    said = f"{answer.text} {answer.headers} {caplog.text}".lower()
    assert not [word for word in ("mari", "tamm", "evil") if word in said]


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00\ud800", r"mari\ud83d"])
def test_half_a_character_is_told_as_such(page, text):
    body = f'{{"subjects": [{{"kind": "email", "value": "{text}"}}]}}'
    answer = page.post(HERE, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["detail"]) == (
        400, "the body holds half a character: a surrogate without the other one"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "", None),
        ("GET", "/receipt", None),
        ("POST", "/verify", {"how": "callback"}),
        ("POST", "/refuse", {"reason": "late"}),
        ("POST", "/weigh", {"decision": "stop"}),
        ("POST", "/start", {}),
    ],
)
@pytest.mark.parametrize("number", [ANY, "1"])
def test_a_request_that_there_is_not_is_nowhere(page, number, method, path, said):
    answer = page.request(method, f"{HERE}/{number}{path}", json=said)
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no such request")


def test_a_run_that_is_told_of_no_request_does_not_make_it_one(page):
    number = str(uuid4())
    asked = {"logical_date": None, "conf": {"request_id": number}}
    page.post("/api/v2/dags/subject_erasure/dagRuns", json=asked).raise_for_status()
    for act, said in (("start", {}), ("refuse", {"reason": "late"}), ("lift", {"informed_by": "letter"})):
        assert page.post(f"{HERE}/{number}/{act}", json=said).status_code == 404


def test_only_what_is_a_persons_is_offered_to_be_corrected(page):
    html = page.get(HERE, headers={"Accept": "text/html"}).text
    offered = re.findall('<option value="([^"]+)"></option>', html)
    assert {"email", "user.name.last", "user.job_title"} <= set(offered)
    assert not [one for one in offered if one.startswith("system")]


@pytest.mark.parametrize("number", ["1", "mari.tamm@example.test", "1%20OR%201=1", "..%2f..", ANY.upper()])
def test_an_address_that_names_no_request_is_not_quoted(page, number):
    answer = page.get(f"{HERE}/{number}")
    assert answer.status_code in {404, 400}
    assert number not in answer.text


def test_a_row_and_an_organisation_may_be_named_without_being_looked_at(page):
    number = taken(page, subjects=[], rows=["app.customer:0001"])
    assert page.get(f"{HERE}/{number}").json()["identities"] == ["app.customer"]
    assert taken(page, organisation="app.customer:2") != number


def test_a_subject_may_be_named_by_name_and_employer_and_candidates_are_shown_as_counts(
    people: Company, page, caplog
):
    assert "name" in re.findall(
        "<option>([a-z_]+)</option>", page.get(HERE, headers={"Accept": "text/html"}).text
    )
    number = taken(page, subjects=[{"kind": "name", "value": "Tamm, Mari; Puu AS"}])
    page.post(f"{HERE}/{number}/verify", json={"how": "callback"}).raise_for_status()
    with pytest.raises(ApprovalRequired):
        steps.plan(people, UUID(number), as_of=datetime.now(UTC))
    (candidate,) = page.get(f"{HERE}/{number}").json()["candidates"]
    assert candidate["named"] == {"app.contact": 1, "app.invoice": 1, "website.enquiry": 1}
    html = page.get(f"{HERE}/{number}", headers={"Accept": "text/html"}).text
    assert "1 of app.invoice" in html
    page.post(f"{HERE}/{number}/candidates/{candidate['candidate']}/confirm", json={}).raise_for_status()
    assert steps.plan(people, UUID(number), as_of=datetime.now(UTC)).digest
    said = f"{html} {caplog.text} {page.get(f'{HERE}/{number}').text}".lower()
    assert not [word for word in ("mari", "tamm", "puu") if word in said]


def test_every_answer_is_for_this_moment_and_this_site_alone(page):
    for path in (HERE, f"{HERE}/{ANY}", "/lifecycle/style.css", "/lifecycle/nothing"):
        headers = page.get(path, headers={"Accept": "text/html"}).headers
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")


def test_an_error_that_nobody_foresaw_is_told_by_its_place_alone(page, monkeypatch, caplog):
    def fail(*_arguments, **_named):
        raise ValueError(MARI)

    monkeypatch.setattr("lifecycle.requests.register.open_request", fail)
    answer = page.post(HERE, json=ASKED)
    assert answer.status_code == 500
    assert "ValueError at test_request_page.py" in caplog.text
    assert MARI not in caplog.text + answer.text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("{{ 7919 * 7907 }}{% raw %}", "{{ 7919 * 7907 }}{% raw %}"),
        ('" onload="alert(1)', "&#34; onload=&#34;alert(1)"),
    ],
)
def test_what_is_written_into_the_register_is_shown_as_it_is(page, database, written, shown):
    number = taken(page)
    database.execute("UPDATE lifecycle.request SET opened_by = :name", {"name": written})
    database.execute("UPDATE lifecycle.request_event SET by_whom = :name", {"name": written})
    html = page.get(f"{HERE}/{number}", headers={"Accept": "text/html"}).text
    assert shown in html
    assert not [one for one in ("<script", "62615533", '" onload') if one in html.replace(number, "")]


INJECTED = "1\r\nX-Evil: 1"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (HERE, {"kind": INJECTED, "identity": "email", "value": MARI}),
        (HERE, {"kind": "erasure", "identity": INJECTED, "value": MARI}),
        (HERE, {"kind": "erasure", "identity": "email", "value": INJECTED}),
        (HERE, {"kind": "erasure", "row": f"app.person:{INJECTED}"}),
        (HERE, {"kind": "erasure", "identity": "email", "value": MARI, "organisation": INJECTED}),
        (f"{HERE}/{ANY}/verify", {"how": INJECTED}),
        (f"{HERE}/{ANY}/extend", {"reason": INJECTED}),
        (f"{HERE}/{ANY}/refuse", {"reason": INJECTED}),
    ],
)
def test_nothing_that_is_said_becomes_a_header(page, database, path, said):
    token = token_of(page.get(HERE, headers={"Accept": "text/html"}).text)
    answer = page.post(path, data={"token": token, **said}, follow_redirects=False)
    assert answer.status_code == 400
    assert "x-evil" not in answer.headers
    assert "Evil" not in answer.text
    assert database.execute("SELECT count(*) AS rows FROM lifecycle.request")[0].rows == 0


def test_a_browser_is_led_nowhere_else_whatever_address_it_says_it_asked(page):
    headers = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "//evil.example",
    }
    token = token_of(page.get(HERE, headers={"Accept": "text/html"}).text)
    form = {"token": token, "kind": "erasure", "identity": "email", "value": MARI}
    answer = page.post(HERE, data=form, headers=headers, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"].startswith(f"{HERE}/")) == (303, True)
    assert "evil" not in str(answer.headers)


def test_the_way_to_the_page_stands_in_airflows_menu(page):
    assert page
    from airflow.plugins_manager import get_plugin_info

    (plugin,) = [one for one in get_plugin_info() if one["name"] == "lifecycle_requests"]
    (view,) = plugin["external_views"]
    assert view["href"] == HERE
