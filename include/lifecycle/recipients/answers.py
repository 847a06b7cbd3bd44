"""What an answer means: acknowledged, try again and when, or never."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_WAIT = timedelta(days=1)
"""However long a recipient asks to be left alone (RFC 9110, 10.2.3), it is asked again after so much."""
_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_WORDS = re.compile(r"[^\W_]+")
_SHORTEST_ECHO = 4


class Meaning(StrEnum):
    """What becomes of a notice by an answer."""

    ACKNOWLEDGED = "acknowledged"
    AGAIN = "again"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        outcome: in one word, for people: ``status_503``, ``timeout``.
        status: HTTP status; None where there was no answer.
        retry_after: the header of that name.
        content: the beginning of the body; empty where it is too long or no use.
        is_out: whether the recipient could not be talked to at all.
    """

    outcome: str
    status: int | None = None
    retry_after: str = field(default="", repr=False)
    content: bytes = field(default=b"", repr=False)
    is_out: bool = False

    @property
    def wants_rest(self) -> bool:
        """Whether the recipient would not take another notice any better at the moment."""
        return self.is_out or self.status in _BUSY

    @property
    def meaning(self) -> Meaning:
        """Redirects are not followed: whoever moved has to be asked where to, by a person."""
        if self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status in _AGAIN:
            return Meaning.AGAIN
        is_success = HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
        return Meaning.ACKNOWLEDGED if is_success else Meaning.NEVER


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often is tried: after ``first``, then twice as long each time up to ``longest``, ``attempts`` at most."""

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=6)
    attempts: int = 60

    def wait(self, attempts: int, jitter: float) -> timedelta:
        """How long to wait after so many attempts.

        Args:
            attempts: those that were made, from 1.
            jitter: from 0 to 1; spreads those that failed together over the second half of the time.
        """
        doubled = min(attempts - 1, 32)  # a wait of that many doublings is past any limit
        whole = min(self.first * (1 << doubled), self.longest)
        return whole * (0.5 + 0.5 * jitter)


def asked_wait(retry_after: str, *, as_of: datetime) -> timedelta:
    """How long a recipient asks to be left alone by ``Retry-After``; nothing where it says nothing that is one.

    Args:
        retry_after: seconds or a date (RFC 9110, 10.2.3).
        as_of: now.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(timedelta(0), min(at - as_of, LONGEST_WAIT))


def reference_in(content: bytes, personal: Iterable[str]) -> str | None:
    """The reference that an acknowledgement gives: ``{"reference": "…"}``.

    None where it gives none that may be kept: of letters, digits and ``. _ : -``, at most 64, and without anything
    by which the notice named its subject.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    reference = document.get("reference") if isinstance(document, dict) else None
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        return None
    return None if any(_echoes(reference, value) for value in personal) else reference


def _echoes(reference: str, value: str) -> bool:
    """Whether a reference holds an identity, a part of one, or is part of it; letters and digits count."""
    said, known = _folded(reference), _folded(value)
    parts = [part.casefold() for part in _WORDS.findall(value) if len(part) >= _SHORTEST_ECHO]
    return said in known or (bool(known) and known in said) or any(part in said for part in parts)


def _folded(text: str) -> str:
    return "".join(_WORDS.findall(text)).casefold()
