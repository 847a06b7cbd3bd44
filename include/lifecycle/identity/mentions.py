"""Where free text and JSON mention a person: every spelling of an identifier, as people write it.

What is looked for is known, so a text is searched for it and not for whatever looks like an address: capitals,
brackets or a ``mailto:`` around it, and digits in any grouping and script are no obstacle, and a longer address or
number that holds it is somebody else's.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lifecycle.identity.folding import NormalForm, folded, lowered
from lifecycle.identity.patterns import Pattern, pattern_of
from lifecycle.identity.phones import with_ascii_digits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lifecycle.identity.forms import Identifier

MARK = "[erased]"
_FRACTION = "\0"
"""Stands before the digits of a fraction while a document is in memory; PostgreSQL's JSON cannot hold it."""
_WRITTEN_FRACTION = r'"\\u0000([^"]*)"'


@dataclass(frozen=True, kw_only=True, order=True)
class Span:
    """Where a text mentions somebody: from the character ``start`` to the one before ``end``."""

    start: int
    end: int


class Masking(ABC):
    """Finds mentions of somebody in texts and documents, and masks them.

    Attributes:
        mark: what stands where somebody was mentioned.
    """

    mark: str

    @abstractmethod
    def spans(self, text: str) -> tuple[Span, ...]:
        """Every mention, from left to right; those that overlap or touch as one."""

    @abstractmethod
    def is_number(self, written: str) -> bool:
        """Whether a number of a document, as JSON writes it, is somebody's by itself."""

    def masked(self, text: str) -> str:
        """The text with the mark for each mention, so that none is left; the same text where there was none."""
        once = self._masked_once(text)
        if once == text or self.spans(self.mark):
            return once
        return self.masked(once)

    def masked_json(self, document: Any) -> Any:
        """A JSON value with its texts masked, at any depth, the names of members too; JSON again.

        A number that is a phone number or an identifier by itself becomes the mark. Members whose names are the
        same afterwards are numbered.
        """
        root = [document]
        pending: list[Any] = [root]
        while pending:
            container = pending.pop()
            members = list(container.items() if isinstance(container, dict) else enumerate(container))
            container.clear()
            for name, value in members:
                kept = value.copy() if isinstance(value, dict | list) else self._masked_scalar(value)
                if isinstance(kept, dict | list):
                    pending.append(kept)
                if isinstance(container, dict):
                    container[_unused(self.masked(name), container)] = kept
                else:
                    container.append(kept)
        return root[0]

    def masked_json_text(self, text: str) -> str:
        """The text of a JSON document without mentions; to the character the same where there were none.

        Fractions keep their digits: a number that Python cannot hold exactly is not rounded.
        """
        document = json.loads(text, parse_float=lambda digits: f"{_FRACTION}{digits}")
        kept = self.masked_json(document)
        if kept == document:
            return text
        return re.sub(_WRITTEN_FRACTION, r"\1", json.dumps(kept, ensure_ascii=False))

    def _masked_once(self, text: str) -> str:
        pieces, position = [], 0
        for span in self.spans(text):
            pieces += [text[position : span.start], self.mark]
            position = span.end
        return "".join([*pieces, text[position:]])

    def _masked_scalar(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.masked(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = json.dumps(value)
            return self.mark if self.is_number(written) else value
        return value


@dataclass(frozen=True, kw_only=True)
class Mentions(Masking):
    """What finds and masks the mentions of some identifiers; made once for many texts."""

    identifiers: tuple[Identifier, ...] = field(repr=False)
    mark: str = MARK

    @cached_property
    def _patterns(self) -> tuple[Pattern, ...]:
        """Made for the first text: often there is none."""
        return tuple(map(pattern_of, self.identifiers))

    def spans(self, text: str) -> tuple[Span, ...]:
        """Every mention, from left to right; those that overlap or touch as one."""
        folded_text = lowered(with_ascii_digits(text))
        found = sorted(
            Span(start=start, end=end)
            for pattern in self._patterns
            for start, end in pattern.places(text, folded_text)
        )
        return tuple(joined(found))

    def is_number(self, written: str) -> bool:
        """Whether a number of a document, as JSON writes it, is somebody's by itself."""
        return any(_is_number(written, one) for one in self.identifiers)


def mentions(text: str, identifiers: Iterable[Identifier]) -> tuple[Span, ...]:
    """Where a text mentions anybody of these."""
    return Mentions(identifiers=tuple(identifiers)).spans(text)


def masked(text: str, identifiers: Iterable[Identifier], mark: str = MARK) -> str:
    """A text without mentions of these."""
    return Mentions(identifiers=tuple(identifiers), mark=mark).masked(text)


def masked_json(document: Any, identifiers: Iterable[Identifier], mark: str = MARK) -> Any:
    """A JSON value without mentions of these; the one given stays as it is."""
    return Mentions(identifiers=tuple(identifiers), mark=mark).masked_json(document)


def _is_number(written: str, identifier: Identifier) -> bool:
    if identifier.form is NormalForm.EXACT:
        return written == identifier.normal
    return identifier.form is NormalForm.PHONE and folded(NormalForm.PHONE, written) in identifier.spellings


def _unused(name: str, taken: dict[str, Any]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} {number}"
    return found


def joined(found: list[Span]) -> Iterator[Span]:
    """Spans in order, those that overlap or touch as one."""
    last: Span | None = None
    for span in found:
        if last and span.start <= last.end:
            last = Span(start=last.start, end=max(last.end, span.end))
        else:
            if last:
                yield last
            last = span
    if last:
        yield last
