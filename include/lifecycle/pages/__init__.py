"""Documents as pages that can be printed, without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Mapping


def printable(package: str, template: str, document: Mapping[str, Any]) -> str:
    """A document as a page; whatever stands in it is text and never markup.

    Args:
        package: that has the template, which may extend ``page.html``.
        template: its name.
        document: what it is filled with.
    """
    return _templates(package).get_template(template).render(**document)


@cache
def _templates(package: str) -> Environment:
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("lifecycle.pages")]),
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
