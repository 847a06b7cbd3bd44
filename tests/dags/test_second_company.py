"""The same DAG files keep the promises of another company, which brings nothing but data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.datamap.load import load_datamap
from lifecycle.store.grants import grant
from support.samples import PROJECT, WEBSHOP, populate

AT = datetime(2026, 11, 20, 3, tzinfo=UTC)
DUE = {"accounts", "clicks", "newsletter", "purchases", "tickets"}


@pytest.fixture
def webshop(database, tmp_path, monkeypatch):
    """The web shop's database, which tasks find through the environment."""
    populate(database.url, WEBSHOP, customers=25, days=120, as_of=AT)
    with database.connect().begin() as connection:
        tables = load_datamap(WEBSHOP.datamap).collections.values()
        grant(connection, [(one.schema, one.table) for one in tables])
    for name, value in {
        "DATABASE_URL": database.url,
        "POLICY_DIR": PROJECT / "examples/webshop/policies",
        "DATAMAP_DIR": WEBSHOP.datamap,
        "KEYRING": tmp_path / "keyring",
        "STATE_DIR": tmp_path / "state",
    }.items():
        monkeypatch.setenv(f"LIFECYCLE_{name}", str(value))
    return database


def told(runs) -> dict[str, dict[str, int]]:
    """What the summaries say was done: rows by rule and what happened to them."""
    return {
        one["rule"]: {f"{done['action']} {done['collection']}": done["rows"] for done in one["done"]}
        for run in runs.values()
        for one in run.results.get("summary", {"rules": []})["rules"]
    }


def test_the_web_shop_keeps_its_promises_by_the_same_dags(webshop, airflow_alone):
    def run(at):
        return {
            name: airflow_alone.run(name, at, ask=airflow_alone.replying("Approve", []))
            for name in airflow_alone.run_without_input()
        }

    rows = "SELECT (SELECT count(*) FROM shop.account), (SELECT count(*) FROM shop.purchase)"
    before = webshop.execute(rows)[0]
    first = run(AT)
    assert {run.state for run in first.values()} == {"success"}
    done = told(first)
    assert set(done) == DUE
    gone = done["accounts"]["delete shop.account"], done["purchases"]["delete shop.purchase"]
    assert webshop.execute(rows)[0] == tuple(had - went for had, went in zip(before, gone, strict=True))

    again = run(AT + timedelta(minutes=1))
    assert {run.state for run in again.values()} == {"success"}
    assert told(again) == {rule: {} for rule in DUE}
