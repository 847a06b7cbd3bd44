"""The cases of ``identities.yaml`` as values, and as a page of documentation."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from lifecycle.identity.forms import IdentityRule, identify
from lifecycle.policy.model import AnyIdentity
from lifecycle.yamlfile import YamlFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.identity.forms import Identifier

KIND = "code_name"
IDENTITIES: dict[str, Any] = YamlFile(Path(__file__).with_name("identities.yaml")).data
OPENING = """# What names the same person

Whether a stored value names the person whose identifier was given, and where a text mentions them. How kinds of
identity are compared is [policy](policy-format.md#identities-what-names-the-same-person); [identity](identity.md)
argues it. Every case below is a test, asked of Python (`tests/unit/test_identity.py`) and of PostgreSQL
(`tests/integration/test_identities.py`). Characters that would not be told apart on a page are written as code points.
This page is written from those tests (`python -m spec.write`), not by hand.
"""


def rule_of(case: dict[str, Any]) -> IdentityRule:
    """How a case says that its kind of identity is compared."""
    return TypeAdapter(AnyIdentity).validate_python(dict(case["identity"])).rule()


def identifier_of(case: dict[str, Any]) -> Identifier:
    """The identifier of a case."""
    return identify(KIND, case["given"], rule_of(case))


def page() -> str:
    """The page."""
    return "\n".join([OPENING, *_values(), *_refused(), *_mentions()])


def _values() -> Iterator[str]:
    for case in IDENTITIES["cases"]:
        yield from _head(case)
        yield f"- given {_code(case['given'])}, which is {_code(case['normal'])}"
        yield f"- the same: {', '.join(map(_code, case['same']))}"
        yield from (f"- not the same: {', '.join(map(_code, case['other']))}", "")


def _refused() -> Iterator[str]:
    yield from ("## What is no identifier", "", "| form | given | because |", "| --- | --- | --- |")
    for case in IDENTITIES["refused"]:
        yield f"| {case['identity']['form']} | {_code(case['given'])} | {case['because']} |"
    yield ""


def _mentions() -> Iterator[str]:
    for case in IDENTITIES["mentions"]:
        yield from _head(case, "Mentions: ")
        yield f"- given {_code(case['given'])}"
        yield from (f"- {_code(text)} becomes {_code(masked)}" for text, masked in case["masked"].items())
        yield from (f"- unchanged: {', '.join(map(_code, filter(None, case['unchanged'])))}", "")


def _head(case: dict[str, Any], before: str = "") -> tuple[str, ...]:
    options = ", ".join(f"{name}: {value}" for name, value in case["identity"].items())
    title = f"{before}{case['name']}"
    return (f"## {title[0].upper()}{title[1:]}", "", f"`{{{options}}}`", "")


def _code(text: str) -> str:
    shown = "".join(map(_visible, text)).replace("|", "\\|")
    if not text:
        return "nothing"
    edge = " " if "`" in text else ""
    return f"`{edge}{shown}{edge}`"


def _visible(one: str) -> str:
    hidden = unicodedata.category(one) in {"Cc", "Cf", "Mn"} or (one.isspace() and one != " ")
    looks_latin = unicodedata.name(one, "").startswith("CYRILLIC")
    return f"<U+{ord(one):04X}>" if hidden or looks_latin else one
