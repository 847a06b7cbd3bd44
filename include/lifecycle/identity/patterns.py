"""How a mention of one identifier is recognised: its spellings as an expression, and what may not stand beside it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from lifecycle.identity.addresses import spellings_in_texts
from lifecycle.identity.folding import NormalForm
from lifecycle.identity.phones import is_assigned, is_possible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.identity.forms import Identifier

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_ENCODED = {"@": "(?:@|%40)", "+": "(?:[+]|%2b)"}
"""What stands for a letter in the address of a page."""
_TAG = r"(?:(?:[+]|%2b)[^\s@<>()\[\],;:\"]{0,64})?"
BETWEEN = r"[\s().\-/]{0,4}"
"""What may stand between two digits of a phone number, in a text with one sort of dashes."""
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00b7", "-"))
EXTENSION = r"[\s,;]{0,3}(?:ext(?:ension|n)?[\s.:=]{0,3}|x\s?|\#\s?)"
_HAS_EXTENSION = re.compile(rf"{EXTENSION}\d")
_FROM_A_PLUS = re.compile(r"[+][\d\s().\-/]{0,20}\Z")
_NEXT_GROUP = re.compile(r"[\s.\-/]{1,2}(\d+)")
_DOMAIN_GOES_ON = re.compile(r"\.\w|-[\w-]*\.\w")
_JOINS_NAMES = ".+-_'"
_JOINS_TOKENS = "-._"


class Pattern(Protocol):
    """What finds one identifier."""

    def places(self, text: str, folded_text: str) -> Iterator[tuple[int, int]]:
        """First character and the one after the last of each mention.

        Args:
            text: as it is.
            folded_text: the same with every letter in lower case and every digit from 0 to 9, as long as ``text``.
        """


def pattern_of(identifier: Identifier) -> Pattern:
    """What finds an identifier in texts."""
    match identifier.form:
        case NormalForm.EMAIL:
            return _Address(wanted=_address(identifier.spellings, tag=""))
        case NormalForm.UNTAGGED_EMAIL:
            return _Address(wanted=_address(identifier.spellings, tag=_TAG))
        case NormalForm.PHONE:
            return _Number(wanted=_number(identifier.spellings))
        case NormalForm.EXACT:
            flags = re.IGNORECASE if _UUID.fullmatch(identifier.normal) else re.NOFLAG
            return _Token(wanted=re.compile(re.escape(identifier.normal), flags))


@dataclass(frozen=True, kw_only=True)
class _Address:
    wanted: re.Pattern[str] = field(repr=False)

    def places(self, text: str, folded_text: str) -> Iterator[tuple[int, int]]:
        for start, end in _occurrences(self.wanted, folded_text):
            if not name_began_before(folded_text, start) and not domain_goes_on(text, end):
                yield start, end


@dataclass(frozen=True, kw_only=True)
class _Number:
    wanted: re.Pattern[str] = field(repr=False)

    def places(self, text: str, folded_text: str) -> Iterator[tuple[int, int]]:
        del text
        folded_text = with_one_dash(folded_text)
        for start, end in _occurrences(self.wanted, folded_text):
            if stands_alone(folded_text, start, end) and not is_another_number(folded_text, start, end):
                yield start, end


@dataclass(frozen=True, kw_only=True)
class _Token:
    wanted: re.Pattern[str] = field(repr=False)

    def places(self, text: str, folded_text: str) -> Iterator[tuple[int, int]]:
        del folded_text
        for start, end in _occurrences(self.wanted, text):
            before, after = text[max(0, start - 2) : start][::-1], text[end : end + 2]
            if not (_is_joined(before, _JOINS_TOKENS) or _is_joined(after, _JOINS_TOKENS)):
                yield start, end


def with_one_dash(text: str) -> str:
    """The text with one sort of dashes, each in its place: a set of few characters is soon made into an expression."""
    return text if text.isascii() else text.translate(_DASHES)


def _occurrences(wanted: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Where the expression matches, those included that begin inside another."""
    position = 0
    while found := wanted.search(text, position):
        yield found.span()
        position = found.start() + 1


