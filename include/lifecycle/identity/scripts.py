"""Letters that look like others: a warning for the operator, never a reason to merge two identities.

After Unicode Technical Standard 39, 5.2 ("highly restrictive"): each part of an address is of one script, or of
Latin together with the scripts that Chinese, Japanese and Korean are written in. An address that is wholly in
another script may still look like a Latin one, and is not told from it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import idna

from lifecycle.identity.folding import NormalForm

if TYPE_CHECKING:
    from lifecycle.identity.forms import Identifier

_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_ADDRESSES = frozenset({NormalForm.EMAIL, NormalForm.UNTAGGED_EMAIL})


def mixes_scripts(identifier: Identifier) -> bool:
    """Whether a part of an e-mail address has letters of scripts that are not written together.

    Such an address names nobody but itself; an operator should ask whether it is the one that was meant.
    """
    if identifier.form not in _ADDRESSES:
        return False
    local, _, domain = identifier.normal.rpartition("@")
    parts = [*re.split(r"[.+_-]", local), *map(_in_unicode, domain.split("."))]
    return any(_is_mixed(_scripts(part)) for part in parts)


def _is_mixed(scripts: set[str]) -> bool:
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _scripts(text: str) -> set[str]:
    """The scripts of the letters: the first word of a letter's name in Unicode."""
    names = (unicodedata.name(one, "") for one in text if one.isalpha())
    return {name.partition(" ")[0] for name in names}


def _in_unicode(label: str) -> str:
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label
