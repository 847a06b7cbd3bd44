"""Other people in free text: addresses and numbers that are not those of somebody who is known.

Where :mod:`lifecycle.identity.mentions` looks for one person and leaves all others alone, this leaves one person alone
and hides what looks like somebody else's e-mail address or phone number. Names cannot be told from other words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import phonenumbers

from lifecycle.identity.mentions import Mentions
from lifecycle.identity.phones import with_ascii_digits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.identity.forms import Identifier

SOMEBODY_ELSE = "[somebody else]"
WITHHELD = "[withheld: it may be about somebody else]"
HIDDEN = (
    f"{SOMEBODY_ELSE} stands where other people would be named, {WITHHELD} where something belongs to what names you or"
    " mentions you and is not known to be about you."
)
"""What a subject is told of both."""
_ADDRESS = re.compile(r"[^\s@<>()\[\]{},;:\"'|]+(?:@|%40)[^\s@<>()\[\]{},;:\"'|]+")


@dataclass(frozen=True, kw_only=True)
class Others:
    """What hides other people; made once for many texts.

    Attributes:
        known: whose addresses and numbers stay.
        region: whose phone numbers are written without a country's code; None where that cannot be said.
    """

    known: tuple[Identifier, ...] = field(repr=False)
    region: str | None = None
    _mentions: Mentions = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_mentions", Mentions(identifiers=self.known))

    def hidden(self, text: str) -> str:
        """The text with a mark for each address or number of somebody else."""
        kept = self._mentions.spans(text)
        pieces, position = [], 0
        for start, end in sorted(self._found(text)):
            is_known = any(start < span.end and span.start < end for span in kept)
            if not is_known and start >= position:
                pieces += [text[position:start], SOMEBODY_ELSE]
                position = end
        return "".join([*pieces, text[position:]])

    def hidden_in(self, value: Any) -> Any:
        """A value with the texts in it hidden, at any depth, names of members too."""
        if isinstance(value, str):
            return self.hidden(value)
        if isinstance(value, list):
            return [self.hidden_in(one) for one in value]
        if isinstance(value, dict):
            return {self.hidden(name): self.hidden_in(one) for name, one in value.items()}
        return value

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Whatever looks like an address or a number."""
        for address in _ADDRESS.finditer(text):
            yield address.span()
        for number in phonenumbers.PhoneNumberMatcher(with_ascii_digits(text), self.region):
            yield number.start, number.end