def _address(spellings: tuple[str, ...], *, tag: str) -> re.Pattern[str]:
    plain = sorted(spellings_in_texts(spellings), key=len, reverse=True)
    parts = (spelling.rpartition("@") for spelling in plain)
    return re.compile(
        "|".join(_escaped(local) + tag + _ENCODED["@"] + _escaped(host) for local, _, host in parts)
    )


def _escaped(text: str) -> str:
    return "".join(_ENCODED.get(one) or re.escape(one) for one in text)


def _number(spellings: tuple[str, ...]) -> re.Pattern[str]:
    parts = [re.split("[x#]", spelling) for spelling in sorted(spellings, key=len, reverse=True)]
    (extension,) = {EXTENSION.join(["", *map(_grouped, others)]) for _, *others in parts}
    numbers = list(dict.fromkeys(digits for digits, *_ in parts))
    shared = _common_end(numbers)
    beginnings = [digits.removesuffix(shared) for digits in numbers]
    begun = "|".join(_grouped(one) + (BETWEEN if one and shared else "") for one in beginnings)
    return re.compile(f"(?:{begun}){_grouped(shared)}{extension}")


def _common_end(texts: list[str]) -> str:
    """The longest end that all have: what is compiled once for all is compiled sooner."""
    columns = zip(*(text[::-1] for text in texts), strict=False)
    return "".join(one for one, *_ in takewhile(lambda column: len(set(column)) == 1, columns))[::-1]


def _grouped(digits: str) -> str:
    """The digits, whatever separates them."""
    return BETWEEN.join(map(re.escape, digits))


def name_began_before(text: str, start: int) -> bool:
    """Whether the part before the @ is longer than what was found."""
    if re.search(r"%[0-9a-f]{2}\Z", text[max(0, start - 3) : start]):
        return False
    return _is_joined(text[max(0, start - 2) : start][::-1], _JOINS_NAMES, beside=text[start])


def domain_goes_on(text: str, end: int) -> bool:
    """Whether the domain is longer than what was found; a capital after a dot begins a sentence."""
    rest = text[end : end + 64]
    if _is_joined(rest, "", beside=text[end - 1]):
        return True
    begins_a_sentence = rest[1:2].isupper() and not text[end - 1].isupper()
    return bool(_DOMAIN_GOES_ON.match(rest)) and not begins_a_sentence


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no digit and no letter is glued to digits; a plus sign begins a number after any letter."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    is_glued = before.isdigit() or (before.isalpha() and before.isascii() and text[start] != "+")
    return not is_glued and not after.isdigit() and not (after.isalpha() and after.isascii())


def is_another_number(text: str, start: int, end: int) -> bool:
    """Whether what stands around it makes it a part of a longer number, or of one with an extension."""
    digits = re.sub(r"\D", "", text[start:end])
    if _HAS_EXTENSION.match(text, end):
        return True
    if text[start] != "+":
        before = _FROM_A_PLUS.search(text[max(0, start - 24) : start])
        if not before:
            return False
        code = re.sub(r"\D", "", before.group())
        return not code or is_possible(f"+{code}{digits}")
    after = _NEXT_GROUP.match(text, end)
    return after is not None and is_assigned(f"+{digits}{after[1]}")


def _is_joined(beside_it: str, joints: str, beside: str = "a") -> bool:
    """Whether what stands beside a find, read away from it, continues it: a letter, or a joint and then a letter."""
    if beside_it[:1] and beside_it[0] in joints:
        beside_it = beside_it[1:]
    return _continues(beside_it[:1], beside)


def _continues(one: str, beside: str) -> bool:
    """Whether a character belongs to the same word as the one beside it.

    A letter of a script that puts no blanks between words does not continue one of another script.
    """
    category = unicodedata.category(one) if one else ""
    if category == "Lo":
        return unicodedata.category(beside) == "Lo"
    return category[:1] in {"L", "M", "N"}
