"""The normal form of an e-mail address.

The part before the ``@`` in lower case and NFKC (RFC 6532, 3.1), the domain as DNS has it: A-labels in lower case
(RFC 5891), without the dot of the root. RFC 5321, 2.4 lets a host tell ``Ann@`` from ``ann@``, which hardly one does;
dots are kept as they are.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING
from unicodedata import normalize

import idna
from email_validator import EmailNotValidError, validate_email

from lifecycle.errors import UsageError
from lifecycle.identity.folding import lowered, without_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

MAILTO = "mailto:"
_ANY_HOST = "example.org"
"""Beside which the part before the @ is judged, whatever host it stands beside."""
_SIGMA, _FINAL_SIGMA = "\N{GREEK SMALL LETTER SIGMA}", "\N{GREEK SMALL LETTER FINAL SIGMA}"
_LAST_OF_A_WORD = _SIGMA + r"(?![^\W\d_])"
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)}
"""What an input method for Chinese or Japanese writes for ASCII, as wide as their own letters."""
FULL_WIDTH = "\uff01-\uff5e"
ROOT = "."
"""What may end a domain (RFC 1034, 3.1)."""
_MOST_SIGMAS = 4
"""Each sigma doubles the spellings; past this many, they are written as Greek writes them, or all alike."""


def normal_address(given: str, place: str) -> str:
    """The normal form of one address, in whatever spelling it is given.

    A domain need not be one that the world can reach: rows have addresses of hosts inside a company, too.

    Raises:
        UsageError: it is not one e-mail address. What it was is not repeated.
    """
    text = given.strip()
    if text[: len(MAILTO)].lower() == MAILTO:
        text = text[len(MAILTO) :]
    local, _, domain = text.replace("\N{FULLWIDTH COMMERCIAL AT}", "@").rpartition("@")
    local = normalize("NFKC", local)
    try:
        host = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").lower().removesuffix(ROOT)
        named = validate_email(f"{local}@{_ANY_HOST}", allow_smtputf8=True, check_deliverability=False)
    except (EmailNotValidError, idna.IDNAError, UnicodeError):
        raise UsageError(
            "this is not an e-mail address; it would name nobody",
            place=place,
            next_step="give one address, such as name@example.org, without a name, commas or further lines",
        ) from None
    written = normalize("NFKC", lowered(named.local_part))
    return f"{written.replace(_FINAL_SIGMA, _SIGMA)}@{host}"


def normal_address_without_tag(given: str, place: str) -> str:
    """The same of the address without its tag.

    Raises:
        UsageError: it is not one e-mail address.
    """
    return without_tag(normal_address(given, place))


def address_spellings(normal: str) -> tuple[str, ...]:
    """What a stored spelling of the address becomes when it is folded: each of these, and nobody else's."""
    local, _, domain = normal.rpartition("@")
    locals_ = {normalize(form, one) for one in _with_sigmas(local) for form in ("NFC", "NFD")}
    domains = {domain, *(normalize(form, _in_unicode(domain)) for form in ("NFC", "NFD"))}
    found = {
        f"{prefix}{one}@{host}{root}"
        for prefix, one, host, root in product(("", MAILTO), locals_, domains, ("", ROOT))
    }
    if local.isascii():
        found |= {f"{local.translate(_FULL_WIDTH)}@{domain}"}
    return tuple(sorted(found, key=lambda spelling: (spelling != normal, spelling)))


def spellings_in_texts(spellings: Iterable[str]) -> dict[str, None]:
    """Those that a text is searched for: a dot behind an address ends a sentence; ``mailto:`` may stand before any."""
    plain = (one for one in spellings if not one.endswith(ROOT) and not re.search(f"[{FULL_WIDTH}]", one))
    return dict.fromkeys(one.removeprefix(MAILTO) for one in plain)


def _in_unicode(domain: str) -> str:
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def _with_sigmas(local: str) -> set[str]:
    """Every way to write the sigmas: capitals have one letter where small ones have two."""
    first, *rest = local.split(_SIGMA)
    if len(rest) > _MOST_SIGMAS:
        return {local, re.sub(_LAST_OF_A_WORD, _FINAL_SIGMA, local)}
    choices = product((_SIGMA, _FINAL_SIGMA), repeat=len(rest))
    return {first + "".join(map("".join, zip(sigmas, rest, strict=True))) for sigmas in choices}
