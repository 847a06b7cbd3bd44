"""Identifiers: what names a person, brought into the normal form of its kind."""

from __future__ import annotations

from dataclasses import dataclass, field

from lifecycle.errors import UsageError
from lifecycle.identity.addresses import address_spellings, normal_address, normal_address_without_tag
from lifecycle.identity.folding import NormalForm, folded
from lifecycle.identity.phones import normal_number, number_spellings

LONGEST = 320
"""Characters of an identifier; the longest e-mail address (RFC 5321, 4.5.3.1) has as many."""


@dataclass(frozen=True, kw_only=True)
class IdentityRule:
    """How identifiers of one kind are compared.

    Attributes:
        region: of phone numbers that are written without a country's code, ISO 3166-1 alpha-2; None where
            nobody knows.
    """

    form: NormalForm
    region: str | None = None


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """What names one person by one kind of identity; two are equal where they name the same. Never shown.

    Attributes:
        kind: of identity, as the data map calls it.
        normal: the one spelling that stands for all.
        spellings: all that a stored spelling may become when it is folded.
    """

    kind: str
    form: NormalForm
    normal: str = field(repr=False)
    spellings: tuple[str, ...] = field(repr=False, compare=False)

    @property
    def fingerprint_text(self) -> str:
        """What a keyed fingerprint is taken over: the kind, a NUL, the normal form."""
        return f"{self.kind}\0{self.normal}"


DEFAULT_RULES = {
    "email": IdentityRule(form=NormalForm.EMAIL),
    "phone_number": IdentityRule(form=NormalForm.PHONE),
}
"""By kind, in Fides' words, where the policy says nothing; any other kind is compared exactly."""
EXACTLY = IdentityRule(form=NormalForm.EXACT)


def identify(kind: str, given: str, rule: IdentityRule) -> Identifier:
    """The identifier that somebody wrote down, in whatever spelling.

    Raises:
        UsageError: it is none of this kind: blank, longer than 320 characters, with line breaks or characters
            that cannot be seen, or not of the kind's form. What it was is not repeated.
    """
    place = f"subject by {kind}"
    require_readable(given, place)
    match rule.form:
        case NormalForm.EMAIL:
            normal = normal_address(given, place)
            spellings = address_spellings(normal)
        case NormalForm.UNTAGGED_EMAIL:
            normal = normal_address_without_tag(given, place)
            spellings = address_spellings(normal)
        case NormalForm.PHONE:
            normal = normal_number(given, rule.region, place)
            spellings = number_spellings(normal, rule.region)
        case NormalForm.EXACT:
            normal, spellings = given, (given,)
    return Identifier(kind=kind, form=rule.form, normal=normal, spellings=spellings)


def identify_stored(kind: str, stored: str, rule: IdentityRule) -> Identifier | None:
    """The identifier that a value of a row is, for a fingerprint of it; None where it is none.

    Whoever the value names by :func:`lifecycle.datamap.identity.names_subject`, it is their identifier.
    """
    try:
        if rule.form is NormalForm.PHONE:
            stored = folded(NormalForm.PHONE, stored)
        return identify(kind, stored, rule)
    except UsageError:
        return None


def require_readable(given: str, place: str) -> None:
    """Refuse what is no line that a person can read.

    Raises:
        UsageError: it is not.
    """
    if not given.strip() or len(given) > LONGEST:
        raise UsageError(
            f"an identity is one line of 1 to {LONGEST} printable characters",
            place=place,
            next_step="give it as it stands in the company's rows",
        )
    if not given.isprintable():
        raise UsageError(
            f"an identity is one line of 1 to {LONGEST} printable characters; this one holds some that break the"
            " line, have no width or turn the direction of writing",
            place=place,
            next_step="type it instead of pasting it",
        )
