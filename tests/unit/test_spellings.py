"""What is written for a kind of device is read as that kind."""

from __future__ import annotations

import pytest

from lifecycle.analytics.derive import Devices
from lifecycle.synthetic.spellings import USER_AGENTS


@pytest.mark.parametrize(
    ("kind", "user_agent"), [(kind, one) for kind, all_of in USER_AGENTS.items() for one in all_of]
)
def test_a_user_agent_is_of_its_kind(kind, user_agent):
    assert Devices().of(user_agent) == kind
