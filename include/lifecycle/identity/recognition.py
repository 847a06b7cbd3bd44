"""Mentions of people of whom nothing is known but a fingerprint: whatever in a text may be an identifier is tried.

:mod:`~lifecycle.identity.mentions` looks for what it knows. Here every place at which that could find something, by
what may stand before and behind a mention, is read as an address or number, brought into its normal form, and asked
about. So whatever is masked for an identifier that is known is recognised without knowing it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lifecycle.errors import UsageError
from lifecycle.identity.addresses import FULL_WIDTH
from lifecycle.identity.folding import NormalForm, lowered, without_tag
from lifecycle.identity.forms import LONGEST, identify, identify_stored
from lifecycle.identity.mentions import MARK, Masking, Span, joined
from lifecycle.identity.patterns import (
    BETWEEN,
    EXTENSION,
    domain_goes_on,
    is_another_number,
    name_began_before,
    stands_alone,
    with_one_dash,
)
from lifecycle.identity.phones import with_ascii_digits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lifecycle.identity.forms import Identifier, IdentityRule

_AT = re.compile("@|%40")
_IN_NAME = re.compile(rf"[^\s@<>()\[\],;:\"\\{FULL_WIDTH}]{{1,{LONGEST}}}\Z")
_IN_HOST = re.compile(rf"[^\s@<>()\[\],;:\"\\/?&=%]{{1,{LONGEST}}}")
_DOTS = ".\u3002\uff0e\uff61"
"""What ends a sentence, and is read as the dot of a domain."""
_MOST_DIGITS = 24
"""More than any way to dial a number has: the way out, the country's code and fifteen digits."""
_DIGITS = re.compile(rf"[+]?(?:{BETWEEN}\d){{1,{_MOST_DIGITS}}}")
_WITH_EXTENSION = re.compile(rf"{EXTENSION}(\d(?:{BETWEEN}\d){{0,6}})")
_MOST_READ = 10_000
_ADDRESSES = frozenset({NormalForm.EMAIL, NormalForm.UNTAGGED_EMAIL})


@dataclass(frozen=True, kw_only=True)
class Recognised(Masking):
    """What finds and masks the mentions of everybody who is known.

    Attributes:
        rules: how identifiers are compared, by kind; those that are compared exactly are not looked for in texts.
        is_known: asked about each identifier that a text may mention.
    """

    rules: Mapping[str, IdentityRule]
    is_known: Callable[[Identifier], bool] = field(repr=False)
    mark: str = MARK
    _read: dict[tuple[str, str], Identifier | None] = field(init=False, repr=False, default_factory=dict)

    def spans(self, text: str) -> tuple[Span, ...]:
        """Every mention, from left to right; those that overlap or touch as one."""
        folded_text = lowered(with_ascii_digits(text))
        found = {
            Span(start=start, end=end)
            for forms, places in (
                (_ADDRESSES, _addresses(text, folded_text)),
                ({NormalForm.PHONE}, _numbers(with_one_dash(folded_text))),
            )
            for start, end, written in places
            if self._is_anybody(written, forms)
        }
        return tuple(joined(sorted(found)))

    def is_number(self, written: str) -> bool:
        """Whether a number of a document, as JSON writes it, is somebody's by itself."""
        numbers = (
            identify_stored(kind, written, rule)
            for kind, rule in self.rules.items()
            if rule.form is NormalForm.PHONE
        )
        known = [self.is_known(one) for one in numbers if one]
        return any(known)

    def _is_anybody(self, written: str, forms: frozenset[NormalForm] | set[NormalForm]) -> bool:
        """Whether what stands in a text is known; each kind is asked about, since several may be."""
        kinds = [(kind, rule) for kind, rule in self.rules.items() if rule.form in forms]
        known = [
            self.is_known(one)
            for kind, rule in kinds
            for spelling in _readings(written, rule.form)
            if (one := self._identified(kind, spelling, rule))
        ]
        return any(known)

    def _identified(self, kind: str, written: str, rule: IdentityRule) -> Identifier | None:
        """The identifier, where it is one; the same are written over and over."""
        if (kind, written) not in self._read:
            try:
                found = identify(kind, written, rule)
            except UsageError:
                found = None
            if len(self._read) >= _MOST_READ:
                self._read.clear()
            self._read[kind, written] = found
        return self._read[kind, written]


def _addresses(text: str, folded_text: str) -> Iterator[tuple[int, int, str]]:
    """Where an address may stand: first character, the one after the last, and what is written there."""
    for at in _AT.finditer(folded_text):
        name = _IN_NAME.search(folded_text, max(0, at.start() - LONGEST), at.start())
        host = _IN_HOST.match(folded_text, at.end())
        if not name or not host:
            continue
        starts = [
            start for start in range(name.start(), at.start()) if not name_began_before(folded_text, start)
        ]
        ends = [
            end
            for end in range(at.end() + 1, host.end() + 1)
            if folded_text[end - 1] not in _DOTS and not domain_goes_on(text, end)
        ]
        for start in starts:
            for end in ends:
                yield start, end, f"{folded_text[start : at.start()]}@{folded_text[at.end() : end]}"


def _numbers(folded_text: str) -> Iterator[tuple[int, int, str]]:
    """Where a phone number may stand, and its digits without what stands between them."""
    for first in re.finditer(r"[+]|\d", folded_text):
        start = first.start()
        longest = _DIGITS.match(folded_text, start)
        if not longest or folded_text[max(0, start - 1) : start].isdigit():
            continue
        for end in _ends(folded_text, start, longest.end()):
            if _is_whole(folded_text, start, end):
                yield start, end, _plain(folded_text[start:end])
            extension = _WITH_EXTENSION.match(folded_text, end)
            for last in _ends(folded_text, extension.start(1), extension.end()) if extension else ():
                if _is_whole(folded_text, start, last):
                    yield start, last, f"{_plain(folded_text[start:end])}x{_plain(folded_text[end:last])}"


def _is_whole(folded_text: str, start: int, end: int) -> bool:
    """Whether digits are not a part of something longer."""
    return stands_alone(folded_text, start, end) and not is_another_number(folded_text, start, end)


def _ends(text: str, start: int, end: int) -> list[int]:
    """After each digit that no other digit follows."""
    return [
        place + 1
        for place in range(start, end)
        if text[place].isdigit() and not text[place + 1 : place + 2].isdigit()
    ]


def _plain(written: str) -> str:
    return re.sub(r"[^0-9+]", "", written)


def _readings(written: str, form: NormalForm) -> set[str]:
    """What an address may be that stands in the address of a page; without its tag, where tags do not count."""
    if form is NormalForm.PHONE:
        return {written}
    name, _, host = written.rpartition("@")
    readings = {written, f"{name.replace('%2b', '+')}@{host}"}
    return set(map(without_tag, readings)) if form is NormalForm.UNTAGGED_EMAIL else readings
