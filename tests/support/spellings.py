"""Identifiers and the ways in which people and programs write them."""

from __future__ import annotations

from unicodedata import normalize

import idna
import phonenumbers
from hypothesis import strategies as st

from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import IdentityRule, identify

EMAIL = IdentityRule(form=NormalForm.EMAIL)
UNTAGGED = IdentityRule(form=NormalForm.UNTAGGED_EMAIL)
EXACT = IdentityRule(form=NormalForm.EXACT)
REGIONS = (None, "EE", "GB", "US", "IT", "DE")
SIGMA, FINAL_SIGMA = "\N{GREEK SMALL LETTER SIGMA}", "\N{GREEK SMALL LETTER FINAL SIGMA}"

words = st.text(alphabet=f"abz09_-'õÕßéж中{SIGMA}{FINAL_SIGMA}", min_size=1, max_size=4)
locals_ = st.lists(words, min_size=1, max_size=2).map(".".join)
hosts = st.sampled_from(("example.org", "õun.example", "mail.local", "пример.example", "a-b.example.co"))
tags = st.sampled_from(("", "", "+shop", "+a+b", "+Õ"))
addresses = st.builds("{}{}@{}".format, locals_, tags, hosts)
separators = st.sampled_from(("", "", " ", "-", ".", " - ", "/", "\N{NO-BREAK SPACE}"))


@st.composite
def written(draw: st.DrawFn, address: str) -> str:
    """The same address as somebody else writes it."""
    local, _, host = address.rpartition("@")
    if draw(st.booleans()):
        host = idna.encode(host, uts46=True).decode()
    text = draw(
        st.sampled_from(
            (
                f"{local}@{host}",
                f"{in_capitals(local)}@{host.upper()}",
                f"{in_capitals(local[:2])}{local[2:]}@{host.title()}",
            )
        )
    )
    text = normalize(draw(st.sampled_from(("NFC", "NFD"))), text)
    return draw(st.sampled_from(("", " ", "mailto:", "MailTo:"))) + text + draw(st.sampled_from(("", "  ")))


def in_capitals(text: str) -> str:
    """In capitals, where a letter has one; a sharp s stays."""
    return "".join(one.upper() if len(one.upper()) == 1 else one for one in text)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """A number that is assigned somewhere, in E.164."""
    region = draw(st.sampled_from([region for region in REGIONS if region]))
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    national = str(example.national_number + draw(st.integers(0, 9)))
    return f"+{example.country_code}{national}"


@st.composite
def dialled(draw: st.DrawFn, number: str, region: str | None) -> str:
    """The same number as somebody in a region writes it."""
    parsed = phonenumbers.parse(number)
    national = phonenumbers.national_significant_number(parsed)
    ways = [f"+{parsed.country_code}{national}", f"00{parsed.country_code}{national}"]
    if region and phonenumbers.country_code_for_region(region) == parsed.country_code:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        ways += [national, f"{metadata.national_prefix or ''}{national}"]
    return draw(grouped(draw(st.sampled_from(ways))))


@st.composite
def grouped(draw: st.DrawFn, digits: str) -> str:
    """Digits in groups, after whatever stands in front of them."""
    head, rest = (digits[:2], digits[2:]) if digits[0] in "+0" else ("", digits)
    groups = "".join(one + draw(separators) for one in rest[:-1]) + rest[-1]
    return (
        draw(st.sampled_from(("", "tel:", "(", " ")))
        + head
        + groups
        + draw(st.sampled_from(("", " ", " (home)")))
    )


identifiers = st.one_of(
    st.builds(
        lambda given, rule: identify("email", given, rule), addresses, st.sampled_from((EMAIL, UNTAGGED))
    ),
    st.builds(
        lambda given, region: identify("phone", given, IdentityRule(form=NormalForm.PHONE, region=region)),
        numbers(),
        st.sampled_from(REGIONS),
    ),
    st.builds(
        lambda given: identify("code", given, EXACT), st.from_regex("[ab1-]{0,2}[ab1][ab1-]?", fullmatch=True)
    ),
)
"""Identifiers of every form."""
