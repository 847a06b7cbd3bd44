"""The DAG that erases a subject: by a real answer over Airflow's API, resumed, refused, and told in counts only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lifecycle.holds.targets import Subject
from lifecycle.policy.model import RequestKind
from lifecycle.requests import register, steps
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "A10", "G1")

NAME = "subject_erasure"
VISITOR = "00000000-0000-4000-8000-000000000100"


@pytest.fixture
def company(database: Database, tmp_path: Path, monkeypatch) -> Company:
    """The reference company with a few people, which tasks find through the environment."""
    create_people(database)
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", database.url)
    monkeypatch.setenv("LIFECYCLE_KEYRING", str(tmp_path / "keyring"))
    monkeypatch.setenv("LIFECYCLE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("LIFECYCLE_POLICY_DIR", raising=False)
    monkeypatch.delenv("LIFECYCLE_DATAMAP_DIR", raising=False)
    return open_people(database, tmp_path / "keyring")


def verified(company: Company, email: str = MARI, *, as_of: datetime = AS_OF) -> UUID:
    with company.engine.begin() as connection:
        request_id = register.open_request(
            connection, company.rulebook(as_of), company.keys, [Subject(identity="email", value=email)],
            kind=RequestKind.ERASURE, opened_by="Op", as_of=as_of,
        )  # fmt: skip
        register.verify(connection, request_id, verified_by="Op", how="callback", as_of=as_of)
    return request_id


def state_of(company: Company, request_id: UUID) -> register.Request:
    with company.engine.connect() as connection:
        return register.get(connection, request_id)


def run(airflow: Airflow, request_id: UUID, **options):
    return airflow.run(NAME, AS_OF, given={"request_id": str(request_id)}, **options)


def test_a_subject_is_erased_when_an_operator_approves(airflow_alone: Airflow, company, database):
    request_id, asked = verified(company), []
    found = run(airflow_alone, request_id, ask=airflow_alone.replying("Approve", asked))
    assert found.state == "success"
    (question,) = asked
    assert "app.person" in question.body
    assert found.results["receipt"]["request"] == str(request_id)
    assert state_of(company, request_id).state is register.State.DONE
    assert not [row for row in rows_of(database) if row == ("app.person", "100")]
