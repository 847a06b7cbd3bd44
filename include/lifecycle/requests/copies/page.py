"""Documents as pages that can be printed, without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Mapping


def printable(template: str, document: Mapping[str, Any]) -> str:
    """A document as a page; whatever stands in it is text and never markup."""
    return _templates().get_template(template).render(**document)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("lifecycle.requests.copies"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cell"] = _cell
    return made


def _cell(value: Any) -> str:
    """A value as a page shows it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
