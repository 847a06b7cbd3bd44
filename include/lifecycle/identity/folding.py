"""What a stored value is brought into before it is compared with the spellings of an identifier.

Each step has a twin in SQL (:mod:`lifecycle.store.identities`) and does what PostgreSQL does with it, letter by
letter: in a database whose ``lower()`` knows all letters, as the builtin locale ``C.UTF-8`` does, both agree.
"""

from __future__ import annotations

import re
from enum import StrEnum

TAG = "(?<=[^+@])[+][^@]*(?=@)"
"""``+tag`` of ``name+tag@``: a regular expression that Python and PostgreSQL read alike, as the next one is."""
PHONE_NOISE = "^[^0-9+]+|[^0-9]+$|[^0-9+x#]"
"""What is no digit of a phone number, no ``+`` in front of it and no ``x`` or ``#`` in front of an extension."""


class NormalForm(StrEnum):
    """How identifiers of a kind are compared; a hold remembers by which of them it was placed."""

    EMAIL = "email"
    UNTAGGED_EMAIL = "untagged_email"
    """As an e-mail address, without what stands between the first ``+`` and the ``@``."""
    PHONE = "phone"
    EXACT = "exact"


def folded(form: NormalForm, stored: str) -> str:
    """A stored value as it is compared with spellings of the form."""
    match form:
        case NormalForm.EMAIL:
            return lowered(stored.strip(" "))
        case NormalForm.UNTAGGED_EMAIL:
            return without_tag(lowered(stored.strip(" ")))
        case NormalForm.PHONE:
            return re.sub(PHONE_NOISE, "", lowered(stored))
        case NormalForm.EXACT:
            return stored


def lowered(text: str) -> str:
    """Each letter in lower case by itself, as PostgreSQL's ``lower()`` does it: as many as before.

    Python's own has two for one letter, ``İ``, and another for a ``Σ`` at the end of a word.
    """
    return text.lower() if text.isascii() else "".join(map(_lowered, text))


def _lowered(letter: str) -> str:
    lower = letter.lower()
    return lower if len(lower) == 1 else "i"


def without_tag(address: str) -> str:
    """``name@example.org`` of ``name+tag@example.org``."""
    return re.sub(TAG, "", address, count=1)
