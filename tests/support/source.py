"""The project's own files, as the architecture tests read them."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "include" / "lifecycle"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported module.

    Attributes:
        module: its dotted name; for ``from package import name`` with the name, which may be a module too.
        line: where it stands.
    """

    module: str
    line: int


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that is in version control, or would be with the next ``git add``."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - whichever git is used
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = sorted(set(listed.stdout.split("\0")) - {""})
    return tuple(path for path in map(PROJECT.joinpath, names) if path.is_file())


def files(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    """The tracked files under `folders` of the project that end in one of `suffixes`."""
    roots = [PROJECT / folder for folder in folders]
    return [
        path
        for path in tracked_files()
        if path.suffix in suffixes and any(path.is_relative_to(root) for root in roots)
    ]


def name_of(path: Path) -> str:
    """The path within the project, for messages and test ids."""
    return str(path.relative_to(PROJECT))


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(path: Path) -> list[Function]:
    """Every function and method of a Python file, nested ones too."""
    return [node for node in ast.walk(tree(path)) if isinstance(node, Function)]


def length(function: Function) -> int:
    """Lines from ``def`` to the end of the body, docstring included."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def imports(path: Path) -> list[Import]:
    """Everything a Python file imports, wherever it does, for types only or not."""
    return list(_imports(path, ast.walk(tree(path))))


def imports_at_load(path: Path) -> list[Import]:
    """What is imported when a Python file is loaded: not in functions, not for types only."""
    return list(_imports(path, _run_at_load(tree(path))))


def calls_at_load(path: Path) -> list[ast.Call]:
    """The calls that are made when a Python file is loaded."""
    return [node for node in _run_at_load(tree(path)) if isinstance(node, ast.Call)]


def strings(path: Path) -> list[ast.Constant]:
    """Every string of a Python file but its docstrings."""
    docstrings = {id(node) for node in _docstrings(path)}
    return [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def package_file(module: str) -> Path | None:
    """The file of a module of the package, None for any other module."""
    path = PROJECT.joinpath("include", *module.split("."))
    found = [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()]
    return found[0] if found and path.is_relative_to(PACKAGE) else None


def _imports(path: Path, nodes: Iterator[ast.AST]) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (Import(module=alias.name, line=node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(path, node)
            yield from (Import(module=f"{origin}.{alias.name}", line=node.lineno) for alias in node.names)


def _origin(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(PROJECT / "include").parts[: -node.level]
    return ".".join((*package, *filter(None, [node.module])))


def _run_at_load(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            for decorator in child.decorator_list:
                yield from ast.walk(decorator)
        elif not (isinstance(child, ast.If) and re.search("TYPE_CHECKING", ast.unparse(child.test))):
            yield child
            yield from _run_at_load(child)


def _docstrings(path: Path) -> Iterator[ast.Constant]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | Function):
            for statement in node.body:
                # Attribute docstrings are strings that stand alone, too.
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    yield statement.value
