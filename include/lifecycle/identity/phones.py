"""The normal form of a phone number: E.164 with the extension as RFC 3966 writes it, ``+3725123456;ext=12``.

A number without ``+`` or ``00`` is a number of the policy's region. Where the policy names none, and where a number
is of no possible length, its digits are compared as they stand, whatever the grouping. An extension is part of the
identity: behind one switchboard sit many.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from typing import TYPE_CHECKING
from unicodedata import decimal, normalize

import phonenumbers

from lifecycle.errors import UsageError
from lifecycle.identity.folding import NormalForm, folded

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

FEWEST_DIGITS = 4
_EXTENSION = r"(?:;\s*ext\s*=|,?\s*(?:ext(?:ension|n)?|x|#))[\s.:]*\d{1,7}"
_NUMBER = re.compile(rf"(?:tel:)?[+\d\s()./\-\u2010-\u2015\u2212\u00b7]+(?:{_EXTENSION})?")


def normal_number(given: str, region: str | None, place: str) -> str:
    """The normal form of one number, in whatever spelling it is given.

    Args:
        given: international, or national in ``region``.
        region: ISO 3166-1 alpha-2, or None.
        place: for the error.

    Raises:
        UsageError: it is no phone number. What it was is not repeated.
    """
    text = with_ascii_digits(normalize("NFKC", given)).lower().strip()
    plain = folded(NormalForm.PHONE, text)
    if not _NUMBER.fullmatch(text) or sum(map(str.isdigit, plain)) < FEWEST_DIGITS:
        raise UsageError(
            "this is not a phone number; it would name nobody",
            place=place,
            next_step="give one number in digits, best with + and the country's code; an extension after x",
        )
    return _normal(plain, region)


def number_spellings(normal: str, region: str | None) -> tuple[str, ...]:
    """What a stored spelling of the number becomes when it is folded: each of these, and no other number."""
    number = _parsed(normal, None) if normal.startswith("+") else None
    if number is None:
        return tuple(dict.fromkeys((normal, normal.replace("x", "#"))))
    digits = _digit_spellings(number, region)
    extensions = [f"{mark}{number.extension}" for mark in "x#"] if number.extension else [""]
    found = dict.fromkeys("".join(parts) for parts in product(digits, extensions))
    return tuple(one for one in found if _normal(one, region) == normal)


def with_ascii_digits(text: str) -> str:
    """The text with decimal digits of every script as 0 to 9, each in its place."""
    if text.isascii():
        return text
    return "".join(str(decimal(one)) if one.isdecimal() else one for one in text)


def is_possible(international: str) -> bool:
    """Whether digits after a ``+`` are as many as a phone number has."""
    return _parsed(international, None) is not None


def is_assigned(international: str) -> bool:
    """Whether digits after a ``+`` are a number of a range that is in use."""
    number = _parsed(international, None)
    return number is not None and phonenumbers.is_valid_number(number)


@cache
def known_regions() -> frozenset[str]:
    """Every region of which numbers are known."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def _normal(plain: str, region: str | None) -> str:
    """The normal form of a folded number."""
    number = _parsed(plain, region)
    if number is None and plain.startswith("00"):
        number = _parsed(f"+{plain[2:]}", region)
    if number is None:
        return plain.replace("#", "x")
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written};ext={number.extension}" if number.extension else written


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    """The number, where it has a possible length; whether it is assigned changes from month to month."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def _digit_spellings(number: PhoneNumber, region: str | None) -> list[str]:
    """International, national in the region, and what people write who mix both: +44 (0)20."""
    code = str(number.country_code)
    national = phonenumbers.national_significant_number(number)
    trunk = _trunk_prefix(phonenumbers.region_code_for_country_code(number.country_code or 0))
    found = [f"{dialled}{code}{rest}" for rest in (national, trunk + national) for dialled in ("+", "00", "")]
    if region:
        found += [f"{_way_out(region)}{code}{national}", national, trunk + national]
    return found


def _trunk_prefix(region: str) -> str:
    """What is dialled before a national number, such as 0."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    return (metadata.national_prefix if metadata else None) or ""


def _way_out(region: str) -> str:
    """What is dialled in a region before a country's code, where there is one way; else 00."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    prefix = metadata.international_prefix if metadata else None
    return prefix if prefix and prefix.isdecimal() else "00"
