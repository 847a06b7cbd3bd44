"""A past day of a policy that was amended since: rows are not deleted by what counts no more (P1)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.commands import CommandLine
from support.companies import AGENCY, AS_OF, agency_settings, create_agency, rows_of

MISUSED = 2
YESTERDAY = (AS_OF - timedelta(days=1)).isoformat()


@pytest.fixture
def lifecycle(database, tmp_path, monkeypatch, capsys, caplog) -> CommandLine:
    """The agency, whose policy of today keeps visits twice as long."""
    create_agency(database)
    text = (AGENCY / "policies/2025-01-01/policy.yaml").read_text()
    amended = text.replace("last_updated: 2025-01-01", f"last_updated: {AS_OF:%Y-%m-%d}")
    for version, content in (("first", text), ("second", amended.replace("keep: P30D", "keep: P60D"))):
        (tmp_path / "policies" / version).mkdir(parents=True)
        (tmp_path / "policies" / version / "policy.yaml").write_text(content)
    settings = agency_settings(database, tmp_path, tmp_path / "policies")
    return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)


@pytest.mark.commitment("P1")
def test_nothing_is_deleted_for_it_though_it_can_be_planned(lifecycle, database):
    planned = lifecycle("plan", "--as-of", YESTERDAY, "--rule", "visits", "--json").document
    assert planned[0]["policy_version"] == "2025-01-01"
    before = rows_of(database)
    for command in (
        ("sweep", "--as-of", YESTERDAY),
        ("apply", planned[0]["digest"], "--approve", "--by", "olivia"),
    ):
        said = lifecycle(*command)
        assert said.code == MISUSED
        assert f"the policy of {AS_OF:%Y-%m-%d} has replaced that of 2025-01-01" in said.err
        assert "Next: a run for today does all that is due" in said.err
    assert rows_of(database) == before


@pytest.mark.commitment("P1")
def test_a_run_for_today_goes_by_the_policy_of_today_and_is_signed(lifecycle):
    assert lifecycle("sweep", "--approve", "--by", "olivia").code == 0
    verdict = lifecycle("ledger", "verify", "--json").document
    assert verdict["covered"] == verdict["entries"] > 0
    assert lifecycle("sweep").code == 0
    again = lifecycle("ledger", "verify", "--json").document
    assert again["checkpoints"] == verdict["checkpoints"]
