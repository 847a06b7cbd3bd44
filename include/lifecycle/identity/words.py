"""The words by which a full-text index finds texts that may mention an identifier.

All words of one alternative stand in a text that has such a mention, in whatever order: an index gives the texts that
:mod:`~lifecycle.identity.mentions` then reads. A phone number has an alternative for each way to group its digits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifecycle.identity.addresses import spellings_in_texts
from lifecycle.identity.folding import NormalForm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.identity.forms import Identifier

_TURNS = "(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])|(?<=[a-z0-9])(?=[^ -~])|(?<=[^ -~])(?=[a-z0-9])"
BETWEEN_WORDS = f"[^[:alnum:]]+|{_TURNS}"
"""What becomes a blank: whatever is no letter or digit, and where a word turns from one kind of run to another."""
BETWEEN_WORDS_OF_JSON = rf'[^[:alnum:]\\]+|\\(?:[bfnrt"\\]|u[0-9a-f]{{4}})|{_TURNS}'
"""The same of JSON as text, in which a letter after a backslash is none."""
SHORTEST_GROUP = 2
"""Digits of a group inside a number: one that is written digit by digit is not found by the index."""
_ADDRESSES = frozenset({NormalForm.EMAIL, NormalForm.UNTAGGED_EMAIL})


def wanted_texts(identifier: Identifier) -> tuple[str, ...]:
    """Texts of which a mention has all words: the spellings, and an address as it stands in that of a page.

    Of an address whose tag is ignored, words of it may stand between these. None of a phone number.
    """
    if identifier.form is NormalForm.PHONE:
        return ()
    if identifier.form not in _ADDRESSES:
        return identifier.spellings
    plain = spellings_in_texts(identifier.spellings)
    encoded = [spelling.replace("+", "%2b").replace("@", "%40") for spelling in plain]
    return (*plain, *encoded)


def wanted_groups(identifier: Identifier) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Of a phone number, for each way to group its digits: its groups, each in every way it may begin.

    The digits are those that all spellings end with. What stands before them in some (a country's code, 0) is part of
    the first group or stands by itself.
    """
    if identifier.form is not NormalForm.PHONE:
        return ()
    written = {re.sub("[^0-9]", "", re.split("[x#]", spelling)[0]) for spelling in identifier.spellings}
    common = _common_end(written)
    heads = sorted({"", *(one.removesuffix(common) for one in written)})
    return tuple(
        (tuple(head + first for head in heads), *((group,) for group in rest))
        for first, *rest in _groupings(common, shortest_first=1)
    )


def _common_end(texts: set[str]) -> str:
    shortest = min(texts, key=len)
    ends = (shortest[start:] for start in range(len(shortest)))
    return next((end for end in ends if all(text.endswith(end) for text in texts)), "")


def _groupings(digits: str, *, shortest_first: int) -> Iterator[tuple[str, ...]]:
    """Every way to write digits in groups of two or more; the first may be shorter."""
    yield (digits,)
    for length in range(shortest_first, len(digits) - SHORTEST_GROUP + 1):
        for rest in _groupings(digits[length:], shortest_first=SHORTEST_GROUP):
            yield (digits[:length], *rest)
