"""A rule as a data table: what is given, what it gives, and the sentence that argues it.

A chapter is at once a test (every case is asked of the code) and a page of documentation (every case is
printed), so that neither can say what the other does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: the given values, the answer and the sentence that argues it."""

    given: tuple[str, ...]
    gives: str
    because: str


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One rule and the cases that pin it down.

    Attributes:
        title: the rule's name, a heading.
        text: what the rule says and where it is written.
        given: names of the columns a case starts from.
        gives: name of the answer.
        ask: the code's answer for the given values, as the table writes it.
        cases: one per row.
    """

    title: str
    text: str
    given: tuple[str, ...]
    gives: str
    ask: Callable[..., str]
    cases: tuple[Case, ...]


def cases(*rows: tuple[str, ...]) -> tuple[Case, ...]:
    """Rows as a table writes them: the given values, the answer, the reason."""
    return tuple(Case(given=row[:-2], gives=row[-2], because=row[-1]) for row in rows)


def page(title: str, opening: str, chapters: Iterable[Chapter]) -> str:
    """A Markdown page with one table per chapter."""
    lines = [f"# {title}", "", opening, ""]
    for chapter in chapters:
        lines += _section(chapter)
    return "\n".join(lines)


def _section(chapter: Chapter) -> Iterator[str]:
    header = (*chapter.given, chapter.gives, "because")
    yield from (f"## {chapter.title}", "", chapter.text, "", _row(header), _row("---" for _ in header))
    for case in chapter.cases:
        yield _row((*(_code(value) for value in case.given), _code(case.gives), case.because))
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _code(value: str) -> str:
    return f"`{value}`" if value else "(nothing)"
