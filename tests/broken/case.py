"""A broken example, and words to write one with."""

from __future__ import annotations

from dataclasses import dataclass

from lifecycle.policy.findings import Severity

Edit = tuple[str, str]
"""A text of the file, and what stands there instead."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing broken.

    Attributes:
        code: what must be found.
        says: a part of the message.
        at: a part of the line that the finding names.
        ddl: run in the club's database.
        datamap: edits of the club's map.
        policy: edits of the club's policy.
        folder: in which the policy stands; none of a date where it is empty.
        also: codes of what follows from it.
    """

    code: str
    says: str
    at: str
    ddl: str = ""
    datamap: tuple[Edit, ...] = ()
    policy: tuple[Edit, ...] = ()
    folder: str = ""
    severity: Severity = Severity.ERROR
    also: tuple[str, ...] = ()


def warns(**named) -> Case:
    """A case of which the finding is a warning."""
    return Case(severity=Severity.WARNING, **named)


def add(part: str, line: str) -> Edit:
    """A line at the beginning of a part of the policy."""
    return f"{part}:\n", f"{part}:\n  {line}\n"


def add_redaction(collection: str, column: str) -> Edit:
    """A rule that empties a column."""
    rule = f"schedule_with: all, commitments: [C1], applies_to: [{collection}], starts: left, keep: P1Y"
    return add("rules", f"redaction: {{{rule}, action: {{redact: [{column}]}}}}")


def add_field(before: str, described: str) -> Edit:
    """A column in the map, before another."""
    line = f"          - {{name: {before},"
    return line, f"          - {described}\n{line}"


def add_reference(before: str, name: str, target: str, direction: str = "from") -> Edit:
    """A column in the map that refers to another collection, before another column."""
    reference = f"references: [{{dataset: club, field: {target}, direction: {direction}}}]"
    return add_field(
        before, f"{{name: {name}, data_categories: [system.operations], fides_meta: {{{reference}}}}}"
    )


def add_collection(*lines: str) -> Edit:
    """A collection in the map."""
    before = "      - name: visit\n"
    return before, "".join(f"      {line}\n" for line in lines) + before


def log_disclosures(collection: str, recipient: str, disclosed_at: str, *complete_for: str) -> Edit:
    """A log of disclosures at the end of the policy."""
    last = "receives: [club.member], commitments: [C4]}\n"
    lines = f"  collection: {collection}\n  recipient: {recipient}\n  disclosed_at: {disclosed_at}\n"
    return last, f"{last}disclosures:\n{lines}  complete_for: [{', '.join(complete_for)}]\n"
