"""The same engine keeps the promises of two companies that share no table, no name and no policy."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lifecycle.datamap.load import load_datamap, read_datamap
from lifecycle.keys.keyring import FileKeyring
from lifecycle.ledger.book import read_entry, tree_size
from lifecycle.ledger.checkpoints import checkpoint
from lifecycle.ledger.verification import verify
from lifecycle.policy.check import Severity, check
from lifecycle.policy.load import in_force, load_policies
from lifecycle.retention.steps import plan
from lifecycle.retention.sweep import sweep
from lifecycle.runs.company import Company
from lifecycle.store.grants import grant
from lifecycle.store.inspect import inspect
from lifecycle.store.roles import Role
from support.samples import COMPANIES, PROJECT, populate

if TYPE_CHECKING:
    from support.databases import Database
    from support.samples import Company as Sample


AS_OF = datetime(2026, 11, 20, 3, tzinfo=UTC)
POLICIES = {"reference": PROJECT / "include/policies", "webshop": PROJECT / "examples/webshop/policies"}


@pytest.fixture(params=COMPANIES, ids=str)
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param


@pytest.fixture
def company(database: Database, sample: Sample, tmp_path: Path) -> Company:
    populate(database.url, sample, customers=25, days=120, as_of=AS_OF)
    datamap = load_datamap(sample.datamap)
    with database.connect().begin() as connection:
        grant(connection, [(one.schema, one.table) for one in datamap.collections.values()])
    return Company(
        engine=database.connect(Role.ENGINE),
        policies=load_policies(POLICIES[sample.name]),
        datamap=datamap,
        keys=FileKeyring(tmp_path / "keyring", environment={}),
    )


@pytest.mark.commitment("W7", "W8", "A6", "A7", "A9")
def test_every_promise_is_kept_and_a_second_run_has_nothing_to_do(company: Company, sample: Sample) -> None:
    version = in_force(company.policies, AS_OF)
    with company.engine.connect() as connection:
        live = inspect(connection, company.datamap.schemas)
    found = check(version, read_datamap(sample.datamap), live)
    assert [one for one in found if one.severity is Severity.ERROR] == []

    first = [sweep(company, rule, as_of=AS_OF, approved_by="tester") for rule in version.policy.rules]
    assert {one.rule for one in first if one.first.digest}, "the sample has something due"
    assert [one.left for one in first] == [0] * len(first)

    again = [sweep(company, rule, as_of=AS_OF + timedelta(seconds=1)) for rule in version.policy.rules]
    assert {one.rule: dict(one.rows) for one in again if one.rows} == {}

    with company.engine.begin() as connection:
        checkpoint(connection, company.keys, as_of=AS_OF)
        verdict = verify(connection, company.keys.public_keys())
    assert verdict.sound
    assert verdict.covered == verdict.entries > 0


@pytest.mark.commitment("P1")
def test_the_policy_that_a_run_decides_by_is_in_the_ledger_once(
    company: Company, sample: Sample, tmp_path: Path
) -> None:
    version = in_force(company.policies, AS_OF)
    first, second, *_ = version.policy.rules
    next_day = AS_OF + timedelta(days=1)
    for rule, as_of in [(first, AS_OF), (second, AS_OF), (first, next_day)]:
        plan(company, rule, as_of=as_of)

    policies = Path(shutil.copytree(POLICIES[sample.name], tmp_path / "policies"))
    edited = policies / version.file.path.relative_to(POLICIES[sample.name])
    edited.write_text(
        edited.read_text(encoding="utf-8") + "# as if it had always said so\n", encoding="utf-8"
    )
    plan(replace(company, policies=load_policies(policies)), first, as_of=next_day)

    with company.engine.connect() as connection:
        entries = [read_entry(connection, number) for number in range(tree_size(connection))]
    assert [entry.body for entry in entries if entry and entry.kind == "policy_adopted"] == [
        {"policy_version": version.policy.version, "digest": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in (version.file.path, edited)
    ]
