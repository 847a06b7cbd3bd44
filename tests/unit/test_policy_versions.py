"""Of several versions of a policy the latest one published counts, from the first instant of its local day (P1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.errors import PolicyError, UsageError
from lifecycle.policy.load import in_force, load_policies
from support import club

pytestmark = pytest.mark.commitment("P1")

SECOND = timedelta(seconds=1)


@pytest.fixture
def versions(tmp_path):
    """Two versions, in folders that sort the other way round; the second counts in summer time."""
    for folder, day in (("b", "2026-01-01"), ("a", "2026-07-01")):
        (tmp_path / folder).mkdir()
        club.write(tmp_path / folder, policy=(("last_updated: 2026-01-01", f"last_updated: {day}"),))
    return load_policies(tmp_path)


def test_versions_come_in_the_order_of_their_dates(versions):
    assert [version.policy.version for version in versions] == ["2026-01-01", "2026-07-01"]


def test_a_version_counts_from_midnight_in_its_own_time_zone(versions):
    midnight = datetime(2026, 6, 30, 23, tzinfo=UTC)  # in Lisbon
    assert in_force(versions, midnight - SECOND).policy.version == "2026-01-01"
    assert in_force(versions, midnight).policy.version == "2026-07-01"
    assert versions[1].policy.in_force_from() == midnight


def test_before_the_first_version_nothing_counts(versions):
    with pytest.raises(PolicyError, match="no policy was in force on 2025-12-31") as raised:
        in_force(versions, datetime(2025, 12, 31, 12, tzinfo=UTC))
    assert raised.value.place == f"{versions[0].file.path}:1"


def test_the_day_on_which_nothing_counts_is_that_of_the_policy(versions):
    with pytest.raises(PolicyError, match="no policy was in force on 2025-09-01"):
        in_force(versions, datetime(2025, 8, 31, 23, 30, tzinfo=UTC))


def test_a_moment_without_a_time_zone_is_refused(versions):
    with pytest.raises(UsageError):
        in_force(versions, datetime(2026, 8, 1))  # noqa: DTZ001 - it is what is refused


def test_a_policy_of_the_future_waits(versions):
    assert in_force(versions, datetime(2026, 3, 1, tzinfo=UTC)).policy.version == "2026-01-01"
