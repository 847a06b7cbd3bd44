"""Whoever does something is named by a name that a screen shows as it is."""

from __future__ import annotations

import pytest

from lifecycle.errors import UsageError
from lifecycle.operators import LONGEST_NAME, require_name


@pytest.mark.parametrize(
    "name",
    [
        "Op",
        "olivia.õun+desk@example.test",
        "Sööt, Jaan (DPO)",
        "王 小明",
        "Ольга",
        "O\u0301lga",
        "x" * LONGEST_NAME,
    ],
)
def test_letters_of_any_script_digits_blanks_and_punctuation_are_a_name(name: str):
    require_name(name)


@pytest.mark.parametrize(
    "name",
    ["", " ", "x\ny", "x\r", "\x1b[31mred", "x\0", "a\tb", "Op\u202e", "O\u200bp", "\ue000", "x" * (LONGEST_NAME + 1)],
    ids=ascii,
)  # fmt: skip
def test_what_cannot_be_seen_or_is_no_line_is_none(name: str):
    with pytest.raises(UsageError) as refused:
        require_name(name)
    assert not name.strip() or name not in str(refused.value)
