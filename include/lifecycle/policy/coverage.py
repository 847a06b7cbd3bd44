"""``lifecycle coverage``: what keeps each commitment, from data: rules, duties, parts, DAGs and tests.

DAGs and tests are read as text, never imported: a DAG file says ``COMMITMENTS = ("W7", …)`` or names ids in its
docstring, a test carries ``@pytest.mark.commitment("W7")``.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lifecycle.policy.load import PolicyVersion

CONSTANT = "COMMITMENTS"
"""Name of the constant in which a DAG file says what it keeps."""
MARKER = "commitment"
"""Name of the pytest marker by which a test says what it proves."""

_Test = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, kw_only=True)
class Covered:
    """One commitment and everything that cites it.

    Attributes:
        rules: names of the policy's rules; ``statutory``, ``purposes``, ``recipients`` and ``rights`` likewise.
        kept_by: parts of the system that keep it where no rule does.
        dags: file names.
        tests: ``file::test``, from the tests' folder.
    """

    commitment: str
    section: str
    promise: str
    rules: tuple[str, ...]
    statutory: tuple[str, ...]
    archives: tuple[str, ...]
    releases: tuple[str, ...]
    purposes: tuple[str, ...]
    recipients: tuple[str, ...]
    rights: tuple[str, ...]
    kept_by: tuple[str, ...]
    dags: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def is_enforced(self) -> bool:
        """Whether anything keeps it."""
        duties = self.rules, self.statutory, self.archives, self.releases
        return any((*duties, self.purposes, self.recipients, self.rights, self.kept_by))

    @property
    def is_proven(self) -> bool:
        """Whether any test would fail if it were not kept."""
        return bool(self.tests)


def coverage(version: PolicyVersion, dags_dir: Path, tests_dir: Path) -> tuple[Covered, ...]:
    """Every commitment of the policy, in its order, those that nothing enforces included.

    Raises:
        UsageError: a DAG or test file that is not Python.
    """
    policy = version.policy
    dags = _collect(_cited_by_dags(dags_dir, set(policy.commitments)))
    tests = _collect(_cited_by_tests(tests_dir))

    def citing(members: Mapping[str, object], commitment: str) -> tuple[str, ...]:
        return tuple(
            name for name, member in members.items() if commitment in getattr(member, "commitments", ())
        )

    return tuple(
        Covered(
            commitment=name,
            section=commitment.section,
            promise=commitment.promise,
            rules=citing(policy.rules, name),
            statutory=citing(policy.statutory, name),
            archives=citing(policy.archives, name),
            releases=citing(policy.releases, name),
            purposes=citing(policy.purposes, name),
            recipients=citing(policy.recipients, name),
            rights=citing({kind.value: right for kind, right in policy.rights.items()}, name),
            kept_by=commitment.kept_by,
            dags=dags.get(name, ()),
            tests=tests.get(name, ()),
        )
        for name, commitment in policy.commitments.items()
    )


def _collect(citations: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for commitment, place in citations:
        found[commitment][place] = None
    return {commitment: tuple(places) for commitment, places in found.items()}


def _cited_by_dags(folder: Path, known: set[str]) -> Iterator[tuple[str, str]]:
    """Ids in the constant of a DAG file, and known ids in its docstring."""
    for path in sorted(folder.rglob("*.py")):
        module = _parse(path)
        for statement in module.body:
            if _assigns(statement, CONSTANT):
                for commitment in _texts(statement):
                    yield commitment, path.relative_to(folder).as_posix()
        for word in re.findall(r"\w+", ast.get_docstring(module) or ""):
            if word in known:
                yield word, path.relative_to(folder).as_posix()


def _cited_by_tests(folder: Path) -> Iterator[tuple[str, str]]:
    """Ids in the markers of test functions, test classes and whole modules."""
    for path in sorted(folder.rglob("test_*.py")):
        file, module = path.relative_to(folder).as_posix(), _parse(path)
        for statement in module.body:
            if _assigns(statement, "pytestmark"):
                yield from ((commitment, file) for commitment in _marked(statement))
        for name, test in _tests(module.body, file):
            for decorator in test.decorator_list:
                yield from ((commitment, name) for commitment in _marked(decorator))


def _tests(statements: Iterable[ast.stmt], within: str) -> Iterator[tuple[str, _Test]]:
    for statement in statements:
        if isinstance(statement, _Test) and statement.name.startswith(("test", "Test")):
            name = f"{within}::{statement.name}"
            yield name, statement
            if isinstance(statement, ast.ClassDef):
                yield from _tests(statement.body, name)


def _marked(node: ast.AST) -> Iterator[str]:
    """Arguments of every ``….mark.commitment(…)`` inside ``node``."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == MARKER:
            for argument in call.args:
                yield from _texts(argument)


def _assigns(statement: ast.stmt, name: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise UsageError(
            "is not Python", place=f"{path}:{line}", next_step="correct the file; coverage reads it"
        ) from None
