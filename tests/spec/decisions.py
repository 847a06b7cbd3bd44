"""The cases of ``decisions.yaml`` as values, and as a page of documentation."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.yamlfile import YamlFile

if TYPE_CHECKING:
    from collections.abc import Iterator

DECISIONS: dict[str, Any] = YamlFile(Path(__file__).with_name("decisions.yaml")).data
OPENING = """# What happens to a row

What a rule does to rows that belong together, are shared, held, kept by law, or needed by a row that stays. Every
case below is a test (`tests/integration/test_decisions.py`): the engine in plain Python and the one in the database
must both decide it as it stands here, and the database must hold just that when the plan was carried out. The
company is a small one that tests bring along (`tests/support/bureau`: its tables, data map and policy). Columns that
are not named are empty. All cases are decided as of {as_of}.
This page is written from those tests (`python -m spec.write`), not by hand.
"""
SETTINGS = ("edges", "statutory", "duties", "anchors", "holds", "batch_rows")


def page() -> str:
    """The page."""
    return "\n".join([OPENING.format(as_of=f"{DECISIONS['as_of']:%Y-%m-%d %H:%M} UTC"), *_sections()])


def _sections() -> Iterator[str]:
    for case in DECISIONS["cases"]:
        yield from (f"## {case['name'][0].upper()}{case['name'][1:]}", "", case["because"].strip(), "")
        yield from ("```yaml", f"rule: {case['rule']}")
        yield from (f"{name}: {_flow(case[name])}" for name in SETTINGS if name in case)
        for collection, rows in case["rows"].items():
            yield from (f"{collection}: {_flow(row)}" for row in rows)
        yield from ("```", "", *_outcome(case), "")


def _outcome(case: dict[str, Any]) -> Iterator[str]:
    yield "- goes: " + (", ".join(f"`{row}`" for row in case["goes"]) or "nothing")
    for row, (reason, source, until) in case.get("stays", {}).items():
        yield f"- stays: `{row}`, {reason} ({source}), {f'until {until}' if until else 'no end is known'}"
    for row, columns in case.get("emptied", {}).items():
        yield f"- emptied: {', '.join(f'`{column}`' for column in columns)} of `{row}`"
    for link in case.get("cut", ()):
        yield f"- cut: `{link}`"


def _flow(value: Any) -> str:
    """A value in one line, as YAML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value if isinstance(value, str) and value else json.dumps(value)
